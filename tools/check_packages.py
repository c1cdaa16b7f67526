"""Fails when a wheel or an sdist does not hold exactly what it should, with the files that npm brings.

A wheel holds the package that the tests ran, an sdist what git tracks.
"""

import runpy
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

from tools.sources import ROOT

from callmark import __version__

SOURCE = ROOT / "src"
_PACKAGE = "callmark/"
_OF_THE_BUILD = "PKG-INFO"


def main(wheel: str, sdist: str) -> int:
    """0, or 1 with a line for each finding; the arguments are the paths of both."""
    found = [*wheel_faults(Path(wheel)), *sdist_faults(Path(sdist), tracked_files())]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


def wheel_faults(wheel: Path) -> Iterator[str]:
    """What the wheel lacks, has too much, or has with other content."""
    if f"-{__version__}-" not in wheel.name:
        yield f"{wheel.name}: its version is not {__version__}"
    with ZipFile(wheel) as packed:
        content = {name: packed.read(name) for name in packed.namelist() if name.startswith(_PACKAGE)}
    yield from _faults(wheel.name, content, {str(path.relative_to(SOURCE)): path for path in package_files()}, "src")


def sdist_faults(sdist: Path, tracked: Iterable[Path]) -> Iterator[str]:
    """The same of an sdist, which is to hold these files and those that npm brings."""
    if sdist.name != f"callmark-{__version__}.tar.gz":
        yield f"{sdist.name}: its version is not {__version__}"
    with tarfile.open(sdist) as packed:
        files = {member.name.partition("/")[2]: packed.extractfile(member) for member in packed if not member.isdir()}
        content = {name: file.read() if file else b"" for name, file in files.items() if name != _OF_THE_BUILD}
    expected = {str(path.relative_to(ROOT)): path for path in (*tracked, *_brought())}
    yield from _faults(sdist.name, content, expected, "this folder")


def _faults(package: str, content: Mapping[str, bytes], expected: Mapping[str, Path], where: str) -> Iterator[str]:
    yield from (f"{package} lacks {name}" for name in sorted(expected.keys() - content.keys()))
    yield from (f"{package} should not have {name}" for name in sorted(content.keys() - expected.keys()))
    for name in sorted(content.keys() & expected.keys()):
        if content[name] != expected[name].read_bytes():
            yield f"{package}: {name} is not as in {where}"


def package_files() -> list[Path]:
    """Every file of the package, as it runs here, and those that npm brings."""
    there = [path for path in (SOURCE / _PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [*{*there, *_brought()}]


def tracked_files() -> list[Path]:
    """Every file that git tracks."""
    asked = ["/usr/bin/env", "git", "ls-files", "-z"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in told.split("\0") if name]


def _brought() -> list[Path]:
    brought: list[Path] = runpy.run_path(str(ROOT / "tools/assets.py"))["expected"]()
    return brought


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
