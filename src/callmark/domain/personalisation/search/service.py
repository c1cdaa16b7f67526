"""Looking for batches and records: lists that page by key, each page of bounded work however much is stored.

Records for a receiver are found by the primary key. By caller, or of the whole account, they are found by walking the
account's batches from the newest on, because an index on callers would be paid for by every push; a page looks at so
many records at most, and says how far back it has looked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId
from callmark.domain.personalisation.model import MOST_RECORDS, Batch, Outcome, StoredRecord
from callmark.domain.personalisation.queries import find_record
from callmark.domain.personalisation.search import queries
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx

PAGE = 50
BATCH_PAGE = 25
_MOST_VISITED = 10_000
_VISITED_AT_ONCE = 2_500
_MOST_BATCHES = 20_000
"""Batches that a page looks at whose filter no index serves."""


class BatchFilter(Struct, frozen=True):
    """A filter on batches; None does not filter."""

    since: datetime | None = None
    until: datetime | None = None
    is_done: bool | None = None
    id_part: str = ""
    """How the id begins or ends, or all of it; empty does not filter."""

    def fits(self, batch: Batch, *, is_done: bool) -> bool:
        """Whether the batch passes, whatever its id."""
        is_since = self.since is None or batch.accepted_at >= self.since
        is_until = self.until is None or batch.accepted_at < self.until
        return is_since and is_until and self.is_done in {None, is_done}


class FoundBatch(Struct, frozen=True):
    """A batch in a list, with how many of its records have which outcome."""

    batch: Batch
    is_done: bool
    outcomes: dict[Outcome, int]


class FoundBatches(Struct, frozen=True):
    """A page of batches. `next`: where to continue, None at the end; `back_to`: how far back was looked in vain."""

    batches: list[FoundBatch]
    next: tuple[datetime, UUID] | None
    back_to: datetime | None = None


class RecordFilter(Struct, frozen=True):
    """A filter on records; None does not filter."""

    receiver: PhoneNumber | None = None
    caller: PhoneNumber | None = None
    outcome: Outcome | None = None
    receiver_prefix: str = ""
    caller_prefix: str = ""
    since: datetime | None = None
    """When it was accepted, at the earliest."""
    id_part: str = ""
    """How the record's or its batch's id begins or ends. Empty texts do not filter."""

    @property
    def is_narrow(self) -> bool:
        """Whether few of the records that a walk looks at will fit."""
        return bool(self.caller or self.outcome or self.receiver_prefix or self.caller_prefix or self.id_part)

    def fits(self, record: StoredRecord) -> bool:
        """Whether the record passes, whatever its id."""
        receiver, caller = record.key.receiver_number, record.caller_number
        is_of = self.receiver in {None, receiver} and self.caller in {None, caller}
        is_like = receiver.startswith(self.receiver_prefix) and (caller or "").startswith(self.caller_prefix)
        is_since = self.since is None or record.accepted_at >= self.since
        return is_of and is_like and is_since and self.outcome in {None, record.outcome}


class RecordPosition(NamedTuple):
    """Where a walk through an account's batches stands: behind `position` of a batch."""

    accepted_at: datetime
    batch_id: UUID
    position: int


class FoundRecords(Struct, frozen=True):
    """A page of records. `next`: where to continue, None at the end; `back_to`: how far back a walk looked in vain."""

    records: list[StoredRecord]
    next: RecordPosition | None
    back_to: datetime | None = None


async def list_batches(
    deps: Deps, account_id: AccountId, wanted: BatchFilter, after: tuple[datetime, UUID] | None
) -> FoundBatches:
    """A page of the account's batches, newest first."""
    async with deps.db.connection() as tx:
        found, looked_to = await _find_batches(tx, account_id, wanted, after)
        shown = found[:BATCH_PAGE]
        rows = await queries.outcomes_by_batch(tx, [batch for batch, _ in shown])
    outcomes: dict[BatchId, dict[Outcome, int]] = {}
    for row in rows:
        outcomes.setdefault(BatchId(row["batch_id"]), {})[Outcome(row["outcome"])] = row["n"]
    batches = [FoundBatch(batch, is_done, outcomes.get(batch.id, {})) for batch, is_done in shown]
    if len(found) > BATCH_PAGE:
        last = shown[-1][0]
        return FoundBatches(batches, (last.accepted_at, last.id))
    return FoundBatches(batches, looked_to, looked_to[0] if looked_to else None)


