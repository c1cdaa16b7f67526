"""How long each kind is kept: what is older is overdue until the periodic jobs have run, and then it is gone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from tests.support.engines import Engines
from tests.support.opened_deps import PATIENT_S
from tests.support.table_rows import put_row
from tests.support.waiting import until_locked

from callmark.domain.background import service as background
from callmark.domain.background.registry import PERIODIC, deletions
from callmark.domain.deps import Deps
from callmark.domain.retention import queries, service
from callmark.domain.retention.jobs import delete_old
from callmark.domain.retention.model import KINDS, KeptKind, KeptTable
from callmark.domain.webhooks.model import SCHEDULE
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import connect, own_names
from callmark.kit.settings import read_settings
from callmark.kit.settings.retention import LEAST_EVENT_DAYS
from callmark.kit.worker import Worker
from callmark.processes.compose import open_deps
from callmark.surfaces.cli.retention import retention

SETTINGS = {
    "retention_days": 10,
    "call_retention_days": 7,
    "callback_retention_days": 8,
    "answer_retention_days": 9,
    "signed_call_retention_days": 6,
    "event_retention_days": 7,
    "mail_retention_days": 5,
    "audit_retention_days": 20,
}
JOBS = [name for name in PERIODIC if name == "partitions" or name.startswith("old_")]


def with_settings(deps: Deps) -> Deps:
    return replace(deps, settings=msgspec.structs.replace(deps.settings, **SETTINGS))


async def put_of(deps: Deps, kind: KeptKind, past: timedelta) -> None:
    """A row in each of its tables, older by that than it is kept."""
    period = kind.period(deps.settings)
    assert period
    age = period + past
    for table in kind.tables:
        async with deps.db.transaction() as tx:
            column = table.column.removeprefix("greatest(").partition(",")[0]
            await put_row(tx, table.name, deps.clock.now(), {column: deps.clock.now() - age})


async def overdue(deps: Deps) -> set[str]:
    async with deps.db.connection() as tx:
        return {one.kind.name for one in await service.look(tx, deps.settings, deps.clock.now()) if one.is_overdue}


async def test_what_is_too_old_is_overdue_until_the_jobs_have_run(deps: Deps) -> None:
    deps = with_settings(deps)
    assert await overdue(deps) == set()
    for kind in KINDS:
        await put_of(deps, kind, timedelta(days=4))
    assert await overdue(deps) == {kind.name for kind in KINDS}
    async with deps.db.connection() as tx:
        finding = await service.check(tx, deps.settings, deps.clock.now())
    assert (finding.ok, "call records, calls, " in finding.detail) == (False, True)
    for name in JOBS:
        await PERIODIC[name].run(deps)
    assert await overdue(deps) == set()
    async with deps.db.connection() as tx:
        found = await service.look(tx, deps.settings, deps.clock.now())
        assert (await service.check(tx, deps.settings, deps.clock.now())).ok
    left = {one.kind.name: one.oldest_at for one in found if one.oldest_at}
    assert list(left) == ["audit entries"]  # the line that says what was deleted of the log


async def test_a_kind_that_cannot_be_deleted_keeps_no_other_from_being_deleted(deps: Deps) -> None:
    """Its job alone is due again, so that the metric and the page of queues name it."""
    for kind in KINDS:
        if kind.name in {"calls", "emails", "number codes"}:
            await put_of(deps, kind, timedelta(days=4))
    await background.add_periodic_jobs(deps)
    worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock)
    async with deps.db.connection() as tx:
        await tx.execute("ALTER TABLE call RENAME TO hidden")
    await worker.run_due(deletions(deps))
    async with deps.db.connection() as tx:
        await tx.execute("ALTER TABLE hidden RENAME TO call")
        jobs = await background.list_periodic(deps, tx)
    assert await overdue(deps) == {"calls"}
    again_at = deps.clock.now() + timedelta(minutes=1)
    names = {job.name for job in jobs if job.name.startswith("old_") and job.due_at and job.due_at < again_at}
    assert names == {"old_calls"}
    await PERIODIC["old_calls"].run(deps)
    assert await overdue(deps) == set()


def test_each_table_has_one_job_that_deletes_its_rows() -> None:
    special = {table.job for kind in KINDS for table in kind.tables if table.job}
    plain = {name for name, job in PERIODIC.items() if getattr(job.run, "func", None) is delete_old}
    assert special <= PERIODIC.keys() - plain
    assert plain == {kind.job for kind in KINDS if kind.plain_tables}
    for table in (table for kind in KINDS for table in kind.plain_tables):
        assert (table.only, table.made) == ("true", ""), "a condition besides its age needs a job of its own"


async def test_a_day_that_is_being_dropped_is_not_looked_at(deps: Deps, engines: Engines) -> None:
    now = deps.clock.now()
    await PERIODIC["partitions"].run(deps)
    async with deps.db.transaction() as tx:
        await put_row(tx, "event", now, {})
    async with connect(engines.dsn) as dropping:
        async with dropping.transaction():
            await dropping.execute(own_names(f"DROP TABLE event_{now - timedelta(days=1):%Y%m%d}"))
            looking = asyncio.create_task(oldest_event(deps))
            await until_locked(deps.db, 1)
        assert await looking == now


async def test_a_listing_job_that_has_not_ended_stays_and_hides_no_older_one(deps: Deps) -> None:
    for days in (None, 380, 364):
        async with deps.db.transaction() as tx:
            given = {"state": "ended", "ended_at": deps.clock.now() - timedelta(days=days)} if days else {}
            await put_row(tx, "listing_job", deps.clock.now(), {"state": "in_review", "ended_at": None} | given)
    assert await overdue(deps) == {"listing jobs"}
    await PERIODIC["old_listing_jobs"].run(deps)
    assert await overdue(deps) == set()
    async with deps.db.connection() as tx:
        assert [row[0] for row in await tx.fetch("SELECT state FROM listing_job ORDER BY id")] == ["in_review", "ended"]


async def oldest_event(deps: Deps) -> datetime | None:
    async with deps.db.connection() as tx:
        return await queries.select_oldest(tx, KeptTable("event", "created_at"), None)


async def test_an_old_batch_is_overdue_also_behind_one_that_was_made_before_and_ends_late(deps: Deps) -> None:
    for days in (20, -40):
        async with deps.db.transaction() as tx:
            ends_to = deps.clock.now() + timedelta(days=days)
            await put_row(tx, "batch", deps.clock.now() - timedelta(days=50), {"ends_to": ends_to})
    assert await overdue(deps) == {"call records"}
    await PERIODIC["old_batches"].run(deps)
    assert await overdue(deps) == set()


async def test_a_request_stays_until_the_time_for_which_a_call_was_promised_and_its_days_after_it(deps: Deps) -> None:
    """A slot may be a week ahead, and requests may be kept for two days."""
    deps = replace(deps, settings=replace(deps.settings, callback_retention_days=2))
    now, day = deps.clock.now(), timedelta(days=1)
    for asked, slot in ((7, 0), (9, 1), (9, 6), (6, None), (1, None)):
        slot_at = None if slot is None else now - slot * day
        async with deps.db.transaction() as tx:
            await put_row(tx, "callback_request", now, {"requested_at": now - asked * day, "slot_starts_at": slot_at})
    assert await overdue(deps) == {"Call Me Back requests"}
    await PERIODIC["old_call_me_back_requests"].run(deps)
    assert await overdue(deps) == set()
    async with deps.db.connection() as tx:
        left = await tx.fetch("SELECT requested_at FROM callback_request ORDER BY requested_at")
    assert [(now - row["requested_at"]) / day for row in left] == [9, 7, 1]


async def test_an_old_upload_is_overdue_once_all_its_rows_are_submitted(deps: Deps) -> None:
    made_at = deps.clock.now() - timedelta(days=50)
    async with deps.db.transaction() as tx:
        await put_row(tx, "upload", deps.clock.now(), {"created_at": made_at, "due_at": deps.clock.now()})
    assert await overdue(deps) == set()
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE upload SET due_at = NULL")
    assert await overdue(deps) == {"call records"}
    await PERIODIC["old_uploads"].run(deps)
    assert await overdue(deps) == set()


async def test_an_upload_is_as_old_as_the_last_window_of_its_batches(deps: Deps) -> None:
    now, made_at, (upload, *batches) = (
        deps.clock.now(),
        deps.clock.now() - timedelta(days=50),
        [new_id() for _ in "123"],
    )
    kept = timedelta(days=deps.settings.retention_days)
    async with deps.db.transaction() as tx:
        await put_row(tx, "upload", now, {"id": upload, "created_at": made_at})
        for number, batch, ends_to in zip((1, 2), batches, (now - 2 * kept, now + kept), strict=True):
            await put_row(tx, "batch", now, {"id": batch, "accepted_at": made_at, "ends_to": ends_to})
            await put_row(tx, "upload_part", now, {"upload_id": upload, "number": number, "batch_id": batch})
    for ended, left in ((-kept, 1), (kept - timedelta(hours=1), 1), (kept + timedelta(days=1, hours=1), 0)):
        async with deps.db.connection() as tx:
            await tx.execute("UPDATE batch SET ends_to = $2 WHERE id = $1", batches[1], now - ended)
        for job in ("old_uploads", "old_batches"):
            await PERIODIC[job].run(deps)
        assert await overdue(deps) == set()
        async with deps.db.connection() as tx:
            assert await tx.fetchval("SELECT count(*) FROM upload") == left
            assert await tx.fetchval("SELECT count(*) FROM batch") == 1  # a batch goes a day later


async def test_what_is_younger_than_its_setting_stays(deps: Deps) -> None:
    deps = with_settings(deps)
    for kind in KINDS:
        await put_of(deps, kind, -timedelta(minutes=1))
    for name in JOBS:
        await PERIODIC[name].run(deps)
    async with deps.db.connection() as tx:
        found = await service.look(tx, deps.settings, deps.clock.now())
    assert all(one.oldest_at == deps.clock.now() - (one.period or timedelta()) + timedelta(minutes=1) for one in found)


def test_a_kind_without_a_setting_of_its_own_is_kept_as_long_as_records() -> None:
    settings = read_settings({}, retention_days=77)
    periods = {kind.setting: kind.period(settings) for kind in KINDS if kind.setting}
    days = {setting: period.days if period else None for setting, period in periods.items()}
    assert days == {
        "retention_days": 77,
        "call_retention_days": 77,
        "callback_retention_days": 77,
        "answer_retention_days": None,
        "signed_call_retention_days": 77,
        "event_retention_days": 30,
        "mail_retention_days": 30,
        "audit_retention_days": None,
    }


@pytest.mark.parametrize("days", [6, 31])
def test_events_are_kept_as_long_as_retries_take_and_for_a_month_at_most(days: int) -> None:
    slowest = 2 * sum(SCHEDULE, timedelta())  # a receiver may double each pause
    assert timedelta(days=LEAST_EVENT_DAYS - 1) < slowest < timedelta(days=LEAST_EVENT_DAYS)
    with pytest.raises(
        Exception, match="CALLMARK_EVENT_RETENTION_DAYS is invalid: it must be a whole number from 7 to 30"
    ):
        read_settings({"CALLMARK_EVENT_RETENTION_DAYS": str(days)})


async def test_the_command_says_what_is_overdue_by_its_exit_status(deps: Deps) -> None:
    ended = await asyncio.to_thread(run, deps, "--json")
    said = ended.stdout[ended.stdout.index("[\n") :]  # a line of the log may come before
    told = {one["kind"]: one for one in json.loads(said)}
    assert (ended.exit_code, told["calls"]["days"], told["calls"]["overdue"]) == (0, 30, False)
    assert told["calls"]["setting"] == "CALLMARK_CALL_RETENTION_DAYS"
    async with deps.db.transaction() as tx:
        old = deps.real_clock.now() - timedelta(days=40)
        await put_row(tx, "call", old, {"reported_at": old})
    ended = await asyncio.to_thread(run, deps)
    assert ended.exit_code == 1
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("calls ")]
    assert line.endswith("yes")


def run(deps: Deps, *args: str) -> Result:
    """The command as it ended, run by a script."""

    def run_on_it(_: object, use: Callable[[Deps], Awaitable[None]]) -> None:
        asyncio.run(use_on_it(use))

    async def use_on_it(use: Callable[[Deps], Awaitable[None]]) -> None:
        async with open_deps(deps.settings, "operator", connected_within_s=PATIENT_S) as opened:
            await use(opened)

    return CliRunner().invoke(retention, args, obj=run_on_it)
