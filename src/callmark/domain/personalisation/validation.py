"""Judging a call record: pure, one fault at a time, in the documented order (contract, sections 4.1, 5.1, 10.1, 14.1).

The generations differ in a few rules only, which stand in `Rules`; names, texts and phone formats of the wire stay at
the surface.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import NamedTuple, TypeVar

from callmark.domain.call_reasons.model import ReasonFault, has_forbidden, reason_fault
from callmark.domain.ids import LabelId
from callmark.domain.labels.model import Label
from callmark.domain.numbers.number_list_parser import read_number
from callmark.domain.personalisation.model import LONGEST_WINDOW_MS
from callmark.kit.clock import LAST_MS, from_ms
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber, parse_digits, parse_e164, parse_loose
from callmark.kit.text import is_showable

LONGEST_LABEL_NAME = 40
_T = TypeVar("_T")


class Field(StrEnum):
    """A record's fields, in the order in which faults are reported."""

    CALLER = "caller"
    RECEIVER = "receiver"
    LABEL_ID = "label_id"
    LABEL_NAME = "label_name"
    CALL_REASON = "call_reason"
    STARTS_AT = "starts_at"
    ENDS_AT = "ends_at"


_CALLER, _RECEIVER, _, _, _, _STARTS_AT, _ENDS_AT = Field
"""By name, because a member is slow to reach through its class and the judge does it for every record."""


class Fault(StrEnum):
    """What can be wrong with a field."""

    REQUIRED = "required"
    INVALID = "invalid"
    PHONE = "phone"
    FOREIGN = "foreign"
    LABEL = "label"
    NAME_LENGTH = "name_length"
    NAME_CHARACTERS = "name_characters"
    REASON_LENGTH = "reason_length"
    REASON_CHARACTERS = "reason_characters"
    END_PAST = "end_past"
    END_ORDER = "end_order"
    TOO_LONG = "too_long"


_OF_REASON = {ReasonFault.LENGTH: Fault.REASON_LENGTH, ReasonFault.CHARACTERS: Fault.REASON_CHARACTERS}


class Faulty(Exception):
    """A record's first fault."""

    def __init__(self, field: Field, fault: Fault) -> None:
        super().__init__(field, fault)
        self.field = field
        self.fault = fault


