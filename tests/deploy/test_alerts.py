"""Each alert fires when what it tells of is really broken, and no other does.

A process is scraped, something is broken, it is scraped again, and promtool evaluates the rules on both. What stops
whole processes is in tests/e2e/test_serve.py.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.personalisation.submitting import new_record
from tests.domain.signer_certificates.staging import key_pem, pem
from tests.domain.webhooks.receiving import QUICK, hang, receiver, staged, status
from tests.support.alert_rules import Looks, judge
from tests.support.due_work import run_due_once
from tests.support.factories import ALICE, Cast, Sent, make_cast, phone, submit_batch
from tests.support.fake_clock import FakeClock
from tests.support.metrics_page import Scrape, Series, scrape
from tests.support.waiting import open_connected, until
from tests.surfaces.live_processes import living

from callmark.domain.background import fleet_metrics
from callmark.domain.background.registry import works
from callmark.domain.background.service import add_periodic_jobs
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.mail import jobs as mail_jobs, service as mail
from callmark.domain.personalisation import partitions, service as personalisation
from callmark.domain.personalisation.validation import V2
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.domain.webhooks.model import SCHEDULE
from callmark.kit import heartbeats, patience
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.heartbeats import LiveProcess
from callmark.kit.outbound.client import Outbound
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.migrate import migrations
from callmark.kit.telemetry.process_metrics import name_process, watch_loop
from callmark.kit.worker import Worker
from callmark.passport import TnAuthList, issue, make_key, make_root
from callmark.surfaces.app import build_app
from callmark.surfaces.gateway.metrics import CONNECTED

HOST = "a:9400"
POST = [step.number for step in migrations() if step.phase == "post"]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes count as alive, and their facts as known, however long a look or promtool takes."""
    monkeypatch.setattr(fleet_metrics, "_WITHIN_S", 60)
    monkeypatch.setattr(heartbeats, "DEAD_AFTER", MINUTE)


@pytest.fixture
async def well(deps: Deps) -> AsyncGenerator[Deps]:
    """The only process of an installation that is well: a worker that also serves."""
    name_process("worker-0", "worker")
    await partitions.keep_partitions(deps)
    async with living(deps, "worker") as worker:
        yield worker


def played(scrape_: Scrape, name: str, value: float) -> Scrape:
    """The same with another value of one metric, for what a test must not really do."""
    (series,) = [one for one in scrape_.samples if one.name == name]
    return replace(scrape_, samples=scrape_.samples | {series: value})


# processes -----------------------------------------------------------------------------------------------------------


async def test_a_worker_that_has_gone(deps: Deps) -> None:
    await partitions.keep_partitions(deps)
    async with living(deps, "http") as http:
        async with living(deps, "worker"):
            before = await scrape(http)
        judge({HOST: Looks(before, await scrape(http))}, "CallmarkNoWorker")


async def test_a_database_that_nobody_can_ask(well: Deps) -> None:
    before = await scrape(well)
    blind = replace(well, db=await Database.open("postgresql://nobody@127.0.0.1:1/x", size=2, name="test"))
    judge({HOST: Looks(before, await scrape(blind))}, "CallmarkFactsMissing")


async def test_an_event_loop_that_stands_still(well: Deps) -> None:
    before = await scrape(well)
    watching = asyncio.create_task(watch_loop())
    await asyncio.sleep(0)
    time.sleep(1.1)  # noqa: ASYNC251 - this is what is wrong
    await until(lambda: _counted(well, before, "callmark_event_loop_lag_seconds_count"))
    watching.cancel()
    after, count = await scrape(well), "callmark_event_loop_lag_seconds_count"
    assert after.value(count) - before.value(count) >= 4  # the one that was late, and those that fell out
    judge({HOST: Looks(before, after)}, "CallmarkEventLoopLate")


async def _counted(deps: Deps, before: Scrape, name: str) -> bool:
    return (await scrape(deps)).value(name) > before.value(name)


