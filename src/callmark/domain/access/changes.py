"""A change and its line in the audit log, committed together or not at all."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from callmark.domain.access.model import Actor, Operating
from callmark.domain.audit import service as audit
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.kit.db import Joined, Tx


@dataclass(frozen=True)
class Change:
    """A transaction of an actor: call other concepts with `deps`, then `note` what was done."""

    deps: Deps
    tx: Tx
    actor: Actor | Operating

    async def note(self, action: str, subject: str, *, account_id: AccountId | None = None, **details: object) -> None:
        """Writes what was done: `key.created`, the thing's name, and facts worth keeping (never secrets)."""
        by = self.actor.session.actor(self.actor.address)
        mine = self.actor.account_id if isinstance(self.actor, Actor) else None
        at = self.deps.clock.now()
        await audit.note(self.tx, by, action, subject, account_id=account_id or mine, at=at, **details)


@asynccontextmanager
async def changing(deps: Deps, actor: Actor | Operating) -> AsyncGenerator[Change]:
    """One transaction for use cases of other concepts and their audit entry. Nothing in it may wait for the network."""
    async with deps.db.transaction() as tx:
        yield Change(replace(deps, db=Joined(tx)), tx, actor)


async def note(
    deps: Deps,
    actor: Actor | Operating,
    action: str,
    subject: str,
    *,
    account_id: AccountId | None = None,
    **details: object,
) -> None:
    """Writes what was done by a use case that has its own transactions (it calls the network, or runs long)."""
    async with changing(deps, actor) as change:
        await change.note(action, subject, account_id=account_id, **details)
