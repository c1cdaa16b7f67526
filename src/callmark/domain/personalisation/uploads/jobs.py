"""What workers do for uploaded files: submit them as batches, forget old ones.

The upload's row is the work. Each part is tied to its batch in the transaction that writes the batch, so that a worker
that died in between neither loses nor repeats any.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation.accepting import Submitted, submit_batch_in
from callmark.domain.personalisation.suspension.jobs import LOOK_AFTER
from callmark.domain.personalisation.uploads import model, queries
from callmark.domain.personalisation.uploads.model import Upload
from callmark.domain.personalisation.validation import console_rules
from callmark.domain.policy.plan import Feature
from callmark.domain.work_names import WorkName
from callmark.kit.db import Transaction
from callmark.kit.errors import Conflict
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
        part = await queries.next_part(tx, upload.id)
    if part is None:
        return False

    rules = console_rules(upload.region)
    records = [model.as_record(row.values) for row in part.records]

    def as_sent(position: int) -> bytes:
        return model.as_sent(part.records[position].values)

    async def submit(tx: Transaction) -> None:
        batch = await submit_batch_in(tx, deps, upload.account_id, rules, Submitted(records, as_sent))
        if not await queries.mark_submitted(tx, upload.id, part, batch.id):
            raise _Taken("this part is already submitted")

    with suppress(_Taken):  # then the other's batch stands, and ours was rolled back
        await deps.db.in_transaction(submit)
    return True


async def forget_old_uploads(deps: Deps) -> None:
    """Forgets uploads that are done and whose records have been dropped."""
    oldest = deps.clock.now() - timedelta(days=deps.settings.retention_days + 2)
    await queries.delete_before(deps.db, oldest)
