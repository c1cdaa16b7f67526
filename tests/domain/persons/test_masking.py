"""A number is taken out of texts, JSON and bytes; digits that only look like it stay."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from callmark.domain.persons.masking import NumberMask
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


def masked(value: Any, mask: NumberMask = MASK) -> Any:  # noqa: ANN401 - any JSON
    return msgspec.json.decode(mask.json(msgspec.json.encode(value).decode()))


def test_json_keeps_its_shape() -> None:
    assert masked({"a": [919900112233, 1.5, None, True, {"b": f"to {NUMBER}"}]}) == {
        "a": [0, 1.5, None, True, {"b": f"to {ZEROS}"}]
    }
    assert masked({f"{NUMBER}": 1}) == {ZEROS: 1}
    untouched = '{"a":  "918800112233"}'
    assert MASK.json(untouched) is untouched


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
def test_json_without_the_number_is_json_in_which_no_search_finds_it(value: Any) -> None:  # noqa: ANN401 - any JSON
    text = MASK.json(msgspec.json.encode(value).decode())
    msgspec.json.decode(text)
    assert not MASK.is_in(text)
    assert MASK.json(text) == text
