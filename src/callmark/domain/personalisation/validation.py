"""Validates call records: pure, one fault at a time, in the documented order (contract, sections 4.1, 5.1, 10.1, 14.1).

The rules of each field are in `callmark.record_rules`. What the generations of the wire decide for themselves is in
`Rules`; names, texts and phone formats of the wire stay at the surface.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.ids import LabelId
from callmark.domain.labels.model import Label
from callmark.domain.numbers.number_list_parser import read_number
from callmark.instants import from_ms
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber, parse_digits, parse_e164, parse_loose
from callmark.record_rules import fields
from callmark.record_rules.fields import Fault, Faulty, Field, FieldRules, RecordValues

_CALLER, _RECEIVER = Field.CALLER, Field.RECEIVER
"""By name, because a member is slow to reach through its class and validation does it for every record."""


class RecordRefused(Exception):
    """A record that a person wanted to push: everything that is wrong with it."""

    def __init__(self, faults: list[Faulty]) -> None:
        super().__init__(faults)
        self.faults = faults


class Rules(Struct, frozen=True):
    """What a generation of the wire decides for itself."""

    parse_phone: Callable[[str], PhoneNumber | None]
    shortest_label_name: int
    empty_label_name_is_absent: bool
    label_may_be_absent: bool


V1 = Rules(parse_digits, 1, empty_label_name_is_absent=True, label_may_be_absent=False)
V2 = Rules(parse_loose, fields.SHORTEST_LABEL_NAME, empty_label_name_is_absent=False, label_may_be_absent=True)
V3 = Rules(parse_e164, fields.SHORTEST_LABEL_NAME, empty_label_name_is_absent=False, label_may_be_absent=True)


def console_rules(region: str = "") -> Rules:
    """How the console validates: as v2, with numbers as people write them."""
    return replace(V2, parse_phone=partial(read_number, region=region), empty_label_name_is_absent=True)


class GoodRecord(NamedTuple):
    """A record that may be pushed."""

    caller_number: PhoneNumber
    receiver_number: PhoneNumber
    label_id: LabelId
    label_name: str
    call_reason: str | None
    starts_at: datetime
    ends_at: datetime


class KnownLabels(NamedTuple):
    """The account's dynamic labels that a request may mean, its default one, and callers that other accounts hold."""

    by_text: Mapping[str, Label]
    """By the label id as it was written."""
    default: Label | None
    foreign_callers: frozenset[PhoneNumber] = frozenset()
    """Of the callers in the request, those that are numbers of other accounts (contract D50)."""


def validate(record: RecordValues, rules: Rules, known: KnownLabels, now_ms: int) -> GoodRecord:
    """The record with its types and defaults; raises Faulty with the first fault in the documented order.

    `now_ms` is the instant of receipt in whole milliseconds, as the wire counts: an end in the present millisecond
    has not passed.
    """
    caller = caller_of(record.caller, rules, known)
    receiver = fields.phone(record.receiver, _RECEIVER, rules.parse_phone)
    label = _label(record, rules, known)
    least, empty_is_absent = rules.shortest_label_name, rules.empty_label_name_is_absent
    name = fields.label_name(record.label_name, least, empty_is_absent=empty_is_absent)
    reason = fields.call_reason(record.call_reason)
    starts_at, ends_at = fields.window(record.starts_at, record.ends_at, now_ms)
    shown = label.name if name is None else name
    return GoodRecord(caller, receiver, label.id, shown, reason, from_ms(starts_at), from_ms(ends_at))


def all_faults(record: RecordValues, rules: Rules, known: KnownLabels, now_ms: int) -> list[Faulty]:
    """Every fault of the record, in the documented order; `validate` raises the first of these, if there is one."""
    asked = FieldRules(
        partial(caller_of, rules=rules, known=known),
        partial(fields.phone, field=_RECEIVER, parse=rules.parse_phone),
        partial(_label, rules=rules, known=known),
        partial(
            fields.label_name, shortest=rules.shortest_label_name, empty_is_absent=rules.empty_label_name_is_absent
        ),
    )
    return fields.all_faults(record, asked, now_ms)


def caller_of(value: object, rules: Rules, known: KnownLabels) -> PhoneNumber:
    """The number of a record's caller. Raises Faulty, also for a number of another account."""
    number = fields.phone(value, _CALLER, rules.parse_phone)
    if number in known.foreign_callers:
        raise Faulty(_CALLER, Fault.FOREIGN)
    return number


def _label(record: RecordValues, rules: Rules, known: KnownLabels) -> Label:
    value = record.label_id
    if value is None or value == "":
        if rules.label_may_be_absent and record.label_name is not None and known.default:
            return known.default
        raise Faulty(Field.LABEL_ID, Fault.REQUIRED)
    if not isinstance(value, str):
        raise Faulty(Field.LABEL_ID, Fault.INVALID)
    label = known.by_text.get(value)
    if label is None:
        raise Faulty(Field.LABEL_ID, Fault.LABEL if parse_uuid(value) else Fault.INVALID)
    return label
