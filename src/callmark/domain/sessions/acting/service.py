"""An operator's session acts for one account at a time; whichever way that ends, the account's audit log says so.

It ends where another account is written over it, and where the session's row is deleted. Both say what was there in the
statement that locks the row, so that nothing is missed that another request has done meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, SessionId
from callmark.domain.policy.model import SYSTEM, Actor
from callmark.domain.sessions.acting import queries
from callmark.domain.sessions.acting.model import Acting
from callmark.kit.errors import found
from callmark.kit.postgres.database import Tx


async def act_for(deps: Deps, tx: Tx, session_id: SessionId, account_id: AccountId | None, *, by: Actor) -> None:
    """Makes an operator's session act for that account alone, or for none; who may is for the caller to say.

    Raises NotFound when the session has ended.
    """
    before = found(await queries.lock_acting(tx, session_id), "no session with this id")
    await queries.set_acting(tx, session_id, account_id)
    await note_stopped(deps, tx, [before], by=by)


async def forget_dead(deps: Deps, tx: Tx, created_by: datetime, seen_by: datetime) -> None:
    """Deletes sessions that act for an account and ended on their own: made, or used last, by then."""
    await note_stopped(deps, tx, await queries.delete_dead(tx, created_by, seen_by), by=SYSTEM)


async def note_stopped(deps: Deps, tx: Tx, ended: Sequence[Acting], *, by: Actor) -> None:
    """Notes for which accounts those sessions, which ended or turned to another account, acted until now."""
    for one in ended:
        if one.account_id is None:
            continue
        name, email = await queries.select_names(tx, one)
        other = {} if by.email == email else {"operator": email}
        at = deps.clock.now()
        await audit.note(tx, by, AuditAction.OPERATOR_STOPPED, name, account_id=one.account_id, at=at, **other)
