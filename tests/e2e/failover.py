"""An installation without a single point of failure, under load, whose parts die one after the other.

Three NATS nodes, a primary and its standby, two `callmark serve` behind a balancer that asks `/readyz/ROLE`.
`test_failover.py` shows that nothing is lost; `python -m tests.e2e.failover` prints figures for the documents.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from msgspec import Struct, field
from msgspec.structs import asdict, replace
from tests.domain.webhooks.receiving import Receiver, receiver
from tests.e2e.balanced import Balancer, Instance, RoamingHandset
from tests.e2e.play import PATIENCE_S, Business, business
from tests.e2e.serving import ENVIRON
from tests.support.actors import ALICE
from tests.support.engines import SECRET_KEY
from tests.support.listed_number import Listed, make_listed, ring
from tests.support.nats_cluster import Cluster, nats_cluster
from tests.support.postgres_pair import PostgresPair, postgres_pair
from tests.support.waiting import until

from callmark.domain.callbacks import service as callbacks
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.webhooks import service as webhooks
from callmark.kit.clock import SystemClock
from callmark.kit.ids import random_uuid
from callmark.kit.postgres.migrate import migrate
from callmark.kit.settings import read_settings
from callmark.kit.tasks import end
from callmark.processes.compose import open_deps

NETWORKS = "127.0.0.0/8"
DRAIN_S = 5.0
"""More than the balancer needs to notice."""

BATCH_EVERY_S = 1.1
"""Between batches: a token may push 60 a minute."""


class Load(Struct):
    """How much goes on, and how long it is left alone after each blow."""

    handsets: int = 20
    real_time_a_second: float = 8
    callbacks_a_second: float = 4
    records_in_batch: int = 20
    steady_s: float = 1.0


class Phase(Struct):
    """What clients saw between one blow and the next."""

    name: str
    answered: int = 0
    refused_at: list[float] = field(default_factory=list[float])
    refusals: Counter[str] = field(default_factory=Counter[str])
    real_time: Counter[str] = field(default_factory=Counter[str])
    ms: list[float] = field(default_factory=list[float])
    took_s: float = 0.0

    @property
    def refused_s(self) -> float:
        """From the first refused request to the last."""
        return max(self.refused_at) - min(self.refused_at) if self.refused_at else 0.0

    def row(self) -> str:
        p50, p99 = (statistics.quantiles(self.ms, n=100)[i] for i in (49, 98)) if len(self.ms) > 1 else (0, 0)
        pushed = self.real_time["success"]
        return (
            f"| {self.name} | {self.answered} | {len(self.refused_at)} in {self.refused_s:.1f} s |"
            f" {pushed} of {self.real_time.total()} | {p50:.0f} ms, {p99:.0f} ms |"
        )


class Stage(Struct):
    """Everything that runs, and what clients were promised."""

    load: Load
    cluster: Cluster
    pair: PostgresPair
    instances: list[Instance]
    balancer: Balancer
    deps: Deps
    acme: Business
    listed: Listed
    there: Receiver
    handsets: list[RoamingHandset]
    phases: list[Phase] = field(default_factory=lambda: [Phase("everything works")])
    batches: list[str] = field(default_factory=list[str])
    callbacks: set[str] = field(default_factory=set[str])
    told: dict[str, str] = field(default_factory=dict[str, str])
    """What each real-time push was answered, by its call reason."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    # load -------------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def under_load(self) -> AsyncGenerator[None]:
        """Within the block clients push and handsets answer; afterwards each request has its answer."""
        works = [
            asyncio.create_task(self._every(1 / self.load.real_time_a_second, self._push_now)),
            asyncio.create_task(self._every(1 / self.load.callbacks_a_second, self._ask_back)),
            asyncio.create_task(self._every(BATCH_EVERY_S, self._push_batch)),
        ]
        try:
            await asyncio.sleep(self.load.steady_s)
            yield
        finally:
            await end(works)
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:  # an open loop: a slow answer holds up no later request
            task = asyncio.create_task(work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += seconds
            await asyncio.sleep(max(0, due - loop.time()))

    async def _push_now(self) -> None:
        phase, number = self.phases[-1], random.choice(self.acme.receivers)
        url = f"/v2/clients/{self.acme.cast.account.id}/dynamic_call_record"
        reason = f"Your order {random_uuid().hex}"
        body = self.acme.record(number) | {"dynamic_call_reason": reason}
        answer = await self._answered("api", lambda client: client.post(url, json=body, headers=self.acme.auth))
        if answer is not None:
            self.told[reason] = answer.json()["status_info"]["status"]
            phase.real_time[self.told[reason]] += 1

    async def _push_batch(self) -> None:
        url = f"/v2/clients/{self.acme.cast.account.id}/dynamic_call_records"
        among = random.sample(self.acme.receivers, min(self.load.records_in_batch, len(self.acme.receivers)))
        body = {"call_records": [self.acme.record(number) for number in among]}
        answer = await self._answered("api", lambda client: client.post(url, json=body, headers=self.acme.auth))
        if answer is not None:
            self.batches.append(answer.json()["batch_id"])

    async def _ask_back(self) -> None:
        handset = random.choice(self.handsets)
        asked = {"request_id": str(random_uuid()), "business_number": self.listed.number}
        headers = {"Authorization": f"Bearer {handset.token}"}
        path = "/handset/v1/call_me_back"
        if await self._answered("gateway", lambda client: client.post(path, json=asked, headers=headers)):
            self.callbacks.add(asked["request_id"])

    async def _answered(
        self, role: str, ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, httpx.Response]]
    ) -> httpx.Response | None:
        """The answer, when it is a promise; what is refused the phase counts."""
        phase, began = self.phases[-1], time.monotonic()
        instance = self.balancer.next(role)
        try:
            answer = await ask(instance.client) if instance else None
            refused = "none is ready" if answer is None else "" if answer.is_success else str(answer.status_code)
        except httpx.TransportError as exc:
            answer, refused = None, type(exc).__name__
        if refused:
            phase.refused_at.append(began)
            phase.refusals[refused] += 1
            return None
        phase.answered += 1
        phase.ms.append((time.monotonic() - began) * 1000)
        return answer

    # blows ------------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def blow(self, name: str) -> AsyncGenerator[None]:
        """A phase of its own: what is done in the block, and a while after it."""
        began = time.monotonic()
        self.phases.append(Phase(name))
        yield
        await asyncio.sleep(self.load.steady_s)
        self.phases[-1].took_s = time.monotonic() - began

    async def kill_a_nats_node(self) -> None:
        """The one that this process itself is connected to; it comes back later."""
        node = self.cluster.node_of(self.deps.fabric.server)
        async with self.blow("a NATS node is killed"):
            await node.kill()
        node.start()

    async def fail_postgres_over(self) -> None:
        """Returns when requests are accepted again."""
        async with self.blow("PostgreSQL fails over"):
            await self.pair.primary.kill()
            await self.pair.standby.promote()
            phase, before = self.phases[-1], self.phases[-1].answered

            async def accepted_again() -> bool:
                return phase.answered > before + 5

            await until(accepted_again, PATIENCE_S)

    async def restart_each(self) -> None:
        """SIGTERM, and a new start when it has ended; the next one when it is ready."""
        for instance in self.instances:
            async with self.blow(f"{instance.name} restarts"):
                await instance.stop()
                await instance.start()

    # afterwards -------------------------------------------------------------------------------------------------------

    def processes(self) -> dict[str, list[int]]:
        """Of each instance, with their ids."""
        return {instance.name: instance.processes() for instance in self.instances}

    async def settled(self) -> None:
        """Returns when every record has an outcome and every delivery its end."""

        async def done() -> bool:
            async with self.deps.db.connection() as tx:
                return await tx.fetchval(
                    "SELECT NOT EXISTS (SELECT FROM call_record WHERE outcome = 'pending')"
                    " AND NOT EXISTS (SELECT FROM delivery WHERE ended_at IS NULL)"
                )

        await until(done, PATIENCE_S)

    async def every_handset_comes_back(self) -> None:
        """They connect once more and say what they hold: an acknowledgement may have been lost with a process."""
        await asyncio.gather(*(handset.leave() for handset in self.handsets))
        await asyncio.gather(*(handset.stay("", handset.token) for handset in self.handsets))

    async def outcomes(self) -> Counter[str]:
        """Of all stored records."""
        async with self.deps.db.connection() as tx:
            rows = await tx.fetch("SELECT outcome, count(*) FROM call_record GROUP BY outcome")
        return Counter({row[0]: row[1] for row in rows})

    async def figures(self) -> list[str]:
        """For the documents."""
        async with self.deps.db.connection() as tx:
            late = await tx.fetchval("SELECT count(*) FROM call_record WHERE delivered_late_at IS NOT NULL")
        shown = sum((handset.got for handset in self.handsets), Counter[str]())
        ids = Counter(request.event_id for request in self.there.requests)
        return [
            "| What happens | Answered | Refused | Real-time pushes shown in time | Answer: p50, p99 |",
            "|---|---|---|---|---|",
            *(phase.row() for phase in self.phases),
            "",
            f"records: {dict(await self.outcomes())}, late: {late}, repeated: {shown.total() - len(shown)}",
            f"callbacks: {len(self.callbacks)}, events: {len(ids)}, repeated: {ids.total() - len(ids)}",
            f"refusals: {dict(sum((phase.refusals for phase in self.phases), Counter[str]()))}",
            f"phases took: {', '.join(f'{phase.name}: {phase.took_s:.1f} s' for phase in self.phases[1:])}",
        ]


