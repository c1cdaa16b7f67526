"""The metrics: named by Prometheus' rules, listed whole, and true."""

import pkgutil
import re
import subprocess
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.domain.personalisation.submitting import new_record
from tests.domain.webhooks.receiving import receiver, staged, status
from tests.support.cases import for_each
from tests.support.due_work import run_due_once
from tests.support.factories import Sent, make_cast, submit_batch
from tests.support.fake_clock import FakeClock
from tests.support.metrics_page import Scrape, forget_requests, read_scrape, scrape
from tests.support.waiting import until
from tests.surfaces.live_processes import living

import callmark
from callmark.domain.background.service import add_periodic_jobs
from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.personalisation import partitions, service as personalisation
from callmark.domain.personalisation.validation import V2
from callmark.kit.postgres.database import own_names
from callmark.kit.roles import ALL_ROLES
from callmark.kit.telemetry.metrics import declared
from callmark.record_rules.fields import Faulty
from callmark.surfaces.metrics import MetricsPage, describe
from callmark.surfaces.reference.error_pages import statuses

DOCS = Path(__file__).parents[2] / "docs/observing.md"
_PARTS = ("domain", "kit", "processes", "surfaces")
_READ_AT_THE_SCRAPE = {"callmark_log_lines_lost_total", "callmark_unit_restarts_total"}


@pytest.fixture(scope="module", autouse=True)
def _young() -> None:
    forget_requests()


