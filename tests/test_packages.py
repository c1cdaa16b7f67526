"""The wheel: it is not built without the browser's files, and `make dist` finds what is missing or different in it."""

import runpy
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from tools.check_wheel import SOURCE, faults, package_files
from tools.sources import ROOT

from callmark import __version__
from callmark.main import cli

PAGE = "callmark/surfaces/console/templates/home/home.html"


def wheel(folder: Path, *, without: str = "", other: str = "", more: str = "", version: str = __version__) -> Path:
    """A wheel of this tree, with one thing wrong."""
    path = folder / f"callmark-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as packed:
        for file in package_files():
            name = str(file.relative_to(SOURCE))
            if name != without:
                packed.writestr(name, b"something else" if name == other else file.read_bytes())
        if more:
            packed.writestr(more, b"")
    return path


def test_a_wheel_of_this_tree_has_no_fault(tmp_path: Path) -> None:
    assert list(faults(wheel(tmp_path))) == []
    assert SOURCE / "callmark/surfaces/static/vendor/icons.svg" in package_files()


def test_what_is_wrong_in_a_wheel_is_named(tmp_path: Path) -> None:
    sprite = "callmark/surfaces/static/vendor/icons.svg"
    assert [fault.endswith(f"lacks {sprite}") for fault in faults(wheel(tmp_path, without=sprite))] == [True]
    assert [fault.endswith(f"{PAGE} is not as in src") for fault in faults(wheel(tmp_path, other=PAGE))] == [True]
    assert ["callmark/left.py" in fault for fault in faults(wheel(tmp_path, more="callmark/left.py"))] == [True]
    assert ["its version is not" in fault for fault in faults(wheel(tmp_path, version="9"))] == [True]


def test_nothing_is_built_without_the_browsers_files(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/assets.py", tmp_path / "tools")
    hook = runpy.run_path(str(tmp_path / "tools/assets.py"))
    with pytest.raises(SystemExit, match="Run `make assets` first"):
        hook["demand"]()


def test_the_command_says_the_version_that_packages_have() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output.split()[-1] == __version__