@asynccontextmanager
async def staged(load: Load) -> AsyncGenerator[Stage]:
    """Everything is up, every handset connected; no load yet."""
    async with AsyncExitStack() as stack:
        cluster, pair = await asyncio.gather(
            stack.enter_async_context(nats_cluster()), stack.enter_async_context(postgres_pair())
        )
        await migrate(pair.dsn, SystemClock())
        there = await stack.enter_async_context(receiver())
        environ = {
            "CALLMARK_POSTGRES_DSN": pair.dsn,
            "CALLMARK_NATS_URL": cluster.url,
            "CALLMARK_NATS_CA": str(cluster.ca),
            "CALLMARK_SECRET_KEY": SECRET_KEY,
            "CALLMARK_OUTGOING_NETWORKS": NETWORKS,
            "CALLMARK_ANSWERS_A_DAY": "0",
            "CALLMARK_CALLS_A_DAY": "0",
            "CALLMARK_DRAIN_S": str(DRAIN_S),
        }
        instances = [Instance(f"instance {number}", ENVIRON | environ) for number in (1, 2)]
        for instance in instances:
            stack.push_async_callback(instance.client.aclose)
            stack.push_async_callback(instance.stop)
        await asyncio.gather(*(instance.start() for instance in instances))
        deps = await stack.enter_async_context(open_deps(read_settings(environ), "test"))
        balancer = Balancer(instances)
        checking = asyncio.create_task(balancer.keep_checking())
        stack.callback(checking.cancel)
        yield await _peopled(
            Stage(load, cluster, pair, instances, balancer, deps, *await _made(deps, load, there)), stack
        )


