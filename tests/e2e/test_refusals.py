"""A database that says no: one line that says what to do, from every command."""

import asyncio
import re
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest
from tests.e2e.serving import run, run_here
from tests.support.engines import Engines

from callmark.kit.ids import new_id
from callmark.kit.postgres.database import connect, own_names

COMMANDS = [["migrate"], ["serve", "--port", "0"], ["account", "list"]]
STARTED = {"password": "serve", "database": "migrate", "right": "account", "schema": ""}
"""Which command is a process of its own for each refusal; the others run in the process of the tests."""


@pytest.fixture
def stranger(engines: Engines) -> Generator[str]:
    """The address for a user who may log in, and nothing else."""
    name = f"stranger_{new_id().hex}"
    asyncio.run(_execute(engines.dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'"))
    yield re.sub(r"//\w+:[^@]*@", f"//{name}:{name}@", engines.dsn)
    asyncio.run(_execute(engines.dsn, f"DROP ROLE {name}"))


async def _execute(dsn: str, statement: str) -> None:
    async with connect(dsn) as tx:
        await tx.execute(own_names(statement))


def _refusal(of: str, command: list[str], dsn: str, engines: Engines) -> str:
    """What the command says: one line on standard error, soon."""
    ran = run if command[0] == STARTED[of] else run_here
    ended = ran(*command, CALLMARK_POSTGRES_DSN=dsn, CALLMARK_NATS_URL=engines.nats_url)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_password_or_database_is_one_line(engines: Engines, command: list[str]) -> None:
    wrong_password = engines.dsn.replace(f":{urlsplit(engines.dsn).password}@", ":guess@")
    said = _refusal("password", command, wrong_password, engines)
    assert "password authentication failed" in said
    assert "Correct user and password in CALLMARK_POSTGRES_DSN" in said
    no_database = re.sub(r"@/\w+\?", "@/nowhere?", engines.dsn)
    said = _refusal("database", command, no_database, engines)
    assert 'database "nowhere" does not exist' in said
    assert "Create that database" in said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_missing_right_is_one_line(engines: Engines, stranger: str, command: list[str]) -> None:
    said = _refusal("right", command, stranger, engines)
    assert "permission denied" in said
    assert "Give the user of CALLMARK_POSTGRES_DSN that right" in said


def test_a_schema_that_is_not_there_is_one_line(engines: Engines) -> None:
    nowhere = f"{engines.dsn}&search_path=nowhere"
    said = _refusal("schema", ["migrate"], nowhere, engines)
    assert "no schema has been selected to create in. Create the schema that its search_path names" in said
    said = _refusal("schema", ["account", "list"], nowhere, engines)
    assert "the database has no schema that this user can use. Create the schema that its search_path names" in said
    report = run_here("doctor", CALLMARK_POSTGRES_DSN=nowhere, CALLMARK_NATS_URL=engines.nats_url)
    assert report.returncode == 1
    assert "problem  schema: none that this user can use is there" in report.stdout
    assert "Create the schema that its search_path names" in report.stdout


def test_doctor_says_it_too(engines: Engines, stranger: str) -> None:
    report = run_here("doctor", CALLMARK_POSTGRES_DSN=stranger, CALLMARK_NATS_URL=engines.nats_url)
    assert report.returncode == 1
    assert "permission denied" in report.stdout
    assert "Give the user of CALLMARK_POSTGRES_DSN that right" in report.stdout
    assert "Traceback" not in report.stdout + report.stderr
