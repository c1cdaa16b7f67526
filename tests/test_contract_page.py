"""docs/contract.md explains every number of the wire contract that code, tests and pages cite."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/contract.md").read_text()
_CITED = re.compile(r"\bcontract,? (?:sections? )?((?:D?[0-9]+(?:\.[0-9]+)?b?(?:, | to | and )?)+)")
_NUMBER = re.compile(r"D?[0-9]+(?:\.[0-9]+)?b?")


def explained() -> set[str]:
    """The numbers in the first columns of the page's tables."""
    first = re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE)
    return {number for cell in first for number in _NUMBER.findall(cell)}


def cited() -> dict[str, str]:
    """Each number with a file that cites it."""
    found: dict[str, str] = {}
    for pattern in ("src/**/*.py", "tests/**/*.py", "tools/**/*.py", "docs/**/*.md"):
        for path in sorted(ROOT.glob(pattern)):
            for numbers in _CITED.findall(path.read_text()):
                found |= dict.fromkeys(_NUMBER.findall(numbers), path.relative_to(ROOT).as_posix())
    return found


def test_many_numbers_are_cited() -> None:
    assert len(cited()) > 60


def test_a_number_that_is_cited_is_explained() -> None:
    known = explained()
    assert {path: number for number, path in cited().items() if number not in known} == {}
