"""What a Client has below its names: `client.batches.get(…)`. Each method runs an operation and nothing else."""

import tempfile
from collections.abc import Generator, Iterable, Sequence
from io import TextIOWrapper
from pathlib import Path

from callmark.client import extensions, inventory, log_downloads, pushing
from callmark.client.core import Core
from callmark.client.events import Event, EventLog
from callmark.client.extensions import AnnouncedCall, CallState, Cancellation, Funnel, Record, TimelineStep
from callmark.client.inventory import FeatureSet, Label, Number, NumberBuckets
from callmark.client.log_downloads import LogFile, Row, rows_of
from callmark.client.pushing import BatchState
from callmark.client.records import Instant, RecordLike
from callmark.client.results import RecordResult, counted
from callmark.client.shells import Shell


class _Resource:
    def __init__(self, core: Core, shell: Shell) -> None:
        self._core = core
        self._shell = shell


class Batch:
    """A batch as it was last read; `refresh` and `wait` read it again."""

    def __init__(self, core: Core, shell: Shell, state: BatchState) -> None:
        self._core = core
        self._shell = shell
        self._state = state

    def __repr__(self) -> str:
        return f"Batch({self.batch_id!r}, {self.counts})"

    @property
    def batch_id(self) -> str:
        """The batch's id."""
        return self._state.batch_id

    @property
    def records(self) -> Sequence[RecordResult]:
        """The result of each record, in order; none if the account has no such batch."""
        return self._state.results

    @property
    def is_settled(self) -> bool:
        """Whether every record has an outcome."""
        return self._state.is_settled

    @property
    def counts(self) -> dict[str, int]:
        """How many records are `pending`, `success`, `error` and `invalid`."""
        return counted(self._state.results)

    def refresh(self) -> "Batch":
        """Reads it once; itself."""
        state = self._state
        self._state = self._shell.run(pushing.read_batch(self._core, state.batch_id, state.sent))
        return self

    def wait(self, timeout: float | None = None) -> "Batch":
        """Itself, once every record has an outcome; one that the server does not show stays `pending`.

        Raises WaitTimeout after `timeout` seconds, and NotFound if the account has no such batch.
        """
        self._state = self._shell.run(pushing.wait_for(self._core, self._state, timeout))
        self._state.check_over()
        return self


class Batches(_Resource):
    """Batches of up to 500 records."""

    def create(self, records: Iterable[RecordLike], *, idempotency_key: str | None = None) -> Batch:
        """Sends 1 to 500 dicts or CallRecords as one batch; it is pushed after this returns.

        Raises InvalidRecord, with its `index`, for a record that cannot be written. Other faults are in its result.
        With your own `idempotency_key` each record needs `starts_at`, so that a repeated call has the same values.
        """
        state = self._shell.run(pushing.create_batch(self._core, records, idempotency_key))
        return Batch(self._core, self._shell, state)

    def get(self, batch_id: str) -> Batch:
        """The batch as it is now; without records if the account has no such batch."""
        return Batch(self._core, self._shell, self._shell.run(pushing.read_batch(self._core, batch_id)))

    def timeline(self, batch_id: str) -> Generator[Record]:
        """Every record with its timeline, in the order of submission. Raises NotFound."""
        return self._shell.iterate(extensions.batch_timeline(self._core, batch_id))

    def funnel(self, batch_id: str) -> Funnel:
        """How many records reached each stage. Raises NotFound."""
        return self._shell.run(extensions.funnel(self._core, batch_id))

    def cancel(self, batch_id: str) -> Cancellation:
        """Withdraws every record that has not expired; safe to repeat. Raises NotFound."""
        return self._shell.run(extensions.cancel_batch(self._core, batch_id))


class Records(_Resource):
    """Single records after they were pushed."""

    def get(self, record_id: str) -> Record:
        """The record, its instants and the calls it was shown in. Raises NotFound."""
        return self._shell.run(extensions.get_record(self._core, record_id))

    def timeline(self, record_id: str) -> Sequence[TimelineStep]:
        """What happened to it, in order. Raises NotFound."""
        return self._shell.run(extensions.timeline(self._core, record_id))

    def cancel(self, record_id: str) -> Record:
        """Withdraws it from its handset; safe to repeat. Raises NotFound, or Conflict if it expired or is invalid."""
        return self._shell.run(extensions.cancel_record(self._core, record_id))


class Calls(_Resource):
    """Calls that the account makes (docs/number-ownership.md)."""

    def announce(self, call_id: str, *, caller: str, receiver: str, state: CallState = "ringing") -> AnnouncedCall:
        """Announces a call under your own name for it, before its phone rings; then says how far it is. Safe to repeat.

        Raises Conflict if the name is that of a call between other numbers.
        """
        return self._shell.run(extensions.announce_call(self._core, call_id, caller, receiver, state))


