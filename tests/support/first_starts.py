"""PostgreSQL's data as a first start makes them, made once in a process: `initdb` takes half a second, a copy 0.04."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.engines import let_logins_be_quick, reachable_directory

from callmark.kit.engines.binaries import ENVIRONMENT
from callmark.kit.engines.child import run
from callmark.kit.engines.postgres import EmbeddedPostgres


class FirstStarts:
    """Copies for tests that are about what comes after a first start. All have the system identifier of the first."""

    def __init__(self) -> None:
        self._made: dict[str, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        for path in self._made.values():
            shutil.rmtree(path.parent)

    async def put(self, data: Path) -> None:
        """Makes the data directory of an installation whose own PostgreSQL has been started and stopped."""
        await self.put_made("installation", data, _start_once)

    async def put_made(self, kind: str, path: Path, make: Callable[[Path], Awaitable[None]]) -> None:
        """Makes a directory as `make` makes it, by a copy if one of that kind was made before."""
        if kind not in self._made:
            made = reachable_directory() / "made"
            await make(made)
            self._made[kind] = made
        path.parent.mkdir(parents=True, exist_ok=True)
        status, text = await run(["cp", "-a", self._made[kind], path], env=ENVIRONMENT)
        assert status == 0, text


async def _start_once(data: Path) -> None:
    async with EmbeddedPostgres(data, durable=False) as dsn:
        await let_logins_be_quick(dsn)
