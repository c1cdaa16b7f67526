"""Brings a database's schema to the head: numbered SQL files, in order, once each, under one lock."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from importlib import resources
from typing import LiteralString

import asyncpg
from msgspec import Struct

from callmark.kit.clock import Clock
from callmark.kit.errors import SetupError
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import DatabaseConnection, Row, Tx, connect, own_names
from callmark.kit.postgres.faults import NO_SCHEMA, not_in_session_mode
from callmark.kit.postgres.pooling import check_sessions
from callmark.kit.postgres.session import UNTIMED

LOCK = 0x63616C6C6D61726B  # "callmark"
"""A process that changes the schema of a database holds this advisory lock."""

PHASES_SINCE = 49
"""The migration since which a database knows the phase of steps: its own, and of those after it."""

POST_NEEDED = 46
"""The last `post` step without which this version does not work: it knows nothing of how things were before."""

ENCODING = "UTF8"
ENCODING_WANTED = "ENCODING 'UTF8' TEMPLATE template0"
"""How PostgreSQL makes a database of it on any server."""

_FILES = resources.files("callmark.kit.migrations")


Tell = Callable[[str], object]

LOCKS_WITHIN = timedelta(seconds=60)
STEP_WITHIN_S = 60
"""Of a step, while a running platform waits behind it."""

_TABLE: LiteralString = (
    "CREATE TABLE IF NOT EXISTS schema_migration"
    " (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
)
_LOCK_WAIT: LiteralString = "2s"
"""Less than a real-time push has: it waits behind us."""
_PAUSE = timedelta(seconds=1)
_UNLOCK_WITHIN_S = 2
_LOCKED = (
    "migration {step.number:04d} ({step.name}) was not run, because it waits for {holders}. Steps before it are done."
    " Try again when that has ended; the platform can run meanwhile"
)


def _nobody(_: str) -> None: ...


class Migration(Struct, frozen=True):
    """One step: `phase` is `pre` (before the new code runs) or `post` (when no old code runs)."""

    number: int
    phase: str
    name: str
    sql: str


class NewerStep(Struct, frozen=True):
    """A step that a newer version has run; of one that did not say it, `phase` is None."""

    number: int
    phase: str | None


def head() -> int:
    """The newest migration's number, as the file `HEAD` says."""
    return int(_FILES.joinpath("HEAD").read_text())


def migrations() -> list[Migration]:
    """All steps in order; raises SetupError when the numbers are not 1 to `head()` without a gap."""
    found: list[Migration] = []
    for entry in _FILES.iterdir():
        if entry.name[:4].isdigit():
            number, phase, name = entry.name.removesuffix(".sql").split("_", 2)
            found.append(Migration(int(number), phase, name, entry.read_text()))
    found.sort(key=lambda m: m.number)
    if [m.number for m in found] != list(range(1, head() + 1)):
        raise SetupError("the migration files of this installation are incomplete; reinstall the package")
    return found


