"""Webhooks with started processes: a worker that is killed loses nothing, and repeats carry the same id."""

import asyncio
from collections import Counter
from random import SystemRandom

import msgspec
from msgspec.structs import replace
from tests.domain.webhooks.receiving import PAYLOAD, Receiver, receiver
from tests.e2e.play import deps_of, environ_of, serving
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.waiting import until

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.work_names import WorkName

ACCOUNTS = 10
EVENTS = 50
"""Of each account: 500 in all (10,000 were tried by hand)."""

NETWORKS = "127.0.0.0/8"


async def subscribed(deps: Deps, url: str) -> AccountId:
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    await webhooks.create_webhook(deps, account.id, name="orders", url=url, event_types=list(EventType), by=ALICE)
    return account.id


async def append(deps: Deps, account: AccountId) -> set[str]:
    """Appends an account's events in transactions of fifty; their ids."""
    ids: set[str] = set()
    for _ in range(EVENTS // 50):
        async with deps.db.transaction() as tx:
            made = [
                await events.append(tx, account, EventType.CALL_ME_BACK, PAYLOAD, deps.clock.now()) for _ in range(50)
            ]
        ids |= {str(event.id) for event in made}
        await deps.wake(WorkName.DELIVERIES)
    return ids


async def numbers_without_gap(deps: Deps) -> bool:
    async with deps.db.connection() as tx:
        return await tx.fetchval(
            "SELECT bool_and(last = count AND first = 1) FROM (SELECT max(number) AS last, min(number) AS first,"
            " count(*) AS count FROM event GROUP BY account_id) AS found"
        )


async def states(deps: Deps) -> Counter[str]:
    async with deps.db.connection() as tx:
        return Counter(
            {row[0]: row[1] for row in await tx.fetch("SELECT state, count(*) FROM delivery GROUP BY state")}
        )


async def test_a_worker_killed_at_a_random_moment_loses_no_event_and_repeats_have_the_same_id(
    engines: Engines,
) -> None:
    environ = environ_of(engines) | {"CALLMARK_OUTGOING_NETWORKS": NETWORKS}
    async with receiver() as there, serving(environ, "--roles", "api,worker") as serve, deps_of(engines) as deps:
        settings = msgspec.structs.replace(deps.settings, outgoing_networks=NETWORKS)
        allowing = replace(deps, settings=settings)
        made = [await subscribed(allowing, there.url) for _ in range(ACCOUNTS)]
        appending = asyncio.gather(*(append(deps, account) for account in made))
        await there.has(SystemRandom().randrange(50, ACCOUNTS * EVENTS // 2))
        serve.kill_child("worker")
        await lapse_leases(deps)
        ids = set[str]().union(*await appending)
        await until(lambda: delivered(deps), within_s=90)
        assert len(ids) == ACCOUNTS * EVENTS
        assert set(Counter(request.event_id for request in there.requests)) == ids
        assert all(request.event_id.encode() in request.body for request in there.requests)
        assert repeats(there) <= ACCOUNTS * 4  # no more than were under way
        assert await numbers_without_gap(deps)


async def lapse_leases(deps: Deps) -> None:
    """As if the fifteen seconds of a dead worker's leases had gone by; the next worker takes longer to start."""
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE webhook_queue SET leased_until = $1 WHERE lease_id IS NOT NULL", deps.real_clock.now())


async def delivered(deps: Deps) -> bool:
    return await states(deps) == {"success": ACCOUNTS * EVENTS}


def repeats(there: Receiver) -> int:
    return len(there.requests) - len({request.event_id for request in there.requests})
