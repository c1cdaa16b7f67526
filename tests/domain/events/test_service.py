"""The event log: numbers without a gap whatever fails, and one event for every webhook."""

import asyncio
import sys
from random import SystemRandom

from tests.support.engines import Engines
from tests.support.waiting import until

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import Event, EventType
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM

PAYLOAD = {"is_interested": True}

_APPEND_FOR_EVER = """
import asyncio, sys
from datetime import UTC, datetime
from uuid import UUID
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.kit.postgres.database import Database

async def append(db):
    while True:
        async with db.transaction() as tx:
            await events.append(tx, UUID(sys.argv[2]), EventType.CALL_ME_BACK, {}, datetime(2026, 1, 1, tzinfo=UTC))

async def main():
    db = await Database.open(sys.argv[1], size=4, connected_within_s=60)
    await asyncio.gather(*(append(db) for _ in range(4)))

asyncio.run(main())
"""


async def append(deps: Deps, account: AccountId, *, fails: bool = False) -> Event:
    async with deps.db.transaction() as tx:
        event = await events.append(tx, account, EventType.CALL_ME_BACK, PAYLOAD, deps.clock.now())
        if fails:
            raise RuntimeError("the rest of the answer could not be written")
    return event


async def test_a_failed_transaction_leaves_no_gap(deps: Deps) -> None:
    account = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    found = await asyncio.gather(
        *(append(deps, account, fails=number % 3 == 0) for number in range(30)), return_exceptions=True
    )
    assert sorted(event.number for event in found if isinstance(event, Event)) == list(range(1, 21))


async def test_accounts_are_numbered_apart(deps: Deps) -> None:
    alice, bob = [(await accounts.create_account(deps, name, by=SYSTEM)).id for name in ("Acme", "Borealis")]
    assert [(await append(deps, who)).number for who in (alice, bob, alice, bob)] == [1, 1, 2, 2]


async def test_numbers_have_no_gap_after_a_kill_in_the_middle(deps: Deps, engines: Engines) -> None:
    account = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _APPEND_FOR_EVER, engines.dsn, str(account))
    enough = SystemRandom().randrange(20, 200)

    async def has_enough() -> bool:
        return (await events.events_after(deps, account, 0, 1))[1] >= enough

    try:
        await until(has_enough)
    finally:
        process.kill()
        await process.wait()
    last = await append(deps, account)  # waits for what the dead one had open
    found, last_number = await events.events_after(deps, account, 0, 100_000)
    assert [event.number for event in found] == list(range(1, last.number + 1))
    assert last_number == last.number > enough