class Labels(_Resource):
    """The account's dynamic labels."""

    def list(self) -> Generator[Label]:
        """All of them, newest first, page by page, each once."""
        return self._shell.iterate(inventory.labels(self._core))


class Numbers(_Resource):
    """The numbers that the account calls from."""

    def list(
        self,
        *,
        department_id: str | None = None,
        operation_id: str | None = None,
        process_id: str | None = None,
        feature_set_id: str | None = None,
    ) -> Generator[Number]:
        """All of them, or those that one filter selects; newest first, page by page, each once."""
        filters = {
            "department_id": department_id,
            "operation_id": operation_id,
            "process_id": process_id,
            "feature_set_id": feature_set_id,
        }
        return self._shell.iterate(inventory.numbers(self._core, filters))

    def publish(self, feature_set_id: str, numbers: Iterable[str]) -> NumberBuckets:
        """Puts any number of numbers into a feature set and publishes it; 10,000 a request.

        After an error what the requests before it did stays, and its buckets are lost: repeat the call, which is safe.
        """
        inventory.check_numbers(numbers)
        return self._shell.run(inventory.change_listing(self._core, feature_set_id, "publish", iter(numbers)))

    def delist(self, feature_set_id: str, numbers: Iterable[str]) -> NumberBuckets:
        """Takes any number of numbers out of the account and its feature set; 10,000 a request.

        After an error what the requests before it did stays, and its buckets are lost: repeat the call, which is safe.
        """
        inventory.check_numbers(numbers)
        return self._shell.run(inventory.change_listing(self._core, feature_set_id, "delist", iter(numbers)))


class FeatureSets(_Resource):
    """The account's feature sets."""

    def list(
        self, *, department_id: str | None = None, operation_id: str | None = None, process_id: str | None = None
    ) -> Generator[FeatureSet]:
        """All of them, or those that one filter selects; newest first, page by page, each once."""
        filters = {"department_id": department_id, "operation_id": operation_id, "process_id": process_id}
        return self._shell.iterate(inventory.feature_sets(self._core, filters))


class Download:
    """A log file behind a link that is valid for ten minutes and needs no token: keep it secret."""

    def __init__(self, shell: Shell, file: LogFile) -> None:
        self._shell = shell
        self._file = file

    @property
    def url(self) -> str:
        """The signed link to the file."""
        return str(self._file.url)

    def save(self, path: str | Path) -> Path:
        """Writes the CSV to the path, whole or not at all, mode 0600."""
        return self._shell.run(self._file.saved(Path(path)))

    def rows(self) -> Generator[Row]:
        """The rows by column, as texts (docs/logs.md); from a temporary file, so in constant memory."""
        with tempfile.TemporaryFile() as file:
            self._shell.run(self._file.into(file))
            file.seek(0)
            with TextIOWrapper(file, encoding="utf-8", newline="") as text:
                yield from rows_of(text)


class Logs(_Resource):
    """Downloads of Call Me Back requests and User Feedback answers of the last 30 days."""

    def call_me_back(self, start: Instant, end: Instant) -> Download:
        """The requests from `start` to `end`, both included. Raises NotFound if there are none."""

        def ask() -> pushing.Flow[str]:
            return log_downloads.call_me_back(self._core, start, end)

        return Download(self._shell, LogFile(self._core, self._shell.run(ask()), ask))

    def feedback(self, survey_id: str, since: Instant) -> Download:
        """A campaign's answers from `since` to now. Raises NotFound if there are none."""

        def ask() -> pushing.Flow[str]:
            return log_downloads.feedback(self._core, survey_id, since)

        return Download(self._shell, LogFile(self._core, self._shell.run(ask()), ask))


class EventCursor:
    """Iterates over events up to the newest; `after` is what to store. Iterating again continues with newer ones."""

    def __init__(self, core: Core, shell: Shell, log: EventLog) -> None:
        self._core = core
        self._shell = shell
        self._log = log

    @property
    def after(self) -> int:
        """The number of the last event that was handed over; `events.list(after=…)` continues after it."""
        return self._log.after

    def __iter__(self) -> "EventCursor":
        return self

    def __next__(self) -> Event:
        event = self._shell.run(self._log.next_event(self._core))
        if event is None:
            raise StopIteration
        return event


class Events(_Resource):
    """The log of what webhooks are sent."""

    def list(self, *, after: int = 0, limit: int = 100, wait: int = 0) -> EventCursor:
        """The events behind number `after`, oldest first, `limit` (1 to 1,000) a request. Events stay for 30 days.

        At its end the server waits up to `wait` seconds (0 to 30, less than `timeout`) for another. Raises Conflict if
        the log ends before `after`: it began again, as after a restore.
        """
        return EventCursor(self._core, self._shell, EventLog(after, limit, wait))
