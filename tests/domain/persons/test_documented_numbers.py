"""The table of docs/data-protection.md: which digits an erasure takes where it is not certain whose they are."""

import re

import pytest
from tools.sources import ROOT

from callmark.domain.persons.masking import NumberMask
from callmark.kit.phone import PhoneNumber

REGIONS = {"none": "", "Austria": "AT", "Germany": "DE", "India": "IN", "United States": "US"}
LINE = re.compile(r"^\| `(.+)` \| (.+) \| ([0-9]+) \| (erased|kept)\b", re.MULTILINE)
EXAMPLES: list[tuple[str, str, str, str]] = LINE.findall((ROOT / "docs/data-protection.md").read_text())


@pytest.mark.parametrize(("text", "country", "number", "outcome"), EXAMPLES)
def test_an_example_of_the_documentation_ends_as_it_says(text: str, country: str, number: str, outcome: str) -> None:
    mask = NumberMask(PhoneNumber(number)).reading(REGIONS[country])
    left = str(mask.plain(text))
    assert (mask.zeros in left) == (outcome == "erased")
    assert (left == text) == (outcome == "kept")


def test_every_example_is_read() -> None:
    assert len(EXAMPLES) == 11