def test_the_reference_has_every_metric_that_any_module_declares() -> None:
    known = {one.name for one in describe()}
    for part in _PARTS:
        package = import_module(f"callmark.{part}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    assert {one.name for one in declared()} <= known


def test_no_module_makes_a_metric_that_the_reference_cannot_know() -> None:
    source = Path(callmark.__file__).parent
    makes = re.compile(r"^from prometheus_client import .*\b(Counter|Gauge|Summary|Info|Enum)\b", re.MULTILINE)
    assert [path.name for path in source.rglob("*.py") if makes.search(path.read_text())] == ["metrics.py"]


@for_each(declared(), lambda one: one.name)
def test_names_and_labels_follow_the_rules(one: object) -> None:
    told = next(known for known in describe() if known == one)
    assert re.fullmatch(r"callmark_[a-z_]+", told.name)
    assert told.name.endswith("_total") is (told.kind == "counter")
    assert not re.search(r"_(ms|minutes|hours|mb|kb|percent)\b", told.name)
    assert not {"job", "instance", "account", "account_id", "phone", "receiver", "caller", "id", "url"} & set(
        told.labels
    )
    assert told.help.endswith(".")


def test_the_documents_list_every_metric() -> None:
    rows = [f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {one.help} |" for one in describe()]
    listed = [line for line in DOCS.read_text().splitlines() if re.match(r"\| `(callmark|process|python)_", line)]
    assert listed == rows


def test_every_counter_is_at_0_before_it_counts_for_the_first_time() -> None:
    """A rate does not see the step to 1 of a series that is not there yet."""
    program = "from callmark.surfaces.metrics import describe, render; describe(); print(render()[0].decode())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    page = read_scrape(done.stdout).samples
    counters = {one.name for one in declared() if one.kind == "counter"} - _READ_AT_THE_SCRAPE
    assert {series.name for series, value in page.items() if value == 0} >= counters
    answered = {dict(series.labels)["status"] for series in page if series.name == "callmark_requests_total"}
    assert answered >= {"200", *map(str, statuses().values())}


async def test_a_page_has_every_metric_and_nothing_that_the_reference_does_not_know(deps: Deps) -> None:
    known = {one.name: one for one in describe()}  # which imports what declares metrics, also where nothing else does
    body, _ = await MetricsPage(deps).render()
    page = body.decode()
    assert known.keys() <= set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    base = {re.sub(r"_(bucket|count|sum)$", "", series.name) for series in read_scrape(page).samples}
    assert base <= known.keys() | {name.removesuffix("_total") for name in known}
    unlabelled = {one.name for one in known.values() if one.kind == "gauge" and not one.labels}
    assert unlabelled <= base


async def test_background_work_is_told_by_queue_and_by_the_age_of_its_oldest(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    for _ in range(2):
        await submit_batch(deps, cast.account.id, V2, [Sent(new_record(deps, cast), lambda: b"{}")])
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to="alice@acme.example", subject="s", text="t", html="h", now=clock.now())
    await add_periodic_jobs(deps)
    clock.advance(timedelta(seconds=90))
    found = await scrape(deps)
    assert found.value("callmark_queue_rows", queue="batches", state="waiting") == 2
    assert found.value("callmark_queue_oldest_due_seconds", queue="batches") == 90
    assert found.value("callmark_queue_oldest_due_seconds", queue="mails") == 90
    assert found.value("callmark_queue_oldest_due_seconds", queue="listing_jobs") == 0
    assert found.value("callmark_periodic_overdue_seconds", name="sweep") == 90


async def test_partitions_are_counted_up_to_the_first_that_is_missing(deps: Deps, clock: FakeClock) -> None:
    await partitions.keep_partitions(deps)
    assert (await scrape(deps)).all("callmark_partitions_ahead_days", "table") == dict.fromkeys(
        ("call_record", "event", "delivery", "attempt"), 8
    )
    async with deps.db.connection() as tx:
        day = clock.now() + timedelta(days=3)
        await tx.execute(own_names(f"DROP TABLE event_{day:%Y%m%d}"))
    clock.advance(timedelta(days=1))
    ahead = (await scrape(deps)).all("callmark_partitions_ahead_days", "table")
    assert ahead == {"call_record": 7, "event": 1, "delivery": 7, "attempt": 7}
    clock.advance(timedelta(days=30))
    assert set((await scrape(deps)).all("callmark_partitions_ahead_days", "table").values()) == {-1}


async def test_of_several_processes_the_eldest_tells_what_the_database_knows(deps: Deps) -> None:
    def tells(found: Scrape) -> bool:
        return any(series.name == "callmark_queue_rows" for series in found.samples)

    async with living(deps, "demo"), living(deps, "worker") as eldest:
        async with living(deps, "http") as younger:
            assert tells(await scrape(eldest))
            assert not tells(await scrape(younger))
            assert (await scrape(eldest)).all("callmark_processes", "kind") == {"demo": 1, "worker": 1, "http": 1}

        async def has_gone() -> bool:  # a beat of ours may be late just now
            return (await scrape(eldest)).all("callmark_processes", "kind") == {"demo": 1, "worker": 1, "http": 0}

        await until(has_gone)
    async with living(deps, "http") as next_one:
        assert tells(await scrape(next_one))


async def test_a_process_that_does_everything_stands_for_all_kinds(deps: Deps) -> None:
    async with living(deps, ALL_ROLES) as alone:
        assert (await scrape(alone)).all("callmark_processes", "kind") == {ALL_ROLES: 1}
        async with living(deps, "worker") as second:
            assert (await scrape(second)).all("callmark_processes", "kind") == {}  # the eldest tells


async def test_without_postgresql_a_page_has_what_the_process_knows_itself(deps: Deps) -> None:
    await deps.db.close()
    found = await scrape(deps)
    assert found.value("callmark_nats_connected") == 1
    assert not any(series.name == "callmark_queue_rows" for series in found.samples)


async def test_connections_to_both_engines_are_told(deps: Deps) -> None:
    async with deps.db.connection(), deps.db.connection():
        found = await scrape(deps)
    assert found.value("callmark_pool_connections", state="in_use") == 2
    assert found.value("callmark_pool_size") == deps.settings.pool_size
    assert found.value("callmark_pool_waiting") == 0
    waits = found.value("callmark_pool_wait_seconds_count")
    await deps.fabric.close()
    found = await scrape(deps)
    assert found.value("callmark_nats_connected") == 0
    assert found.value("callmark_pool_wait_seconds_count") > waits


async def test_pushes_are_counted_by_kind_and_outcome(deps: Deps) -> None:
    def counted(found: Scrape) -> dict[tuple[str, str], float]:
        name = "callmark_push_outcomes_total"
        return {
            (dict(series.labels)["kind"], dict(series.labels)["outcome"]): value
            for series, value in found.samples.items()
            if series.name == name
        }

    cast = await make_cast(deps)
    before = counted(await scrape(deps))
    good, bad = new_record(deps, cast), new_record(deps, cast, receiver="nobody")
    await submit_batch(deps, cast.account.id, V2, [Sent(one, lambda: b"{}") for one in (good, bad, good)])
    await run_due_once(deps)
    await personalisation.push_now(deps, cast.account.id, V2, good)
    with pytest.raises(Faulty):
        await personalisation.push_now(deps, cast.account.id, V2, bad)
    after = counted(await scrape(deps))
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == {
        ("bulk", "invalid"): 1,
        ("bulk", "not_registered"): 2,
        ("real_time", "not_registered"): 1,
        ("real_time", "invalid"): 1,
    }


async def test_attempts_are_counted_by_result_and_deliveries_by_their_end(deps: Deps) -> None:
    async with staged(deps) as stage, receiver(status(200, 503, 410)) as there:
        await stage.webhook(there.url, gone=True)
        before = await scrape(deps)
        for _ in range(3):
            await stage.append(1)
            await stage.run_due()
        after = await scrape(deps)

    def more(name: str) -> dict[tuple[tuple[str, str], ...], float]:
        return {
            series.labels: value - before.samples.get(series, 0)
            for series, value in after.samples.items()
            if series.name == name and value != before.samples.get(series, 0)
        }

    attempts = {(("result", "success"),): 1, (("result", "5xx"),): 1, (("result", "4xx"),): 1}
    assert more("callmark_delivery_attempts_total") == attempts
    assert more("callmark_deliveries_ended_total") == {(("state", "success"),): 1, (("state", "stopped"),): 1}
    assert after.value("callmark_deliveries_open", state="retrying") == 1


async def test_a_restarted_part_and_one_in_trouble_are_told(deps: Deps) -> None:
    deps.health.restarts = lambda: {"worker-1": 2, "nats": 0}
    deps.health.beside = lambda: {"nats": "does not answer"}
    deps.health.ask("handsets", lambda: "are not started yet")
    deps = replace(deps, settings=replace(deps.settings, admin_port=9400))
    found = await scrape(deps)
    assert found.value("callmark_unit_working", unit="nats", admin_port="9400") == 0
    assert found.all("callmark_unit_restarts_total", "unit") == {"worker-1": 2, "nats": 0}
    assert found.all("callmark_unit_working", "unit") == {"worker-1": 1, "nats": 0}
    assert found.value("callmark_part_working", part="handsets") == 0
