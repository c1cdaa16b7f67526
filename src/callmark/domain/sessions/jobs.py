"""Answers requests for a new password. Only here is it looked up whether someone has the address.

docs/decisions/0072-what-sign-in-gives-away.md says why.
"""

from datetime import datetime
from functools import partial

from callmark.domain.deps import Deps
from callmark.domain.sessions import links, queries
from callmark.domain.sessions.model import RESET_LIFETIME
from callmark.domain.work_names import WorkName
from callmark.kit.work import Claimed, Work


def reset_requests(deps: Deps) -> Work:
    """The work of answering. One that has waited for an hour is dropped: nobody waits for its email any longer.

    The request is deleted in the transaction that writes the email, so that of two workers only one writes it.
    """

    async def run(claimed: Claimed) -> datetime | None:
        row = claimed.row
        async with deps.db.transaction() as tx:
            is_ours = await queries.delete_reset_request(tx, row["id"], claimed.lease_id)
            if is_ours and row["requested_at"] > deps.clock.now() - RESET_LIFETIME:
                await links.send_reset(deps, tx, row["email"])
                tx.after_commit(partial(deps.wake, WorkName.MAILS))
        return None

    return Work(
        name=WorkName.RESET_REQUESTS,
        table="reset_request",
        key="id",
        columns="id, email, requested_at",
        run=run,
        at_once=4,
    )
