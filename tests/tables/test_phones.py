"""Numbers as people and spreadsheets write them."""

import pytest
from hypothesis import given, strategies as st

from callmark.tables.phones import NoNumber, looks_like_phone, read_phone, read_phones


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("918040001234.0", "", "918040001234"),
        ("918040001234,00", "", "918040001234"),
        ("918040001234.000", "", "918040001234"),
        ("8040001234,0000", "IN", "918040001234"),
        ("\u2022 +91 80 4000 1234", "", "918040001234"),
        (">> 918040001234", "", "918040001234"),
        ("<+918040001234>", "", "918040001234"),
        ("12. +91 80 4000 1234", "", "918040001234"),
        ("1. 918040001234", "", "918040001234"),
        ("1) 4155552671", "US", "14155552671"),
        ("080. 4000 1234", "IN", "918040001234"),
        ("8040001234.0", "IN", "918040001234"),
        ("80 4000 1234.0", "IN", "918040001234"),
        ("9.18040001234E+11", "", "918040001234"),
        ("918,040,001,234", "", "918040001234"),
        ("'918040001234", "", "918040001234"),
        ('="918040001234"', "", "918040001234"),
        ("=+918040001234", "", "918040001234"),
        ("tel:+91-80-4000-1234", "", "918040001234"),
        ("Mob. +91 80 4000 1234", "", "918040001234"),
        ("\u202a+91 80 4000 1234\u202c", "", "918040001234"),
        ("\u200e918040001234\u200b", "", "918040001234"),
        ("\u2066+91\u00a080\u202f4000\u20091234\u2069", "", "918040001234"),
        ("९१८०४०००१२३४", "", "918040001234"),
        ("٩١٨٠٤٠٠٠١٢٣٤", "", "918040001234"),
        ("\uff0b\uff19\uff11\uff18\uff10\uff14\uff10\uff10\uff10\uff11\uff12\uff13\uff14", "", "918040001234"),
        ("(080) 4000\u20131234", "IN", "918040001234"),
        ("+91 (0)80 4000 1234", "", "918040001234"),
        ("00 91 80 4000 1234", "", "918040001234"),
        ("00918040001234", "", "918040001234"),
        ("01.40.00.12.34", "FR", "33140001234"),
        ("8 (912) 345-67-89", "RU", "79123456789"),
        ("011 46 8 123 456 78", "US", "46812345678"),
        ("0011 46 8 123 456 78", "AU", "46812345678"),
        ("0011 65 9001 1223", "AU", "6590011223"),
        ("0011 64 9 123 4567", "AU", "6491234567"),
        ("0011 47 92345678", "AU", "4792345678"),
        ("00 46 8 123 456 78", "AU", "46812345678"),
        ("0011 1 212 555 1234", "AU", "12125551234"),
        ("06 1234 5678", "IT", "390612345678"),
        ("0151 12345678", "DE", "4915112345678"),
        ("+4915112345678", "DE", "4915112345678"),
        ("004915112345678", "DE", "4915112345678"),
        ("493012345678", "DE", "493012345678"),
        ("49 (0) 30 12345678", "DE", "493012345678"),
        ("08 123 456", "SE", "468123456"),
        ("9840012345", "IN", "919840012345"),
        ("9198400123", "IN", "919198400123"),
        ("919840012345", "IN", "919840012345"),
        ("0919840012345", "IN", "919840012345"),
        ("14155552671", "US", "14155552671"),
    ],
)
def test_a_number_is_read_in_the_ways_it_is_written(text: str, region: str, number: str) -> None:
    assert read_phone(text, region) == number


@pytest.mark.parametrize(
    ("text", "region", "why"),
    [
        ("9.18E+11", "", "cut its last digits"),
        ("9,18E+11", "", "cut its last digits"),
        ("918040001234.5", "", "decimals"),
        ("918040001234.5678", "", "decimals"),
        ("1. 4155552671", "", "could mean +14155552671 or +4155552671"),
        ("2. 8040001234", "IN", "could mean +9128040001234 or +918040001234"),
        ("1. +", "", "a + is allowed only at the start"),
        ("555-FLOW", "US", "letters are not allowed"),
        ("1-800-FLOWERS", "US", "letters are not allowed"),
        ("call 918040001234 now", "", "letters are not allowed"),
        ("918040001234\u00b9", "", "not allowed"),
        ("*121#", "IN", "not allowed"),
        ("+918040001234 ext. 5", "", "extension"),
        ("918040001234x123", "", "extension"),
        ("tel:+918040001234;ext=5", "", "extension"),
        ("080 4000 1234/5", "IN", "two numbers"),
        ("08040001234", "", "choose its country"),
        ("011 15-2345-6789", "AR", "could mean"),
        ("+91 80 4000", "", "too short"),
        ("+999 12345678", "", "country code does not exist"),
        ("4915112345678", "DE", "could be +4915112345678 or +494915112345678; write it with +"),
        ("49 151 12345678", "DE", "could be +4915112345678 or +494915112345678"),
        ("468123456", "SE", "could be +468123456 or +46468123456"),
        ("62812345678", "ID", "could be +62812345678 or +6262812345678"),
        ("38343201234", "XK", "could be +38343201234 or +38338343201234"),
        ("6571234567", "SG", "could be +6571234567 or +656571234567; write it with +"),
        ("39612345678", "IT", "could be +39612345678 or +3939612345678; write it with +"),
        ("90 601 234 56 78", "TR", "could be +906012345678 or +90906012345678"),
        ("0906012345678", "TR", "could be +906012345678 or +90906012345678"),
        ("Asha Rao", "", "not a phone number"),
        ("", "", "no number"),
    ],
)
def test_what_cannot_be_read_whole_is_refused_with_the_reason(text: str, region: str, why: str) -> None:
    found = read_phones(text, region)
    assert isinstance(found, NoNumber)
    assert why in found.why


@pytest.mark.parametrize(
    "text",
    [
        "918040001234, 918040001235",
        "918040001234;918040001235",
        "+918040001234/+918040001235",
        "918040001234 918040001235",
        "+91 80 4000 1234 +91 80 4000 1235",
        "918040001234\n918040001235",
        "918040001234 or 918040001235",
    ],
)
def test_a_cell_with_two_numbers_gives_both_and_is_no_single_number(text: str) -> None:
    assert read_phones(text) == ["918040001234", "918040001235"]
    assert isinstance(read_phone(text), NoNumber)


@pytest.mark.parametrize("text", ["1" * 2_000_000, " 1" * 500_000, "1" + " " * 2_000_000 + "1", ".0" * 500_000])
def test_a_huge_cell_is_refused_and_does_not_hold_anybody_up(text: str) -> None:
    assert isinstance(read_phones(text), NoNumber)


@given(st.text(max_size=40), st.sampled_from(["", "IN", "US", "DE", "AR"]))
def test_every_digit_of_a_number_stands_in_the_text(text: str, region: str) -> None:
    found = read_phone(text, region)
    if isinstance(found, str):
        digits = "".join(str(int(one)) for one in text if one.isdecimal())
        assert digits.endswith(found[4:]) or "E" in text.upper() or digits.rstrip("0").endswith(found[4:].rstrip("0"))


def test_the_shortest_numbers_that_are_dialled_within_a_country_are_known_as_numbers() -> None:
    """Niue, 683 4002: a number has at least seven digits with its country code, which has at most three."""
    assert [text for text in ("4002", "४००२", "400", "word", "2") if looks_like_phone(text, "NU")] == ["4002", "४००२"]
