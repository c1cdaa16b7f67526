"""The rules of each field of a call record, the same in all generations (contract, sections 4.1, 5.1, 10.1, 14.1).

What differs between generations, and what only the server knows (labels, other accounts' numbers), is passed in.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

from callmark.instants import LAST_MS
from callmark.record_rules.characters import is_showable
from callmark.record_rules.reasons import LONGEST_REASON, SHORTEST_REASON, has_forbidden

SHORTEST_LABEL_NAME, LONGEST_LABEL_NAME = 3, 40
"""Characters of a name, from the second generation on."""
LONGEST_WINDOW_MS = 86_400_000
"""Source: contract D26."""
_T = TypeVar("_T")
_Phone = TypeVar("_Phone", bound=str)


class Field(StrEnum):
    """A record's fields, in the order in which faults are reported."""

    CALLER = "caller"
    RECEIVER = "receiver"
    LABEL_ID = "label_id"
    LABEL_NAME = "label_name"
    CALL_REASON = "call_reason"
    STARTS_AT = "starts_at"
    ENDS_AT = "ends_at"


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


_STARTS_AT, _ENDS_AT = Field.STARTS_AT, Field.ENDS_AT
"""By name, because a member is slow to reach through its class and validation does it for every record."""


class Faulty(Exception):
    """A record's first fault."""

    def __init__(self, field: Field, fault: Fault) -> None:
        super().__init__(field, fault)
        self.field = field
        self.fault = fault


class RecordValues(Protocol):
    """A record's values as they were sent, of any JSON type; None for null and for what was not sent."""

    @property
    def caller(self) -> object:
        """Who calls."""
        ...

    @property
    def receiver(self) -> object:
        """Whose handset shows it."""
        ...

    @property
    def label_id(self) -> object:
        """Which label it shows."""
        ...

    @property
    def label_name(self) -> object:
        """What it shows instead of the label's name."""
        ...

    @property
    def call_reason(self) -> object:
        """Why the caller calls."""
        ...

    @property
    def starts_at(self) -> object:
        """From when it shows."""
        ...

    @property
    def ends_at(self) -> object:
        """Until when it shows."""
        ...


class NewRecord(NamedTuple):
    """`RecordValues` made by us."""

    caller: object
    receiver: object
    label_id: object
    label_name: object
    call_reason: object
    starts_at: object
    ends_at: object


class FieldRules(NamedTuple):
    """What all faults of a record are found by; each function raises Faulty or gives the value as it is kept."""

    caller: Callable[[object], object]
    receiver: Callable[[object], object]
    label: Callable[[RecordValues], object]
    name: Callable[[object], object]


def phone(value: object, field: Field, parse: Callable[[str], _Phone | None]) -> _Phone:
    """The number that `parse` reads."""
    if value is None or value == "":
        raise Faulty(field, Fault.REQUIRED)
    if not isinstance(value, str):
        raise Faulty(field, Fault.INVALID)
    number = parse(value)
    if number is None:
        raise Faulty(field, Fault.PHONE)
    return number


def label_name(value: object, shortest: int, *, empty_is_absent: bool) -> str | None:
    """The name that replaces the label's; None if it does not."""
    if value is None or (value == "" and empty_is_absent):
        return None
    if not isinstance(value, str):
        raise Faulty(Field.LABEL_NAME, Fault.INVALID)
    if not shortest <= len(value) <= LONGEST_LABEL_NAME:
        raise Faulty(Field.LABEL_NAME, Fault.NAME_LENGTH)
    _check_characters(value)
    return value


def _check_characters(name: str) -> None:
    """Source: contract D52."""
    if name and not is_showable(name):
        raise Faulty(Field.LABEL_NAME, Fault.NAME_CHARACTERS)


def call_reason(value: object) -> str | None:
    """The reason; None if there is none. Its length counts in code points."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Faulty(Field.CALL_REASON, Fault.INVALID)
    if not SHORTEST_REASON <= len(value) <= LONGEST_REASON:
        raise Faulty(Field.CALL_REASON, Fault.REASON_LENGTH)
    _check_reason_characters(value)
    return value


def _check_reason_characters(reason: str) -> None:
    if reason and has_forbidden(reason):
        raise Faulty(Field.CALL_REASON, Fault.REASON_CHARACTERS)


def window(starts_at: object, ends_at: object, now_ms: int) -> tuple[int, int]:
    """Start and end in milliseconds."""
    start = instant(starts_at, _STARTS_AT)
    end = instant(ends_at, _ENDS_AT)
    check_window(start, end, now_ms)
    return start, end


def instant(value: object, field: Field) -> int:
    """Epoch milliseconds."""
    if value is None or value == "":
        raise Faulty(field, Fault.REQUIRED)
    if type(value) is not int or not 0 <= value <= LAST_MS:  # a bool is an int, too
        raise Faulty(field, Fault.INVALID)
    return value


def check_window(starts_at: int, ends_at: int, now_ms: int) -> None:
    """Whether a record may show in this window. Source: contract D26."""
    if ends_at < now_ms:
        raise Faulty(_ENDS_AT, Fault.END_PAST)
    if starts_at >= ends_at:
        raise Faulty(_ENDS_AT, Fault.END_ORDER)
    if ends_at - starts_at > LONGEST_WINDOW_MS:
        raise Faulty(_ENDS_AT, Fault.TOO_LONG)


def all_faults(record: RecordValues, rules: FieldRules, now_ms: int) -> list[Faulty]:
    """Every fault of the record, in the documented order.

    The same rules: one that names its first fault only is asked again with values that hold for what it named.
    """
    found: list[Faulty] = []

    def ask(rule: Callable[..., _T], *values: Any) -> _T | None:
        try:
            return rule(*values)
        except Faulty as bad:
            found.append(bad)
            return None

    ask(rules.caller, record.caller)
    ask(rules.receiver, record.receiver)
    ask(rules.label, record)
    ask(rules.name, record.label_name)
    if found and found[-1].fault is Fault.NAME_LENGTH:
        ask(_check_characters, record.label_name)
    ask(call_reason, record.call_reason)
    if found and found[-1].fault is Fault.REASON_LENGTH:
        ask(_check_reason_characters, record.call_reason)
    starts_at = ask(instant, record.starts_at, _STARTS_AT)
    ends_at = ask(instant, record.ends_at, _ENDS_AT)
    if ends_at is not None:
        ask(check_window, ends_at - 1, ends_at, now_ms)  # a window of one millisecond can only be past
        if starts_at is not None:
            ask(check_window, starts_at, ends_at, ends_at)  # an end that is now is not past
    return found
