"""A database for each test: made from a migrated template, emptied after the test and used again."""

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import LiteralString, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from tests.support.between_tests import resting_on
from tests.support.engines import TEMPLATE, Engines, named
from tests.support.waiting import patiently

from callmark.kit.ids import new_id, random_text
from callmark.kit.postgres.database import Database, Tx, own_names

_T = TypeVar("_T")

_BIG_BYTES = 1 << 20
"""Tables with more in them, dead rows included, are not emptied: making a database costs less, and reads stay quick."""
_ALL_SIZES_EACH = 8
"""How often the sizes of all tables are asked for; else of those with rows to delete."""
_NO_TRIGGERS = "session_replication_role=replica"
"""To change it in each transaction would have every statement planned again."""
_PLANNED_ONCE: LiteralString = "SET plan_cache_mode = force_generic_plan"
"""Connections of the product plan each run; what empties a database takes as long to plan as to run."""
_POLLS, _POLL_S = 100, 0.01

_MADE_LATER: LiteralString = "16384"
"""The first id that PostgreSQL gives to what is not its own. Nobody alters what is."""
CATALOGS: dict[LiteralString, LiteralString] = {
    "pg_attrdef": "true",
    "pg_attribute": f"attrelid >= {_MADE_LATER} AND attnum > 0",
    "pg_class": f"oid >= {_MADE_LATER}",
    "pg_constraint": f"oid >= {_MADE_LATER}",
    "pg_default_acl": "true",
    "pg_enum": "true",
    "pg_event_trigger": "true",
    "pg_extension": "true",
    "pg_index": f"indexrelid >= {_MADE_LATER}",
    "pg_inherits": "true",
    "pg_largeobject_metadata": "true",
    "pg_namespace": "true",
    "pg_policy": "true",
    "pg_proc": f"oid >= {_MADE_LATER}",
    "pg_publication": "true",
    "pg_rewrite": f"oid >= {_MADE_LATER}",
    "pg_statistic": f"starelid >= {_MADE_LATER}",
    "pg_statistic_ext": "true",
    "pg_trigger": "true",
    "pg_type": f"oid >= {_MADE_LATER}",
}
"""Where PostgreSQL writes what a database consists of, and which rows are not its own."""
_KEPT: LiteralString = "schema_migration"
"""A table with many rows that hardly a test writes to. A database in which one did is dropped."""
_UNCHANGED: dict[LiteralString, LiteralString] = {**CATALOGS, _KEPT: "true"}
_SHAPE: LiteralString = (
    " UNION ALL ".join(
        f"SELECT count(*), count(*) FILTER (WHERE age(xmin) <= (SELECT age($1::text::xid))) FROM {table} WHERE {own}"
        for table, own in _UNCHANGED.items()
    )
    + f" UNION ALL SELECT sum(reltuples)::bigint, sum(relpages) FROM pg_class WHERE oid >= {_MADE_LATER}"
    " UNION ALL SELECT 0, count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
    " WHERE d.datname = current_database()"
)
"""For each catalog its rows and those younger than a transaction; then what VACUUM and ANALYZE write, and settings."""
TABLES: LiteralString = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
)
_SEQUENCES = f"SELECT seqrelid::regclass::text AS name, seqstart FROM pg_sequence WHERE seqrelid >= {_MADE_LATER}"
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND pid <> ALL($1)"
)
_BYTES: LiteralString = (
    "SELECT coalesce(sum(pg_relation_size(oid) + CASE reltoastrelid WHEN 0 THEN 0 ELSE pg_relation_size(reltoastrelid)"
    f" END), 0) FROM pg_class WHERE relkind = 'r' AND oid >= {_MADE_LATER}"
)
_BYTES_OF_EMPTIED: LiteralString = f"{_BYTES} AND pg_stat_get_xact_tuples_deleted(oid) > 0"


_ID = "id of the installation"


class _NotLikeNewError(Exception):
    """A database cannot be emptied so that it is like a new one."""


class Emptying(Struct, frozen=True):
    """Statements that take every row out of a database and write again what its migrations had written."""

    delete: LiteralString
    write: LiteralString
    rows: list[str]
    """What the second one writes, as JSON: the rows of one table each. `_ID` stands for the installation's id."""

    @classmethod
    async def of(cls, tx: Tx) -> Self:
        """Of a database that nobody has used yet."""
        tables: list[LiteralString] = [
            own_names(row["relname"]) for row in await tx.fetch(TABLES) if row["relname"] != _KEPT
        ]
        deletes = ", ".join(f'of_{table} AS (DELETE FROM "{table}")' for table in tables)
        written: dict[LiteralString, str | None] = {}
        for table in tables:
            written[table] = await tx.fetchval(f'SELECT json_agg(t)::text FROM "{table}" t')
        id_ = str(await tx.fetchval("SELECT id FROM installation"))
        rows: dict[LiteralString, str] = {table: text.replace(id_, _ID) for table, text in written.items() if text}
        inserts = ", ".join(_insert(table, at) for at, table in enumerate(rows, 1))
        restarts = [f"setval('{row['name']}', {row['seqstart']}, false)" for row in await tx.fetch(_SEQUENCES)]
        return cls(
            f"WITH {deletes} SELECT",
            own_names(f"WITH {inserts} SELECT {', '.join(restarts)}"),
            list(rows.values()),
        )

    async def write_again(self, tx: Tx) -> None:
        """Into tables without any row. NATS is shared: its subjects carry the installation's id, which is another."""
        await tx.fetch(self.write, *(text.replace(_ID, str(new_id())) for text in self.rows))


