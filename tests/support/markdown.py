"""Code blocks of the documentation, for the tests that run them or look at them."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)(?: untested=\"(?P<untested>[^\"]*)\")?(?P<rest>[^\n]*)\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


class Block(Struct, frozen=True):
    """A code block; `untested` is its reason not to be run, in its opening line: ```` ```sh untested="…" ````."""

    page: Path
    line: int
    language: str
    untested: str
    rest: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Every code block of a page."""
    markdown = page.read_text()
    for found in _BLOCK.finditer(markdown):
        line = markdown[: found.start()].count("\n") + 1
        indent = len(found["indent"])
        text = "".join(one[indent:] for one in found["text"].splitlines(keepends=True))
        yield Block(page, line, found["language"], found["untested"] or "", found["rest"], text)


def programs(page: Path, language: str) -> str:
    """All blocks of one language that are to be run, as one program."""
    return "\n".join(one.text for one in blocks(page) if one.language == language and not one.untested)
