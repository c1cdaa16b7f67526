"""An account that is suspended, with a handset and a worker."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec import Struct
from tests.support.factories import Cast
from tests.surfaces.gateway.helpers import (
    CALLER,
    Handset,
    Owner,
)

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation.suspension import jobs as switches
from callmark.domain.policy.model import SYSTEM
from callmark.kit.work import Work
from callmark.kit.worker import Worker


class Scene(Struct):
    """An account, a handset, and a worker."""

    deps: Deps
    cast: Cast
    owner: Owner
    address: str

    async def switch(self, state: AccountState, *, tell: bool = True) -> None:
        await accounts.update_account(self.deps, self.cast.account.id, state=state, by=SYSTEM)
        if tell:
            await self.work(switches.switches(self.deps))

    @property
    def worker(self) -> Worker:
        return Worker(self.deps.db, self.deps.gather, self.deps.fabric, self.deps.clock, self.deps.real_clock)

    async def work(self, work: Work) -> None:
        await self.worker.run_due(work)

    async def due_at(self, table: LiteralString, key: UUID) -> datetime | None:
        async with self.deps.db.connection() as tx:
            return await tx.fetchval(f"SELECT due_at FROM {table} WHERE id = $1", key)

    async def source(self, handset: Handset) -> str:
        return (await handset.ask("resolve", "resolved", caller_number=CALLER))["source"]
