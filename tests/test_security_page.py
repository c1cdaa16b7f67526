"""The tables of `docs/security.md`: each row names a test that exists, or says why there is none."""

import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
_PAGE = (TESTS.parent / "docs/security.md").read_text()
_PROVED = _PAGE[_PAGE.index("## What could go wrong") :]
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
_HEADS = {"Threat", "Risk", "Section"}


def rows() -> list[list[str]]:
    """The cells of each row."""
    lines = [line.strip("| ") for line in _PROVED.splitlines() if line.startswith("| ")]
    return [cells for line in lines if (cells := re.split(r" *\| *", line))[0] not in _HEADS]


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of a file's tests."""
    return frozenset(re.findall(r"def (test_\w+)", (TESTS / path).read_text()))


def test_every_test_that_the_page_names_exists() -> None:
    named = _NAMED.findall(_PROVED)
    assert len(named) > len(rows())
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_every_row_has_a_test_or_says_why_it_has_none() -> None:
    for first, *rest in rows():
        said = " ".join(rest)
        assert _NAMED.search(said) or "not applicable" in said or "*Open*" in said, first


def test_the_tables_are_whole() -> None:
    firsts = [row[0] for row in rows()]
    assert [one.split()[0] for one in firsts if one.startswith("API")] == [f"API{n}" for n in range(1, 11)]
    chapters = {int(number) for one in firsts for number in re.findall(r"\bV(\d+)", one)}
    assert chapters == set(range(1, 18))
