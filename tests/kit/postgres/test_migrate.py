"""Migrations: from zero they give `schema.sql`; HEAD names the newest; running them again does nothing."""

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import pytest
from tests.support.engines import Engines, empty_database, migrated_to
from tests.support.pooler import pooled_by_transactions
from tests.support.stopped_processes import suspended
from tools.schema_dump import FILE, dump

from callmark.kit.clock import SystemClock
from callmark.kit.errors import EngineRefuses, SetupError
from callmark.kit.postgres import migrate
from callmark.kit.postgres.database import connect, own_names


@pytest.fixture
async def empty(engines: Engines) -> AsyncGenerator[str]:
    async with empty_database(engines.dsn) as dsn:
        yield dsn


@pytest.fixture
def migrated(engines: Engines) -> str:
    """A database at the newest step."""
    return engines.dsn


async def test_migrating_from_zero_runs_every_step_and_gives_the_written_schema(empty: str) -> None:
    async with connect(empty) as tx:
        assert await migrate.schema_number(tx) == 0
        assert [step.number for step in await migrate.migrate(empty, SystemClock())] == [*range(1, migrate.head() + 1)]
        assert await migrate.schema_number(tx) == migrate.head()
    assert dump(empty) == FILE.read_text(), "run `.venv/bin/python -m tools.schema_dump` and look at the diff"


async def test_migrating_twice_or_by_many_at_once_runs_each_step_once(empty: str) -> None:
    runs = await asyncio.gather(*(migrate.migrate(empty, SystemClock()) for _ in range(4)))
    assert sum(len(steps) for steps in runs) == migrate.head()
    async with connect(empty) as tx:
        assert await tx.fetchval("SELECT count(*) FROM installation") == 1


async def test_a_database_newer_than_the_code_is_refused(migrated: str) -> None:
    async with connect(migrated) as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'from the future', '2030-01-01Z')")
    with pytest.raises(SetupError, match="newer"):
        await migrate.migrate(migrated, SystemClock())


ENCODINGS: tuple[LiteralString, ...] = ("LATIN1", "SQL_ASCII")


async def test_a_database_that_does_not_hold_every_character_is_not_begun(engines: Engines) -> None:
    for encoding in ENCODINGS:
        async with empty_database(engines.dsn, f"ENCODING '{encoding}' TEMPLATE template0") as dsn:
            with pytest.raises(SetupError, match=f"encoding is {encoding}.* with ENCODING 'UTF8' TEMPLATE template0"):
                await migrate.migrate(dsn, SystemClock())
            async with connect(dsn) as tx:
                assert await migrate.schema_number(tx) == 0, encoding
    async with empty_database(engines.dsn, migrate.ENCODING_WANTED) as dsn:
        assert await migrate.migrate(dsn, SystemClock())


async def test_where_nothing_is_due_nobody_is_waited_for(migrated: str) -> None:
    async with connect(migrated) as stopped:
        await stopped.execute("SELECT pg_advisory_lock($1)", migrate.LOCK)
        async with asyncio.timeout(60):  # it would wait as long as the other lives
            assert await migrate.migrate(migrated, SystemClock()) == []


async def test_another_that_migrates_is_named_and_waited_for_no_longer_than_asked(empty: str) -> None:
    told: list[str] = []
    waits = asyncio.Event()

    def tell(line: str) -> None:
        told.append(line)
        waits.set()

    async with connect(empty) as stopped:
        await stopped.execute("SET application_name = 'callmark migrate'")
        await stopped.execute("SELECT pg_advisory_lock($1)", migrate.LOCK)
        pid = await stopped.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(SetupError, match=rf"callmark migrate \(process {pid}, for \d+ s\) migrates or restores"):
            await migrate.migrate(empty, SystemClock(), within=timedelta())
        migrating = asyncio.create_task(migrate.migrate(empty, SystemClock(), tell=tell))
        await waits.wait()
    assert await migrating == migrate.migrations()
    assert told[0].startswith(f"waits for callmark migrate (process {pid}, ")


