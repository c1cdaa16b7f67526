"""Brings a database's schema to the head: numbered SQL files, in order, once each, under one lock."""

from dataclasses import dataclass
from importlib import resources

import asyncpg

from callmark.kit.clock import Clock
from callmark.kit.db import Tx, connect, own_names
from callmark.kit.errors import SetupError
from callmark.kit.ids import new_id

LOCK = 0x63616C6C6D61726B  # "callmark"
"""Whoever changes the schema of a database holds this advisory lock."""

_FILES = resources.files("callmark.kit.migrations")


@dataclass(frozen=True)
class Migration:
    """One step: `phase` is `pre` (before the new code runs) or `post` (when no old code runs)."""

    number: int
    phase: str
    name: str
    sql: str


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


async def migrate(dsn: str, clock: Clock, *, phase: str | None = None) -> list[Migration]:
    """Runs the steps that have not run yet (of `phase` only, when given) and gives them; safe to run by many at once.

    Each step is one transaction with `lock_timeout` and `statement_timeout`, so that it fails rather than
    blocks a running platform. Raises SetupError when the database is newer than this code.
    """
    async with connect(dsn) as tx:
        await tx.execute("SELECT pg_advisory_lock($1)", LOCK)
        await tx.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration"
            " (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        due = _due(await applied_steps(tx), phase)
        for step in due:
            async with tx.transaction():
                await tx.execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'")
                await tx.execute(own_names(step.sql))
                await tx.execute(
                    "INSERT INTO schema_migration VALUES ($1, $2, $3)", step.number, step.name, clock.now()
                )
        await tx.execute("INSERT INTO installation (id) VALUES ($1) ON CONFLICT DO NOTHING", new_id())
        return due


def _due(applied: set[int], phase: str | None) -> list[Migration]:
    """The steps to run, in order. Raises SetupError where running them would be wrong."""
    if applied and max(applied) > head():
        raise SetupError(
            f"the database is at migration {max(applied)}, which is newer than this version ({head()}). Update Callmark"
        )
    missing = outstanding(applied)
    if phase == "post" and any(m.phase == "pre" for m in missing):
        raise SetupError("some pre steps have not run yet; run `callmark migrate --phase pre` first")
    return [m for m in missing if phase in (None, m.phase)]


def outstanding(applied: set[int]) -> list[Migration]:
    """The steps that are not in `applied`, in order."""
    return [m for m in migrations() if m.number not in applied]


def needed() -> int:
    """The newest step this code cannot run without: `post` steps wait until no old code runs."""
    return max(m.number for m in migrations() if m.phase == "pre")


async def schema_number(tx: Tx) -> int:
    """The newest migration this database has, 0 for an empty one."""
    return max(await applied_steps(tx), default=0)


async def applied_steps(tx: Tx) -> set[int]:
    """The numbers of the migrations this database has."""
    try:
        return {row["number"] for row in await tx.fetch("SELECT number FROM schema_migration")}
    except asyncpg.UndefinedTableError:
        return set()