class RecordRefused(Exception):
    """A record that a person wanted to push: everything that is wrong with it."""

    def __init__(self, faults: list[Faulty]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(frozen=True)
class Rules:
    """What a generation of the wire decides for itself."""

    parse_phone: Callable[[str], PhoneNumber | None]
    shortest_label_name: int
    empty_label_name_is_absent: bool
    label_may_be_absent: bool


V1 = Rules(parse_digits, 1, empty_label_name_is_absent=True, label_may_be_absent=False)
V2 = Rules(parse_loose, 3, empty_label_name_is_absent=False, label_may_be_absent=True)
V3 = Rules(parse_e164, 3, empty_label_name_is_absent=False, label_may_be_absent=True)


def console_rules(region: str = "") -> Rules:
    """How the console judges: as v2, with numbers as people write them."""
    return replace(V2, parse_phone=partial(read_number, region=region), empty_label_name_is_absent=True)


class NewRecord(NamedTuple):
    """A record's values as they were sent, of any JSON type; None for null and for what was not sent."""

    caller: object
    receiver: object
    label_id: object
    label_name: object
    call_reason: object
    starts_at: object
    ends_at: object


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


def judge(record: NewRecord, rules: Rules, known: KnownLabels, now_ms: int) -> GoodRecord:
    """The record with its types and defaults; raises Faulty with the first fault in the documented order.

    `now_ms` is the instant of receipt in whole milliseconds, as the wire counts: an end in the present millisecond
    has not passed.
    """
    caller = _caller(record.caller, rules, known)
    receiver = _phone(record.receiver, _RECEIVER, rules)
    label = _label(record, rules, known)
    name = _label_name(record.label_name, rules)
    reason = _call_reason(record.call_reason)
    starts_at = _instant(record.starts_at, _STARTS_AT)
    ends_at = _instant(record.ends_at, _ENDS_AT)
    _check_window(starts_at, ends_at, now_ms)
    shown = label.name if name is None else name
    return GoodRecord(caller, receiver, label.id, shown, reason, from_ms(starts_at), from_ms(ends_at))


def all_faults(record: NewRecord, rules: Rules, known: KnownLabels, now_ms: int) -> list[Faulty]:
    """Every fault of the record, in the documented order; `judge` raises the first of these, if there is one.

    The same rules: one that tells its first fault only is asked again with values that hold for what it told.
    """
    found: list[Faulty] = []

    def ask(rule: Callable[..., _T], *values: object) -> _T | None:
        try:
            return rule(*values)
        except Faulty as bad:
            found.append(bad)
            return None

    ask(_caller, record.caller, rules, known)
    ask(_phone, record.receiver, Field.RECEIVER, rules)
    ask(_label, record, rules, known)
    ask(_label_name, record.label_name, rules)
    if found and found[-1].fault is Fault.NAME_LENGTH:
        ask(_check_characters, record.label_name)
    ask(_call_reason, record.call_reason)
    if found and found[-1].fault is Fault.REASON_LENGTH:
        ask(_check_reason_characters, record.call_reason)
    starts_at = ask(_instant, record.starts_at, Field.STARTS_AT)
    ends_at = ask(_instant, record.ends_at, Field.ENDS_AT)
    if ends_at is not None:
        ask(_check_window, ends_at - 1, ends_at, now_ms)  # a window of one millisecond can only be past
        if starts_at is not None:
            ask(_check_window, starts_at, ends_at, ends_at)  # an end that is now is not past
    return found


def _caller(value: object, rules: Rules, known: KnownLabels) -> PhoneNumber:
    number = _phone(value, _CALLER, rules)
    if number in known.foreign_callers:
        raise Faulty(_CALLER, Fault.FOREIGN)
    return number


def _phone(value: object, field: Field, rules: Rules) -> PhoneNumber:
    if value is None or value == "":
        raise Faulty(field, Fault.REQUIRED)
    if not isinstance(value, str):
        raise Faulty(field, Fault.INVALID)
    number = rules.parse_phone(value)
    if number is None:
        raise Faulty(field, Fault.PHONE)
    return number


def _label(record: NewRecord, rules: Rules, known: KnownLabels) -> Label:
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


def _label_name(value: object, rules: Rules) -> str | None:
    if value is None or (value == "" and rules.empty_label_name_is_absent):
        return None
    if not isinstance(value, str):
        raise Faulty(Field.LABEL_NAME, Fault.INVALID)
    if not rules.shortest_label_name <= len(value) <= LONGEST_LABEL_NAME:
        raise Faulty(Field.LABEL_NAME, Fault.NAME_LENGTH)
    _check_characters(value)
    return value


def _check_characters(name: str) -> None:
    """Source: contract D52."""
    if name and not is_showable(name):
        raise Faulty(Field.LABEL_NAME, Fault.NAME_CHARACTERS)


def _call_reason(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Faulty(Field.CALL_REASON, Fault.INVALID)
    fault = reason_fault(value)
    if fault is not None:
        raise Faulty(Field.CALL_REASON, _OF_REASON[fault])
    return value


def _check_reason_characters(reason: str) -> None:
    if reason and has_forbidden(reason):
        raise Faulty(Field.CALL_REASON, Fault.REASON_CHARACTERS)


def _instant(value: object, field: Field) -> int:
    if value is None or value == "":
        raise Faulty(field, Fault.REQUIRED)
    if type(value) is not int or not 0 <= value <= LAST_MS:  # a bool is an int, too
        raise Faulty(field, Fault.INVALID)
    return value


def _check_window(starts_at: int, ends_at: int, now_ms: int) -> None:
    """Source: contract D26."""
    if ends_at < now_ms:
        raise Faulty(Field.ENDS_AT, Fault.END_PAST)
    if starts_at >= ends_at:
        raise Faulty(Field.ENDS_AT, Fault.END_ORDER)
    if ends_at - starts_at > LONGEST_WINDOW_MS:
        raise Faulty(Field.ENDS_AT, Fault.TOO_LONG)
