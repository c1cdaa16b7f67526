"""Migrations: from zero they give `schema.sql`; HEAD names the newest; running them again does nothing."""

import asyncio
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import pytest
from tests.engines import Engines
from tools.schema_dump import FILE, dump

from callmark.kit import migrate
from callmark.kit.clock import SystemClock
from callmark.kit.db import connect, own_names
from callmark.kit.errors import SetupError
from callmark.kit.ids import random_text


@pytest.fixture
async def empty_database(engines: Engines) -> AsyncGenerator[str]:
    name = own_names("migrate_" + random_text(12).lower())
    async with connect(engines.dsn) as tx:
        await tx.execute(f'CREATE DATABASE "{name}"')
    yield engines.dsn.replace(urlsplit(engines.dsn).path, f"/{name}", 1)
    async with connect(engines.dsn) as tx:
        await tx.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_migrating_from_zero_gives_the_written_schema(empty_database: str) -> None:
    await migrate.migrate(empty_database, SystemClock())
    assert dump(empty_database) == FILE.read_text(), "run `.venv/bin/python -m tools.schema_dump` and look at the diff"


async def test_head_is_the_newest_migration(empty_database: str) -> None:
    assert [step.number for step in await migrate.migrate(empty_database, SystemClock())] == list(
        range(1, migrate.head() + 1)
    )
    async with connect(empty_database) as tx:
        assert await migrate.schema_number(tx) == migrate.head()


async def test_an_empty_database_is_at_zero(empty_database: str) -> None:
    async with connect(empty_database) as tx:
        assert await migrate.schema_number(tx) == 0


async def test_migrating_twice_or_by_many_at_once_runs_each_step_once(empty_database: str) -> None:
    runs = await asyncio.gather(*(migrate.migrate(empty_database, SystemClock()) for _ in range(4)))
    assert sum(len(steps) for steps in runs) == migrate.head()
    async with connect(empty_database) as tx:
        assert await tx.fetchval("SELECT count(*) FROM installation") == 1


async def test_a_database_newer_than_the_code_is_refused(empty_database: str) -> None:
    await migrate.migrate(empty_database, SystemClock())
    async with connect(empty_database) as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'from the future', '2030-01-01Z')")
    with pytest.raises(SetupError, match="newer"):
        await migrate.migrate(empty_database, SystemClock())


async def test_post_steps_wait_for_pre_steps(empty_database: str) -> None:
    with pytest.raises(SetupError, match="--phase pre"):
        await migrate.migrate(empty_database, SystemClock(), phase="post")
