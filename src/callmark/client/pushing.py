"""Pushes: one record in real time, a batch, and lists of any length (contract, sections 4 and 5)."""

import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from callmark.client.core import Call, Core, encode
from callmark.client.errors import APIStatusError, BadRequest, InvalidRecord, NotFound, WaitTimeout
from callmark.client.flow import Emit, Flow, Pause, Stream, take
from callmark.client.options import Generation
from callmark.client.records import LONGEST_WINDOW, CallRecord, Json, RecordLike, read_record, rough_record, wire_record
from callmark.client.reprs import SecretList
from callmark.client.results import (
    INVALID,
    PENDING,
    STATUSES,
    PushResult,
    RecordResult,
    Rows,
    is_unexplained,
    read_batch_id,
    read_push,
    read_rows,
    result_of,
)

MOST_IN_A_BATCH = 500
"""Source: contract 1.7."""
MOST_UNDER_WAY = 8
"""Batches of a long list that wait for their outcome at once; what bounds its memory."""
SETTLES_WITHIN_S = 600.0
"""A record of a long list that is still pending after so long is handed over as pending."""
NOT_THERE_WITHIN_S = 10.0
"""A batch that was accepted and is still not shown after so long is gone. No page promises that it is there at once."""
NO_TIME = timedelta()
"""Source: contract D26."""
FIRST_POLL_S, LONGEST_POLL_S = 0.1, 5.0
REAL_TIME, BATCH, BULK_V1 = "real-time", "batch", "bulk-v1"
"""Buckets of the rate limits. Source: contract D7, D45."""


class Progress(Struct, frozen=True):
    """How far a long list is."""

    sent: int
    """Records that were handed over to the server, or found invalid here."""
    done: int
    """Records whose result is known and was handed to you."""
    counts: dict[str, int]
    """`done` by status."""


OnProgress = Callable[[Progress], None]


def push(core: Core, record: CallRecord, key: str | None) -> Flow[PushResult]:
    """One record, answered once its receiver's handset was reached or not."""
    _check_key(key)
    _check_repeatable(record, key)
    now_ms = yield from core.server_now_ms()
    try:
        return (yield from _pushed(core, record, key, now_ms))
    except InvalidRecord as exc:
        # The window was right when it was made of our idea of the server's clock: look whether that has moved.
        if exc.field != "ends_at" or not _is_made_of_now(record):
            raise
        if not (yield from core.has_moved_clock(now_ms)):
            raise
    now_ms = yield from core.server_now_ms()
    return (yield from _pushed(core, record, None, now_ms))


def _is_made_of_now(record: CallRecord) -> bool:
    """Whether the window is from now for a time that the server allows, so that it cannot be wrong on its own."""
    return record.starts_at is None and record.expires_in is not None and NO_TIME < record.expires_in <= LONGEST_WINDOW


def _pushed(core: Core, record: CallRecord, key: str | None, now_ms: int) -> Flow[PushResult]:
    call = Call(
        "POST",
        f"{core.personalisation}/dynamic_call_record",
        body=encode(wire_record(record, core.options.generation, now_ms)),
        bucket=REAL_TIME,
        idempotency_key=key or core.environment.new_key(),
    )
    return (yield from core.exchange(call, read_push, is_push=True))


def _check_key(key: str | None) -> None:
    if key is not None and not (key and key.isascii() and key.isprintable()):
        told = "idempotency_key has printable ASCII characters, at least one, and no others"
        raise BadRequest(told, status=0, field="idempotency_key")


def _check_repeatable(record: CallRecord, key: str | None) -> None:
    """Raises InvalidRecord for a record that is another one when the call is repeated, which its own key is for."""
    if key and record.starts_at is None:
        raise InvalidRecord(
            "starts_at is required with idempotency_key: now is another instant when the call is repeated, and the "
            "server refuses the key with other values",
            field="starts_at",
        )


class BatchState(Struct):
    """A batch as it was last seen."""

    batch_id: str
    results: list[RecordResult]
    sent: list[tuple[CallRecord, Json]] = field(default_factory=list[tuple[CallRecord, Json]])
    """The records as they were sent; empty for a batch that was read by its id."""
    is_known: bool = True
    """Whether the server shows any of its records."""
    is_over: bool = False
    """Whether the server shows outcomes alone and as many as there are records, although not each record is there."""

    @property
    def is_settled(self) -> bool:
        """Whether every record has an outcome."""
        return bool(self.results) and all(result.status != PENDING for result in self.results)

    def check_over(self) -> None:
        """Raises WaitTimeout if records are still waited for."""
        if not (self.is_settled or self.is_over):
            pending = sum(result.status == PENDING for result in self.results)
            raise WaitTimeout(f"{pending} of {len(self.results)} records of batch {self.batch_id} are still pending")


