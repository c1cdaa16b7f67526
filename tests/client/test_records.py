"""How records are read and spelled; what the library checks itself."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

import callmark
from callmark.client.core import encode
from callmark.client.options import Generation
from callmark.client.records import FIELDS, read_record, rough_record, wire_record

NOW = 1767261600000
HOUR = timedelta(hours=1)
LABEL = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
GOOD: dict[str, Any] = {"caller": "918040001234", "receiver": "919900000001", "label_id": LABEL, "expires_in": HOUR}


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        (1, {"caller": "91804", "receiver": "91990", "label_id": LABEL, "label_name": "Acme", "call_reason": "why"}),
        (
            2,
            {
                "caller_number": "91804",
                "receiver_number": "91990",
                "label_id": LABEL,
                "dynamic_label_name": "Acme",
                "dynamic_call_reason": "why",
            },
        ),
        (
            3,
            {
                "caller_number": "+91804",
                "receiver_number": "+91990",
                "label_id": LABEL,
                "dynamic_label_name": "Acme",
                "dynamic_call_reason": "why",
            },
        ),
    ],
)
def test_each_generation_has_its_names_and_phone_format(generation: Generation, expected: dict[str, str]) -> None:
    for sign in ("", "+"):
        record = callmark.CallRecord(f"{sign}91804", f"{sign}91990", LABEL, "Acme", "why", expires_in=HOUR)
        sent = wire_record(record, generation, NOW)
        assert sent == expected | {"starts_at": NOW, "ends_at": NOW + 3_600_000}


def test_times_are_aware_datetimes_or_milliseconds() -> None:
    starts = datetime(2026, 1, 1, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    record = read_record(GOOD | {"expires_in": None, "starts_at": starts, "ends_at": NOW + 1})
    assert wire_record(record, 2, 5)["starts_at"] == NOW
    assert wire_record(record, 2, 5)["ends_at"] == NOW + 1


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)))
def test_an_instant_loses_nothing_but_microseconds(instant: datetime) -> None:
    aware = instant.replace(tzinfo=UTC)
    record = callmark.CallRecord("1", "2", ends_at=aware)
    ms = wire_record(record, 2, 0)["ends_at"]
    assert aware - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=ms) < timedelta(milliseconds=1)


class Missing:
    """What a table has for a missing value: it cannot be compared."""

    __hash__ = object.__hash__

    def __eq__(self, _: object) -> bool:
        raise TypeError


class NoTime(datetime):
    """What a table has for a missing time: a datetime without an instant."""

    def utcoffset(self) -> timedelta | None:
        raise ValueError("not a time")


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"expires_in": None}, "ends_at", "required"),
        ({"ends_at": NOW}, "expires_in", "not both"),
        ({"expires_in": HOUR * 25}, "expires_in", "cannot be more than 24 hours"),
        ({"starts_at": datetime(2026, 1, 1)}, "starts_at", "no time zone"),
        ({"starts_at": "2026-01-01"}, "starts_at", "datetime with a time zone or epoch milliseconds"),
        ({"starts_at": True}, "starts_at", "not bool"),
        ({"expires_in": 3600}, "expires_in", "timedelta"),
        ({"caller": ""}, "caller", "required"),
        ({"receiver": 919900000001}, "receiver", "text, not int"),
        ({"reason": 5}, "reason", "text, not int"),
        ({"reason": "half an emoji \ud83d"}, "reason", "half of a character"),
        ({"name": "\udce9"}, "name", "half of a character"),
        ({"caller": "+91\ud800"}, "caller", "half of a character"),
        ({"starts_at": 2**64}, "starts_at", "epoch milliseconds have 13 digits"),
        ({"starts_at": -(2**64)}, "starts_at", "epoch milliseconds have 13 digits"),
        ({"starts_at": NoTime(2026, 1, 1, tzinfo=UTC)}, "starts_at", "no instant: not a time"),
        ({"label_id": Missing()}, "label_id", "text, not Missing"),
        ({"receiver": Missing()}, "receiver", "text, not Missing"),
        ({"reciever": "1"}, "reciever", "do you mean receiver"),
        ({"dynamic_call_reson": "1"}, "dynamic_call_reson", "do you mean reason"),
        ({"colour": "1"}, "colour", "the fields are caller"),
        ({"name": "Nina Rao", "label_name": "Acme"}, "name", "name and label_name are the same field: give one"),
        ({"caller_number": "918040001235"}, "caller", "caller and caller_number are the same field: give one"),
    ],
)
def test_what_cannot_be_written_is_named(change: dict[str, Any], field: str, told: str) -> None:
    with pytest.raises(callmark.InvalidRecord, match=told) as raised:
        wire_record(read_record(GOOD | change), 2, NOW)
    assert raised.value.field == field
    assert isinstance(raised.value, callmark.BadRequest)


def test_empty_cells_are_absent_and_the_wires_names_are_understood() -> None:
    named = {"caller_number": "1", "receiver": "2", "dynamic_label_name": "Acme", "call_reason": "", "label_id": None}
    expected = callmark.CallRecord("1", "2", name="Acme", ends_at=5)
    assert read_record(named | {"ends_at": 5}) == expected
    assert read_record(named | {"ends_at": 5, "name": None, "label_name": ""}) == expected


def test_an_id_may_be_a_uuid() -> None:
    assert read_record(GOOD | {"label_id": UUID(LABEL)}).label_id == LABEL


@given(
    st.one_of(
        st.none(),
        st.text(),
        st.dictionaries(
            st.sampled_from([*FIELDS, "x"]),
            st.one_of(st.text(), st.text(st.characters()), st.integers(), st.booleans(), st.floats(), st.timedeltas()),
        ),
        st.lists(st.integers()),
    )
)
def test_anything_is_a_record_or_says_why_not(source: object) -> None:
    rough_record(source)
    with suppress(callmark.InvalidRecord):
        assert b"ends_at" in encode(wire_record(read_record(source), 2, NOW))