async def test_an_upgrade_that_was_not_finished(well: Deps) -> None:
    """The second version, of Callmark or of its time zone data, is played: a test has one only."""
    found = await scrape(well)
    (build,) = [one for one in found.samples if one.name == "callmark_build_info"]
    for other in ({"version": "0.0.9"}, {"zone_data": "2025b"}):
        labels = tuple(sorted((dict(build.labels) | other).items()))
        old = Scrape({Series("callmark_build_info", labels): 1.0}, frozenset())
        looks = {HOST: Looks(found, found), "b:9400": Looks(Scrape({}, frozenset()), old)}
        judge(looks, "CallmarkVersionsMixed", after_minutes=180)


# engines -------------------------------------------------------------------------------------------------------------


async def test_nats_that_goes_and_comes_back(well: Deps, tmp_path: Path) -> None:
    engine = EmbeddedNats(tmp_path / "nats")
    fabric = Fabric(await engine.start(), UUID(int=1), name="test")
    await open_connected(fabric)
    here = replace(well, fabric=fabric)
    before = await scrape(here)
    await engine.stop()
    await until(lambda: _is(not fabric.connected))
    judge({HOST: Looks(before, await scrape(here))}, "CallmarkNatsLost")
    await engine.start()
    await until(lambda: _is(fabric.settled))
    judge({HOST: Looks(before, await scrape(here))}, "CallmarkNatsUnstable")
    await fabric.close()
    await engine.stop()


async def _is(value: object) -> bool:
    return bool(value)


async def test_a_pool_whose_connections_are_all_taken(well: Deps) -> None:
    before = await scrape(well)
    async with AsyncExitStack() as taken:
        for _ in range(well.settings.pool_size):
            await taken.enter_async_context(well.db.connection())
        await asyncio.gather(*(_wait_in_vain(well) for _ in range(100)))
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkPoolBusy")


async def _wait_in_vain(deps: Deps) -> None:
    with pytest.raises(Unavailable), patience.of(total_s=0.8):
        async with deps.db.connection():
            raise AssertionError("there was one left")


async def test_a_server_without_connections_left(well: Deps) -> None:
    """Played: to take the connections of the server that other tests use too would stop these."""
    before = await scrape(well)
    after = played(before, "callmark_database_connections", before.value("callmark_database_connections_max") - 1)
    judge({HOST: Looks(before, after)}, "CallmarkConnectionsScarce")


async def test_partitions_that_nobody_makes(well: Deps, clock: FakeClock) -> None:
    before = await scrape(well)
    clock.advance(timedelta(days=6))
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkPartitionsMissing")


async def test_steps_of_an_upgrade_that_nobody_ran(well: Deps) -> None:
    """They are seldom the newest ones: `callmark serve` runs those of the phase `pre` by itself."""
    before = await scrape(well)
    async with well.db.connection() as tx:
        await tx.execute("DELETE FROM schema_migration WHERE number = ANY($1)", POST)
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkSchemaBehind", after_minutes=90)


