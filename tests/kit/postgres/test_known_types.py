"""What the connections of a process know of PostgreSQL's own types."""

from uuid import uuid4

from tests.support.engines import Engines

from callmark.kit.postgres.database import Database, Tx

_ASKED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%typeinfo' || '_tree%'"
"""How often the connection has, by the statements it keeps; this one is not among them."""
_ARRAYS = "SELECT * FROM unnest($1::uuid[], $2::interval[])"


async def test_a_process_asks_once_what_an_array_of_a_built_in_type_is(engines: Engines) -> None:
    db = await Database.open(engines.dsn, size=2, name="tests", connected_within_s=60)
    async with db.connection() as first, db.connection() as second:
        for tx in (first, second):
            assert await tx.fetch(_ARRAYS, [uuid4()], []) != []
        assert await asked(second) == 0
    await db.close()


async def test_types_of_ones_own_are_asked_for_in_each_database(engines: Engines) -> None:
    db = await Database.open(engines.dsn, size=2, name="tests", connected_within_s=60)
    async with db.connection() as first, db.connection() as second:
        await first.execute("CREATE TYPE mood AS ENUM ('well', 'badly')")
        for tx in (first, second):
            assert await tx.fetchval("SELECT ARRAY['well']::mood[]") == ["well"]
            assert await asked(tx) == 1
    await db.close()


async def asked(tx: Tx) -> int:
    return await tx.fetchval(_ASKED)
