"""Engines of a test run, started once, with template databases migrated once."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import LiteralString
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import asdict
from tests.support.fake_clock import FakeClock
from tests.support.kept_days import KEPT

from callmark.kit.clock import SystemClock
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import ROLE, EmbeddedPostgres
from callmark.kit.ids import new_id, random_text
from callmark.kit.postgres.database import Database, connect, own_names
from callmark.kit.postgres.migrate import migrate, migrations
from callmark.kit.postgres.partitions import keep_days

TEMPLATE = "callmark_template"
TEMPLATE_WITH_DAYS = "callmark_template_days"
"""Of databases that have the days which a worker makes at the instant where the clock of a test stands first."""
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 2 << 30  # noqa: S108 - not a fixed name in it
_ONE_ROUND = "SELECT set_config(name, '1', false) FROM pg_settings WHERE name = 'scram_iterations'"
_PASSWORD = re.compile("//[^:]+:([^@]+)@")
CONNECTIONS = 400
"""At the same time. Five workers have 140 open, most of them at rest."""
SECRET_KEY = "made-up " * 4
"""The secret key of every installation of a test run."""


class Engines(Struct, frozen=True):
    """Where the engines are; `dsn` is the maintenance database, or a test's own once `Databases.take` gave it."""

    dsn: str
    nats_url: str

    def as_dict(self) -> dict[str, str]:
        """What an xdist controller hands to its workers."""
        return asdict(self)


class RunningEngines:
    """Both engines on a directory of their own; nothing is forced to disk."""

    def __init__(self) -> None:
        self.directory = reachable_directory()
        self._postgres = EmbeddedPostgres(self.directory / "data", durable=False, connections=CONNECTIONS)
        self._nats = EmbeddedNats(self.directory / "data")

    def start(self) -> Engines:
        """Both engines, and the migrated templates."""
        return asyncio.run(self._start())

    def stop(self) -> None:
        """Ends both and removes their data."""
        asyncio.run(self._stop())
        shutil.rmtree(self.directory)

    async def _start(self) -> Engines:
        dsn, nats_url = await asyncio.gather(self._postgres.start(), self._nats.start())
        await _execute(dsn, f'CREATE DATABASE "{TEMPLATE}"')
        await migrate(named(dsn, TEMPLATE), SystemClock())
        await _execute(dsn, f'CREATE DATABASE "{TEMPLATE_WITH_DAYS}" TEMPLATE "{TEMPLATE}"')
        await _make_days(named(dsn, TEMPLATE_WITH_DAYS))
        await let_logins_be_quick(dsn)
        return Engines(dsn, nats_url)

    async def _stop(self) -> None:
        await asyncio.gather(self._postgres.stop(), self._nats.stop())


def reachable_directory() -> Path:
    """A new directory that the engines' user can reach too (pytest's own are 0700), in memory where there is room.

    A database is a few hundred files: on a disk, making and dropping one takes five times the processor time.
    """
    folder = _MEMORY if _has_room(_MEMORY) else Path(tempfile.gettempdir())
    for left in folder.glob("callmark-test-*-*"):  # by a run that was killed
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"callmark-test-{os.getpid()}-", dir=folder))
    path.chmod(0o755)
    return path


def _has_room(folder: Path) -> bool:
    """Whether programs can be run there, and what a whole run writes fits."""
    if not folder.is_dir():
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > _ROOM_BYTES


async def let_logins_be_quick(dsn: str) -> None:
    """Stores the password with one round of SCRAM instead of 4,096; each test opens some connections.

    PostgreSQL 15 has no such setting.
    """
    async with connect(dsn) as tx:
        if await tx.fetchval(_ONE_ROUND):
            await tx.execute(own_names(f"ALTER ROLE {ROLE} PASSWORD '{unquote(_PASSWORD.findall(dsn)[0])}'"))


async def _make_days(dsn: str) -> None:
    db = await Database.open(dsn, size=1, name="tests", connected_within_s=60)
    await keep_days(db, FakeClock().now(), KEPT)
    await db.close()


async def _execute(dsn: str, statement: LiteralString, *args: object) -> None:
    async with connect(dsn) as tx:
        await tx.execute(statement, *args)


def named(dsn: str, database: str) -> str:
    """The address of another database on the same server."""
    return re.sub(r"@/\w+\?", f"@/{database}?", dsn)


def database_in(dsn: str) -> str:
    """The name of the database at that address."""
    return re.findall(r"@/(\w+)\?", dsn)[0]


@asynccontextmanager
async def empty_database(dsn: str, options: LiteralString = "") -> AsyncGenerator[str]:
    """A database without any table on the server of `dsn`, dropped at the end of the block."""
    name = own_names(f"empty_{random_text(12).lower()}")
    await _execute(dsn, f'CREATE DATABASE "{name}" {options}')
    yield named(dsn, name)
    await _execute(dsn, f'DROP DATABASE "{name}" WITH (FORCE)')


async def migrated_to(dsn: str, number: int) -> None:
    """Gives an empty database the schema of an earlier version: the steps up to `number`."""
    async with connect(dsn) as tx:
        await tx.execute(
            "CREATE TABLE schema_migration (number integer PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL)"
        )
        for step in migrations()[:number]:
            await tx.execute(own_names(step.sql))
            await tx.execute("INSERT INTO schema_migration VALUES ($1, $2, now())", step.number, step.name)
        await tx.execute("INSERT INTO installation (id) VALUES ($1)", new_id())
