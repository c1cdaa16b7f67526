"""Engines of a test run: started once, a template database migrated once, a database for each worker."""

import asyncio
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from callmark.kit.clock import SystemClock
from callmark.kit.db import connect
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.ids import new_id
from callmark.kit.migrate import migrate

TEMPLATE = "callmark_template"
SECRET_KEY = "made-up " * 4
"""The secret key of every installation of a test run."""


@dataclass(frozen=True)
class Engines:
    """Where the engines are; `dsn` is this worker's database once `database_for` made it."""

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
    """A new directory that the engines' user can reach too (pytest's own are 0700)."""
    path = Path(tempfile.mkdtemp(prefix="callmark-test-"))
    path.chmod(0o755)
    return path


def database_for(engines: Engines, worker: str) -> Engines:
    """The same engines with a database made from the template for `worker`, with an installation id of its own."""
    name = f"callmark_{worker}"
    asyncio.run(_execute(engines.dsn, f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"'))
    dsn = _named(engines.dsn, name)
    # NATS is shared: subjects carry the installation's id, so each worker needs another.
    asyncio.run(_execute(dsn, "UPDATE installation SET id = $1", new_id()))
    return Engines(dsn, engines.nats_url)


async def _execute(dsn: str, statement: str, *args: object) -> None:
    async with connect(dsn) as tx:
        await tx.execute(statement, *args)


def another_database(engines: Engines, name: str) -> Engines:
    """As `database_for`, for a module of this worker that needs an installation to itself."""
    mine = re.findall(r"@/callmark_(\w+)\?", engines.dsn)[0]
    return database_for(engines, f"{mine}_{name}")


def _named(dsn: str, database: str) -> str:
    return re.sub(r"@/\w+\?", f"@/{database}?", dsn)
