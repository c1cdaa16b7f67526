"""Rows of due work for tests of workers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from msgspec.structs import replace
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.kit.ids import random_text
from callmark.kit.postgres.database import own_names
from callmark.kit.work import Claimed, Work
from callmark.kit.worker import Worker

Run = Callable[[Claimed], Awaitable[datetime | None]]


class Chores:
    """Rows of due work in a table of their own, for one test."""

    def __init__(self, deps: Deps, clock: FakeClock) -> None:
        self.deps = deps
        self.clock = clock
        self.real = FakeClock()
        self.table: LiteralString = own_names("chore_" + random_text(12).lower())
        self.ran: list[str] = []

    async def make(self, *names: str) -> None:
        async with self.deps.db.connection() as tx:
            await tx.execute(
                f"CREATE TABLE {self.table}"
                " (name text PRIMARY KEY, owner text GENERATED ALWAYS AS (split_part(name, ' ', 1)) STORED,"
                " due_at timestamptz, lease_id uuid, leased_until timestamptz)"
            )
        await self.add(*names)

    async def add(self, *names: str) -> None:
        async with self.deps.db.connection() as tx:
            await tx.execute(
                f"INSERT INTO {self.table} (name, due_at) SELECT n, $2 FROM unnest($1::text[]) n",
                list(names),
                self.clock.now(),
            )

    async def due_at(self, name: str) -> datetime | None:
        async with self.deps.db.connection() as tx:
            return await tx.fetchval(f"SELECT due_at FROM {self.table} WHERE name = $1", name)

    async def leased(self) -> dict[str, UUID]:
        async with self.deps.db.connection() as tx:
            rows = await tx.fetch(f"SELECT name, lease_id FROM {self.table} WHERE leased_until IS NOT NULL")
        return {row["name"]: row["lease_id"] for row in rows}

    async def leased_until(self) -> datetime | None:
        """Of the only row."""
        async with self.deps.db.connection() as tx:
            return await tx.fetchval(f"SELECT leased_until FROM {self.table}")

    def work(self, run: Run | None = None, *, at_once: int = 10) -> Work:
        return Work(
            name=self.table,
            table=self.table,
            key="name",
            key_type="text",
            columns="name",
            run=run or self.run_once,
            at_once=at_once,
        )

    def shared(self, run: Run | None = None, *, at_once: int = 10, share: int = 100) -> Work:
        """Work whose rows belong to the first word of their name."""
        return replace(self.work(run, at_once=at_once), owner="owner", share=share)

    def worker(self) -> Worker:
        return Worker(self.deps.db, self.deps.gather, self.deps.fabric, self.clock, self.real)

    async def run_once(self, claimed: Claimed) -> None:
        self.ran.append(claimed.row["name"])
