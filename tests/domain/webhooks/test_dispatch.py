"""Dispatch over several workers: the bound of four, fairness, leases, lost workers."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from aiohttp import web
from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.domain.webhooks.receiving import Stage, hang, receiver, staged
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.full_log import FullLog
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation import partitions
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.dispatch.dispatcher import MOST_AHEAD
from callmark.domain.webhooks.model import MOST_IN_FLIGHT, DeliveryState
from callmark.kit.fabric.client import Fabric, OnMessage
from callmark.kit.health import Health
from callmark.kit.outbound.client import Patience
from callmark.kit.postgres.database import DatabaseConnection
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import GATHER_CONNECTIONS, StatementBatcher
from callmark.kit.telemetry import logs
from callmark.kit.work import LEASE


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps, Patience(30, 30, 30)) as made:
        yield made


async def stop(*working: asyncio.Task[None]) -> None:
    for task in working:
        task.cancel()
    await asyncio.wait(working)


async def test_over_two_workers_at_most_four_attempts_of_a_webhook_are_under_way(stage: Stage) -> None:
    async with receiver(hang) as there, receiver() as other:
        await stage.webhook(there.url, name="hangs")
        await stage.append(20)
        charlie = await stage.another_account()
        await charlie.webhook(other.url)
        workers = [asyncio.create_task(stage.worker().run()) for _ in range(2)]
        await there.has(4)
        await charlie.append(40)
        await other.has(40)  # the hanging one holds up nobody
        assert there.most_under_way == len(there.requests) == 4
        assert other.most_under_way <= 4
        await stop(*workers)


async def test_a_tenth_of_the_receivers_hanging_delays_no_other(stage: Stage) -> None:
    async with receiver(hang) as hangs, receiver() as answers:
        accounts = [await stage.another_account() for _ in range(20)]
        for i, one in enumerate(accounts):
            await one.webhook(hangs.url if i % 10 == 0 else answers.url)
            await one.append(10)
        working = asyncio.create_task(stage.worker().run())
        await answers.has(180)
        assert hangs.under_way == 8
        await stop(working)
    counts = Counter(request.event_id for request in answers.requests)
    assert len(counts) == sum(counts.values()) == 180


async def test_a_deletion_ends_what_waits_and_leaves_what_is_under_way_its_result(stage: Stage) -> None:
    told = asyncio.Semaphore(0)

    async def refuse_when_told(_: web.Request) -> web.Response:
        await told.acquire()
        return web.Response(status=500)

    async def counted() -> Counter[tuple[DeliveryState, int]]:
        return Counter((one.state, one.attempt_count) for one in await stage.log())

    async def has(state: DeliveryState, count: int) -> bool:
        return sum(found for (there, _), found in (await counted()).items() if there is state) >= count

    async with receiver(refuse_when_told) as there:
        webhook = await stage.webhook(there.url)
        await stage.append(10)
        working = asyncio.create_task(stage.worker().run())
        await there.has(4)
        await webhooks.delete_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        told.release()  # the place of the first lets the dispatcher look for more
        await until(lambda: has(DeliveryState.WEBHOOK_NOT_FOUND, 6))
        for _ in range(3):
            told.release()
        await until(lambda: has(DeliveryState.RESCHEDULED, 4))
        await stop(working)
    assert await counted() == {(DeliveryState.WEBHOOK_NOT_FOUND, 0): 6, (DeliveryState.RESCHEDULED, 1): 4}


class SlowAnswers(KeptConnections):
    """Connections whose answers are old by the time they arrive."""

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[DatabaseConnection]:
        async with super().connection() as connection:
            yield connection
            await asyncio.sleep(0.02)


async def test_nothing_is_sent_twice_while_results_come_in_and_more_is_looked_for(
    stage: Stage, engines: Engines
) -> None:
    connections = SlowAnswers(engines.dsn, size=GATHER_CONNECTIONS, name="slow", connected_within_s=PATIENT_S)
    slow = replace(stage.deps, gather=StatementBatcher(connections))
    turns = itertools.cycle(range(4))

    async def one_after_another(_: web.Request) -> web.Response:
        await asyncio.sleep(next(turns) * 0.005)
        return web.Response()

    async with receiver(one_after_another) as there:
        await stage.webhook(there.url)
        await stage.append(40)
        working = asyncio.create_task(stage.worker(slow).run())
        await until(lambda: all_delivered(stage))
        await stop(working)
        counts = Counter(request.event_id for request in there.requests)
    await connections.close()
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("is_told", [False, True])
async def test_what_was_found_before_a_pause_is_sent_only_if_it_is_next(stage: Stage, *, is_told: bool) -> None:
    worker = stage.worker()
    lease = worker.dispatcher.work.leases_owner
    assert lease
    begun_until_then = 0

    async def pause_at_the_twentieth(_: web.Request) -> web.Response:
        nonlocal begun_until_then
        if len(there.requests) == 20:
            await webhooks.pause_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
            if is_told:
                lease.look_again()
            begun_until_then = len(there.requests)
        return web.Response()

    async with receiver(pause_at_the_twentieth) as there:
        webhook = await stage.webhook(there.url)
        await stage.append(120)
        await worker.run_due()
        begun = len(there.requests)
        await webhooks.resume_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        await worker.run_due()
        counts = Counter(request.event_id for request in there.requests)
    found = 0 if is_told else MOST_AHEAD
    assert 20 <= begun <= begun_until_then + 2 * (MOST_IN_FLIGHT + found)  # a look may have begun before the pause
    assert (len(counts), set(counts.values())) == (120, {1})


async def test_a_worker_with_few_places_gives_every_webhook_its_turn(stage: Stage) -> None:
    async with receiver() as there:
        for _ in range(6):
            one = await stage.another_account()
            await one.webhook(there.url)
            await one.append(3)
        assert await stage.worker(most_held=2).run_due() == 18


async def test_what_a_killed_worker_had_under_way_is_attempted_again_when_its_lease_has_run_out(stage: Stage) -> None:
    real = FakeClock()
    deps = replace(stage.deps, real_clock=real)
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        (event,) = await stage.append()
        assert webhook.id in await stage.worker(deps).claim()  # a worker takes it and is killed
        next_worker = stage.worker(deps)
        real.advance(LEASE)
        assert await next_worker.run_due() == 0
        real.advance(LEASE / 1000)
        assert await next_worker.run_due() == 1
        assert [request.event_id for request in there.requests] == [str(event.id)]


async def test_a_stopped_worker_gives_its_webhooks_back(stage: Stage) -> None:
    async with receiver(hang) as there:
        await stage.webhook(there.url)
        await stage.append()
        working = asyncio.create_task(stage.worker().run())
        await there.has(1)
        await stop(working)
        again = asyncio.create_task(stage.worker().run())
        await there.has(2)  # at once, not when the lease has run out
        await stop(again)
    assert len({request.event_id for request in there.requests}) == 1


class Ear:
    """A fabric that hands out how to wake."""

    def __init__(self) -> None:
        self.wake: OnMessage | None = None
        self.listening = asyncio.Event()

    async def listen(self, _: str, on_message: OnMessage) -> None:
        self.wake = on_message
        self.listening.set()


async def test_a_worker_whose_clock_goes_wrong_leaves_its_webhooks_to_others(stage: Stage) -> None:
    product, real = FakeClock(stage.deps.clock.now()), FakeClock(stage.deps.real_clock.now())
    astray = replace(stage.deps, clock=product, real_clock=real, health=Health())
    astray.health.clock_ahead = lambda: product.now() - stage.deps.clock.now()

    async def jump(_: web.Request) -> web.Response:
        if not astray.health.clock_trouble():
            product.advance(timedelta(days=60))
            real.advance(timedelta(days=60))
        return web.Response()

    async with receiver(jump) as there:
        await stage.webhook(there.url)
        await stage.append(20)
        assert await stage.worker(astray).run_due() == MOST_IN_FLIGHT  # which it had begun
        assert await stage.run_due() == 20 - MOST_IN_FLIGHT


async def test_a_stop_that_comes_with_news_is_not_missed(stage: Stage) -> None:
    ear = Ear()
    deps = replace(stage.deps, fabric=cast("Fabric", ear))
    working = asyncio.create_task(stage.worker(deps).run())
    await asyncio.wait_for(ear.listening.wait(), 30)
    await asyncio.wait([working], timeout=0.1)  # it waits for news now
    assert ear.wake
    await ear.wake(b"")
    await asyncio.sleep(0)
    working.cancel()
    assert await asyncio.wait([working], timeout=30) == ({working}, set())


async def test_an_attempt_that_another_worker_overtook_moves_nothing(stage: Stage) -> None:
    released = asyncio.Event()

    async def fail_late_then_hang(request: web.Request) -> web.Response:
        if released.is_set():  # the overtaken attempt left the delivery due
            return await hang(request)
        await released.wait()
        return web.Response(status=500)

    async with receiver(fail_late_then_hang) as there:
        await stage.webhook(there.url)
        await stage.append()
        working = asyncio.create_task(stage.worker().run())
        await there.has(1)
        async with stage.deps.db.connection() as tx:  # as if its lease had been lost, and another had failed meanwhile
            await tx.execute("UPDATE waiting_delivery SET attempt_count = 1, failures = 1")
        released.set()
        await until(lambda: attempted(stage))
        await stop(working)
        async with stage.deps.db.connection() as tx:
            row = await tx.fetchrow("SELECT attempt_count, failures FROM waiting_delivery")
    assert row is not None
    assert tuple(row) == (1, 1)


async def test_an_attempt_that_goes_wrong_through_us_is_logged_once_and_its_webhook_rests(
    stage: Stage, clock: FakeClock
) -> None:
    real = FakeClock()
    async with receiver() as there:
        await stage.webhook(there.url)
        await stage.append()
        async with stage.deps.db.connection() as tx:
            await tx.execute("UPDATE webhook SET sealed_secret = ''")  # which no key decrypts
        with capture_logs() as logged:

            async def has_failed() -> bool:
                return bool(complaints(logged))

            working = asyncio.create_task(stage.worker(replace(stage.deps, real_clock=real)).run_due())
            await until(has_failed)
            real.advance(timedelta(seconds=10))
            assert await working == 0
        assert there.requests == []
    assert complaints(logged) == ["webhook_secret_unreadable"]
    async with stage.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT due_at FROM webhook_queue") == clock.now() + timedelta(seconds=1)


def complaints(logged: Sequence[Mapping[str, Any]]) -> list[str]:
    return [line["event"] for line in logged if line["log_level"] in {"warning", "error"}]


async def all_delivered(stage: Stage) -> bool:
    return all(one.state is DeliveryState.SUCCESS for one in await stage.log())


async def attempted(stage: Stage) -> bool:
    return bool((await stage.only()).attempts)


async def test_a_log_that_cannot_be_written_delays_no_delivery(stage: Stage) -> None:
    logs.set_up("info", stream=FullLog())
    async with receiver() as there:
        await stage.webhook(there.url)
        await stage.append(10)
        working = asyncio.create_task(stage.worker().run())

        async def are_all_recorded() -> bool:
            return {one.state for one in await stage.log()} == {DeliveryState.SUCCESS}

        await until(are_all_recorded)
        assert len(there.requests) == 10
        working.cancel()
        await asyncio.wait([working])


async def test_the_days_of_the_log_are_made_ahead_and_dropped_after_thirty(stage: Stage, deps: Deps) -> None:
    clock = deps.clock
    assert isinstance(clock, FakeClock)
    clock.advance(timedelta(days=12_000))  # days of its own, which no other test makes
    await partitions.keep_partitions(deps)
    async with receiver() as there:
        await stage.webhook(there.url)
        (event,) = await stage.append()
        await stage.run_due()
    delivery = (await stage.only()).delivery
    day = f"{clock.now():%Y%m%d}"
    assert await places(deps, str(event.id), str(delivery.id)) == [
        f"event_{day}",
        f"delivery_{day}",
        f"attempt_{day}",
    ]
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    await partitions.keep_partitions(deps)
    assert await stage.log()
    clock.advance(timedelta(seconds=2))  # from here on it is not shown; the whole day goes later
    assert await stage.log() == []
    clock.advance(timedelta(days=2))
    await partitions.keep_partitions(deps)
    assert await places(deps, str(event.id), str(delivery.id)) == []


async def places(deps: Deps, event_id: str, delivery_id: str) -> list[str]:
    async with deps.db.connection() as tx:
        rows = await tx.fetch(
            "SELECT tableoid::regclass::text AS place FROM event WHERE id = $1"
            " UNION ALL SELECT tableoid::regclass::text FROM delivery WHERE id = $2"
            " UNION ALL SELECT tableoid::regclass::text FROM attempt WHERE delivery_id = $2",
            event_id,
            delivery_id,
        )
    return [row["place"] for row in rows]


async def test_deliveries_of_a_suspended_account_wait_and_go_out_at_once_afterwards(stage: Stage) -> None:
    async with receiver() as there:
        await stage.webhook(there.url)
        await stage.append(3)
        await accounts.update_account(stage.deps, stage.account_id, state=AccountState.SUSPENDED, by=SYSTEM)
        assert await stage.run_due() == 0
        await stage.append()
        assert await stage.run_due() == 0
        assert {one.state for one in await stage.log()} == {DeliveryState.PENDING}
        await accounts.update_account(stage.deps, stage.account_id, state=AccountState.ACTIVE, by=SYSTEM)
        await stage.run_due()
        assert len(there.requests) == 4
    assert {one.state for one in await stage.log()} == {DeliveryState.SUCCESS}