def create_batch(core: Core, records: Iterable[RecordLike], key: str | None) -> Flow[BatchState]:
    """Sends 1 to 500 records as one batch. Raises InvalidRecord with its `index` for one that cannot be written."""
    _check_key(key)
    now_ms = yield from core.server_now_ms()
    sent = _read_batch(records, key, core.options.generation, now_ms)
    if not 1 <= len(sent) <= MOST_IN_A_BATCH:
        raise InvalidRecord(
            f"a batch has 1 to {MOST_IN_A_BATCH} records, not {len(sent)}; push_many takes lists of any length",
            field="call_records",
        )
    batch_id = yield from _created(core, SecretList(wire for _, wire in sent), key, is_patient=False)
    results = [RecordResult(record, PENDING, batch_id=batch_id, index=index) for index, (record, _) in enumerate(sent)]
    return BatchState(batch_id, results, sent)


def _read_batch(
    records: Iterable[RecordLike], key: str | None, generation: Generation, now_ms: int
) -> list[tuple[CallRecord, Json]]:
    """Each record beside what is sent of it. Raises InvalidRecord."""
    sent: list[tuple[CallRecord, Json]] = SecretList()
    for index, source in enumerate(records):
        try:
            record = read_record(source)
            _check_repeatable(record, key)
            sent.append((record, wire_record(record, generation, now_ms)))
        except InvalidRecord as exc:
            del source  # error trackers keep the variables of what raises, and of what that came from
            told = f"record {index}: {exc.message}"
            raise InvalidRecord(told, field=exc.field, index=index) from exc.with_traceback(None)
    return sent


def _created(core: Core, wires: Sequence[Json], key: str | None, *, is_patient: bool) -> Flow[str]:
    call = Call(
        "POST",
        f"{core.personalisation}/dynamic_call_records",
        body=encode({"call_records": wires}),
        bucket=BULK_V1 if core.options.generation == 1 else BATCH,
        idempotency_key=key or core.environment.new_key(),
        is_patient=is_patient,
    )
    return (yield from core.exchange(call, read_batch_id))


def read_batch(core: Core, batch_id: str, sent: Sequence[tuple[CallRecord, Json]] = ()) -> Flow[BatchState]:
    """The batch as it is now; of an unknown one, no records (contract D8)."""
    call = Call("GET", f"{core.personalisation}/dynamic_call_records", query={"batchId": batch_id})
    rows = yield from core.exchange(call, read_rows)
    if core.options.generation == 1 and any(is_unexplained(row) for row in rows):
        rows = yield from _explained(core, call.query, rows)
    if not sent:
        found = [result_of(row, batch_id, index) for index, row in enumerate(rows)]
        return BatchState(batch_id, found, is_known=bool(rows))
    shown = Rows(rows)
    results: list[RecordResult] = []
    for index, (record, wire) in enumerate(sent):
        row = shown.take(wire)
        pending = RecordResult(record, PENDING, batch_id=batch_id, index=index)
        results.append(pending if row is None else result_of(row, batch_id, index, record))
    is_over = len(rows) >= len(sent) and all(result_of(row, batch_id, 0).status != PENDING for row in rows)
    return BatchState(batch_id, results, list(sent), is_known=bool(rows), is_over=is_over)


def _explained(core: Core, query: Mapping[str, str], rows: list[Json]) -> Flow[list[Json]]:
    """The rows with what is wrong with the invalid ones, which only later generations' paths say (contract D9, D33)."""
    try:
        later = yield from core.exchange(Call("GET", f"/v2{core.account}/dynamic_call_records", query=query), read_rows)
    except APIStatusError:  # an account of the first generation alone
        return rows
    said = {str(row.get("id")): row.get("status_info") for row in later}
    return [row | {"status_info": said.get(str(row.get("id")))} if is_unexplained(row) else row for row in rows]


def wait_for(core: Core, state: BatchState, timeout_s: float | None) -> Flow[BatchState]:
    """The batch once every record has an outcome, or as it is when the time is over.

    A record that the server shows as another one has none; it is not waited for when all others have theirs. Raises
    NotFound for a batch that the account has not.
    """
    began, pause = core.environment.monotonic(), FIRST_POLL_S
    while not state.is_settled:
        state = yield from read_batch(core, state.batch_id, state.sent)
        waited = core.environment.monotonic() - began
        left = math.inf if timeout_s is None else timeout_s - waited
        if not state.is_known and (not state.sent or waited >= NOT_THERE_WITHIN_S):
            raise NotFound(f"there is no batch {state.batch_id} in this account", status=404, slug="not-found")
        if state.is_settled or state.is_over or left <= 0:
            break
        yield Pause(min(pause, left))
        pause = min(pause * 1.5, LONGEST_POLL_S)
    return state


