"""What workers do for uploaded files: submit them as batches, forget old ones.

The upload's row is the work. Each part is tied to its batch in the transaction that writes the batch, so that a worker
that died in between neither loses nor repeats any.
"""

from asyncio import sleep
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation.accepting import Submitted, submit_batch_in
from callmark.domain.personalisation.suspension.jobs import LOOK_AFTER
from callmark.domain.personalisation.uploads import model, parts, queries
from callmark.domain.personalisation.uploads.model import Upload, UploadPart, UploadRow
from callmark.domain.personalisation.validation import console_rules
from callmark.domain.policy.plan import Feature
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict
from callmark.kit.postgres.database import Transaction
from callmark.kit.work import Claimed, Work

_AT_ONCE = 2
_SHARE = 1
"""Uploads of one account that are submitted at once, over all workers."""
_TURN = 4
"""Parts after which an upload lets others have their turn."""


def uploads(deps: Deps) -> Work:
    """The work of submitting uploaded files as batches."""

    async def run(claimed: Claimed) -> datetime | None:
        upload = queries.upload_of(claimed.row)
        for _ in range(_TURN):
            async with deps.db.connection() as tx:
                part = await queries.next_part(tx, upload.id)
            if part is None:
                return None
            rows = await _records_of(deps, upload, part)
            if waits_until := await _held_up_until(deps, upload, rows):
                return waits_until
            await _submit(deps, upload, part, rows)
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


async def _records_of(deps: Deps, upload: Upload, part: UploadPart) -> list[UploadRow]:
    """The rows that are submitted, in the order of the batch."""
    rows: list[UploadRow] = []
    async for piece in parts.each_piece(deps, upload.id, part):
        rows += [row for row in piece if not row.fault]
        await sleep(0)
    return rows


async def _held_up_until(deps: Deps, upload: Upload, rows: Sequence[UploadRow]) -> datetime | None:
    """When to look again at a part that waits, because its account is suspended or its plan lacks the feature.

    None for one that is to be submitted (contract D49, D51). A part whose windows have all ended is: nothing of it can
    show, its rows get their outcome, and the upload comes to its end.
    """
    account = await accounts.get_account(deps, upload.account_id)
    is_suspended = account.state is not AccountState.ACTIVE
    if not is_suspended and Feature.CALL_PERSONALISATION in account.features:
        return None
    now, end = deps.clock.now(), model.last_end(rows)
    if end is None or end < now:
        return None
    return max(end, now + LOOK_AFTER) if is_suspended else now + LOOK_AFTER


class _Taken(Conflict):
    """Another worker has submitted the part."""


async def _submit(deps: Deps, upload: Upload, part: UploadPart, rows: Sequence[UploadRow]) -> None:
    rules = console_rules(upload.region)
    records = [model.as_record(row.values) for row in rows]

    def as_sent(position: int) -> bytes:
        return model.as_sent(rows[position].shown)

    async def submit(tx: Transaction) -> None:
        batch = await submit_batch_in(tx, deps, upload.account_id, rules, Submitted(records, as_sent))
        if not await queries.mark_submitted(tx, upload.id, part, batch.id, len(rows)):
            raise _Taken("this part is already submitted")

    with suppress(_Taken):  # then the other's batch stands, and ours was rolled back
        await deps.db.in_transaction(submit)


async def forget_old_uploads(deps: Deps) -> None:
    """Forgets uploads that are done and whose windows ended too long ago; those without a batch by their age.

    A day before their batches (`partitions.drop_old_batches`), which know when the windows end.
    """
    oldest = deps.clock.now() - timedelta(days=deps.settings.retention_days + 1)
    await queries.delete_before(deps.db, oldest)
