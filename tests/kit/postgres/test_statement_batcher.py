"""Gathered commits: concurrent items share one, a bad one spoils only itself."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

import asyncpg
import pytest
from tests.support.engines import Engines
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.kit.errors import Conflict
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import StatementBatcher


@pytest.fixture
async def gather(engines: Engines) -> AsyncGenerator[StatementBatcher]:
    connections = KeptConnections(engines.dsn, size=1, name="test gathered", connected_within_s=PATIENT_S)
    yield StatementBatcher(connections)
    await connections.close()


class Ledger:
    """A statement that writes accounts and remembers which items came together."""

    def __init__(self) -> None:
        self.sets: list[int] = []

    async def write(self, tx: Tx, items: Sequence[UUID]) -> Sequence[UUID]:
        self.sets.append(len(items))
        await tx.execute(
            "INSERT INTO client_account (id, name, state, features, created_at)"
            " SELECT i, 'gathered', 'active', '{}', '2026-01-01Z' FROM unnest($1::uuid[]) i",
            list(items),
        )
        return items


async def count(deps: Deps, ids: Sequence[UUID]) -> int:
    async with deps.db.connection() as tx:
        return await tx.fetchval("SELECT count(*) FROM client_account WHERE id = ANY($1)", list(ids))


async def test_items_that_arrive_together_share_commits(deps: Deps, gather: StatementBatcher) -> None:
    statement = (ledger := Ledger()).write
    ids = [new_id() for _ in range(50)]
    await asyncio.gather(*(gather(statement, [one]) for one in ids))
    assert await count(deps, ids) == 50
    assert sum(ledger.sets) == 50
    assert len(ledger.sets) <= 2


async def test_one_bad_item_spoils_only_itself(deps: Deps, gather: StatementBatcher) -> None:
    statement = Ledger().write
    taken = new_id()
    await gather(statement, [taken])
    good = [new_id() for _ in range(5)]
    results = await asyncio.gather(
        *(gather(statement, [one]) for one in [*good[:2], taken, *good[2:]]), return_exceptions=True
    )
    assert [isinstance(result, asyncpg.UniqueViolationError) for result in results] == [
        False,
        False,
        True,
        *[False] * 3,
    ]
    assert await count(deps, good) == 5


async def test_a_domain_error_of_one_item_is_only_its_callers(gather: StatementBatcher) -> None:
    bad = new_id()

    async def refuse(tx: Tx, items: Sequence[UUID]) -> Sequence[UUID]:
        await tx.execute("SELECT 1")
        if bad in items:
            raise Conflict("not that one")
        return items

    results = await asyncio.gather(
        *(gather(refuse, [one]) for one in [new_id(), bad, new_id()]), return_exceptions=True
    )
    assert [type(result) for result in results] == [list, Conflict, list]


async def test_a_caller_that_gives_up_does_not_hold_up_the_others(deps: Deps, gather: StatementBatcher) -> None:
    statement = Ledger().write
    ids = [new_id() for _ in range(3)]
    tasks = [asyncio.create_task(gather(statement, [one])) for one in ids]
    await asyncio.wait(tasks, timeout=0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not tasks[0].cancelled()
    assert tasks[1].cancelled()
    assert await count(deps, [ids[0], ids[2]]) == 2


async def test_what_its_caller_has_given_up_is_not_tried_again(gather: StatementBatcher) -> None:
    ids, tried = [new_id() for _ in range(3)], list[list[UUID]]()
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def refuse_many(_: Tx, items: Sequence[UUID]) -> Sequence[UUID]:
        tried.append(list(items))
        began.set()
        await goes_on.wait()
        if len(items) > 1:
            raise Conflict("one at a time")
        return items

    tasks = [asyncio.create_task(gather(refuse_many, [one])) for one in ids]
    await began.wait()
    tasks[1].cancel()
    goes_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert tried == [ids, ids[:1], ids[2:]]
