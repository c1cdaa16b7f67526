"""A way to PostgreSQL that a test opens and shuts."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.support.engines import reachable_directory

from callmark.domain.deps import Deps
from callmark.kit.engines.data_directory import PORT, SOCKET_NAME
from callmark.kit.postgres.dsn import Host
from callmark.kit.postgres.primary import hosts_of, with_host


class WayToPostgres:
    """A socket of its own that leads to the engine of the tests, or is not there. Begins shut."""

    def __init__(self, deps: Deps, directory: Path) -> None:
        reached = deps.settings.reached_postgres
        self.dsn = with_host(reached, Host(str(directory), PORT))
        self._socket, self._there = directory / SOCKET_NAME, Path(hosts_of(reached)[0].name) / SOCKET_NAME

    def open(self) -> None:
        """Connections can be made."""
        self._socket.symlink_to(self._there)

    def shut(self) -> None:
        """No more connections can be made; those that there are stay."""
        self._socket.unlink()

    @asynccontextmanager
    async def slow(self, late_s: float) -> AsyncGenerator[None]:
        """Within the block a connection is taken at once, and leads somewhere after `late_s`."""

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(late_s)
            from_there, to_there = await asyncio.open_unix_connection(self._there)
            await asyncio.gather(pass_on(reader, to_there), pass_on(from_there, writer))

        async with await asyncio.start_unix_server(relay, self._socket):
            yield


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies until the end."""
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
    writer.close()


@contextmanager
def way_to_postgres(deps: Deps) -> Generator[WayToPostgres]:
    """As long as the block."""
    directory = reachable_directory()
    try:
        yield WayToPostgres(deps, directory)
    finally:
        shutil.rmtree(directory)
