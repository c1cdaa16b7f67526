"""Callmark's own routes: timelines, funnel, cancel, resolve, dry run (docs/extensions.md). The original has none."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

import msgspec
from msgspec import Struct

from callmark.client.answers import in_our_words
from callmark.client.core import Call, Core, encode, part
from callmark.client.errors import InvalidRecord
from callmark.client.flow import Emit, Flow, Stream
from callmark.client.options import Generation
from callmark.client.pushing import MOST_IN_A_BATCH
from callmark.client.real_dates import datetime
from callmark.client.records import Json, RecordLike, read_record, wire_record
from callmark.client.reprs import SafeRepr, SecretDict, SecretList

EXTENSIONS, LINT = "extensions", "lint"
"""Buckets of the rate limits (docs/extensions.md)."""
_LOCAL = "invalid"
CallState = Literal["ringing", "connected", "ended"]


class RecordFault(Struct, frozen=True):
    """What is wrong with an invalid record."""

    field: str
    code: str
    message: str


class RecordCall(Struct, frozen=True):
    """A call that the record was shown in."""

    call_id: str
    shown_at: datetime | None = None
    outcome: str | None = None
    """`answered`, `missed` or `rejected`; None until it is known."""
    ended_at: datetime | None = None
    verification: str | None = None
    """What the network said of the number: `passed`, `failed` or `none`; None where the handset cannot tell."""
    duration_s: int | None = None
    disconnect: str | None = None


class Record(SafeRepr, Struct, frozen=True, kw_only=True):
    """A call record with its timeline. `starts_at` and `ends_at` are epoch milliseconds."""

    record_id: str
    batch_id: str
    position: int = 0
    caller_number: str | None = None
    receiver_number: str | None = None
    label_id: str | None = None
    label_name: str | None = None
    call_reason: str | None = None
    starts_at: int | None = None
    ends_at: int | None = None
    outcome: str = "pending"
    """`pending`, `success`, `invalid`, `not_registered`, `os_not_supported`, `app_version_not_supported`,
    `failed_to_push`."""
    first_outcome: str | None = None
    accepted_at: datetime | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    delivered_late_at: datetime | None = None
    withdrawn_at: datetime | None = None
    fault: RecordFault | None = None
    submitted: dict[str, object] | None = None
    calls: list[RecordCall] = msgspec.field(default_factory=list[RecordCall])


class TimelineStep(Struct, frozen=True):
    """One thing that happened to a record."""

    at: datetime
    what: str
    """`accepted`, `sent`, `settled`, `delivered late`, `withdrawn`, `shown`, `ended`."""
    detail: str = ""
    """The outcome, of `settled` and `ended`; the call, of `shown`."""


class Funnel(Struct, frozen=True):
    """How many records of a batch reached each stage; `calls` counts calls, all others records."""

    batch_id: str = ""
    accepted: int = 0
    valid: int = 0
    pushed: int = 0
    delivered: int = 0
    delivered_late: int = 0
    shown: int = 0
    answered: int = 0
    missed: int = 0
    rejected: int = 0
    calls: int = 0
    pending: int = 0
    withdrawn: int = 0
    failures: dict[str, int] = {}


class Cancellation(Struct, frozen=True):
    """What cancelling a batch did to its records."""

    batch_id: str = ""
    record_count: int = 0
    cancelled: int = 0
    cancelled_before: int = 0
    expired: int = 0
    invalid: int = 0


class Identity(Struct, frozen=True, kw_only=True):
    """What shows when a number rings."""

    name: str = ""
    call_reason: str | None = None
    logo_url: str | None = None
    verified: bool = True
    record_id: str | None = None
    starts_at: int | None = None
    ends_at: int | None = None


class Resolution(SafeRepr, Struct, frozen=True, kw_only=True):
    """What a receiver would see now, and why."""

    caller_number: str = ""
    receiver_number: str = ""
    shows: str = "none"
    """`call_record`, `listed_number`, `other` (another account's, without details) or `none`."""
    identity: Identity | None = None
    why: str = ""
    """A sentence for people."""


class AnnouncedCall(SafeRepr, Struct, frozen=True, kw_only=True):
    """A call that the account said it makes."""

    call_id: str
    caller: str = ""
    receiver: str = ""
    state: str = "ringing"
    """`ringing`, `connected` or `ended`; it never goes back."""
    announced_at: datetime | None = None
    shown_until: datetime | None = None
    """A handset that asks before this instant shows the identity."""


class Finding(Struct, frozen=True):
    """A fault or a warning of a dry run."""

    index: int | None
    """The record's place, from 0; None for the list as a whole."""
    field: str | None
    code: str
    """The codes are in docs/extensions.md; `invalid` for what the library itself finds."""
    message: str
    hint: str = ""


class CheckReport(Struct, frozen=True):
    """What a dry run found; nothing was sent."""

    records: int
    faults: list[Finding]
    warnings: list[Finding]

    @property
    def is_clean(self) -> bool:
        """Whether every record would be taken."""
        return not self.faults


class _BatchPage(Struct):
    records: list[Record] = []
    next_after: int | None = None


class _LintOut(Struct):
    faults: list[Finding] = []
    warnings: list[Finding] = []


def get_record(core: Core, record_id: str) -> Flow[Record]:
    """A record with its timeline and calls."""
    return (yield from core.fetch(Call("GET", f"{core.extensions}/records/{part(record_id)}"), Record))


def cancel_record(core: Core, record_id: str) -> Flow[Record]:
    """Withdraws a record."""
    call = Call("POST", f"{core.extensions}/records/{part(record_id)}/cancel", bucket=EXTENSIONS)
    return (yield from core.fetch(call, Record))


def timeline(core: Core, record_id: str) -> Flow[list[TimelineStep]]:
    """What happened to a record, in order."""
    record = yield from get_record(core, record_id)
    return steps_of(record)


def steps_of(record: Record) -> list[TimelineStep]:
    """A record's instants in order, each with what happened."""
    found = [
        (record.accepted_at, "accepted", ""),
        (record.sent_at, "sent", ""),
        (record.settled_at, "settled", record.first_outcome or record.outcome),
        (record.delivered_late_at, "delivered late", ""),
        (record.withdrawn_at, "withdrawn", ""),
    ]
    for call in record.calls:
        found += [(call.shown_at, "shown", call.call_id), (call.ended_at, "ended", call.outcome or "")]
    return sorted((TimelineStep(at, what, detail) for at, what, detail in found if at), key=lambda step: step.at)


def batch_timeline(core: Core, batch_id: str) -> Stream[Record]:
    """Every record of a batch in the order of submission, without its calls."""
    query: dict[str, str] = {}
    while True:
        page = yield from core.fetch(
            Call("GET", f"{core.extensions}/batches/{part(batch_id)}", query=query), _BatchPage
        )
        for record in page.records:
            yield Emit(record)
        if page.next_after is None:
            return
        query = {"after": str(page.next_after)}


def funnel(core: Core, batch_id: str) -> Flow[Funnel]:
    """How many records reached each stage."""
    return (yield from core.fetch(Call("GET", f"{core.extensions}/batches/{part(batch_id)}/funnel"), Funnel))


def cancel_batch(core: Core, batch_id: str) -> Flow[Cancellation]:
    """Withdraws every record of a batch that has not expired."""
    call = Call("POST", f"{core.extensions}/batches/{part(batch_id)}/cancel", bucket=EXTENSIONS)
    return (yield from core.fetch(call, Cancellation))


def resolve(core: Core, caller: str, receiver: str) -> Flow[Resolution]:
    """What the receiver would see if the caller rang now."""
    query = SecretDict(caller_number=caller, receiver_number=receiver)
    return (
        yield from core.fetch(Call("GET", f"{core.extensions}/resolve", query=query, bucket=EXTENSIONS), Resolution)
    )


def announce_call(core: Core, call_id: str, caller: str, receiver: str, state: CallState) -> Flow[AnnouncedCall]:
    """Says how far a call is."""
    said = SecretDict(call_id=call_id, caller=caller, receiver=receiver, state=state)
    call = Call("POST", f"{core.extensions}/calls", body=encode(said), bucket=EXTENSIONS)
    return (yield from core.fetch(call, AnnouncedCall))


def check(core: Core, records: Iterable[RecordLike]) -> Flow[CheckReport]:
    """Every fault of every record, 500 a request; nothing is sent on."""
    report = CheckReport(0, [], [])
    source: Iterator[RecordLike] = iter(records)
    total = 0
    while rows := SecretList(islice(source, MOST_IN_A_BATCH)):
        yield from _check_some(core, rows, total, report)
        total += len(rows)
    return CheckReport(total, sorted(report.faults, key=lambda one: one.index or 0), report.warnings)


def _check_some(core: Core, rows: list[RecordLike], offset: int, report: CheckReport) -> Flow[None]:
    now_ms = yield from core.server_now_ms()
    generation = core.options.generation
    wires, places = _readable(rows, offset, generation, now_ms, report)
    if not wires:
        return
    call = Call(
        "POST",
        f"{core.extensions}/lint",
        query={"generation": f"v{generation}"},
        body=encode({"call_records": wires}),
        bucket=LINT,
        is_patient=True,
    )
    found = yield from core.fetch(call, _LintOut)
    report.faults.extend(_in_place(one, places) for one in found.faults)
    report.warnings.extend(_in_place(one, places) for one in found.warnings)


def _readable(
    rows: list[RecordLike], offset: int, generation: Generation, now_ms: int, report: CheckReport
) -> tuple[list[Json], list[int]]:
    """The records that can be sent, and their places; the faults of the others are in the report."""
    wires: list[Json] = SecretList()
    places: list[int] = []
    for place, source in enumerate(rows, offset):
        try:
            wires.append(wire_record(read_record(source), generation, now_ms))
            places.append(place)
        except InvalidRecord as exc:
            report.faults.append(Finding(place, exc.field, _LOCAL, exc.message))
    return wires, places


def _in_place(finding: Finding, places: list[int]) -> Finding:
    """The finding with its place in the whole list, under the library's names."""
    message, field = in_our_words(finding.message, finding.field)
    index = None if finding.index is None else places[finding.index]
    return Finding(index, field, finding.code, message, finding.hint)
