"""An operator's session acts for one account at a time; whichever way that ends, the account's audit log says so."""

from datetime import datetime

from callmark.domain.audit import service as audit
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, SessionId
from callmark.domain.policy.model import SYSTEM, Actor
from callmark.domain.sessions.acting import queries
from callmark.domain.sessions.acting.model import StoppedActing
from callmark.domain.sessions.model import Person, Session
from callmark.kit.db import Tx


async def act_for(deps: Deps, tx: Tx, session: Session, account_id: AccountId, *, by: Actor) -> None:
    """Makes an operator's session act for an account, and for no other; who may is for the caller to say."""
    await stop(deps, tx, session.person, by=by, only=session.id)
    await queries.set_acting(tx, session.id, account_id)


async def stop(
    deps: Deps, tx: Tx, person: Person, *, by: Actor, only: SessionId | None = None, but: SessionId | None = None
) -> None:
    """A person's sessions (that one, or all but one) act for no account any longer."""
    await _note(deps, tx, await queries.stop_acting(tx, person, only=only, but=but), by)


async def stop_dead(deps: Deps, tx: Tx, created_by: datetime, seen_by: datetime) -> None:
    """As `stop`, of sessions that ended on their own: made, or used last, by then."""
    await _note(deps, tx, await queries.stop_acting(tx, Person(), created_by=created_by, seen_by=seen_by), SYSTEM)


async def _note(deps: Deps, tx: Tx, stopped: list[StoppedActing], by: Actor) -> None:
    at = deps.clock.now()
    for one in stopped:
        other = {} if by.email == one.email else {"operator": one.email}
        await audit.note(tx, by, "operator.stopped", one.account_name, account_id=one.account_id, at=at, **other)
