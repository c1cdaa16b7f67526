"""The embedded PostgreSQL takes the connections that the processes beside it open."""

import shutil

from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts

from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.postgres.database import connect
from callmark.processes.connections import most_database_connections


async def test_postgres_takes_as_many_connections_as_the_processes_open(first_starts: FirstStarts) -> None:
    needed = most_database_connections(10, processes=12)
    assert needed > 12 * (10 + 8)
    directory = reachable_directory()
    await first_starts.put(directory / "data")
    engine = EmbeddedPostgres(directory / "data", durable=False, is_small=True, connections=needed)
    try:
        async with connect(await engine.start()) as tx:
            assert int(await tx.fetchval("SHOW max_connections")) == needed
    finally:
        await engine.stop()
        shutil.rmtree(directory)
