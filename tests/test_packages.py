"""The packages: none is built without the browser's files, and `make dist` finds what is wrong in one."""

import runpy
import shutil
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from tools.check_packages import SOURCE, package_files, sdist_faults, wheel_faults
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
    assert list(wheel_faults(wheel(tmp_path))) == []
    assert SOURCE / "callmark/surfaces/static/vendor/icons.svg" in package_files()


def test_what_is_wrong_in_a_wheel_is_named(tmp_path: Path) -> None:
    sprite = "callmark/surfaces/static/vendor/icons.svg"
    assert [fault.endswith(f"lacks {sprite}") for fault in wheel_faults(wheel(tmp_path, without=sprite))] == [True]
    assert [fault.endswith(f"{PAGE} is not as in src") for fault in wheel_faults(wheel(tmp_path, other=PAGE))] == [True]
    assert ["callmark/left.py" in fault for fault in wheel_faults(wheel(tmp_path, more="callmark/left.py"))] == [True]
    assert ["its version is not" in fault for fault in wheel_faults(wheel(tmp_path, version="9"))] == [True]


TRACKED = [ROOT / "pyproject.toml", ROOT / "src/callmark/main.py"]


def sdist_says(folder: Path, names: Sequence[str], *, other: str = "", version: str = __version__) -> list[str]:
    """What is wrong with an sdist that has these files, the build's own and those that npm brings."""
    path = folder / f"callmark-{version}.tar.gz"
    brought = [str(file.relative_to(ROOT)) for file in package_files() if "vendor" in file.parts]
    with tarfile.open(path, "w:gz") as packed:
        for name in ("PKG-INFO", *names, *brought):
            held = (ROOT / name).read_bytes() if (ROOT / name).exists() and name != other else b"something else"
            member = tarfile.TarInfo(f"callmark-{version}/{name}")
            member.size = len(held)
            packed.addfile(member, BytesIO(held))
    return [fault.removeprefix(path.name) for fault in sdist_faults(path, TRACKED)]


def test_an_sdist_has_what_git_tracks_and_nothing_else(tmp_path: Path) -> None:
    tracked = [str(file.relative_to(ROOT)) for file in TRACKED]
    assert sdist_says(tmp_path, tracked) == []
    assert sdist_says(tmp_path, [*tracked, ".env", "deploy/key.pem"]) == [
        " should not have .env",
        " should not have deploy/key.pem",
    ]
    assert sdist_says(tmp_path, tracked[:1]) == [" lacks src/callmark/main.py"]
    assert sdist_says(tmp_path, tracked, other="pyproject.toml") == [": pyproject.toml is not as in this folder"]
    assert sdist_says(tmp_path, tracked, version="9") == [f": its version is not {__version__}"]


def test_nothing_is_built_without_the_browsers_files(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/assets.py", tmp_path / "tools")
    hook = runpy.run_path(str(tmp_path / "tools/assets.py"))
    with pytest.raises(SystemExit, match="Run `make assets` first"):
        hook["demand"]()


def test_the_command_says_the_version_that_packages_have() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output.split()[-1] == __version__