async def _find_batches(
    tx: Tx, account_id: AccountId, wanted: BatchFilter, after: tuple[datetime, UUID] | None
) -> tuple[list[tuple[Batch, bool]], tuple[datetime, UUID] | None]:
    """A page and one more; and up to where was looked in vain, if there is more to look at."""
    if batch_id := parse_uuid(wanted.id_part):
        one = await queries.find_batch(tx, account_id, batch_id)
        return [one] if one and wanted.fits(one[0], is_done=one[1]) else [], None
    between, limit = (wanted.since, wanted.until), BATCH_PAGE + 1
    if not wanted.id_part and not wanted.is_done:
        is_working = wanted.is_done is False
        return await queries.select_batches(
            tx, account_id, between=between, after=after, limit=limit, is_working=is_working
        ), None
    return await queries.filter_batches(
        tx,
        account_id,
        between=between,
        after=after,
        limit=limit,
        most=_MOST_BATCHES,
        is_done=wanted.is_done,
        id_part=wanted.id_part,
    )


async def find_records(
    deps: Deps, account_id: AccountId, wanted: RecordFilter, after: RecordPosition | None
) -> FoundRecords:
    """A page of the account's records: for one receiver by window, else by acceptance, the latest first.

    For a receiver, a `RecordPosition` holds the end of the last window and the record's id.
    """
    async with deps.db.connection() as tx:
        if (record_id := parse_uuid(wanted.id_part)) and (record := await find_record(tx, account_id, record_id)):
            return FoundRecords([record] if wanted.fits(record) else [], None)
        if wanted.receiver is None:
            return await _walk(tx, account_id, wanted, after)
        found = await queries.records_to(
            tx,
            account_id,
            (wanted.receiver, wanted.caller, wanted.caller_prefix),
            outcome=wanted.outcome,
            id_part=wanted.id_part,
            since=wanted.since,
            after=after[:2] if after else None,
            limit=PAGE + 1,
        )
    shown = found[:PAGE]
    more = RecordPosition(shown[-1].key.ends_at, shown[-1].key.id, 0) if len(found) > PAGE else None
    return FoundRecords(shown, more)


async def _walk(tx: Tx, account_id: AccountId, wanted: RecordFilter, after: RecordPosition | None) -> FoundRecords:
    """Batch by batch from the newest, until a page is full, all is seen, or enough has been read."""
    found: list[StoredRecord] = []
    at, visited = after, 0
    while True:
        batches = await _next_batches(tx, account_id, wanted, at)
        if not batches:
            return FoundRecords(found, None)
        records = await queries.records_of(
            tx,
            batches,
            wanted.caller,
            wanted.outcome,
            starts=(wanted.receiver_prefix, wanted.caller_prefix),
            id_part=wanted.id_part,
        )
        found += _in_order(batches, records, at)
        if len(found) > PAGE:
            last = found[PAGE - 1]  # perhaps of an earlier turn of the loop
            return FoundRecords(found[:PAGE], RecordPosition(last.accepted_at, last.batch_id, last.position))
        visited += sum(batch.record_count for batch in batches)
        at = RecordPosition(batches[-1].accepted_at, batches[-1].id, MOST_RECORDS)
        if visited >= _MOST_VISITED:
            return FoundRecords(found, at, at.accepted_at)


async def _next_batches(tx: Tx, account_id: AccountId, wanted: RecordFilter, at: RecordPosition | None) -> list[Batch]:
    """The batches to look into next: enough for a page, or many where few records will be wanted."""
    most = _VISITED_AT_ONCE if wanted.is_narrow else 2 * PAGE
    if at is None:
        first = await queries.select_batches(tx, account_id, between=(wanted.since, None), after=None, limit=1)
        if not first:
            return []
        at = RecordPosition(first[0][0].accepted_at, first[0][0].id, -1)
    batches = await queries.batches_from(tx, account_id, at.accepted_at, at.batch_id, most, since=wanted.since)
    if batches and batches[0].id == at.batch_id and at.position >= batches[0].record_count - 1:
        batches = batches[1:]
    chosen: list[Batch] = []
    for batch in batches:
        chosen.append(batch)
        if sum(one.record_count for one in chosen) >= most:
            break
    return chosen


def _in_order(
    batches: Sequence[Batch], records: Sequence[StoredRecord], at: RecordPosition | None
) -> list[StoredRecord]:
    """By batch as listed, then by position; those up to `at` left out."""
    order = {batch.id: i for i, batch in enumerate(batches)}
    kept = [one for one in records if not (at and one.batch_id == at.batch_id and one.position <= at.position)]
    return sorted(kept, key=lambda one: (order[one.batch_id], one.position))
