"""Pushes the rows of a file chunk by chunk: a few batches at once, results in order, each row once (`journal`)."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from callmark.client.cli.journal import ROWS_A_CHUNK, AppendedFile, Chunk, Digest, Journal
from callmark.client.cli.progress import Meter
from callmark.client.cli.reading import FileRow, RecordFile
from callmark.client.cli.session import WrongUse
from callmark.client.cli.validation import RowValidator, ValidatedRow
from callmark.client.core import Core
from callmark.client.errors import CallmarkError, Conflict, NotFound, RateLimited
from callmark.client.flow import Answer, Flow, Pause, Send
from callmark.client.pushing import MOST_UNDER_WAY, SETTLES_WITHIN_S, BatchState, create_batch, wait_for
from callmark.client.records import CallRecord, wire_record
from callmark.client.reprs import SafeRepr
from callmark.client.results import INVALID, PENDING, RecordResult
from callmark.client.retries import may_repeat
from callmark.client.shells import Shell
from callmark.tables.written import as_csv

T = TypeVar("T")
UNKNOWN = "unknown"
KEYS_HOLD_MS = 23 * 3_600_000
"""The server knows a key for 24 hours (docs/extensions.md); an hour is left for a slow request."""
_PATIENT_TRIES, _LONGEST_PAUSE_S = 20, 60.0
_REFUSED, _FAILED = 400, 500
_OF_OTHER_TRIES = {408, 409, 422}
"""The request was not read whole, or another one under its key has been."""
_JSON_ENDINGS = {".ndjson", ".jsonl", ".json"}


class ResultRow(SafeRepr, Struct, frozen=True):
    """The result of one row, as it is written."""

    row: int
    receiver: str
    status: str
    message: str = ""
    batch_id: str | None = None
    record_id: str | None = None


class _ChunkUnderWay(Struct):
    """A chunk that was sent; `batch` None if none of its rows could be."""

    number: int
    rows: list[ValidatedRow]
    batch: BatchState | None
    is_lost: bool = False
    """Whether nobody knows if it was carried out: it was sent so long ago that the server has forgotten the key."""


class Tries(Struct):
    """The requests under one key, and whether they may have been carried out.

    Who is admitted is decided before a kept answer is looked up: a refusal says nothing about the tries before it.
    """

    key: str
    open_count: int = 0
    """Those that may have been carried out: without an answer, or with another one than a refusal."""

    def watch(self, flow: Flow[T]) -> Flow[T]:
        """The same operation, whose requests under the key are counted, also those of retries."""
        reply: object = None
        try:
            effect = next(flow)
            while True:
                is_try = isinstance(effect, Send) and effect.request.headers.get("Idempotency-Key") == self.key
                self.open_count += is_try
                try:
                    reply = yield effect
                except Exception as exc:  # noqa: BLE001 - the operation decides when to raise it
                    effect = flow.throw(exc)
                else:
                    if is_try and isinstance(reply, Answer) and _is_refusal(reply.status):
                        self.open_count -= 1
                    effect = flow.send(reply)
        except StopIteration as done:
            return done.value
        finally:
            flow.close()


def _is_refusal(status: int) -> bool:
    """Whether the server did nothing: 401, 403, 429 and their like."""
    return _REFUSED <= status < _FAILED and status not in _OF_OTHER_TRIES


class Sending:
    """One push, from where the journal says that it is."""

    def __init__(self, core: Core, shell: Shell, validator: RowValidator, journal: Journal, results: Path) -> None:
        self._core = core
        self._shell = shell
        self._validator = validator
        self._journal = journal
        self._as_json = results.suffix in _JSON_ENDINGS
        self._results, self._digest = _opened(results, journal)
        self._counts = Counter(journal.counts)

    def run(self, file: RecordFile, shown: Meter) -> dict[str, int]:
        """Pushes what is left and gives the counts of the whole file."""
        begin = self._journal.done
        shown.begin_at(begin * ROWS_A_CHUNK)
        if begin == 0:
            self._append(self._header())
        under_way: deque[_ChunkUnderWay] = deque()
        for number, rows in enumerate(_chunks(file, begin), begin):
            if len(under_way) == MOST_UNDER_WAY:
                self._finish(under_way.popleft(), shown)
            under_way.append(self._start(number, rows))
        while under_way:
            self._finish(under_way.popleft(), shown)
        return dict(self._counts)

    def close(self) -> None:
        """Lets go of the results."""
        self._results.close()

    def _start(self, number: int, rows: Sequence[FileRow]) -> _ChunkUnderWay:
        begun = chunk = self._journal.begun(number)
        now_ms = chunk.now_ms if chunk else self._shell.run(self._core.server_now_ms())
        validated = [self._validator.validate(row, now_ms) for row in rows]
        records = [one.record for one in validated if one.record]
        if not records:
            return _ChunkUnderWay(number, validated, None)
        if chunk is None:
            chunk = self._journal.begin_chunk(number, self._core.environment.new_key(), now_ms)
        elif not chunk.batch_id and self._shell.run(self._core.server_now_ms()) - now_ms > KEYS_HOLD_MS:
            return _ChunkUnderWay(number, validated, None, is_lost=True)
        return _ChunkUnderWay(number, validated, self._batch(chunk, records, is_new=begun is None))

    def _batch(self, chunk: Chunk, records: list[CallRecord], *, is_new: bool) -> BatchState:
        """The chunk's batch: made under its key, or the one that was made before."""
        if chunk.batch_id:
            return _known_batch(self._core, chunk, records)
        tries = Tries(chunk.key)
        try:
            state = self._shell.run(tries.watch(create_patiently(self._core, records, chunk.key)))
        except (CallmarkError, KeyboardInterrupt):
            if is_new and not tries.open_count:
                self._journal.refused(chunk.number)
            raise
        self._journal.accepted(chunk.number, state.batch_id)
        return state

    def _finish(self, chunk: _ChunkUnderWay, shown: Meter) -> None:
        """Waits for the outcomes, then writes the results and after them that they are written."""
        if chunk.batch:
            chunk.batch = self._shell.run(settled_or_shown(self._core, chunk.batch))
        rows = list(_result_rows(chunk))
        self._counts.update(row.status for row in rows)
        end = self._append(self._written(rows))
        self._journal.finish_chunk(chunk.number, end, self._digest.hexdigest(), dict(self._counts))
        shown.advance(len(rows))

    def _append(self, content: bytes) -> int:
        self._digest.update(content)
        return self._results.append(content)

    def _header(self) -> bytes:
        return b"" if self._as_json else (",".join(ResultRow.__struct_fields__) + "\n").encode()

    def _written(self, rows: Sequence[ResultRow]) -> bytes:
        if self._as_json:
            return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        return as_csv(msgspec.structs.astuple(row) for row in rows).encode()


