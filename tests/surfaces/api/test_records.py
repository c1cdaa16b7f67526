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