async def _made(deps: Deps, load: Load, there: Receiver) -> tuple[Business, Listed, Receiver, list[RoamingHandset]]:
    """A business whose number offers callbacks, with a webhook; and receivers whom it has called in vain."""
    acme = await business(deps, load.handsets)
    listed = await make_listed(deps, account_id=acme.cast.account.id)
    await callbacks.set_config(deps, listed.account_id, listed.feature_set_id, name="Callbacks", by=ALICE)
    await webhooks.create_webhook(
        deps, listed.account_id, name="orders", url=there.url, event_types=list(EventType), by=ALICE
    )
    for number in acme.receivers:
        await ring(deps, listed, receiver=number)
    return acme, listed, there, []


async def _peopled(stage: Stage, stack: AsyncExitStack) -> Stage:
    handsets = [RoamingHandset(stage.balancer, token) for token in stage.acme.tokens]
    for handset in handsets:
        stack.push_async_callback(handset.leave)
    await asyncio.gather(*(handset.stay("", handset.token) for handset in handsets))
    return replace(stage, handsets=handsets)


async def _print(load: Load) -> None:
    async with staged(load) as stage:
        async with stage.under_load():
            await stage.kill_a_nats_node()
            await stage.fail_postgres_over()
            await stage.restart_each()
        await stage.settled()
        for handset in stage.handsets:
            await handset.leave()
        sys.stdout.write("\n".join(await stage.figures()) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Prints what clients see while parts of an installation die.")
    usual: dict[str, float] = asdict(Load())
    for name, default in usual.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    asyncio.run(_print(Load(**vars(parser.parse_args()))))
