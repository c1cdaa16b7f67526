"""Use cases of uploaded files: rows are written before the upload is answered, then submitted as batches by a worker.

The upload's row is the work. Each part is tied to its batch in the transaction that writes the batch, so that a worker
that died in between neither loses nor repeats any.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId, UploadId
from callmark.domain.numbers import number_list_parser
from callmark.domain.personalisation import queries, service, upload_model, upload_queries
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.personalisation.service import Submitted
from callmark.domain.personalisation.switches import LOOK_AFTER
from callmark.domain.personalisation.upload_model import Part, Row, Upload, parts_of
from callmark.domain.policy.plan import Feature
from callmark.domain.work_names import WorkName
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.work import Claimed, Work

PAGE = 25
_AT_ONCE = 2
_SHARE = 1
"""Uploads of one account that are submitted at once, over all workers."""
_TURN = 4
"""Parts after which an upload lets others have their turn."""
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Progress:
    """How far an upload is; `outcomes` of what is submitted."""

    upload: Upload
    outcomes: dict[Outcome, int]

    @property
    def settled(self) -> int:
        """Records that have an outcome."""
        return sum(count for outcome, count in self.outcomes.items() if outcome is not Outcome.PENDING)

    @property
    def is_done(self) -> bool:
        """Whether every row has an outcome."""
        return self.settled >= self.upload.row_count


@dataclass(frozen=True)
class RowResult:
    """A row of the file and its record; None until it is submitted."""

    row: Row
    record: StoredRecord | None


async def submit_upload(
    deps: Deps,
    account_id: AccountId,
    *,
    rows: Sequence[Row],
    file_name: str,
    region: str,
    created_by_email: str,
) -> Upload:
    """The upload, once all its rows are written. Raises InvalidInput about `region`, or `file` without a record."""
    region = number_list_parser.known_region(region)
    parts = parts_of(rows)
    if not parts:
        raise InvalidInput("no row of the file is a valid record", field="file")
    left_out = sum(bool(row.fault) for row in rows)
    now = deps.clock.now()
    upload = Upload(
        UploadId(new_id()),
        account_id,
        file_name.strip()[:_LONGEST_NAME] or "upload.csv",
        region,
        len(rows) - left_out,
        0,
        created_by_email,
        now,
        left_out,
    )
    async with deps.db.transaction() as tx:
        await upload_queries.insert_upload(tx, upload, parts, now)
    return upload


async def announce(deps: Deps) -> None:
    """Wakes a worker for what was uploaded; not inside a transaction."""
    await deps.wake(WorkName.UPLOADS)


async def get_upload(deps: Deps, account_id: AccountId, upload_id: UUID) -> Upload:
    """The account's upload. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await upload_queries.select_upload(tx, account_id, upload_id))


async def list_uploads(deps: Deps, account_id: AccountId, after: tuple[datetime, UUID] | None) -> list[Upload]:
    """A page of the account's uploads, newest first, and one more where there are more."""
    async with deps.db.connection() as tx:
        return await upload_queries.select_uploads(tx, account_id, after, PAGE + 1)


async def read_progress(deps: Deps, account_id: AccountId, upload_id: UUID) -> Progress:
    """How far the upload is. Raises NotFound."""
    async with deps.db.connection() as tx:
        upload = _found(await upload_queries.select_upload(tx, account_id, upload_id))
        counts = await upload_queries.count_outcomes(tx, upload.id)
    return Progress(upload, {Outcome(outcome): count for outcome, count in counts.items()})


async def batches_of(deps: Deps, account_id: AccountId, upload_id: UUID) -> list[BatchId]:
    """The batches that the upload was submitted as, so far, in its order. Raises NotFound."""
    async with deps.db.connection() as tx:
        upload = _found(await upload_queries.select_upload(tx, account_id, upload_id))
        return await upload_queries.batch_ids(tx, upload.id)


async def each_result(deps: Deps, account_id: AccountId, upload_id: UUID) -> AsyncGenerator[list[RowResult]]:
    """Every row and its record, part by part in the order of the file. Raises NotFound."""
    upload = await get_upload(deps, account_id, upload_id)
    number = -1
    while True:
        async with deps.db.connection() as tx:  # a connection for each, so that a slow reader holds none
            part = await upload_queries.part_after(tx, upload.id, number)
            if part is None:
                return
            results = await _results(tx, part)
        yield results
        number = part.number


async def first_faulty(deps: Deps, account_id: AccountId, upload_id: UUID, limit: int) -> list[RowResult]:
    """The first rows that were judged bad or left out, at most `limit`. Raises NotFound."""
    found: list[RowResult] = []
    async for results in each_result(deps, account_id, upload_id):
        found += [one for one in results if one.row.fault or (one.record and one.record.outcome is Outcome.INVALID)]
        if len(found) >= limit:
            break
    return found[:limit]


async def _results(tx: Tx, part: Part) -> list[RowResult]:
    batch = await queries.find_batch(tx, part.batch_id) if part.batch_id else None
    records = await queries.records_of(tx, batch) if batch else []
    by_position = {record.position: record for record in records}
    positions = iter(range(len(part.rows)))
    return [RowResult(row, None if row.fault else by_position.get(next(positions))) for row in part.rows]


# the work -----------------------------------------------------------------------------------------------------------


def uploads(deps: Deps) -> Work:
    """The work of submitting uploaded files as batches."""

    async def run(claimed: Claimed) -> datetime | None:
        upload = upload_queries.upload_of(claimed.row)
        if await _is_held_up(deps, upload):
            return deps.clock.now() + LOOK_AFTER
        for _ in range(_TURN):
            if not await _submit_next(deps, upload):
                return None
        return deps.clock.now()

    return Work(
        name=WorkName.UPLOADS,
        table="upload",
        key="id",
        columns="id, account_id, file_name, region, row_count, submitted_count, created_by_email, created_at,"
        " left_out_count",
        run=run,
        at_once=_AT_ONCE,
        owner="account_id",
        share=_SHARE,
    )


async def _is_held_up(deps: Deps, upload: Upload) -> bool:
    """Whether the upload's account is suspended, or its plan lacks the feature: the rest waits (contract D49, D51)."""
    account = await accounts.get_account(deps, upload.account_id)
    return account.state is not AccountState.ACTIVE or Feature.CALL_PERSONALISATION not in account.features


class _Taken(Conflict):
    """Another worker has submitted the part."""


async def _submit_next(deps: Deps, upload: Upload) -> bool:
    """Submits the first part that is not; False when none is left."""
    async with deps.db.connection() as tx:
        part = await upload_queries.next_part(tx, upload.id)
    if part is None:
        return False

    rules = upload_model.rules_for(upload.region)
    submitted = [
        Submitted(upload_model.as_record(row.values), partial(upload_model.as_sent, row.values)) for row in part.records
    ]
    with suppress(_Taken):  # then the other's batch stands, and ours was rolled back
        async with deps.db.transaction() as tx:
            batch = await service.submit_batch(tx, deps, upload.account_id, rules, submitted)
            if not await upload_queries.mark_submitted(tx, upload.id, part, batch.id):
                raise _Taken("this part is already submitted")
    return True


async def forget_old_uploads(deps: Deps) -> None:
    """Forgets uploads whose records have been dropped."""
    oldest = deps.clock.now() - timedelta(days=deps.settings.retention_days + 2)
    async with deps.db.connection() as tx:
        await upload_queries.delete_before(tx, oldest)


def _found(upload: Upload | None) -> Upload:
    if upload is None:
        raise NotFound("no upload with this id in this account")
    return upload
