"""The files that the checks of this folder look at: ours, without what npm brought in."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_FOLDERS = ("src", "tests", "bench", "chaos", "fuzz", "tools", "examples")


def sources(*suffixes: str) -> Iterator[Path]:
    """Source files with one of these suffixes, in order."""
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and "vendor" not in path.parts:
                yield path