class _Part(Struct):
    """Up to 500 records of a long list: those that were sent, and those that were found invalid here."""

    results: list[RecordResult]
    places: list[int]
    """Where in `results` each sent record is."""
    batch: BatchState | None = None
    began: float = 0.0

    def settled(self) -> list[RecordResult]:
        """All results in order, with what the batch says of those that were sent."""
        if self.batch:
            for place, result in zip(self.places, self.batch.results, strict=True):
                self.results[place] = replace(result, index=self.results[place].index)
        return self.results


class LongList:
    """Pushes a list of any length: batches of 500, a few at once, results in order, memory for those few only."""

    def __init__(self, core: Core, on_progress: OnProgress | None, *, wait: bool) -> None:
        self._core = core
        self._on_progress = on_progress
        self._wait = wait
        self._sent = self._done = 0
        self._has_more = self._can_read = True
        self._failed: Exception | None = None
        self._counts: dict[str, int] = dict.fromkeys(STATUSES, 0)

    def run(self, source: Iterator[Any] | AsyncIterator[Any]) -> Stream[RecordResult]:
        """Results in the order of the source. An error ends it after everything that is known was handed over.

        What is under way then is read once, in one try.
        A caller who lost the id of a batch that the server has would push its records again, under another key.
        """
        under_way: deque[_Part] = deque()
        most = MOST_UNDER_WAY if self._wait else 1
        while self._has_more or under_way:
            if self._has_more and len(under_way) < most:
                yield from self._send_some(source, under_way)
                continue
            part = under_way.popleft()
            yield from self._settle(part)
            for result in part.settled():
                self._count(result)
                yield Emit(result)
            self._report()
        if self._failed is not None:
            raise self._failed

    def _send_some(self, source: Iterator[Any] | AsyncIterator[Any], under_way: deque[_Part]) -> Flow[None]:
        with self._ended_by_errors():
            rows = yield from take(source, MOST_IN_A_BATCH)
            if not rows:
                self._has_more = False
                return
            under_way.append((yield from self._started(rows)))
            self._report()

    @contextmanager
    def _ended_by_errors(self) -> Generator[None]:
        """After an error in the block sending stops. What was accepted is handed over, then the first one raised.

        It may be any: the source and the function for the progress are the caller's.
        """
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - see above
            self._has_more = False
            if self._failed is None:
                self._failed = exc

    def _started(self, rows: Sequence[object]) -> Flow[_Part]:
        core = self._core
        part, sent = self._part_of(rows, (yield from core.server_now_ms()))
        if sent:
            batch_id = yield from _created(core, [wire for _, wire in sent], None, is_patient=True)
            pending = [RecordResult(record, PENDING, batch_id=batch_id) for record, _ in sent]
            part.batch = BatchState(batch_id, pending, sent)
        part.began = core.environment.monotonic()
        self._sent += len(rows)
        return part

    def _part_of(self, rows: Sequence[object], now_ms: int) -> tuple[_Part, list[tuple[CallRecord, Json]]]:
        """The rows with what is wrong with them, and what is sent of them."""
        part, sent = _Part([], []), list[tuple[CallRecord, Json]]()
        for place, source in enumerate(rows):
            index = self._sent + place
            try:
                record = read_record(source)
                sent.append((record, wire_record(record, self._core.options.generation, now_ms)))
            except InvalidRecord as exc:
                rough = rough_record(source)
                part.results.append(RecordResult(rough, INVALID, exc.message, exc.field, index=index))
            else:
                part.places.append(place)
                part.results.append(RecordResult(record, PENDING, index=index))
        return part, sent

    def _settle(self, part: _Part) -> Flow[None]:
        """Waits for the outcomes. If they cannot be read, this part and the later ones stay as they are.

        After an error nothing is waited for: it may be the time limit of a task, whose process is killed soon after.
        """
        if part.batch is None or not self._wait or not self._can_read:
            return
        self._can_read = False
        with self._ended_by_errors():
            if self._failed is None:
                waited = self._core.environment.monotonic() - part.began
                part.batch = yield from wait_for(self._core, part.batch, SETTLES_WITHIN_S - waited)
            else:
                part.batch = yield from read_batch(self._core.without_retries(), part.batch.batch_id, part.batch.sent)
            self._can_read = True

    def _count(self, result: RecordResult) -> None:
        self._done += 1
        self._counts[result.status] += 1

    def _report(self) -> None:
        if self._on_progress:
            with self._ended_by_errors():
                self._on_progress(Progress(self._sent, self._done, dict(self._counts)))
