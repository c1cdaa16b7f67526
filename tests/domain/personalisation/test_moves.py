"""Rows that move from the rest to their day, while whoever moves them is killed or someone else has what it needs."""

import asyncio
import pickle
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import LiteralString

import pytest
from msgspec.structs import replace
from tests.domain.personalisation.partitions import new_record, partition_of, submit
from tests.support.engines import Engines
from tests.support.factories import make_cast, phone
from tests.support.kept_days import KEPT
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import Growing, until, until_locked

from callmark.domain.deps import Deps
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.accepting import SMALL
from callmark.domain.personalisation.model import Batch
from callmark.domain.work_names import WorkName
from callmark.kit.postgres import partitions
from callmark.kit.postgres.database import Database, DatabaseConnection, connect
from callmark.kit.postgres.partitions import DAYS_AHEAD, RowsAhead, keep_days
from callmark.kit.work import wake_topic
from callmark.processes.worker import prepare

MANY = 3

KEEPER = """
import asyncio, pickle, sys
from datetime import datetime
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.partitions import keep_days

async def keep():
    db = await Database.open(sys.argv[1], size=1, name="keeper", connected_within_s=60)
    kept = pickle.loads(bytes.fromhex(sys.argv[4]))
    await keep_days(db, datetime.fromisoformat(sys.argv[2]), kept, many=int(sys.argv[3]))
    await db.close()

asyncio.run(keep())
"""

Step = tuple[LiteralString, LiteralString]
"""What kind of trigger stops a move there, and when it runs."""

STEPS: dict[str, Step] = {
    "before the day is created": ("EVENT TRIGGER", "ON ddl_command_start WHEN TAG IN ('CREATE TABLE')"),
    "while rows move": ("TRIGGER", "BEFORE DELETE ON call_record_rest FOR EACH ROW"),
    "before the day is attached": ("EVENT TRIGGER", "ON ddl_command_start WHEN TAG IN ('ALTER TABLE')"),
    "before the commit": ("EVENT TRIGGER", "ON ddl_command_end WHEN TAG IN ('ALTER TABLE')"),
}
STALLED = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
END_STALLED = f"SELECT pg_terminate_backend(pid) FROM ({STALLED}) stalled"
LOCKED = (
    "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    " WHERE d.datname = current_database() AND (l.locktype = 'advisory' OR l.mode = 'AccessExclusiveLock')"
)


async def far_batch(deps: Deps) -> Batch:
    """Records of a day without a partition, one of which has its outcome."""
    cast, now = await make_cast(deps), deps.clock.now()
    await keep_days(deps.db, now, KEPT)
    ends_at = now + timedelta(days=30)
    records = [new_record(cast, phone(), ends_at - timedelta(hours=1), ends_at) for _ in range(MANY)]
    batch = await submit(deps, cast, *records)
    first, *_ = await personalisation.records_of_batch(deps, batch.id, None)
    await personalisation.acknowledge(deps, [first.key])
    return batch


async def partitions_of(deps: Deps, batch: Batch) -> set[str]:
    return {await partition_of(deps, record) for record in await personalisation.records_of_batch(deps, batch.id, None)}


@asynccontextmanager
async def stalled_keeper(engines: Engines, tx: DatabaseConnection, deps: Deps, step: Step) -> AsyncGenerator[Process]:
    """A process that is in the middle of a move."""
    trigger, runs = step
    returns = trigger.replace(" ", "_")
    await tx.execute(
        f"CREATE FUNCTION stall() RETURNS {returns} LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); END';"
        f" CREATE {trigger} stall {runs} EXECUTE FUNCTION stall()"
    )
    argv = (engines.dsn, deps.clock.now().isoformat(), str(MANY), pickle.dumps(KEPT).hex())
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KEEPER, *argv)
    try:
        await until(partial(tx.fetchval, STALLED))
        yield child
    finally:
        await tx.execute(END_STALLED)
        await child.wait()
        await tx.execute("DROP FUNCTION stall CASCADE")


KILLS = [*((step, "process") for step in STEPS), ("while rows move", "session")]


