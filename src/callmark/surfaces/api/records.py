"""Call records on the wire: three generations of names and phone formats over one store.

Source: contract, sections 4.1, 5.1, 14.1 and D33. Names, milliseconds and `+` end here.
"""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from callmark.broken_json import NOT_JSON
from callmark.domain.personalisation import validation
from callmark.domain.personalisation.accepting import Submitted
from callmark.domain.personalisation.model import MOST_RECORDS, Outcome, StoredRecord
from callmark.domain.personalisation.validation import Rules
from callmark.instants import to_ms
from callmark.kit.errors import InvalidInput
from callmark.record_rules.fields import Fault, Faulty, Field, NewRecord
from callmark.record_rules.words import FAULT_WORDS
from callmark.surfaces.bodies import mended, values_alone

_Record = TypeVar("_Record")
NEWER_PREFIX = "Request body is invalid: "


class Generation(Struct, frozen=True, eq=False):
    """How one generation of paths spells call records. There are these four, so each is equal to itself alone."""

    names: dict[Field, str]
    rules: Rules
    record: type[msgspec.Struct]  # fields in Field's order; each takes any JSON type: validation names the first fault
    plus: bool = False  # whether numbers carry a `+` in answers
    newer: bool = True  # v2 and v3: Family B, `status_info`
    name_length: str = "must be between 3 and 40 characters"


class RecordInV1(msgspec.Struct):
    """A v1 record, not yet validated."""

    caller: Any = None
    receiver: Any = None
    label_id: Any = None
    label_name: Any = None
    call_reason: Any = None
    starts_at: Any = None
    ends_at: Any = None


_NAMES_IN_V2 = {
    "caller": "caller_number",
    "receiver": "receiver_number",
    "label_name": "dynamic_label_name",
    "call_reason": "dynamic_call_reason",
}


class RecordInV2(msgspec.Struct, rename=_NAMES_IN_V2):
    """A v2 or v3 record, not yet validated."""

    caller: Any = None
    receiver: Any = None
    label_id: Any = None
    label_name: Any = None
    call_reason: Any = None
    starts_at: Any = None
    ends_at: Any = None


def _named(record: type[msgspec.Struct]) -> dict[Field, str]:
    return dict(zip(Field, record.__struct_encode_fields__, strict=True))


V1 = Generation(_named(RecordInV1), validation.V1, RecordInV1, newer=False, name_length="must be at most 40 characters")
V2 = Generation(_named(RecordInV2), validation.V2, RecordInV2)
V3 = Generation(_named(RecordInV2), validation.V3, RecordInV2, plus=True)
CANONICAL = Generation(
    dict(zip(Field, ("caller_number", "receiver_number", *RecordInV1.__struct_fields__[2:]), strict=True)),
    validation.V2,
    RecordInV1,
    newer=False,
    name_length="must be between 3 and 40 characters (from 1 on v1)",
)
"""The names of our own extension routes, which answer about records of every generation."""

CATALOGUE = {
    Outcome.NOT_REGISTERED: "Not a Truecaller user",
    Outcome.OS_NOT_SUPPORTED: "OS not supported",
    Outcome.APP_VERSION_NOT_SUPPORTED: "App version not supported",
    Outcome.FAILED_TO_PUSH: "Failed to push",
    Outcome.INVALID: "Invalid input",
}
"""The result catalogue's names (contract, section 10.2)."""


def fault_text(generation: Generation, field: Field, fault: Fault) -> str:
    """The sentence of a fault in a generation's names, with its prefix on v2 and v3 (contract, section 14.1)."""
    return f"{NEWER_PREFIX if generation.newer else ''}{fault_words(generation, field, fault)}"


def fault_words(generation: Generation, field: Field, fault: Fault) -> str:
    """The sentence of a fault without the prefix that v2 and v3 put before it."""
    what = generation.name_length if fault is Fault.NAME_LENGTH else FAULT_WORDS[fault]
    return f"{generation.names[field]} {what}"


def invalid(generation: Generation, bad: Faulty) -> InvalidInput:
    """The error of a record's fault."""
    return InvalidInput(fault_text(generation, bad.field, bad.fault), field=generation.names[bad.field])


# reading ------------------------------------------------------------------------------------------------------------


class BatchIn(msgspec.Struct):
    """The wrapper of a batch, its records not yet read."""

    call_records: Raw = Raw()


class WholeBatchIn(msgspec.Struct, Generic[_Record]):
    """The wrapper of a batch with its records."""

    call_records: list[_Record]


_decode_batch = msgspec.json.Decoder(BatchIn).decode
_decode_records = msgspec.json.Decoder(list[Raw]).decode
_DECODERS = {one: msgspec.json.Decoder(one.record).decode for one in (V1, V2, V3)}
_in_v1, _in_v2 = (msgspec.json.Decoder(WholeBatchIn[one]).decode for one in (RecordInV1, RecordInV2))
_WHOLE_DECODERS: dict[Generation, Callable[[bytes], WholeBatchIn[Any]]] = {V1: _in_v1, V2: _in_v2, V3: _in_v2}
_MOST_LEVELS = 100
"""Lists and objects in a field's value that is stored as JSON; decoding one calls itself for each level."""
_MAY_BE_HALF = re.compile(rb"\\u[dD][89a-fA-F]").search


class BodyFault(InvalidInput):
    """Change the body as a whole; `code` says how it is wrong, for programs (the dry run tells it)."""

    def __init__(self, message: str, *, field: str = "", code: str) -> None:
        super().__init__(message, field=field)
        self.code = code