def _insert(table: LiteralString, at: int) -> str:
    return (
        f'of_{table} AS (INSERT INTO "{table}" SELECT * FROM'
        f' json_populate_recordset(NULL::"{table}", ${at}::text::json))'
    )


class _Made(Struct):
    """A database, a connection of ours to it, and how its catalogs were when it was new."""

    name: LiteralString
    engines: Engines
    db: Database
    born: str
    """The transaction after which nothing in the catalogs may be younger."""
    shape: list[tuple[int, int]]
    times_emptied: int = 0

    async def empty(self, emptying: Emptying) -> None:
        """Makes it like a new one, in a session that no trigger sees, those of foreign keys included.

        Raises _NotLikeNewError if someone is connected, a table was made, altered, dropped or analysed, or many rows
        were written.
        """
        self.times_emptied += 1
        sizes = _BYTES_OF_EMPTIED if self.times_emptied % _ALL_SIZES_EACH else _BYTES
        async with self.db.connection() as tx:  # what a transaction has seen of connections, it sees until its end
            if not await _is_left_alone(tx, resting_on(self.engines.dsn)):
                raise _NotLikeNewError
        async with self.db.transaction() as tx:
            await tx.fetch(emptying.delete)
            if await tx.fetchval(sizes) > _BIG_BYTES or await _shape(tx, self.born) != self.shape:
                raise _NotLikeNewError
            await emptying.write_again(tx)


class Databases:
    """Gives each test a database that nobody else uses; the next one is prepared while a test runs.

    One that is given back is emptied and used again, which costs a tenth of making one. It is dropped instead when
    that would not make it equal to a new one. All this runs on a loop of its own, in a thread, so that fixtures of
    every kind and scope can use it.
    """

    def __init__(self, engines: Engines, template: LiteralString = TEMPLATE) -> None:
        self._engines = engines
        self._template: LiteralString = template
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._taken: dict[str, _Made] = {}
        self._returned: deque[asyncio.Task[_Made]] = deque()
        self._emptying: Emptying | None = None
        self._next: Future[_Made]
        self._maintenance: Database

    def __enter__(self) -> Self:
        self._thread.start()
        opening = Database.open(self._engines.dsn, size=2, name="tests", connected_within_s=60)
        self._maintenance = self._start(opening).result()
        self._next = self._start(self._ready())
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._start(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def take(self) -> Engines:
        """The engines with a database that nobody else uses: migrated, empty, with an installation id of its own."""
        try:
            made = self._next.result()
        finally:  # what went wrong with one database is the fault of one test
            self._next = self._start(self._ready())
        self._taken[made.engines.dsn] = made
        return made.engines

    def give_back(self, engines: Engines) -> None:
        """Empties or drops the database while the next test runs."""
        self._start(self._return(self._taken.pop(engines.dsn)))

    def _start(self, work: Coroutine[None, None, _T]) -> Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _ready(self) -> _Made:
        return await (self._returned.popleft() if self._returned else patiently(self._make))

    async def _return(self, made: _Made) -> None:
        self._returned.append(asyncio.create_task(self._again(made)))

    async def _again(self, made: _Made) -> _Made:
        """The database emptied, or another one in its place."""
        try:
            if self._emptying:
                await made.empty(self._emptying)
                return made
        except Exception:  # noqa: BLE001, S110 - a database that cannot be emptied, as where every connection was ended
            pass
        await made.db.close()
        await patiently(lambda: self._maintain(f'DROP DATABASE IF EXISTS "{made.name}" WITH (FORCE)'))
        return await patiently(self._make)

    async def _make(self) -> _Made:
        name = own_names(f"callmark_{random_text(12).lower()}")
        await self._maintain(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY file_copy')
        dsn = named(self._engines.dsn, name)
        db = await Database.open(f"{dsn}&{_NO_TRIGGERS}", size=1, name="tests", connected_within_s=60)
        async with db.transaction() as tx:
            await tx.execute(_PLANNED_ONCE)
            self._emptying = self._emptying or await Emptying.of(tx)
            await _renew(tx)
            born = await tx.fetchval("SELECT pg_current_xact_id()::text")
            return _Made(name, replace(self._engines, dsn=dsn), db, born, await _shape(tx, born))

    async def _maintain(self, statement: LiteralString) -> None:
        async with self._maintenance.connection() as tx:
            await tx.execute(statement)

    async def _close(self) -> None:
        """Ends our connections; the databases end with their server."""
        unused = asyncio.gather(asyncio.wrap_future(self._next), *self._returned, return_exceptions=True)
        for made in (*self._taken.values(), *await unused):
            if not isinstance(made, BaseException):  # no test wanted what could not be made
                await made.db.close()
        await self._maintenance.close()


async def _renew(tx: Tx) -> None:
    """NATS is shared: subjects carry the installation's id, so each test needs another."""
    await tx.execute("UPDATE installation SET id = $1", new_id())


async def _shape(tx: Tx, born: str) -> list[tuple[int, int]]:
    return [tuple(row) for row in await tx.fetch(_SHAPE, born)]


async def _is_left_alone(tx: Tx, resting: list[int]) -> bool:
    """Whether the test's connections end soon, of their own accord: someone who stays would disturb the next test."""
    for _ in range(_POLLS):
        if await tx.fetchval(_OTHERS, resting) == 0:
            return True
        await asyncio.sleep(_POLL_S)
    return False
