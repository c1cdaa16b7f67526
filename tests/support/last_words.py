"""PostgreSQL that ends a connection whose end has not arrived yet."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

from tests.support.engines import reachable_directory

from callmark.kit.engines.data_directory import PORT, SOCKET_NAME
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.dsn import Host
from callmark.kit.postgres.primary import hosts_of, with_host


class LastWords:
    """A relay before PostgreSQL that passes on what a server says when it ends a connection, and not the end."""

    def __init__(self, server: Path) -> None:
        self.said = asyncio.Event()
        self._server = server

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._server)
        asking = asyncio.create_task(_forward(reader, there_writer))
        await _forward(there_reader, writer)
        self.said.set()
        await asking
        writer.close()
        there_writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionResetError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)


@contextlib.asynccontextmanager
async def relayed(dsn: str) -> AsyncGenerator[tuple[str, LastWords]]:
    """Where PostgreSQL is reached through `LastWords`, and these."""
    directory = reachable_directory()
    words = LastWords(Path(hosts_of(dsn)[0].name) / SOCKET_NAME)
    try:
        async with await asyncio.start_unix_server(words, directory / SOCKET_NAME):
            yield with_host(dsn, Host(str(directory), PORT)), words
    finally:
        shutil.rmtree(directory)


async def end(db: Database, words: LastWords, backend: int) -> None:
    """The server says that it ends this connection, and asyncpg has read it."""
    async with db.connection() as other:
        await other.execute("SELECT pg_terminate_backend($1)", backend)
    await words.said.wait()
    await asyncio.sleep(0)  # one round of the loop, in which they are read
