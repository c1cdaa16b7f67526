"""A database that a test gave back is used again only when it is like a new one."""

from collections.abc import Generator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
from tests.support import databases
from tests.support.databases import CATALOGS, Databases
from tests.support.engines import TEMPLATE_WITH_DAYS, Engines
from tests.support.factories import Sent, make_branch, make_cast, make_feature_set, phone, submit_batch
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import opened_deps

from callmark.domain.deps import Deps
from callmark.domain.personalisation.partitions import DAILY_TABLES
from callmark.domain.personalisation.validation import V2
from callmark.instants import to_ms
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.database import Tx, connect, own_names
from callmark.kit.postgres.partitions import DAYS_AHEAD, days_ahead
from callmark.processes.worker import prepare
from callmark.record_rules.fields import NewRecord

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SINK_REQUEST = (
    "INSERT INTO sink_request (sink, at, method, query, headers, body) VALUES ('orders', now(), 'POST', '', '[]', '')"
)
_END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_SEQUENCES = "SELECT relname FROM pg_class WHERE relkind = 'S'"


@pytest.fixture
def own(running: Engines) -> Generator[Databases]:
    with Databases(running) as made:
        yield made


async def contents(engines: Engines) -> dict[str, Any]:
    """Every row of every table, sequence and catalog; the installation's id is another each time."""
    async with connect(engines.dsn) as tx:
        await tx.execute("UPDATE installation SET id = '00000000-0000-0000-0000-000000000000'")
        tables = [row["relname"] for row in await tx.fetch(_TABLES)]
        sequences = [row["relname"] for row in await tx.fetch(_SEQUENCES)]
        return {name: await _rows(tx, own_names(name)) for name in (*tables, *sequences, *CATALOGS)}


async def _rows(tx: Tx, name: LiteralString) -> list[str]:
    return sorted(row[0] for row in await tx.fetch(f"SELECT row(t.*)::text FROM {name} t"))


async def installation_of(engines: Engines) -> object:
    async with connect(engines.dsn) as tx:
        return await tx.fetchval("SELECT id FROM installation")


async def test_a_database_that_comes_back_is_like_a_new_one(own: Databases, clock: FakeClock, tmp_path: Path) -> None:
    used = own.take()
    first = await installation_of(used)
    async with opened_deps(used, clock, tmp_path) as deps:
        cast = await make_cast(deps)
        await make_branch(deps, cast.account.id)
        await make_feature_set(deps, cast.account.id)
        async with deps.db.transaction() as tx:
            await tx.execute(_SINK_REQUEST)
            await tx.execute("DELETE FROM emulator_state")
            await tx.execute("UPDATE count_mark SET up_to_at = now()")
    own.give_back(used)
    new, again = own.take(), own.take()
    assert again.dsn == used.dsn != new.dsn
    assert await installation_of(again) not in (first, await installation_of(new))
    assert await contents(again) == await contents(new)


async def _submit_a_record(deps: Deps) -> None:
    cast, now = await make_cast(deps), deps.clock.now()
    ends_at = to_ms(now + timedelta(hours=1))
    record = NewRecord("918040001234", phone(), str(cast.label.id), None, None, to_ms(now), ends_at)
    await submit_batch(deps, cast.account.id, V2, [Sent(record, lambda: b"{}")])


async def test_one_with_days_comes_back_after_the_platform_was_prepared_on_it(
    running: Engines, clock: FakeClock, tmp_path: Path
) -> None:
    with Databases(running, TEMPLATE_WITH_DAYS) as own:
        used = own.take()
        async with opened_deps(used, clock, tmp_path) as deps:
            async with deps.db.connection() as tx:
                ahead = await days_ahead(tx, clock.now().date(), DAILY_TABLES)
                assert ahead == {table.name: DAYS_AHEAD for table in DAILY_TABLES}
            await prepare(deps)
            await _submit_a_record(deps)
        own.give_back(used)
        new, again = own.take(), own.take()
        assert again.dsn == used.dsn != new.dsn
        assert await contents(again) == await contents(new)


async def _sql(engines: Engines, statement: LiteralString) -> None:
    async with connect(engines.dsn) as tx:
        await tx.execute(statement)


CHANGES: dict[str, LiteralString] = {
    "a table": "CREATE TABLE made ()",
    "a column": "ALTER TABLE client_account ADD made integer",
    "a default": "ALTER TABLE client_account ALTER name SET DEFAULT 'made'",
    "a constraint": "ALTER TABLE client_account ADD CHECK (name <> 'made')",
    "one table fewer": "DROP TABLE sink_request",
    "one constraint fewer": "ALTER TABLE client_account DROP CONSTRAINT client_account_pkey CASCADE",
    "a function": "CREATE FUNCTION made() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "a trigger switched off": "ALTER TABLE client_account DISABLE TRIGGER ALL",
    "a right": "GRANT SELECT ON client_account TO PUBLIC",
    "figures of the planner": "ANALYZE client_account",
    "how a column is kept": "ALTER TABLE client_account ALTER name SET STORAGE PLAIN",
    "a column's name": "ALTER TABLE client_account RENAME name TO made",
    "a constraint's name": "ALTER TABLE client_account RENAME CONSTRAINT client_account_pkey TO made",
    "an index": "CREATE INDEX made ON client_account (name)",
    "a type": "CREATE TYPE made AS ENUM ('made')",
    "a view": "CREATE VIEW made AS SELECT 1",
    "a schema": "CREATE SCHEMA made",
    "a migration fewer": "DELETE FROM schema_migration WHERE number = 1",
    "a migration at another time": "UPDATE schema_migration SET applied_at = now() WHERE number = 1",
    "a setting": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END $$",
    "many rows": "INSERT INTO sink_request (sink, at, method, query, headers, body)"
    " SELECT 'orders', now(), 'POST', '', '[]', repeat('x', 1000) FROM generate_series(1, 2000)",
}


async def test_one_of_which_more_than_rows_was_changed_is_dropped(own: Databases) -> None:
    changed: dict[str, str] = {}
    for change, statement in CHANGES.items():
        used = own.take()
        assert changed.get(used.dsn) is None
        await _sql(used, statement)
        changed[used.dsn] = change
        own.give_back(used)
    assert [changed.get(own.take().dsn) for _ in range(2)] == [None, None]


async def test_one_that_someone_is_still_connected_to_is_dropped(own: Databases) -> None:
    used = own.take()
    with suppress(Unavailable):
        async with connect(used.dsn):
            own.give_back(used)
            assert used.dsn not in {own.take().dsn, own.take().dsn}


async def test_after_one_whose_connections_were_all_ended_the_next_is_like_a_new_one(own: Databases) -> None:
    used = own.take()
    await _sql(used, _END_ALL)
    own.give_back(used)
    new, again = own.take(), own.take()
    assert await contents(again) == await contents(new)


class _Failing(Databases):
    """Cannot make every second one."""

    _made = 0

    async def _make(self) -> Any:
        self._made += 1
        if self._made % 2 == 0:
            raise AttributeError("made up")
        return await super()._make()


def test_one_that_could_not_be_made_fails_one_test_and_not_the_end(running: Engines) -> None:
    with _Failing(running) as own:
        assert own.take()
        with pytest.raises(AttributeError, match="made up"):
            own.take()
        assert own.take()


def test_in_place_of_one_that_cannot_be_emptied_comes_another(own: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: str) -> list[int]:
        raise AttributeError("made up")

    used = own.take()
    monkeypatch.setattr(databases, "resting_on", refuses)
    own.give_back(used)
    assert used.dsn not in {own.take().dsn, own.take().dsn}
