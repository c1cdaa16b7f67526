"""The outcomes of records, read from the answers of all three generations as one (contract 4.3 to 5.5, D9, D10)."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from callmark.client.answers import any_json, envelope, in_our_words, unexpected
from callmark.client.flow import Answer
from callmark.client.loose_json import as_list, as_object, status_of
from callmark.client.records import LIBRARY_NAMES, CallRecord, Json
from callmark.client.reprs import SecretDict

_BATCH_ID = re.compile(r"BatchID: ([0-9a-fA-F-]{36})")
_CATALOGUE = {
    name.lower(): name
    for name in ("Not a Truecaller user", "OS not supported", "App version not supported", "Failed to push")
}
"""The first generation writes the names of contract 10.2 in lower case."""


Status = Literal["pending", "success", "error", "invalid"]
"""`pending`: accepted, its receiver's handset has not been reached yet. `error`: the receiver cannot be reached;
`message` says why. `invalid`: the record must be changed; `field` and `message` say how."""
PENDING: Final = "pending"
SUCCESS: Final = "success"
ERROR: Final = "error"
INVALID: Final = "invalid"
INVALID_INPUT = "invalid input"
"""What the first generation says of a bad record. Source: contract D9."""
STATUSES: tuple[Status, ...] = (PENDING, SUCCESS, ERROR, INVALID)


class PushResult(Struct, frozen=True):
    """The outcome of a real-time push."""

    status: Literal["success", "error"]
    message: str
    """On an error `Not a Truecaller user`, `OS not supported`, `App version not supported` or `Failed to push`."""
    batch_id: str | None
    """A batch of this one record; generation 1 only."""
    request_id: str | None
    """What the server's log calls this request."""


class RecordResult(Struct, frozen=True):
    """The outcome of one record of a batch."""

    record: CallRecord
    status: Status
    message: str = ""
    field: str | None = None
    """Of an invalid record, what is wrong: `reason`."""
    record_id: str | None = None
    batch_id: str | None = None
    index: int = 0
    """Its place among the records that were handed over, from 0."""


def read_push(answer: Answer) -> PushResult:
    """The result of a real-time push. Raises UnexpectedAnswer."""
    body = any_json(answer)
    request_id = answer.headers.get("x-request-id")
    _, message, _ = envelope(body)
    # An older description of the first generation promises a success without a body (contract 4.3).
    status = status_of(as_object(body)).get("status", SUCCESS if body == {} else None)
    if status not in (SUCCESS, ERROR):
        raise unexpected(answer, "its status is neither success nor error")
    found = _BATCH_ID.search(message)
    return PushResult(status, message, found[1] if found else None, request_id)


def read_batch_id(answer: Answer) -> str:
    """The id of a batch that was accepted; the first generation has it in a sentence. Raises UnexpectedAnswer."""
    body = as_object(any_json(answer))
    if isinstance(batch_id := body.get("batch_id"), str):
        return batch_id
    if isinstance(told := body.get("message"), str) and (found := _BATCH_ID.search(told)):
        return found[1]
    raise unexpected(answer, "it names no batch")


def read_rows(answer: Answer) -> list[Json]:
    """The records of a batch's status: a bare array, or under `data`. Raises UnexpectedAnswer."""
    body = any_json(answer)
    rows = as_list(as_object(body).get("data", body))
    if rows is None:
        raise unexpected(answer, "it has no list of records")
    return [SecretDict(as_object(row)) for row in rows]


def result_of(row: Json, batch_id: str, index: int, record: CallRecord | None = None) -> RecordResult:
    """What a row of a batch's status says; of `record` if given, else of the record that the row shows."""
    status, message, field = _outcome(row)
    record_id = row.get("id")
    return RecordResult(
        record or _record_of(row),
        status,
        message,
        field,
        record_id if isinstance(record_id, str) else None,
        batch_id,
        index,
    )


def _outcome(row: Json) -> tuple[Status, str, str | None]:
    _, message, field = envelope(row)
    message, field = in_our_words(message, field)
    told = str(status_of(row).get("status", ""))
    if told in (PENDING, SUCCESS):
        return told, "", None
    if told == ERROR:
        return (INVALID if field else ERROR), message, field
    if told == INVALID_INPUT:
        return INVALID, message or "Invalid input", field
    return ERROR, _CATALOGUE.get(told, told), None


def is_unexplained(row: Json) -> bool:
    """Whether a row of the first generation says that a record is invalid, and not why."""
    return row.get("status") == INVALID_INPUT and "status_info" not in row


def _record_of(row: Json) -> CallRecord:
    """The record that a row shows; a bad one shows what was sent, of whatever type."""
    shown = {LIBRARY_NAMES.get(key, key): value for key, value in row.items()}

    def text(name: str) -> str | None:
        value = shown.get(name)
        return None if value is None else str(value)

    return CallRecord(
        text("caller") or "",
        text("receiver") or "",
        text("label_id"),
        text("name"),
        text("reason"),
        _whole(shown.get("starts_at")),
        _whole(shown.get("ends_at")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class Rows:
    """The rows of a batch by what they show, because no page promises their order."""

    def __init__(self, rows: Iterable[Json]) -> None:
        self._rows: defaultdict[tuple[object, ...], deque[Json]] = defaultdict(deque)
        for row in rows:
            self._rows[_key(row)].append(row)

    def take(self, wire: Json) -> Json | None:
        """The row of a record that was sent; of equal records, in order. None if the answer does not show it."""
        found = self._rows.get(_key(wire))
        return found.popleft() if found else None


_KEYS = ("caller", "caller_number"), ("receiver", "receiver_number")


def _key(shown: Mapping[str, Any]) -> tuple[object, ...]:
    numbers = (str(shown.get(one, shown.get(other, ""))).removeprefix("+") for one, other in _KEYS)
    reason = shown.get("dynamic_call_reason", shown.get("call_reason"))
    return (*numbers, reason, shown.get("starts_at"), shown.get("ends_at"))


def counted(results: Sequence[RecordResult]) -> dict[str, int]:
    """How many records have each status; all four are there."""
    found = Counter(result.status for result in results)
    return {status: found[status] for status in STATUSES}
