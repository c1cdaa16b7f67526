"""The wording of call reasons."""

import pytest
from hypothesis import given, strategies as st

from callmark.domain.call_reasons.model import library_text
from callmark.kit.errors import InvalidInput
from callmark.record_rules.characters import is_showable
from callmark.record_rules.reasons import EDGE_IN_REASON, FORBIDDEN_IN_REASON


@pytest.mark.parametrize(
    "text", ["Your order", "x" * 100, "Ihre Bestellung; wann?", "आपका पार्सल आज आएगा", "one.two,three-4"]
)
def test_a_call_reason_of_the_rules_is_kept_as_it_is(text: str) -> None:
    assert library_text(text) == text


@given(st.text(max_size=110))
def test_a_call_reason_is_judged_by_length_then_characters(text: str) -> None:
    expected = text
    if not 10 <= len(text) <= 100:
        expected = "call_reason must be between 10 and 100 characters"
    elif FORBIDDEN_IN_REASON & set(text) or {text[0], text[-1]} & EDGE_IN_REASON or not is_showable(text):
        expected = "call_reason contains characters that are not allowed"
    try:
        found = library_text(text)
    except InvalidInput as refused:
        found = str(refused)
    assert found == expected


@pytest.mark.parametrize(
    "text", ["two lines\nof text", "half a \ud800 character", " Your order", "Your order.", "50% off today"]
)
def test_a_call_reason_against_the_rules_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        library_text(text)
