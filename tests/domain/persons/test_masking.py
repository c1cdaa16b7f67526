"""A number is taken out of texts, JSON and bytes; digits that only look like it stay."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from callmark.domain.events.model import EventType
from callmark.domain.persons.masking import NumberMask
from callmark.domain.webhooks.deliveries import samples
from callmark.kit.phone import PhoneNumber

NUMBER = PhoneNumber("919900112233")
ZEROS = "000000000000"
MASK = NumberMask(NUMBER)
KEEPING = NumberMask(NUMBER, keeps_business=True)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("919900112233", ZEROS),
        ("+919900112233", f"+{ZEROS}"),
        ("00919900112233", ZEROS),
        ("call 919900112233, please", f"call {ZEROS}, please"),
        ("x919900112233y", f"x{ZEROS}y"),
        ("1919900112233", "1919900112233"),
        ("9199001122330", "9199001122330"),
        ("", ""),
    ],
)
def test_the_number_goes_and_longer_digits_stay(text: str, masked: str) -> None:
    assert MASK.plain(text) == masked
    assert MASK.plain(text.encode()) == masked.encode()
    assert MASK.plain([text, "other"]) == [masked, "other"]
    assert MASK.is_in(text) == (text != masked)


def masked(value: Any, mask: NumberMask = MASK) -> Any:
    return msgspec.json.decode(mask.json(msgspec.json.encode(value).decode()))


def test_json_keeps_its_shape() -> None:
    assert masked({"a": [919900112233, 1.5, None, True, {"b": f"to {NUMBER}"}]}) == {
        "a": [0, 1.5, None, True, {"b": f"to {ZEROS}"}]
    }
    assert masked({f"{NUMBER}": 1}) == {ZEROS: 1}
    untouched = '{"a":  "918800112233"}'
    assert MASK.json(untouched) is untouched


SAYS_NOTHING_OF_A_PERSON = {
    "business_number",
    "call_type",
    "campaign_id",
    "campaign_name",
    "campaign_type",
    "cause",
    "cmb_config_name",
    "detected_at",
    "feature_set",
    "is_interested",
    "preferred_from_time",
    "preferred_to_time",
    "requested_at",
    "requested_date",
    "requested_slot",
    "responded_at",
    "responses.question",
    "responses.question_id",
}
"""What an event still says after the erasure of who it is about."""


def leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """What JSON says, each with the keys that lead to it."""
    match value:
        case dict():
            for key, inner in cast("dict[str, object]", value).items():
                yield from leaves(inner, f"{name}.{key}".strip("."))
        case list():
            for inner in cast("list[object]", value):
                yield from leaves(inner, name)
        case _:
            yield name, value


@pytest.mark.parametrize("kind", EventType)
def test_of_an_event_only_what_is_listed_here_outlives_its_person(kind: EventType) -> None:
    """A new key with a person's words goes in `NumberMask`; one that says nothing about a person is listed here."""
    payload = samples.payload(kind, datetime(2026, 1, 1, tzinfo=UTC))
    whole = {key: value or "918800112233" for key, value in payload.items()} | {"client_number": NUMBER}
    left = set(leaves(MASK.walked(whole))) & set(leaves(whole))
    assert {name for name, _ in left} <= SAYS_NOTHING_OF_A_PERSON


def test_what_a_person_answered_goes_with_the_number() -> None:
    feedback = {"client_number": NUMBER, "responses": [{"question": "Why?", "answer": "I am Anna"}]}
    assert masked({"user_feedback_payload": feedback}) == {
        "user_feedback_payload": {"client_number": ZEROS, "responses": [{"question": "Why?", "answer": ""}]}
    }
    callback = {"client_number": NUMBER, "alternate_number": "918800112233", "business_number": "918040001234"}
    assert masked(callback) == callback | {"client_number": ZEROS, "alternate_number": ZEROS}
    other = {"client_number": "918800112233", "alternate_number": "917700112233", "responses": [{"answer": "Yes"}]}
    assert masked(other) == other


def test_the_number_of_a_business_stays_where_json_says_that_it_is() -> None:
    event = {"client_number": "918800112233", "business_number": NUMBER}
    assert masked(event, KEEPING) == event
    assert masked(event) == event | {"business_number": ZEROS}
    assert masked({"client_number": NUMBER}, KEEPING) == {"client_number": ZEROS}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(str(NUMBER)) | st.just(int(NUMBER)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just(str(NUMBER)), inner),
)


@given(JSON)
@settings(max_examples=50)
def test_json_without_the_number_is_json_in_which_no_search_finds_it(value: Any) -> None:
    text = MASK.json(msgspec.json.encode(value).decode())
    msgspec.json.decode(text)
    assert not MASK.is_in(text)
    assert MASK.json(text) == text
