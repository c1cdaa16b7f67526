"""Engines of a test run: started once, a template database migrated once, a database for each test."""

import asyncio
import os
import re
import shutil
import tempfile
import threading
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self, TypeVar

from callmark.kit.clock import SystemClock
from callmark.kit.db import Database, connect, own_names
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.ids import new_id, random_text
from callmark.kit.migrate import migrate, migrations

_T = TypeVar("_T")

TEMPLATE = "callmark_template"
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 2 << 30  # noqa: S108 - not a fixed name in it
SECRET_KEY = "made-up " * 4
"""The secret key of every installation of a test run."""


@dataclass(frozen=True)
class Engines:
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
        self._postgres = EmbeddedPostgres(self.directory / "data", durable=False)
        self._nats = EmbeddedNats(self.directory / "data")

    def start(self) -> Engines:
        """Both engines, and the migrated template."""
        return asyncio.run(self._start())

    def stop(self) -> None:
        """Ends both and removes their data."""
        asyncio.run(self._stop())
        shutil.rmtree(self.directory)

    async def _start(self) -> Engines:
        dsn, nats_url = await asyncio.gather(self._postgres.start(), self._nats.start())
        await _execute(dsn, f'CREATE DATABASE "{TEMPLATE}"')
        await migrate(_named(dsn, TEMPLATE), SystemClock())
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


class Databases:
    """Makes a database from the template for each test, the next one while a test runs; drops those given back.

    It works on a loop of its own, in a thread, so that fixtures of every kind and scope can use it.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._dropping: list[Future[None]] = []
        self._next: Future[Engines]
        self._maintenance: Database

    def __enter__(self) -> Self:
        self._thread.start()
        self._maintenance = self._start(Database.open(self._engines.dsn, size=2, name="tests")).result()
        self._next = self._start(self._make())
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.give_back(self._next.result())
        for dropping in self._dropping:
            dropping.result()
        self._start(self._maintenance.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def take(self) -> Engines:
        """The engines with a database that nobody else uses: migrated, empty, with an installation id of its own."""
        made, self._next = self._next.result(), self._start(self._make())
        return made

    def give_back(self, engines: Engines) -> None:
        """Drops the database, whoever is still connected to it, while the next test runs."""
        name = own_names(re.findall(r"@/(\w+)\?", engines.dsn)[0])
        self._dropping.append(self._start(self._maintain(f'DROP DATABASE "{name}" WITH (FORCE)')))

    def _start(self, work: Coroutine[None, None, _T]) -> Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _make(self) -> Engines:
        name = own_names(f"callmark_{random_text(12).lower()}")
        await self._maintain(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY file_copy')
        dsn = _named(self._engines.dsn, name)
        # NATS is shared: subjects carry the installation's id, so each database needs another.
        await _execute(dsn, "UPDATE installation SET id = $1", new_id())
        return Engines(dsn, self._engines.nats_url)

    async def _maintain(self, statement: LiteralString) -> None:
        async with self._maintenance.connection() as tx:
            await tx.execute(statement)


async def _execute(dsn: str, statement: LiteralString, *args: object) -> None:
    async with connect(dsn) as tx:
        await tx.execute(statement, *args)


def _named(dsn: str, database: str) -> str:
    return re.sub(r"@/\w+\?", f"@/{database}?", dsn)


@asynccontextmanager
async def empty_database(dsn: str) -> AsyncGenerator[str]:
    """A database without any table on the server of `dsn`, dropped at the end of the block."""
    name = own_names(f"empty_{random_text(12).lower()}")
    await _execute(dsn, f'CREATE DATABASE "{name}"')
    yield _named(dsn, name)
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
