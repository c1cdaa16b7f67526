"""A text with the numbers of two people: what is done with one leaves the other, however they are written."""

import msgspec
from hypothesis import given, settings, strategies as st

from callmark.domain.persons.extracts import AROUND, of_json, of_text
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.spellings import numbers_in
from callmark.kit.phone import PhoneNumber

ABROAD = {
    "33612345678": ["+33 6 12 34 56 78", "+33 (0)6 12 34 56 78", "+33 (0) 6 12 34 56 78", "0033612345678"],
    "34612345678": ["+34 612 345 678", "+34\u00a0612\u2011345\u2011678", "+34 - 612345678", "+34612345678"],
    "12125551234": ["+1 (212) 555-1234", "+1-212-555-1234", "001 212 555 1234", "+12125551234"],
    "919900112233": ["+91 99001 12233", "+91-9900112233", "+\u096f\u0967 99001 12233", "00919900112233"],
}
AT_HOME = {
    "33612345678": ("FR", ["06 12 34 56 78", "0612345678", "06.12.34.56.78"]),
    "34612345678": ("ES", ["612 345 678", "612345678"]),
    "12125551234": ("US", ["212-555-1234", "212.555.1234"]),
    "919900112233": ("IN", ["099001 12233", "9900112233", "99001-12233"]),
}
FIXED = ["019b7c97-3295-7254-ab12-d8b85570705d", "2026-11-28T10:33:43.123456Z", "2026-11-28"]

DIVIDERS = (", ", "; ", " or ", " / ", " \u2013 ")
ORDERS = [order for one in DIVIDERS for order in (f"{{own}}{one}{{other}}.", f"{{other}}{one}{{own}}.")]


@st.composite
def two_numbers(draw: st.DrawFn) -> tuple[str, str, str, str]:
    """A number, the country of a text, and how the text writes the number and another one."""
    number, other = draw(st.lists(st.sampled_from(sorted(ABROAD)), min_size=2, max_size=2, unique=True))
    at_home = draw(st.sampled_from([number, other]))
    region, dialled = AT_HOME[at_home]
    own, others = ([*ABROAD[one], *(dialled if one == at_home else [])] for one in (number, other))
    return number, region, draw(st.sampled_from(own)), draw(st.sampled_from(others))


@given(two_numbers(), st.sampled_from(FIXED), st.sampled_from(ORDERS))
@settings(max_examples=300)
def test_one_of_two_numbers_is_masked_exported_and_known_again(
    drawn: tuple[str, str, str, str], fixed: str, order: str
) -> None:
    number, region, own, other = drawn
    mask, layout = NumberMask(PhoneNumber(number)).reading(region), f"{fixed}: {order}"
    text = layout.format(own=own, other=other)
    masked = "+" * own.startswith("+") + mask.zeros
    assert mask.plain(text) == layout.format(own=masked, other=other)
    hidden = "".join("0" if one.isdigit() else one for one in other)
    assert of_text(text, mask) == layout.format(own=own, other=hidden)
    assert number in numbers_in(msgspec.json.encode(text).decode(), region)


def test_a_number_in_a_long_text_is_shown_however_it_is_written() -> None:
    mask, long = NumberMask(PhoneNumber("33612345678")).reading("FR"), "x" * 3 * AROUND
    for own in ABROAD["33612345678"]:
        assert own in of_text(f"{long} {own} {long}", mask)


def test_ids_days_and_instants_stay() -> None:
    mask = NumberMask(PhoneNumber("33612345678")).reading("FR")
    found = {"ids": FIXED, "of": "33612345678", FIXED[0]: f"1234567 {FIXED[0]} {FIXED[2]}"}
    assert of_json(found, mask) == found | {FIXED[0]: f"0000000 {FIXED[0]} {FIXED[2]}"}
