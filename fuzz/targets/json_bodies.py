"""JSON that clients, handsets and proxies send: records, frames of handsets, calls to sign and verify."""

import contextlib
import json
import math
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from callmark.domain.ids import AccountId, LabelId
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.personalisation.validation import KnownLabels, all_faults, validate
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import random_uuid
from callmark.record_rules.fields import Fault, Faulty, Field, RecordValues
from callmark.surfaces.api.records import V1, V2, V3, Generation, read_batch, read_record
from callmark.surfaces.bodies import UNREADABLE, NotUtf8, check_utf8, mended
from callmark.surfaces.gateway import wire as handset_wire
from callmark.surfaces.stir import wire as stir_wire
from callmark.surfaces.stir.errors import StirFault

_LABEL_ID = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
_NOW_MS = 1_767_261_600_000
_LARGEST = 2**63
_BODIES = (
    handset_wire.SyncBody,
    handset_wire.ResolveBody,
    handset_wire.CallBody,
    handset_wire.CallMeBackBody,
    handset_wire.FeedbackBody,
    handset_wire.AckBody,
    handset_wire.RegistrationBody,
)


def _labels() -> KnownLabels:
    label = Label(
        id=LabelId(random_uuid()),
        account_id=AccountId(random_uuid()),
        name="Acme",
        label_type=LabelType.DYNAMIC,
        logo_sha256=b"",
        category=8,
        sub_category=53,
        created_by_email="alice@acme.example",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_default=True,
    )
    return KnownLabels({_LABEL_ID: label}, label)


_KNOWN = _labels()


def fuzz_json_bodies(data: bytes) -> None:
    """Only the documented errors; records as Python's own reader has them; the quick reader as the slow one."""
    try:
        check_utf8(data)
    except NotUtf8:
        return  # where every surface stops
    for generation in (V1, V2, V3):
        _check_batch(generation, data)
        _check_record(generation, data)
    _check_frames(data)
    for kind in _BODIES:
        with contextlib.suppress(InvalidInput):
            handset_wire.decode_body(kind, data)
    for read in (stir_wire.read_signing, stir_wire.read_outcome, partial(stir_wire.read_verification, request_id=None)):
        with contextlib.suppress(StirFault):
            read(data)
    if changed := mended(data):
        assert len(changed) == len(data)
        assert mended(changed) is None


def _check_batch(generation: Generation, data: bytes) -> None:
    try:
        records, as_sent = read_batch(generation, data)
    except InvalidInput:
        return
    expected = _plain(data)
    assert isinstance(expected, dict)
    sent = cast("list[dict[str, Any]]", expected["call_records"])
    assert len(records) == len(sent)
    for position, (one, plain) in enumerate(zip(records, sent, strict=True)):
        _compare(generation, one, plain)
        _validate(generation, one)
        json.loads(as_sent(position))


def _check_record(generation: Generation, data: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        record = read_record(generation, data)
        plain = _plain(data)
        assert isinstance(plain, dict)
        _compare(generation, record, cast("dict[str, Any]", plain))
        _validate(generation, record)


def _plain(data: bytes) -> object:
    """What Python's reader makes of it, halves of surrogate pairs as in records."""
    return json.loads(mended(data, rb"\u0000") or data)


def _compare(generation: Generation, record: RecordValues, plain: dict[str, Any]) -> None:
    for field, name in generation.names.items():
        value = getattr(record, field.value)
        wanted = plain.get(name)
        if value is UNREADABLE:
            assert _is_beyond(wanted), wanted
        else:
            assert value == wanted, (name, value, wanted)


def _is_beyond(value: object) -> bool:
    """Whether a number in the value is greater than any of ours."""
    if isinstance(value, dict):
        return any(map(_is_beyond, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return any(map(_is_beyond, cast("list[object]", value)))
    return isinstance(value, int | float) and (math.isinf(value) or abs(value) >= _LARGEST)


def _validate(generation: Generation, record: RecordValues) -> None:
    """The first of all faults is the one that is told."""
    every = [(one.field, one.fault) for one in all_faults(record, generation.rules, _KNOWN, _NOW_MS)]
    told = list[tuple[Field, Fault]]()
    try:
        validate(record, generation.rules, _KNOWN, _NOW_MS)
    except Faulty as fault:
        told.append((fault.field, fault.fault))
    assert told == every[:1]


def _check_frames(data: bytes) -> None:
    text = data.decode()
    handset_wire.frame_id(text)
    quick = handset_wire.decode_ack(data)
    try:
        slow = handset_wire.decode_frame(text)
    except InvalidInput:
        assert quick is None
    else:
        assert quick is None or quick == slow