class FastClock(SystemClock):
    """A machine's clock that is five seconds fast."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=5)


async def test_a_clock_that_is_off(well: Deps) -> None:
    before = await scrape(well)
    live = LiveProcess("http", well.db, well.fabric, ProductClock(FastClock()), FastClock())
    await live.start()
    looks: list[Scrape] = []

    async def is_off() -> bool:  # the beats of the process that is well write the same number, now and then
        looks.append(await scrape(well))
        return looks[-1].value("callmark_clock_offset_seconds") != before.value("callmark_clock_offset_seconds")

    await until(is_off)
    await live.stop()
    judge({HOST: Looks(before, looks[-1])}, "CallmarkClockOff")


async def test_a_disk_without_room(well: Deps) -> None:
    before = await scrape(well)
    full = replace(well, settings=msgspec.structs.replace(well.settings, data=Path("/proc/callmark")))  # has no room
    judge({HOST: Looks(before, await scrape(full))}, "CallmarkDiskFull")


# pushes --------------------------------------------------------------------------------------------------------------


async def push(deps: Deps, cast: Cast, receivers: Iterable[str]) -> None:
    records = [new_record(deps, cast, receiver=receiver) for receiver in receivers]
    await submit_batch(deps, cast.account.id, V2, [Sent(record, lambda: b"{}") for record in records])
    await run_due_once(deps)


async def test_handsets_that_are_all_offline(well: Deps) -> None:
    cast, number = await make_cast(well), phone()
    _, credential = await handsets.create_app(well, "app", by=ALICE)
    await handsets.register(well, credential, number, OS.ANDROID, "5.0.0")
    before = await scrape(well)
    await push(well, cast, [number] * 60)
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkPushesFail")


async def test_a_business_that_sends_nonsense(well: Deps) -> None:
    cast = await make_cast(well)
    before = await scrape(well)
    await push(well, cast, ["nobody"] * 60)
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkRecordsInvalid")


async def test_gateways_that_lose_their_handsets(well: Deps) -> None:
    """A thousand real ones would take longer than the rest of these tests."""
    CONNECTED.inc(1000)
    before = await scrape(well)
    CONNECTED.dec(1000)
    gone = await scrape(well)
    for minutes in (6, 14):  # they have not come back
        judge({HOST: Looks(before, gone)}, "CallmarkHandsetsLost", after_minutes=minutes)
    connected = {Series("callmark_handsets_connected"): 1000.0}  # of the only gateway, which then is down
    others = replace(before, samples={one: n for one, n in before.samples.items() if one not in connected})
    looks = {HOST: Looks(others, others), "b:9400": Looks(Scrape(connected, frozenset()), None)}
    judge(looks, "CallmarkHandsetsLost", "CallmarkDown", after_minutes=6)


async def test_requests_that_fail_because_an_engine_is_away(well: Deps) -> None:
    before = await scrape(well)
    away = replace(well, db=await Database.open("postgresql://nobody@127.0.0.1:1/x", size=2, name="test"))
    away.health.roles = frozenset({"api"})
    transport = httpx.ASGITransport(build_app(away, frozenset({"api"})))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as http:
        assert [(await http.get(f"/readyz{role}")).status_code for role in ("", "/api")] == [503, 503]
        judge({HOST: Looks(before, await scrape(well))})  # a balancer that asks is told so, and no request has failed
        assert (await http.get("/logos/" + "0" * 64 + ".png")).status_code == 503
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkErrors")


class SlowClock(SystemClock):
    """A machine's clock that is 1.1 seconds later at each look."""

    looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return super().now() + self.looks * timedelta(seconds=1.1)


async def test_real_time_pushes_that_take_too_long(well: Deps) -> None:
    cast = await make_cast(well)
    before = await scrape(well)
    await personalisation.push_now(replace(well, real_clock=SlowClock()), cast.account.id, V2, new_record(well, cast))
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkRealTimeSlow")


# background work -----------------------------------------------------------------------------------------------------


async def test_a_batch_that_no_worker_takes(well: Deps, clock: FakeClock) -> None:
    cast = await make_cast(well)
    before = await scrape(well)
    await submit_batch(well, cast.account.id, V2, [Sent(new_record(well, cast), lambda: b"{}")])
    clock.advance(2 * MINUTE)
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkQueueLate")
    late = Series("callmark_queue_oldest_due_seconds", (("queue", "erasures"),))
    runs = Series("callmark_queue_rows", (("queue", "erasures"), ("state", "running")))
    for running, expected in ((1.0, ()), (0.0, ("CallmarkQueueLate",))):  # one after the other, which takes its time
        judge({HOST: Looks(before, replace(before, samples=before.samples | {late: 3600.0, runs: running}))}, *expected)


async def test_a_receiver_that_hangs(well: Deps, clock: FakeClock) -> None:
    async with staged(well, QUICK) as stage, receiver(hang) as there:
        await stage.webhook(there.url)
        before = await scrape(well)
        await stage.append(40)  # more than are tried until the look
        working = asyncio.create_task(stage.worker().run())
        await there.has(4)
        clock.advance(2 * MINUTE)
        waits = await scrape(well)
        await there.has(10)  # those before it have run out of time
        working.cancel()
        await asyncio.wait({working})
        after = await scrape(well)
    judge({HOST: Looks(before, _without_attempts(waits, before))}, "CallmarkDeliveriesLate")
    assert after.value("callmark_delivery_attempts_total", result="unreachable") >= 6
    judge({HOST: Looks(before, replace(after, samples=after.samples | _queue_of(before)))}, "CallmarkWebhooksFail")


