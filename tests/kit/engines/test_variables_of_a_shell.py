"""What a shell says of other servers does not lead away from an embedded engine."""

import pytest
from tests.support.engines import Engines

from callmark.kit.backups.clients import running
from callmark.kit.backups.snapshot import server_of
from callmark.kit.postgres.database import connect

OF_ANOTHER_SERVER = {
    "PGHOST": "db.example.com",
    "PGPORT": "5433",
    "PGUSER": "someone",
    "PGPASSWORD": "else",
    "PGDATABASE": "other",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere.crt",
    "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "standby",
}
"""What asyncpg and PostgreSQL's programs both take from the environment."""
OF_THE_PROGRAMS = {
    "PGHOSTADDR": "192.0.2.1",
    "PGSERVICE": "nowhere",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "none",
    "PGCLIENTENCODING": "LATIN1",
    "PGOPTIONS": "-c default_transaction_read_only=on",
}
"""What PostgreSQL's programs take, and asyncpg does not."""


@pytest.fixture(autouse=True)
def _shell(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engines
    for name, value in {**OF_ANOTHER_SERVER, **OF_THE_PROGRAMS}.items():
        monkeypatch.setenv(name, value)


async def test_the_platform_connects_all_the_same(engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_postgresqls_programs_connect_and_write_the_same(engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        server = await server_of(tx, engines.dsn, None)
    async with running(server, "psql", ["--no-psqlrc", "--tuples-only", "--no-align"]) as psql:
        await psql.write(b"CREATE TEMPORARY TABLE one AS SELECT U&'\\20AC' AS sign; SELECT sign FROM one;\n")
        psql.close()
        assert [await psql.output.readline(), await psql.output.readline()] == [b"SELECT 1\n", "€\n".encode()]
        await psql.check()
