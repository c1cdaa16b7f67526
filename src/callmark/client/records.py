"""Call records as people write them, and as each generation of the wire spells them (contract 4.1, 5.1).

Only what the library must understand to write the record is checked here: names of fields and times. Everything else is
validated by the server, in its words.
"""

import difflib
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any, TypeAlias, cast
from uuid import UUID

from msgspec import Struct

from callmark.client.errors import InvalidRecord
from callmark.client.options import Generation
from callmark.client.real_dates import datetime
from callmark.client.reprs import SafeRepr, SecretDict

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_WINDOW = timedelta(hours=24)
_MS = timedelta(milliseconds=1)
_MOST_MS = 2**53
"""The largest number that every reader of JSON takes as it was written."""
Instant: TypeAlias = datetime | int
"""An aware datetime, or epoch milliseconds."""
Json: TypeAlias = dict[str, Any]


class CallRecord(SafeRepr, Struct, frozen=True):
    """What one receiver sees when one caller rings, from `starts_at` to `ends_at` (at most 24 hours, contract D26).

    `caller` and `receiver` are country code and digits, with or without `+`. `name` (3 to 40 characters) replaces the
    label's name, `reason` has 10 to 100 characters. `starts_at` is now if absent; exactly one of `ends_at` and
    `expires_in` is given. Instants are aware datetimes or epoch milliseconds.
    """

    caller: str = ""
    receiver: str = ""
    label_id: str | None = None
    name: str | None = None
    reason: str | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    expires_in: timedelta | None = None


RecordLike: TypeAlias = CallRecord | Mapping[str, Any]
FIELDS = CallRecord.__struct_fields__
_SPELLINGS: dict[Generation, dict[str, str]] = {
    1: {"caller": "caller", "receiver": "receiver", "name": "label_name", "reason": "call_reason"},
    2: {
        "caller": "caller_number",
        "receiver": "receiver_number",
        "name": "dynamic_label_name",
        "reason": "dynamic_call_reason",
    },
}
_SPELLINGS[3] = _SPELLINGS[2]
_WITH_PLUS: Generation = 3
LIBRARY_NAMES = {wire: ours for spelling in _SPELLINGS.values() for ours, wire in spelling.items()}
"""The library's name of a field by any name that the wire has for it, where they differ."""


def read_record(source: object) -> CallRecord:
    """The record that a dict or a CallRecord writes. Raises InvalidRecord for names and types that are no record's.

    Empty texts of a dict count as absent, as tables have them. The wire's names are understood too; one name a field.
    """
    if isinstance(source, CallRecord):
        return source
    if not isinstance(source, Mapping):
        raise InvalidRecord(f"a record is a dict or a CallRecord, not {type(source).__name__}", field=None)
    values: Json = {}
    given: dict[str, str] = {}
    for key, value in cast("Mapping[object, object]", source).items():
        name = _field_of(str(key))
        if value is None or _is_empty(value):
            continue
        if (other := given.setdefault(name, str(key))) != str(key):
            raise InvalidRecord(f"{other} and {key} are the same field: give one of them", field=name)
        values[name] = str(value) if isinstance(value, UUID) else value
    return CallRecord(**values)


def _is_empty(value: object) -> bool:
    """Whether it is the empty text; what a table has for a missing value may refuse to be compared with one."""
    return isinstance(value, str) and not value


def rough_record(source: object) -> CallRecord:
    """What can be read of a record that is not one, for its result."""
    if isinstance(source, CallRecord):
        return source
    if not isinstance(source, Mapping):
        return CallRecord()
    known: Json = {
        LIBRARY_NAMES.get(str(key), str(key)): value for key, value in cast("Mapping[object, object]", source).items()
    }
    return CallRecord(**{name: known[name] for name in FIELDS if known.get(name) is not None})


def _field_of(key: str) -> str:
    name = LIBRARY_NAMES.get(key, key)
    if name in FIELDS:
        return name
    near = difflib.get_close_matches(key, [*FIELDS, *LIBRARY_NAMES], 1)
    hint = f"; do you mean {LIBRARY_NAMES.get(near[0], near[0])}?" if near else f"; the fields are {', '.join(FIELDS)}"
    raise InvalidRecord(f"{key} is not a field of a record{hint}", field=key)


def wire_record(record: CallRecord, generation: Generation, now_ms: int) -> Json:
    """The record as the generation spells it. `now_ms` is the server's present. Raises InvalidRecord."""
    spelling = _SPELLINGS[generation]
    starts_at = now_ms if record.starts_at is None else to_ms(record.starts_at, "starts_at")
    out = SecretDict()
    out[spelling["caller"]] = _number(record.caller, "caller", generation)
    out[spelling["receiver"]] = _number(record.receiver, "receiver", generation)
    for name in ("label_id", "name", "reason"):
        value = getattr(record, name)
        if value is not None:
            out[spelling.get(name, name)] = _text(str(value) if isinstance(value, UUID) else value, name)
    out["starts_at"] = starts_at
    out["ends_at"] = _end(record, starts_at)
    return out


def _number(value: object, field: str, generation: Generation) -> str:
    """The number with a `+` for generation 3, else without (contract D25). The server validates the rest."""
    if value is None or _is_empty(value):
        raise InvalidRecord(f"{field} is required", field=field)
    text = _text(value, field)
    digits = text[1:] if text[0] == "+" and text[1:2].isdigit() else text
    return f"+{digits}" if generation == _WITH_PLUS and digits[0].isdigit() else digits


def _text(value: object, field: str) -> str:
    """The value if it is a text that can be sent. Raises InvalidRecord."""
    if not isinstance(value, str):
        raise InvalidRecord(f"{field} must be a text, not {type(value).__name__}", field=field)
    text = str.__str__(value)  # what it holds, also if it is the member of an enumeration
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRecord(f"{field} has half of a character (a lone surrogate)", field=field) from exc
    return text


def _end(record: CallRecord, starts_at: int) -> int:
    if record.ends_at is not None and record.expires_in is not None:
        raise InvalidRecord("give ends_at or expires_in, not both", field="expires_in")
    if record.ends_at is not None:
        return to_ms(record.ends_at, "ends_at")
    if record.expires_in is None:
        raise InvalidRecord("ends_at is required (or expires_in)", field="ends_at")
    if not isinstance(record.expires_in, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance] - of a user's dict
        raise InvalidRecord(
            f"expires_in must be a timedelta, not {type(record.expires_in).__name__}", field="expires_in"
        )
    if record.expires_in > LONGEST_WINDOW:
        raise InvalidRecord("expires_in cannot be more than 24 hours", field="expires_in")
    return starts_at + record.expires_in // _MS


def to_ms(value: object, field: str) -> int:
    """Epoch milliseconds of an aware datetime, or the number itself. Raises InvalidRecord."""
    if isinstance(value, datetime):
        try:
            if value.utcoffset() is not None:
                return int((value - EPOCH) // _MS)
        except Exception as exc:  # of a zone, or of a datetime, that is not Python's own: pandas.NaT is one
            raise InvalidRecord(f"{field} is no instant: {exc}", field=field) from exc
        raise InvalidRecord(f"{field} has no time zone; use datetime.now(UTC) or add tzinfo", field=field)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _MOST_MS:
            raise InvalidRecord(f"{field} is no instant: epoch milliseconds have 13 digits", field=field)
        return int(value)
    raise InvalidRecord(
        f"{field} must be a datetime with a time zone or epoch milliseconds, not {type(value).__name__}", field=field
    )


def from_ms(value: object) -> datetime | None:
    """The instant of epoch milliseconds; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return EPOCH + value * _MS
    except OverflowError:
        return None