def _without_attempts(scrape_: Scrape, before: Scrape) -> Scrape:
    """With the deliveries of before: those under way run out of time after half a second, perhaps before the look."""
    name = "callmark_delivery_"
    others = {one: value for one, value in scrape_.samples.items() if not one.name.startswith(name)}
    return replace(scrape_, samples=others | {k: v for k, v in before.samples.items() if k.name.startswith(name)})


def _queue_of(scrape_: Scrape) -> dict[Series, float]:
    return {one: value for one, value in scrape_.samples.items() if one.name == "callmark_queue_oldest_due_seconds"}


async def test_an_event_that_is_given_up(well: Deps, clock: FakeClock) -> None:
    async with staged(well) as stage, receiver(status(500)) as there:
        await stage.webhook(there.url)
        before = await scrape(well)
        await stage.append(1)
        for pause in (*SCHEDULE, MINUTE):
            assert await stage.run_due() == 1
            clock.advance(pause)
    await partitions.keep_partitions(well)
    after = await scrape(well)
    judge({HOST: Looks(before, after)}, "CallmarkDeliveriesGivenUp", once=True)


async def enqueue(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to="alice@acme.example", subject="s", text="t", html="h", now=deps.clock.now())


async def test_emails_without_a_server(well: Deps, clock: FakeClock) -> None:
    before = await scrape(well)
    await enqueue(well)
    clock.advance(11 * MINUTE)
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkMailsWait")


async def test_a_mail_server_that_has_gone(well: Deps) -> None:
    gone = {"smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_tls": "none", "mail_from": "Callmark <a@b.example>"}
    here = replace(well, settings=msgspec.structs.replace(well.settings, **gone))
    before = await scrape(here)
    await enqueue(here)
    await Worker(here.db, here.gather, here.fabric, here.clock, here.real_clock).run_due(mail_jobs.mails(here))
    judge({HOST: Looks(before, await scrape(here))}, "CallmarkMailsFail", once=True)


async def test_a_periodic_job_that_does_not_run(well: Deps, clock: FakeClock) -> None:
    before = await scrape(well)
    await add_periodic_jobs(well)
    clock.advance(11 * MINUTE)
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkPeriodicLate")


async def test_work_that_fails_in_a_way_that_nobody_expected(well: Deps) -> None:
    cast = await make_cast(well)
    await run_due_once(well)
    before = await scrape(well)
    async with well.db.connection() as tx:
        await tx.execute("ALTER TABLE registration RENAME TO put_aside")
    await push(well, cast, [phone()])
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkWorkFails", after_minutes=10, once=True)


async def test_a_copy_that_was_not_released(well: Deps) -> None:
    before = await scrape(well)
    async with well.db.connection() as tx:
        await tx.execute("UPDATE installation SET held_at = $1", well.real_clock.now())
    held = await scrape(well)
    async with Outbound(()) as outbound:
        outgoing = [work.name for work in works(well, outbound) if work.is_outgoing]
    for waits, expected in ((outgoing, ()), ([*outgoing, "batches"], ("CallmarkQueueLate",))):  # those may wait
        late = {Series("callmark_queue_oldest_due_seconds", (("queue", name),)): 3600.0 for name in waits}
        after = replace(held, samples=held.samples | late)
        judge({HOST: Looks(before, after)}, "CallmarkOutgoingHeld", *expected, after_minutes=90)


@pytest.mark.parametrize(("of_root", "days", "kind"), [(99, 13, "imported"), (99, 4, "issued"), (13, 10, "issued")])
async def test_a_certificate_or_a_root_that_is_about_to_end(well: Deps, of_root: int, days: int, kind: str) -> None:
    before, now, root_key, key = await scrape(well), well.real_clock.now(), make_key(), make_key()
    root = make_root("Network", root_key, now=now, days=of_root)
    leaf = issue("Acme", key.public_key(), root, root_key, TnAuthList.of(codes=["709J"]), now=now, days=days)
    await roots.add_roots(well, pem(root), by=SYSTEM)
    await signer_certificates.import_certificate(well, None, pem(leaf), key_pem(key), by=SYSTEM)
    async with well.db.connection() as tx:
        await tx.execute("UPDATE signer_certificate SET is_imported = $1", kind == "imported")
    judge({HOST: Looks(before, await scrape(well))}, "CallmarkRootEnds" if of_root < 14 else "CallmarkCertificateEnds")