async def test_through_a_pooler_in_transaction_mode_nothing_is_migrated(empty: str) -> None:
    async with pooled_by_transactions(empty) as dsn:
        with pytest.raises(EngineRefuses) as caught:
            await migrate.migrate(dsn, SystemClock())
    assert "not in session mode" in caught.value.reason
    assert "pool_mode = session" in caught.value.advice
    async with connect(empty) as tx:
        assert await migrate.schema_number(tx) == 0


async def test_no_lock_of_a_migration_is_left_with_a_session_that_outlives_it(empty: str) -> None:
    async with pooled_by_transactions(empty) as dsn:
        assert await migrate.migrate(dsn, SystemClock(), alone=True)
        async with connect(empty) as tx:
            assert await tx.fetchval("SELECT pg_try_advisory_lock($1)", migrate.LOCK)


async def test_a_lock_that_another_session_has_at_the_end_shows_such_a_pooler(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing = migrate.Migration(migrate.head() + 1, "pre", "lose", f"SELECT pg_advisory_unlock({migrate.LOCK})")
    steps = [*migrate.migrations(), losing]
    monkeypatch.setattr(migrate, "migrations", lambda: steps)
    monkeypatch.setattr(migrate, "head", lambda: losing.number)
    with pytest.raises(EngineRefuses) as caught:
        await migrate.migrate(migrated, SystemClock())
    assert "not in session mode" in caught.value.reason


class StoppedClock(SystemClock):
    """Whose first pause does not end."""

    def __init__(self) -> None:
        self.pauses = asyncio.Event()

    async def sleep(self, duration: timedelta) -> None:
        self.pauses.set()
        await super().sleep(duration * 1_000)


async def test_a_migration_that_is_cancelled_in_its_pause_does_not_wait_for_a_silent_server(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_UNLOCK_WITHIN_S", 0.05)
    await migrated_to(empty, 18)
    clock = StoppedClock()
    async with connect(empty) as holder, holder.transaction():
        await holder.execute("LOCK TABLE webhook IN ACCESS SHARE MODE")
        migrating = asyncio.create_task(migrate.migrate(empty, clock))
        await clock.pauses.wait()
        pid = await holder.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = 'callmark migrate'")
        with suspended([pid]):
            migrating.cancel()
            _, left = await asyncio.wait([migrating], timeout=60)  # it would wait as long as the server is silent
        assert not left


async def test_a_restore_that_has_locked_the_tables_is_waited_for(migrated: str) -> None:
    async with connect(migrated) as restoring:
        async with restoring.transaction():
            await restoring.execute("SELECT pg_advisory_xact_lock($1)", migrate.LOCK)
            await restoring.execute("LOCK TABLE schema_migration IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(SetupError, match="migrates or restores this database"):
                await migrate.migrate(migrated, SystemClock(), within=timedelta())
        assert await migrate.migrate(migrated, SystemClock()) == []


async def ran_by_a_newer_version(dsn: str, *phases: str) -> None:
    """As its `callmark migrate` leaves the database: a step of each phase more than this version knows."""
    async with connect(dsn) as tx:
        for number, phase in enumerate(phases, migrate.head() + 1):
            step = migrate.Migration(number, phase, "of_a_newer_version", "")
            await tx.execute(migrate.record_of(step, datetime.now(UTC)))


async def test_beside_a_newer_version_the_older_one_still_starts(migrated: str) -> None:
    await ran_by_a_newer_version(migrated, "pre", "pre")
    told: list[str] = []
    assert await migrate.migrate(migrated, SystemClock(), phase="pre", tell=told.append) == []
    assert told == [f"{migrate.head() + 2:04d} is of a newer version, beside which this one works"]
    for phase in (None, "post"):
        with pytest.raises(SetupError, match="newer"):
            await migrate.migrate(migrated, SystemClock(), phase=phase)


@pytest.mark.parametrize("phases", [("post",), ("post", "pre")])
async def test_after_the_last_steps_of_a_newer_version_the_older_one_does_not_start(
    migrated: str, phases: tuple[str, ...]
) -> None:
    await ran_by_a_newer_version(migrated, *phases)
    with pytest.raises(SetupError, match="newer"):
        await migrate.migrate(migrated, SystemClock(), phase="pre")


async def test_a_newer_step_that_does_not_say_its_phase_is_refused(migrated: str) -> None:
    async with connect(migrated) as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'from the future', '2030-01-01Z')")
    with pytest.raises(SetupError, match="newer"):
        await migrate.migrate(migrated, SystemClock(), phase="pre")


async def test_steps_say_their_phase_since_the_one_that_adds_it(empty: str) -> None:
    await migrated_to(empty, migrate.PHASES_SINCE - 2)
    await migrate.migrate(empty, SystemClock())
    async with connect(empty) as tx:
        rows = await tx.fetch("SELECT number, phase FROM schema_migration ORDER BY number")
    later = migrate.PHASES_SINCE - 1
    assert [row["phase"] for row in rows] == [None] * later + [step.phase for step in migrate.migrations()[later:]]


async def test_post_steps_wait_for_pre_steps(empty: str) -> None:
    with pytest.raises(SetupError, match="--phase pre"):
        await migrate.migrate(empty, SystemClock(), phase="post")


async def test_what_an_earlier_version_left_for_later_is_done_before_this_one_serves(empty: str) -> None:
    await migrated_to(empty, migrate.POST_NEEDED - 1)
    advice = rf"\({migrate.POST_NEEDED:04d}\), .*`callmark migrate --phase post` with the version .* upgrade from"
    with pytest.raises(SetupError, match=advice):
        await migrate.migrate(empty, SystemClock(), phase="pre")
    async with connect(empty) as tx:
        assert await migrate.schema_number(tx) == migrate.POST_NEEDED - 1  # with which the earlier version still works
        await migrate.migrate(empty, SystemClock())
        await migrate.check_schema(tx)
        await tx.execute("DELETE FROM schema_migration WHERE number = $1", migrate.POST_NEEDED)
        with pytest.raises(SetupError, match=advice):
            await migrate.check_schema(tx)


async def test_a_first_installation_leaves_no_step_for_later(empty: str) -> None:
    assert await migrate.migrate(empty, SystemClock(), phase="pre") == migrate.migrations()
    assert await migrate.migrate(empty, SystemClock(), phase="post") == []


async def test_a_step_has_a_minute_and_more_where_nothing_else_runs(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = migrate.Migration(migrate.head() + 1, "pre", "build_an_index", "SELECT pg_sleep(0.5)")
    steps = [*migrate.migrations(), long]
    monkeypatch.setattr(migrate, "migrations", lambda: steps)
    monkeypatch.setattr(migrate, "head", lambda: long.number)
    monkeypatch.setattr(migrate, "STEP_WITHIN_S", 0.05)
    with pytest.raises(SetupError, match=r"longer than 0\.05 s and was undone"):
        await migrate.migrate(migrated, SystemClock())
    async with connect(migrated) as tx:  # whatever the operator's server allows
        name = await tx.fetchval("SELECT current_database()")
        await tx.execute(own_names(f"ALTER DATABASE \"{name}\" SET transaction_timeout = '200ms'"))
    assert await migrate.migrate(migrated, SystemClock(), alone=True) == [long]


def test_no_step_changes_how_long_it_or_a_later_one_waits() -> None:
    """The runner sets both for each step; `SET` without `LOCAL` would hold for the connection, so for later steps."""
    ours = re.compile(r"\b(SET|RESET)\s+(SESSION\s+)?\w+_timeout\b|\bset_config\(", re.IGNORECASE)
    assert ours.search("SET lock_timeout = '5s';")
    assert not ours.search("SET LOCAL lock_timeout = '5s';")
    assert [step.number for step in migrate.migrations() if ours.search(step.sql)] == []
