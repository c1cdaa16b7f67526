"""Reading call records: what spoils one field must not spoil the batch."""

import msgspec
import pytest

from callmark.kit.errors import InvalidInput
from callmark.surfaces.api.records import V1, V2, read_batch, read_record

HALF = rb"\ud83d"
"""One half of an emoji: what is left of a text that was cut in its middle, as JavaScript writes it."""


def test_half_a_surrogate_pair_spoils_its_own_field_alone() -> None:
    body = rb'{"call_records":[{"dynamic_call_reason":"Your parcel \ud83d\ude00 %s"},{"caller_number":"91"}]}' % HALF
    cut, good = read_batch(V2, body).records
    assert cut.call_reason == "Your parcel \N{GRINNING FACE} \0"  # NUL is a character that is not allowed
    assert good.caller == "91"


@pytest.mark.parametrize("half", [HALF, rb"\uDE00", rb"\ud83d\u0041", rb"\ud83dx", rb"\\\ud83d", rb"\ude00\ud83d"])
def test_every_kind_of_half_is_seen(half: bytes) -> None:
    record = read_record(V1, rb'{"caller":"91","call_reason":"a%s"}' % half)
    assert record.caller == "91"
    assert "\0" in str(record.call_reason)


def test_what_a_half_stands_in_is_kept_as_json_that_can_be_shown() -> None:
    batch = read_batch(V1, rb'{"call_records":[{"caller":"a%s","unknown":"%s"}]}' % (HALF, HALF))
    assert msgspec.json.decode(batch.as_sent(0)) == {"caller": "a\ufffd"}


@pytest.mark.parametrize("broken", [rb'"\\ud83d', rb'"\ud83"', rb'"\ud83d" "', rb'"\x"', rb'"\ud83d", -'])
def test_a_half_does_not_hide_that_a_body_is_no_json(broken: bytes) -> None:
    with pytest.raises(InvalidInput, match="malformed JSON"):
        read_record(V2, b'{"caller_number":%s}' % broken)
    with pytest.raises(InvalidInput, match="malformed JSON"):
        read_batch(V2, b'{"call_records":[{"caller_number":%s}]}' % broken)


OUT_OF_RANGE = b"1e999"
"""JSON by its grammar, and a number that no type of ours holds."""


@pytest.mark.parametrize(
    "body",
    [
        rb'{"caller_number":%s,"receiver_number":"%s"}' % (OUT_OF_RANGE, HALF),
        rb'{"receiver_number":"%s","caller_number":%s}' % (HALF, OUT_OF_RANGE),
        rb'{"caller_number":%s,"receiver_number":"\u0000","unknown":"%s"}' % (OUT_OF_RANGE, HALF),
    ],
)
def test_two_oddities_spoil_their_own_fields_in_any_order(body: bytes) -> None:
    record = read_record(V2, body)
    assert not isinstance(record.caller, str)
    assert record.receiver == "\0"


def test_a_value_that_may_be_nested_too_deep_for_readers_is_kept_as_a_text() -> None:
    deep, flat = b"[" * 101 + b"]" * 101, b"[" * 100 + b"]" * 100
    brackets = b'"%s"' % (b"[{" * 200)
    batch = read_batch(V1, b'{"call_records":[{"caller":%s,"receiver":%s,"label_id":%s}]}' % (deep, flat, brackets))
    assert batch.as_sent(0) == b'{"caller":"%s","receiver":%s,"label_id":%s}' % (deep, flat, brackets)


def test_an_empty_text_for_the_records_is_none() -> None:
    with pytest.raises(InvalidInput, match=r"call_records is required"):
        read_batch(V1, b'{"call_records":""}')
