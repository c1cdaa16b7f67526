"""Takes batches in: validated, written and answered, not yet pushed.

The batch row is the work: due now. Records keep their order. Good ones will be pushed, bad ones carry their fault.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId
from callmark.domain.personalisation import metrics, partitions, queries
from callmark.domain.personalisation.batch_rows import BatchHead, write_rows
from callmark.domain.personalisation.known import Mentioned, known_to_each
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.domain.personalisation.validation import Rules
from callmark.domain.work_names import WorkName
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import DatabaseConnection, Transaction, Tx, transaction_on
from callmark.kit.telemetry import logs, tracing
from callmark.record_rules.fields import RecordValues

SMALL = 50
"""Records of a batch that is written together with others: more of them cost more than statements and a commit do."""


class Submitted(NamedTuple):
    """The records of a batch as they came in, 1 to 500."""

    records: Sequence[RecordValues]
    as_sent: Callable[[int], bytes]
    """A JSON object of the values of a record that turns out bad, by its position: exactly as sent, under the names of
    `validation.Field`; missing ones left out."""


class _Submission(NamedTuple):
    """A batch to write."""

    head: BatchHead
    rules: Rules
    submitted: Submitted
    allow_foreign: bool
    """The same for all of a process."""
    traceparent: str | None


class _Written(NamedTuple):
    """A batch as it was written."""

    batch: Batch
    good: int


async def submit_batch_in(
    tx: Transaction, deps: Deps, account_id: AccountId, rules: Rules, submitted: Submitted
) -> Batch:
    """The batch, written with all its records in the caller's transaction."""
    (written,) = await _write(tx, [_submission(deps, account_id, rules, submitted)])
    tx.after_commit(partial(_announce, deps, written))
    return written.batch


async def submit_batch(deps: Deps, account_id: AccountId, rules: Rules, submitted: Submitted) -> Batch:
    """As `submit_batch_in`, committed on return; a small one in one transaction with others of the same moment."""
    if len(submitted.records) > SMALL:
        return await deps.db.in_transaction(lambda tx: submit_batch_in(tx, deps, account_id, rules, submitted))
    submission = _submission(deps, account_id, rules, submitted)
    (written,) = await deps.gather(_write_small, [submission], weight=len(submitted.records))
    await _announce(deps, written)
    return written.batch


def _submission(deps: Deps, account_id: AccountId, rules: Rules, submitted: Submitted) -> _Submission:
    head = BatchHead(BatchId(new_id()), account_id, deps.accepted_now(), deps.clock.now())
    logs.bind(batch=str(head.batch_id))
    return _Submission(head, rules, submitted, deps.settings.foreign_callers == "allow", tracing.current())


async def _write_small(connection: DatabaseConnection, submissions: Sequence[_Submission]) -> list[_Written]:
    """Writes batches of unrelated requests."""
    async with transaction_on(connection):
        return await _write(connection, submissions)


async def _write(tx: Tx, submissions: Sequence[_Submission]) -> list[_Written]:
    mentioned = [Mentioned(one.head.account_id, one.rules, one.submitted.records) for one in submissions]
    known = await known_to_each(tx, mentioned, allow_foreign=submissions[0].allow_foreign)
    written: list[_Written] = []
    new: list[queries.NewBatch] = []
    for (head, rules, submitted, _, traceparent), knows in zip(submissions, known, strict=True):
        rows = write_rows(head, rules, knows, *submitted)
        count = len(submitted.records)
        batch = Batch(head.batch_id, head.account_id, head.accepted_at, count, rows.ends_from, rows.ends_to)
        written.append(_Written(batch, rows.good))
        new.append(queries.NewBatch(batch, head.now if rows.good else None, traceparent, rows.rows))
    await queries.insert_batches(tx, new)
    return written


async def _announce(deps: Deps, written: _Written) -> None:
    if written.good:
        await deps.wake(WorkName.BATCHES)
    if invalid := written.batch.record_count - written.good:
        metrics.BULK[Outcome.INVALID].inc(invalid)
    await partitions.count_ahead(deps, written.batch)
