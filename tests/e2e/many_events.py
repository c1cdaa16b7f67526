"""Webhooks of several accounts that have many events at once."""

from collections import Counter

from tests.domain.webhooks.receiving import PAYLOAD, Receiver
from tests.support.factories import ALICE

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


async def lapse_leases(deps: Deps) -> None:
    """As if the fifteen seconds of a dead worker's leases had gone by; the next worker takes longer to start."""
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE webhook_queue SET leased_until = $1 WHERE lease_id IS NOT NULL", deps.real_clock.now())


async def delivered(deps: Deps) -> bool:
    return await states(deps) == {"success": ACCOUNTS * EVENTS}


def repeats(there: Receiver) -> int:
    return len(there.requests) - len({request.event_id for request in there.requests})
