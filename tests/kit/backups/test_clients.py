"""PostgreSQL's programs reach what asyncpg reaches, and nobody reads the password in a list of processes."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from tests.e2e.serving import children
from tests.engines import Engines

from callmark.kit.backups.clients import running
from callmark.kit.backups.snapshot import server_of
from callmark.kit.db import connect
from callmark.kit.errors import SetupError


def password_of(dsn: str) -> str:
    return unquote(urlsplit(dsn).password or "")


def in_the_query(dsn: str) -> str:
    given = urlsplit(dsn).password or ""
    return dsn.replace(f":{given}@", "@") + f"&password={quote(given)}"


def with_a_session_setting(dsn: str) -> str:
    return f"{dsn}&work_mem=8MB&application_name=me"


def shown_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


@pytest.mark.parametrize("spelling", [str, in_the_query, with_a_session_setting])
async def test_they_connect_with_the_same_address_and_hide_its_password(
    engines: Engines, spelling: Callable[[str], str]
) -> None:
    dsn = spelling(engines.dsn)
    async with connect(dsn) as tx:
        server = await server_of(tx, dsn, None)
        name = await tx.fetchval("SELECT current_database()")
    others = set(children(os.getpid()))
    async with running(server, "psql", ["--no-psqlrc", "--tuples-only", "--no-align"]) as psql:
        (pid,) = set(children(os.getpid())) - others
        await psql.write(b"SELECT current_database();\n")
        assert (await psql.output.readline()).decode().strip() == name
        shown = shown_of(pid)
        psql.close()
        await psql.check()
    assert "psql" in shown
    assert password_of(engines.dsn) not in shown


async def test_what_a_program_says_of_its_fault_is_passed_on(engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        server = await server_of(tx, engines.dsn, None)
    async with running(server, "psql", ["--no-psqlrc", "--set=ON_ERROR_STOP=1"]) as psql:
        await psql.write(b"SELECT * FROM nowhere;\n")
        psql.close()
        with pytest.raises(SetupError, match=r'psql failed \(exit status 3\): .*relation "nowhere" does not exist'):
            await psql.check()