def _opened(path: Path, journal: Journal) -> tuple[AppendedFile, Digest]:
    """The results as far as the journal knows of them, and their digest. Raises WrongUse if they are others."""
    end = journal.results_end
    if end and not path.exists():
        raise _changed(path)
    file = AppendedFile(path)
    digest = file.digest(end)
    if end and digest.hexdigest() != journal.results_sha256:
        file.close()
        raise _changed(path)
    file.cut(end)
    return file, digest


def _changed(path: Path) -> WrongUse:
    return WrongUse(f"{path} is not as the push left it, so it cannot continue: put the file back")


def _chunks(file: RecordFile, begin: int) -> Iterator[list[FileRow]]:
    rows = islice(file.rows(), begin * ROWS_A_CHUNK, None)
    while chunk := list(islice(rows, ROWS_A_CHUNK)):
        yield chunk


def _known_batch(core: Core, chunk: Chunk, records: Sequence[CallRecord]) -> BatchState:
    sent = [(record, wire_record(record, core.options.generation, chunk.now_ms)) for record in records]
    pending = [RecordResult(record, PENDING, batch_id=chunk.batch_id) for record in records]
    return BatchState(chunk.batch_id, pending, sent)


def create_patiently(core: Core, records: Sequence[CallRecord], key: str) -> Flow[BatchState]:
    """Waits longer than a single batch does: for its turn, and for a first try under the same key to end.

    Of a process that died, the server takes that try for running until its lease of 30 s ends.
    """
    for left in reversed(range(_PATIENT_TRIES)):
        try:
            return (yield from create_batch(core, records, key))
        except (RateLimited, Conflict) as exc:
            if not left or not may_repeat(exc):
                raise
            yield Pause(min(exc.retry_after or 1.0, _LONGEST_PAUSE_S))
    raise AssertionError  # the last try returns or raises


def settled_or_shown(core: Core, state: BatchState) -> Flow[BatchState]:
    """The outcomes, as far as there are any in time. A batch that the server lost does not keep a push from its end."""
    try:
        return (yield from wait_for(core, state, SETTLES_WITHIN_S))
    except NotFound:
        return state


def _result_rows(chunk: _ChunkUnderWay) -> Iterator[ResultRow]:
    results = iter(chunk.batch.results if chunk.batch else ())
    for one in chunk.rows:
        if one.record is None:
            hints = [f"{fault.message} ({fault.hint})" if fault.hint else fault.message for fault in one.faults]
            yield ResultRow(one.row.line, one.receiver, INVALID, "; ".join(hints))
        elif chunk.is_lost:
            why = "was sent more than 23 hours ago, and the answer was lost: it may have been pushed or not"
            yield ResultRow(one.row.line, one.record.receiver, UNKNOWN, why)
        else:
            got = next(results)
            message = got.message
            yield ResultRow(one.row.line, one.record.receiver, got.status, message, got.batch_id, got.record_id)