def malformed(generation: Generation) -> BodyFault:
    """The error of a body that is not a JSON object."""
    text = f"{NEWER_PREFIX}malformed JSON" if generation.newer else "request body is invalid"
    return BodyFault(text, code="malformed")


def read_record(generation: Generation, body: bytes | Raw, *, not_object: InvalidInput | None = None) -> NewRecord:
    """The record of a JSON object; InvalidInput (malformed, or `not_object` for JSON of another kind) otherwise."""
    try:
        return NewRecord(*msgspec.structs.astuple(_DECODERS[generation](body)))
    except msgspec.ValidationError:
        return _read_by_field(generation, body, not_object or malformed(generation))
    except NOT_JSON as exc:
        if changed := mended(body, _NEVER_ALLOWED):
            return read_record(generation, changed, not_object=not_object)
        raise malformed(generation) from exc


def _read_by_field(generation: Generation, body: bytes | Raw, not_object: InvalidInput) -> NewRecord:
    """Each field on its own, so that one number out of range spoils only itself."""
    try:
        return NewRecord(*values_alone(body, generation.names.values(), _NEVER_ALLOWED))
    except msgspec.ValidationError as exc:
        raise not_object from exc
    except NOT_JSON as exc:
        raise malformed(generation) from exc


_NEVER_ALLOWED = rb"\u0000"
"""Replaces half a surrogate pair while a record is validated: no field allows it. Readers see U+FFFD."""


def split_batch(generation: Generation, body: bytes) -> list[Raw]:
    """The elements of a batch body's `call_records`, unread and uncounted; InvalidInput when there is no such array."""
    try:
        raw = _decode_batch(body).call_records
    except NOT_JSON as exc:
        if changed := mended(body, _NEVER_ALLOWED):
            return split_batch(generation, changed)
        raise malformed(generation) from exc
    if bytes(raw) in (b"", b"null", b'""'):
        raise whole_fault(generation, "required", "is required")
    try:
        return _decode_records(raw)
    except msgspec.ValidationError as exc:
        raise whole_fault(generation, "invalid", "is invalid") from exc


def not_an_object(generation: Generation) -> BodyFault:
    """The error of a batch with an element that is no JSON object."""
    return whole_fault(generation, "not_an_object", "is invalid")


def wrong_size(generation: Generation, count: int) -> BodyFault | None:
    """The error of a batch of `count` records, None when that is allowed."""
    if 1 <= count <= MOST_RECORDS:
        return None
    return whole_fault(generation, "size", f"must contain between 1 and {MOST_RECORDS} records")


def read_batch(generation: Generation, body: bytes) -> Submitted:
    """The records of a batch body, in order; InvalidInput for what spoils the whole request (contract D5)."""
    try:
        records = _WHOLE_DECODERS[generation](body).call_records
    except NOT_JSON:  # or JSON that is no batch of ours, or not in one go
        return _read_one_by_one(generation, body)
    if fault := wrong_size(generation, len(records)):
        raise fault
    return Submitted(records, _AsSent(generation, body))


def _read_one_by_one(generation: Generation, body: bytes) -> Submitted:
    raws = split_batch(generation, body)
    if fault := wrong_size(generation, len(raws)):
        raise fault
    not_object = not_an_object(generation)
    return Submitted([read_record(generation, raw, not_object=not_object) for raw in raws], _AsSent(generation, body))


class _AsSent:
    """The values of a batch's records, untouched, under our own names; read only where one turns out bad."""

    def __init__(self, generation: Generation, body: bytes) -> None:
        self._generation = generation
        self._body = body
        self._shown: list[Raw] | None = None

    def __call__(self, position: int) -> bytes:
        if self._shown is None:
            self._shown = _as_shown(self._generation, self._body) or split_batch(self._generation, self._body)
        return _as_sent(self._generation, self._shown[position])


def _as_shown(generation: Generation, body: bytes) -> list[Raw] | None:
    """The same records with halves of surrogate pairs as U+FFFD; None for a body without any."""
    changed = mended(body) if _MAY_BE_HALF(body) else None
    return split_batch(generation, changed) if changed else None


def _as_sent(generation: Generation, raw: Raw) -> bytes:
    fields = msgspec.json.decode(raw, type=dict[str, Raw])
    return msgspec.json.encode({f.value: _kept(fields[name]) for f, name in generation.names.items() if name in fields})


def _kept(value: Raw) -> Raw | str:
    """A value as it is stored: as a text if it may be nested too deep for readers, who are deeper in calls than we."""
    sent = bytes(value)
    may_be_deep = sent[:1] in b"[{" and sent.count(b"[") + sent.count(b"{") > _MOST_LEVELS
    return sent.decode() if may_be_deep else value


def whole_fault(generation: Generation, code: str, what: str) -> BodyFault:
    """The error of a batch's array as a whole."""
    prefix = NEWER_PREFIX if generation.newer else ""
    return BodyFault(f"{prefix}call_records {what}", field="call_records", code=code)


# writing ------------------------------------------------------------------------------------------------------------


def shown_values(generation: Generation, record: StoredRecord) -> tuple[Any, ...]:
    """A record's seven values in Field's order, as the path's generation shows them; a bad one's as they were sent."""
    if record.submitted is not None:
        sent = record.sent
        return tuple(sent.get(field, Raw(b"null")) for field in Field)
    assert record.starts_at is not None  # noqa: S101 - only a bad record lacks it
    plus = "+" if generation.plus else ""
    return (
        f"{plus}{record.caller_number}",
        f"{plus}{record.key.receiver_number}",
        str(record.label_id),
        record.label_name,
        record.call_reason,
        to_ms(record.starts_at),
        to_ms(record.key.ends_at),
    )
