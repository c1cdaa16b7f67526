"""The entries of a history: what clients did and were answered, and what was seen from outside.

Instants `sent`, `answered` and `at` are seconds of one monotonic clock; `…_ms` and what the platform says of a record
are instants of the product's clock. `status` is that of HTTP, and 0 where no answer came.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="what"):
    """One line of a history."""


class Push(Entry, frozen=True, kw_only=True, tag="push"):
    """One try to push records, in bulk or in real time. `reasons` name its records: nobody else uses them."""

    account: str
    reasons: list[str]
    receivers: list[str]
    sent: float
    answered: float
    status: int
    key: str = ""
    """Its idempotency key; empty without one."""
    real_time: bool = False
    batch_id: str = ""
    outcome: str = ""
    """What a real-time push was answered."""


class Cancel(Entry, frozen=True, kw_only=True, tag="cancel"):
    """One try to withdraw a record."""

    record_id: str
    sent: float
    answered: float
    status: int


class Answer(Entry, frozen=True, kw_only=True, tag="answer"):
    """One try of a handset to hand over a callback request or feedback. `marker` is in it and nowhere else."""

    account: str
    kind: str
    marker: str
    sent: float
    answered: float
    status: int


class Change(Entry, frozen=True, kw_only=True, tag="change"):
    """One try of a change that the audit log names: the action and subject that it must have."""

    account: str
    action: str
    subject: str
    sent: float
    answered: float
    status: int
    key: str = ""
    made_id: str = ""


class Request(Entry, frozen=True, kw_only=True, tag="request"):
    """One request that counts against a limit."""

    bucket: str
    quota: int
    window_s: float
    sent: float
    answered: float
    status: int


class Download(Entry, frozen=True, kw_only=True, tag="download"):
    """A log file that was downloaded whole; `markers` are of the answers in it."""

    account: str
    kind: str
    asked: float
    markers: list[str]


class Fault(Entry, frozen=True, kw_only=True, tag="fault"):
    """What was done to the platform. `forgets`: windows of limits begin again after it (docs/reliability.md)."""

    kind: str
    began: float
    ended: float
    forgets: bool = False


class Record(Entry, frozen=True, kw_only=True, tag="record"):
    """What the platform says of a call record; asked for at `at`."""

    record_id: str
    reason: str
    receiver: str
    outcome: str
    at: float
    ends_ms: int = 0
    batch_id: str = ""
    first_outcome: str | None = None
    accepted_at: str | None = None
    sent_at: str | None = None
    settled_at: str | None = None
    delivered_late_at: str | None = None
    withdrawn_at: str | None = None


class Batch(Entry, frozen=True, kw_only=True, tag="batch"):
    """What the platform says of a batch: how many records, and the ones that it shows."""

    batch_id: str
    record_count: int
    done: bool
    record_ids: list[str]
    at: float


class Event(Entry, frozen=True, kw_only=True, tag="event"):
    """An event of an account's log."""

    account: str
    number: int
    event_id: str
    kind: str
    marker: str
    at: float


class EventsRead(Entry, frozen=True, kw_only=True, tag="events_read"):
    """The end of the log, as the platform says it."""

    account: str
    last_number: int
    at: float


class Webhook(Entry, frozen=True, kw_only=True, tag="webhook"):
    """A webhook subscribes to the account's events of `kinds`."""

    account: str
    name: str
    kinds: list[str]


class Received(Entry, frozen=True, kw_only=True, tag="received"):
    """A webhook's receiver took an event and answered that it did."""

    webhook: str
    event_id: str
    at: float


class Delivery(Entry, frozen=True, kw_only=True, tag="delivery"):
    """A delivery that has not ended, as the platform says."""

    account: str
    event_id: str
    state: str
    at: float


class Listed(Entry, frozen=True, kw_only=True, tag="listed"):
    """All numbers of an account at one moment: the number, its state, its feature set."""

    account: str
    numbers: list[tuple[str, str, str]]
    at: float


class Audited(Entry, frozen=True, kw_only=True, tag="audited"):
    """An entry of an account's audit log."""

    account: str
    audit_id: str
    action: str
    subject: str


class Named(Entry, frozen=True, kw_only=True, tag="named"):
    """What exists by that name in an account, as lists show it: each thing's id."""

    account: str
    names: list[tuple[str, str]]
    at: float


class Held(Entry, frozen=True, kw_only=True, tag="held"):
    """What a connected handset holds; `since` is when it connected, `record_ids` what it has."""

    receiver: str
    record_ids: list[str]
    since: float
    at: float


class Work(Entry, frozen=True, kw_only=True, tag="work"):
    """How much of each kind of background work is due or under way."""

    work: dict[str, int]
    at: float


class Usage(Entry, frozen=True, kw_only=True, tag="usage"):
    """What a process uses while nothing is done."""

    process: str
    pid: int
    memory_kb: int
    descriptors: int
    at: float


class LogRead(Entry, frozen=True, kw_only=True, tag="log"):
    """What was read of a log since the last look; `holds`: secrets and phone numbers, by what stands around them."""

    file: str
    read_bytes: int
    holds: list[str]
    at: float


class CycleEnd(Entry, frozen=True, kw_only=True, tag="cycle_end"):
    """All was healed, and what is seen was read. `deep`: every promise is due, none may be outstanding."""

    cycle: int
    now_ms: int
    at: float
    deep: bool = False


AnyEntry = (
    Push
    | Cancel
    | Answer
    | Change
    | Request
    | Download
    | Fault
    | Record
    | Batch
    | Event
    | EventsRead
    | Webhook
    | Received
    | Delivery
    | Listed
    | Audited
    | Named
    | Held
    | Work
    | Usage
    | LogRead
    | CycleEnd
)

_decoder = msgspec.json.Decoder(AnyEntry)


def read_history(path: Path) -> Iterator[AnyEntry]:
    """The entries of a file, in the order in which they were written."""
    with path.open("rb") as lines:
        for line in lines:
            yield _decoder.decode(line)


def written(entries: Iterable[Entry]) -> bytes:
    """Entries as lines of a file."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