@pytest.mark.parametrize(("step", "killed"), KILLS)
async def test_a_move_that_is_killed_leaves_all_as_it_was_and_no_lock_and_the_next_run_finishes_it(
    deps: Deps, engines: Engines, step: str, killed: str
) -> None:
    batch = await far_batch(deps)
    before = await personalisation.records_of_batch(deps, batch.id, None)
    async with connect(engines.dsn) as tx:

        async def are_locks_gone() -> bool:
            return await tx.fetchval(LOCKED) == 0

        async with stalled_keeper(engines, tx, deps, STEPS[step]) as child:
            assert not await are_locks_gone()
            if killed == "process":
                child.kill()
            else:
                await tx.execute(END_STALLED)
            assert await child.wait() == (-signal.SIGKILL if killed == "process" else 0)
            await until(are_locks_gone)
            assert await personalisation.records_of_batch(deps, batch.id, None) == before
            assert await partitions_of(deps, batch) == {"call_record_rest"}
        await keep_days(deps.db, deps.clock.now(), KEPT, many=MANY)
        assert await tx.fetchval("SELECT count(*) FROM call_record") == MANY
    assert await personalisation.records_of_batch(deps, batch.id, None) == before
    assert await partitions_of(deps, batch) == {f"call_record_{batch.ends_to:%Y%m%d}"}


async def test_a_move_waits_for_an_analyze_that_has_not_come_to_the_rest_yet(
    deps: Deps, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_LOCK_WAIT", "60s")  # it would leave the day after 1.5
    batch = await far_batch(deps)
    keep = partial(keep_days, deps.db, deps.clock.now(), KEPT, many=MANY)
    async with connect(engines.dsn) as analyzing:
        async with analyzing.transaction():
            await analyzing.execute("LOCK TABLE ONLY call_record IN SHARE UPDATE EXCLUSIVE MODE")  # its first lock
            keeping = asyncio.create_task(keep())
            await until_locked(deps.db, 1)
            assert await analyzing.fetchval("SELECT count(*) FROM call_record_rest") == MANY
        await keeping
    await keep()
    assert await partitions_of(deps, batch) == {f"call_record_{batch.ends_to:%Y%m%d}"}


async def test_a_worker_looks_for_busy_days_as_soon_as_many_records_of_later_days_were_accepted(deps: Deps) -> None:
    deps = replace(deps, ahead=RowsAhead(look_after=5))
    await prepare(deps)
    cast, now, woken = await make_cast(deps), deps.clock.now(), Growing[bytes]()

    async def on_wake(data: bytes) -> None:
        woken.append(data)

    await deps.fabric.listen(wake_topic(WorkName.PERIODIC), on_wake)

    async def accept(count: int, days: int) -> bool:
        """Whether the days are looked at then."""
        async with deps.db.connection() as tx:
            await tx.execute("UPDATE periodic_job SET due_at = $1", now + timedelta(minutes=1))
            ends_at = now + timedelta(days=days)
            await submit(deps, cast, *[new_record(cast, phone(), ends_at - timedelta(hours=1), ends_at)] * count)
            return await tx.fetchval("SELECT due_at <= $1 FROM periodic_job WHERE name = 'partitions'", now)

    accepted = [(SMALL + 1, DAYS_AHEAD), (4, 9), (1, 30), (4, 30), (SMALL + 1, 9)]
    assert [await accept(*one) for one in accepted] == [False, False, True, False, True]
    await woken.until(lambda wakes: len(wakes) == 2)


LIMITS = "FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')"
NOTE = f"BEGIN INSERT INTO noted SELECT OLD.ends_at, setting {LIMITS}; RETURN NULL; END"
NOTES_LIMITS: tuple[LiteralString, ...] = (
    "CREATE TABLE noted (at timestamptz, setting text)",
    f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ {NOTE} $$",
    "CREATE TRIGGER note AFTER DELETE ON call_record_rest FOR EACH ROW EXECUTE FUNCTION note()",
)


async def test_what_takes_as_long_as_it_takes_has_no_limit_of_the_role_or_database(
    deps: Deps, engines: Engines
) -> None:
    """It would be undone each time, and there is more to move the next time."""
    cast, now = await make_cast(deps), deps.clock.now()
    days = (-40, 12)  # one is deleted, one moves
    db = await Database.open(engines.dsn, size=1, name="limited", connected_within_s=PATIENT_S)
    async with connect(engines.dsn) as tx:
        for day in days:
            at = now + timedelta(days=day)
            await submit(deps, cast, new_record(cast, phone(), at, at + timedelta(hours=1)))
        for statement in NOTES_LIMITS:
            await tx.execute(statement)
        async with db.connection() as limited:
            await limited.execute(f"SELECT set_config(name, '1h', false) {LIMITS}")
        await keep_days(db, now, KEPT, many=1)
        noted = await tx.fetch("SELECT DISTINCT at, setting FROM noted")
    assert [row["setting"] for row in noted] == ["0"] * len(days)
    await db.close()
