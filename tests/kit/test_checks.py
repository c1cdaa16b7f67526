"""What is checked of a server that is shared with others, as a role sees it that may see little."""

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import LiteralString

import pytest
from tests.support.engines import Engines

from callmark.kit import checks
from callmark.kit.ids import random_text
from callmark.kit.postgres.database import connect, own_names

ROLE_OF_DSN = re.compile(r"//\w+:[^@]*@")


@pytest.fixture
async def login(engines: Engines) -> AsyncGenerator[str]:
    """The address for a role that may log in twice at a time, and has no other rights."""
    name = own_names(f"login_{random_text(8).lower()}")
    async with connect(engines.dsn) as tx:
        await tx.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 2 PASSWORD '{name}'")
        yield ROLE_OF_DSN.sub(f"//{name}:{name}@", engines.dsn)
        await tx.execute(f"DROP ROLE {name}")


async def test_connections_are_counted_by_the_limit_that_is_reached_first(engines: Engines, login: str) -> None:
    async with connect(engines.dsn) as owner, connect(login) as tx:
        database = own_names(f'ALTER DATABASE "{await tx.fetchval("SELECT current_database()")}" CONNECTION LIMIT')
        found = await checks.connections(tx)
        assert (found.ok, found.advice) == (True, "")
        assert re.fullmatch(r"1 of 2 connections of the role login_\w+ are open", found.detail)
        async with connect(login):
            found = await checks.connections(tx)
            assert found.advice.startswith("Raise the role's CONNECTION LIMIT, or lower CALLMARK_POOL_SIZE")
        await owner.execute(f"{database} 3")
        found = await checks.connections(tx)
        assert re.fullmatch(r"\d of 3 connections of the database are open", found.detail)
        assert found.advice.startswith("Raise the database's CONNECTION LIMIT, or lower CALLMARK_POOL_SIZE")
        assert "of the" not in (await checks.connections(owner)).detail
        await owner.execute(f"{database} -1")


async def test_connections_of_others_are_counted_where_they_are_hidden(engines: Engines, login: str) -> None:
    async with AsyncExitStack() as others, connect(login) as tx:
        owner, *_ = [await others.enter_async_context(connect(engines.dsn)) for _ in range(4)]
        await owner.execute(own_names(f"ALTER ROLE {await tx.fetchval('SELECT current_user')} CONNECTION LIMIT -1"))
        found = await checks.count_connections(tx)
        reserved = await tx.fetchval("SELECT current_setting('superuser_reserved_connections')::integer")
        assert found.used >= 5
        assert found.most == (await checks.count_connections(owner)).most - reserved


async def test_sessions_that_postgresql_hides_are_named_with_what_shows_them(engines: Engines, login: str) -> None:
    async with connect(engines.dsn) as owner, connect(login) as tx:
        await tx.execute("SET application_name = 'callmark http'")
        assert not (await checks.sessions(tx)).advice
        await owner.execute("SET application_name = 'callmark worker'")
        role = await tx.fetchval("SELECT current_user")
        found = await checks.sessions(tx)
        assert (found.ok, found.advice) == (True, f"GRANT pg_read_all_stats TO {role};")
        await owner.execute(own_names(found.advice))
        assert not (await checks.sessions(tx)).advice


async def test_texts_in_another_order_than_the_system_s_are_named(engines: Engines, login: str) -> None:
    made: LiteralString = "UPDATE pg_database SET datcollversion = $1 WHERE datname = current_database()"
    async with connect(engines.dsn) as owner, connect(login) as tx:
        found = await checks.locale(tx)
        assert (found.ok, found.detail) == (True, "this locale has no version, so its order cannot change")
        await owner.execute(made, "2.36")
        found = await checks.locale(tx)
        assert (found.ok, found.detail) == (
            False,
            "indexes are in the order of version 2.36, and the system's is unknown",
        )
        assert "REINDEX DATABASE " in found.advice
        await owner.execute(made, None)
