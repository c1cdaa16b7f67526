"""PostgreSQL's data as a first start makes them, made once in a run: `initdb` takes half a second, a copy 0.04."""

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.engines import let_logins_be_quick

from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import ENVIRONMENT
from callmark.kit.engines.child import run
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.postgres.migrate import migrate


class FirstStarts:
    """Copies for tests that are about what comes after a first start. All have the system identifier of the first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        """Of all processes of the run: what one of them made, the others copy."""

    async def put(self, data: Path) -> None:
        """Makes the data directory of an installation whose own PostgreSQL has been started and stopped."""
        await self.put_made("installation", data, _start_once)

    async def put_migrated(self, data: Path) -> None:
        """As `put`, and the database has been migrated: all have the id of one installation, too."""
        await self.put_made("migrated", data, _migrate_once)

    async def put_made(self, kind: str, path: Path, make: Callable[[Path], Awaitable[None]]) -> None:
        """Makes a directory as `make` makes it, by a copy if one of that kind was made before."""
        made = self._directory / kind
        if not made.exists():
            await self._make(made, make)
        path.parent.mkdir(parents=True, exist_ok=True)
        status, text = await run(["cp", "-a", made / "made", path], env=ENVIRONMENT)
        assert status == 0, text

    async def _make(self, made: Path, make: Callable[[Path], Awaitable[None]]) -> None:
        own = made.with_name(f"{made.name}-{os.getpid()}")
        own.mkdir(parents=True)
        await make(own / "made")
        try:
            own.rename(made)
        except OSError:  # another process was quicker
            shutil.rmtree(own)


async def _start_once(data: Path) -> None:
    async with EmbeddedPostgres(data, durable=False) as dsn:
        await let_logins_be_quick(dsn)


async def _migrate_once(data: Path) -> None:
    async with EmbeddedPostgres(data, durable=False) as dsn:
        await let_logins_be_quick(dsn)
        await migrate(dsn, SystemClock())
