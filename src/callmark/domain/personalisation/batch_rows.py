"""The rows of a batch, made while its records are validated, as PostgreSQL's binary COPY takes them.

Acceptance is what a bulk record costs most, and most records of a batch share all but their receiver. So each value is
validated and encoded once, and a row is joined of what is ready. For a record with anything unusual `validate`
is called, as for a single one: it alone says what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from callmark.domain.ids import AccountId, BatchId
from callmark.domain.personalisation.model import MOST_RECORDS, Outcome
from callmark.domain.personalisation.validation import GoodRecord, KnownLabels, Rules, caller_of, validate
from callmark.instants import from_ms, to_ms
from callmark.kit.ids import new_id_bytes
from callmark.kit.postgres.copy_format import NULL, field, instant, instant_ms, int16, text
from callmark.record_rules import fields
from callmark.record_rules.fields import Faulty, RecordValues

COLUMNS = (
    *("batch_id", "account_id", "accepted_at", "outcome", "fault_field", "fault", "submitted", "settled_at"),
    *("label_id", "label_name", "call_reason", "caller_number", "starts_at", "ends_at"),
    *("position", "id", "receiver_number"),
)
"""In the order in which rows hold them: first what all records of a batch share, then what most share."""

_ID_LENGTH = b"\0\0\0\x10"
_POSITIONS = [field(int16(position)) + _ID_LENGTH for position in range(MOST_RECORDS)]
"""The field of each position, with the length of the id that follows."""
_LENGTHS = [field(bytes(length))[:4] for length in range(16)]
"""The lengths that a phone number may have."""
_UNUSUAL = (Faulty, KeyError, TypeError, AttributeError)
"""What a record raises that is not of strings, integers and known labels, or is bad."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BatchRows(NamedTuple):
    """A batch's rows in the format of COPY, how many of them are good, and between which instants they end.

    What comes before the first and after the last row of a COPY is not among them.
    """

    rows: bytes
    good: int
    ends_from: datetime
    ends_to: datetime


class BatchHead(Struct, frozen=True):
    """What all rows of a batch share; it is judged, and due, at `now`."""

    batch_id: BatchId
    account_id: AccountId
    accepted_at: datetime
    now: datetime

    def encoded(self, outcome: Outcome, *fault: bytes) -> bytes:
        """The first fields of a row, for `COLUMNS`."""
        ids = field(self.batch_id.bytes) + field(self.account_id.bytes)
        faults = b"".join(fault) or NULL * 4
        return int16(len(COLUMNS)) + ids + instant(self.accepted_at) + text(outcome) + faults


class _Encoded(dict[_Key, _Value]):
    """Values as COPY takes them, each validated when it is met first. Raises Faulty, and keeps nothing then."""

    def __init__(self, rule: Callable[[_Key], _Value]) -> None:
        self._rule = rule

    def __missing__(self, value: _Key) -> _Value:
        found = self[value] = self._rule(value)
        return found


class _RowWriter:
    """Validates and encodes the records of one batch."""

    def __init__(self, head: BatchHead, rules: Rules, known: KnownLabels) -> None:
        self._head, self._rules, self._known = head, rules, known
        self._now_ms = to_ms(head.now)
        self._good = head.encoded(Outcome.PENDING)
        self._labels = self._known_labels()
        self._names = _Encoded(self._name)
        self._reasons = _Encoded(_reason)
        self._callers = _Encoded(self._caller)
        self._ends = set[int]()
        self.bad = 0

    def rows(self, records: Sequence[RecordValues], as_sent: Callable[[int], bytes]) -> list[bytes]:
        """A row for each, in order."""
        parse: Callable[[Any], Any] = self._rules.parse_phone  # raises for what is no text
        beginnings, windows, join, rows = (
            _Encoded(self._beginning),
            _Encoded(self._window),
            b"".join,
            list[bytes](),
        )
        for position, record in enumerate(records):
            starts_at, ends_at = record.starts_at, record.ends_at
            try:
                begun = beginnings[record.label_id, record.label_name, record.call_reason, record.caller]
                receiver = parse(record.receiver).encode()
                if not (type(starts_at) is type(ends_at) is int):  # True is 1, and would be found as such
                    raise TypeError
                window = windows[starts_at, ends_at]
                row = (begun, window, _POSITIONS[position], new_id_bytes(), _LENGTHS[len(receiver)], receiver)
                rows.append(join(row))
            except _UNUSUAL:
                rows.append(self._unusual_row(position, record, as_sent))
        return rows

    def ends(self) -> tuple[datetime, datetime]:
        """The first and the last end of all rows; a bad record ends at once."""
        ends = [from_ms(ms) for ms in {min(self._ends), max(self._ends)}] if self._ends else []
        ends += [self._head.accepted_at] if self.bad else []
        return min(ends), max(ends)

    def _known_labels(self) -> Mapping[object, tuple[bytes, bytes]]:
        """The fields of each label by the id as it was written."""
        return {written: (field(label.id.bytes), text(label.name)) for written, label in self._known.by_text.items()}

    def _beginning(self, shown: tuple[object, object, object, object]) -> bytes:
        label, name, reason, caller = shown
        label_id, label_name = self._labels[label]
        return b"".join(
            (self._good, label_id, self._names[name] or label_name, self._reasons[reason], self._callers[caller])
        )

    def _caller(self, value: object) -> bytes:
        return text(caller_of(value, self._rules, self._known))

    def _name(self, value: object) -> bytes | None:
        least, empty_is_absent = self._rules.shortest_label_name, self._rules.empty_label_name_is_absent
        name = fields.label_name(value, least, empty_is_absent=empty_is_absent)
        return None if name is None else text(name)

    def _window(self, window: tuple[object, object]) -> bytes:
        starts_at, ends_at = fields.window(*window, self._now_ms)
        self._ends.add(ends_at)
        return instant_ms(starts_at) + instant_ms(ends_at)

    def _unusual_row(self, position: int, record: RecordValues, as_sent: Callable[[int], bytes]) -> bytes:
        """The row of a record that may be bad."""
        end = (_POSITIONS[position], new_id_bytes())
        try:
            good = validate(record, self._rules, self._known, self._now_ms)
        except Faulty as bad:
            self.bad += 1
            now = instant(self._head.accepted_at)
            head = self._head.encoded(Outcome.INVALID, text(bad.field), text(bad.fault), field(as_sent(position)), now)
            return b"".join((head, NULL * 5, now, *end, text("")))
        self._ends.add(to_ms(good.ends_at))
        return b"".join((self._good, _shown(good), *end, text(good.receiver_number)))


def _reason(value: object) -> bytes:
    return text(fields.call_reason(value))


def _shown(good: GoodRecord) -> bytes:
    texts = text(good.label_name) + text(good.call_reason) + text(good.caller_number)
    return field(good.label_id.bytes) + texts + instant(good.starts_at) + instant(good.ends_at)


def write_rows(
    head: BatchHead,
    rules: Rules,
    known: KnownLabels,
    records: Sequence[RecordValues],
    as_sent: Callable[[int], bytes],
) -> BatchRows:
    """The rows of 1 to 500 records; `as_sent` gives a bad one's values as JSON, by its position."""
    writer = _RowWriter(head, rules, known)
    rows = writer.rows(records, as_sent)
    return BatchRows(b"".join(rows), len(rows) - writer.bad, *writer.ends())
