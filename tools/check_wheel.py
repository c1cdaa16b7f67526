"""Fails when a wheel does not hold exactly the package that the tests ran, with the files that npm brings."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

from tools.sources import ROOT

from callmark import __version__

SOURCE = ROOT / "src"
_PACKAGE = "callmark/"


def main() -> int:
    """0, or 1 with a line for each finding; the argument is the wheel's path."""
    found = list(faults(Path(sys.argv[1])))
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


def faults(wheel: Path) -> Iterator[str]:
    """What the wheel lacks, has too much, or has with other content."""
    if f"-{__version__}-" not in wheel.name:
        yield f"{wheel.name}: its version is not {__version__}"
    expected = {str(path.relative_to(SOURCE)): path for path in package_files()}
    with ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if name.startswith(_PACKAGE)}
        yield from (f"{wheel.name} lacks {name}" for name in sorted(expected.keys() - names))
        yield from (f"{wheel.name} should not have {name}" for name in sorted(names - expected.keys()))
        for name in sorted(names & expected.keys()):
            if packed.read(name) != expected[name].read_bytes():
                yield f"{wheel.name}: {name} is not as in src"


def package_files() -> list[Path]:
    """Every file of the package, as it runs here, and those that npm brings."""
    brought: list[Path] = runpy.run_path(str(ROOT / "tools/assets.py"))["expected"]()
    there = [path for path in (SOURCE / _PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [*{*there, *brought}]


if __name__ == "__main__":
    sys.exit(main())