async def migrate(
    dsn: str,
    clock: Clock,
    *,
    phase: str | None = None,
    within: timedelta = LOCKS_WITHIN,
    alone: bool = False,
    tell: Tell = _nobody,
) -> list[Migration]:
    """Runs the steps that have not run yet (of `phase` only, when given) and gives them; safe to run by many at once.

    On an empty database `pre` runs every step: no older code is there for which a later one would have to wait.
    `pre` also passes over `pre` steps of a newer version, beside which this one works.
    Where nothing is due it waits for nobody. One process runs steps at a time, and each step is one transaction that
    waits for locks two seconds at most, because a running platform waits behind it; then it lets others pass and tries
    again, `within` that time for everything. A step may take a minute, or as long as it takes where this process is
    `alone` with the engine. `tell` gets a line for each step that is done and for each wait. Raises SetupError when the
    locks are not to be had, a step takes too long, or the database is newer than this code; steps before that one are
    done. Raises EngineRefuses behind a pooler that keeps no sessions.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within.total_seconds()
    async with connect(dsn) as tx:
        await _begin(dsn, tx, alone=alone)
        if await _nothing_to_do(tx, phase, tell):
            return []
        async with _locked(tx, clock, deadline, tell):
            await tx.execute(_TABLE)
            due = await _due(tx, phase)
            for step in due:
                while not await _run(tx, step, clock, 0 if alone else STEP_WITHIN_S):
                    holders = await _holders(tx)
                    if loop.time() > deadline:
                        raise SetupError(_LOCKED.format(step=step, holders=holders))
                    tell(f"{step.number:04d} waits for {holders}")
                    await clock.sleep(_PAUSE)
                tell(f"{step.number:04d} {step.phase} {step.name}")
            await tx.execute("INSERT INTO installation (id) VALUES ($1) ON CONFLICT DO NOTHING", new_id())
        return due


async def _begin(dsn: str, tx: Tx, *, alone: bool) -> None:
    if not alone:  # there is no pooler before an engine of our own
        await check_sessions(dsn, tx)
    await tx.execute("SET application_name = 'callmark migrate'")  # which others that wait for it are to read
    await tx.execute(UNTIMED)  # a step has a limit of its own


async def _nothing_to_do(tx: Tx, phase: str | None, tell: Tell) -> bool:
    """Whether every step has run; False also while someone has locked what says so, as a restore does."""
    await tx.execute(f"SET lock_timeout = '{_LOCK_WAIT}'")
    try:
        return not await _due(tx, phase, tell) and await tx.fetchval("SELECT EXISTS (SELECT FROM installation)")
    except asyncpg.LockNotAvailableError:
        return False
    finally:
        await tx.execute("RESET lock_timeout")


@asynccontextmanager
async def _locked(tx: Tx, clock: Clock, deadline: float, tell: Tell) -> AsyncGenerator[None]:
    """The lock of those that change the schema, given back at the end: a pooler keeps the session and what it holds.

    Raises as `_wait_for_lock`; and EngineRefuses where it was another session that had it at the end.
    """
    await _wait_for_lock(tx, "SELECT pg_try_advisory_lock($1)", clock, deadline, tell)
    try:
        yield
    except BaseException:
        await _unlock(tx)
        raise
    if not await _unlock(tx):
        raise not_in_session_mode()


async def _unlock(tx: Tx) -> bool:
    """Gives the lock back; False where this session did not have it. A server that is silent keeps it no longer."""
    try:
        rows = await tx.fetch("SELECT pg_advisory_unlock($1) AS is_ours", LOCK, timeout=_UNLOCK_WITHIN_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return True  # it goes with the connection
    return bool(rows[0]["is_ours"])


async def wait_until_free(tx: Tx, clock: Clock, within: timedelta) -> None:
    """Returns when no other process migrates or restores. Raises SetupError when one still does after that time.

    Outside a transaction it holds nothing afterwards: its lock is one of its statement.
    """
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    await _wait_for_lock(tx, "SELECT pg_try_advisory_xact_lock($1)", clock, deadline, _nobody)


async def _wait_for_lock(tx: Tx, locking: LiteralString, clock: Clock, deadline: float, tell: Tell) -> None:
    """Returns when no other process migrates or restores. Raises SetupError when one still does at the deadline."""
    while not await tx.fetchval(locking, LOCK):
        holder = await _holder(tx)
        if asyncio.get_running_loop().time() > deadline:
            raise SetupError(
                f"nothing was done, because {holder} migrates or restores this database. Try again when that has"
                " ended; if it is stuck, end it"
            )
        tell(f"waits for {holder}, which migrates or restores this database")
        await clock.sleep(_PAUSE)


async def _holder(tx: Tx) -> str:
    """Who has the lock of those that change the schema, for people."""
    rows = await tx.fetch(
        "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'unknown') AS program, extract(epoch FROM"
        " clock_timestamp() - coalesce(a.xact_start, a.backend_start))::integer AS seconds FROM pg_stat_activity a"
        " JOIN pg_locks l USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
        " AND l.database = a.datid AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 1",
        *divmod(LOCK, 1 << 32),
    )
    return _told(rows) or "another process"


def _told(rows: Sequence[Row]) -> str:
    """The programs, and for how long each has it, unless PostgreSQL hides that from our role."""
    since = ["" if row["seconds"] is None else f", for {row['seconds']} s" for row in rows]
    return ", ".join(f"{row['program']} (process {row['pid']}{for_s})" for row, for_s in zip(rows, since, strict=True))


async def _run(tx: DatabaseConnection, step: Migration, clock: Clock, within_s: float) -> bool:
    """Runs one step, whole or not at all; False when others held what it needs, or waited for what it held.

    In `within_s` seconds; 0: as long as it takes.
    """
    try:
        async with tx.transaction():
            await tx.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
            await tx.execute("SELECT set_config('statement_timeout', $1, true)", f"{within_s}s")
            await tx.execute(own_names(step.sql))
            await tx.execute(record_of(step, clock.now()))
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        return False
    except asyncpg.QueryCanceledError as exc:
        raise SetupError(
            f"migration {step.number:04d} ({step.name}) took longer than {within_s:g} s and was undone. Try"
            " again at a quieter time"
        ) from exc
    return True


async def _holders(tx: Tx) -> str:
    """Who has held a lock on our tables longest, for people."""
    rows = await tx.fetch(
        "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'unknown') AS program,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::integer AS seconds FROM pg_stat_activity a"
        " WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
        " AND coalesce(a.xact_start, '-infinity') < clock_timestamp() - interval '1 s'"
        " AND EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = a.pid"
        " AND l.granted AND c.relnamespace = current_schema()::regnamespace) ORDER BY a.xact_start LIMIT 3"
    )
    return f"locks of {_told(rows)}" if rows else "locks of short transactions"


async def _due(tx: Tx, phase: str | None, tell: Tell = _nobody) -> list[Migration]:
    """The steps to run, in order. Raises SetupError where running them would be wrong."""
    if newer := await newer_steps(tx):
        _check_newer(newer, phase)
        tell(f"{newer[-1].number:04d} is of a newer version, beside which this one works")
    applied = await applied_steps(tx)
    missing = outstanding(applied)
    if phase == "pre" and applied:
        _check_finished(applied)  # while the version that runs can still run its own
    if phase == "post" and any(m.phase == "pre" for m in missing):
        raise SetupError("some pre steps have not run yet; run `callmark migrate --phase pre` first")
    if is_first := not applied:
        await check_encoding(tx)
    return [m for m in missing if is_first or phase in (None, m.phase)]


async def check_encoding(tx: Tx) -> None:
    """Raises SetupError for a database that does not hold every character."""
    if (encoding := await encoding_of(tx)) != ENCODING:
        raise SetupError(
            f"the database's encoding is {encoding}, which does not hold the names of every language. Create one with"
            f" {ENCODING_WANTED} and name it in CALLMARK_POSTGRES_DSN"
        )


async def encoding_of(tx: Tx) -> str:
    """How the database writes its texts; `ENCODING` is the one that holds all of them."""
    return await tx.fetchval("SELECT getdatabaseencoding()::text")


async def check_steps(tx: Tx, *, beside: bool) -> None:
    """Raises SetupError where a newer version has run steps beside which this one does not work; any, not `beside` it.

    What must know every table, or every secret, does not work beside any.
    """
    if newer := await newer_steps(tx):
        _check_newer(newer, "pre" if beside else None)


def _check_newer(newer: Sequence[NewerStep], phase: str | None) -> None:
    """Raises SetupError where a newer version has run steps beside which this one does not work, or is not to."""
    if phase != "pre" or any(step.phase != "pre" for step in newer):
        raise SetupError(
            f"the database is at migration {newer[-1].number}, which is newer than this version ({head()}). Update"
            " Callmark"
        )


def record_of(step: Migration, now: datetime) -> LiteralString:
    """The statement that says in the database that `step` has run."""
    phase = f", '{step.phase}'" if step.number >= PHASES_SINCE else ""
    return own_names(f"INSERT INTO schema_migration VALUES ({step.number}, '{step.name}', '{now.isoformat()}'{phase})")


def outstanding(applied: set[int]) -> list[Migration]:
    """The steps that are not in `applied`, in order."""
    return [m for m in migrations() if m.number not in applied]


def needed() -> int:
    """The newest step this code cannot run without: `post` steps wait until no old code runs."""
    return max(m.number for m in migrations() if m.phase == "pre")


def unfinished(applied: set[int]) -> list[Migration]:
    """The `post` steps of earlier versions that are not in `applied`, and without which this one does not work."""
    return [m for m in outstanding(applied) if m.phase == "post" and m.number <= POST_NEEDED]


def _check_finished(applied: set[int]) -> None:
    """Raises SetupError where steps that an earlier version left for later are needed now."""
    if left := ", ".join(f"{m.number:04d}" for m in unfinished(applied)):
        raise SetupError(
            f"post steps of an earlier version have not run ({left}), and this version does not work without them. Run"
            " `callmark migrate --phase post` with the version that you upgrade from. If it does not have these steps,"
            " stop all its processes and run `callmark migrate` with this version"
        )


async def check_schema(tx: Tx) -> None:
    """Raises SetupError where this code cannot run on the schema, or where there is none that its user can use."""
    if await tx.fetchval("SELECT current_schema()") is None:
        raise SetupError(f"the database has no schema that this user can use. {NO_SCHEMA}")
    applied = await applied_steps(tx)
    if (number := max(applied, default=0)) < needed():
        raise SetupError(
            f"the database schema is at {number}, but this version needs {needed()}; run `callmark migrate --phase pre`"
        )
    _check_finished(applied)


async def schema_number(tx: Tx) -> int:
    """The newest migration this database has, 0 for an empty one."""
    return max(await applied_steps(tx), default=0)


async def applied_steps(tx: Tx) -> set[int]:
    """The numbers of the migrations this database has."""
    try:
        return {row["number"] for row in await tx.fetch("SELECT number FROM schema_migration")}
    except asyncpg.UndefinedTableError:
        return set()


async def newer_steps(tx: Tx) -> list[NewerStep]:
    """The steps of this database that this version does not know, in order."""
    if await schema_number(tx) <= head():
        return []
    rows = await tx.fetch("SELECT number, phase FROM schema_migration WHERE number > $1 ORDER BY number", head())
    return [NewerStep(row["number"], row["phase"]) for row in rows]
