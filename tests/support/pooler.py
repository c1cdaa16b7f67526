"""A pooler before PostgreSQL: as PgBouncer in session mode at the start of a connection, or as in transaction mode."""

import asyncio
import shutil
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.engines import reachable_directory
from tests.support.way_to_postgres import pass_on

from callmark.kit.engines.data_directory import PORT, SOCKET_NAME
from callmark.kit.postgres.dsn import Host
from callmark.kit.postgres.primary import hosts_of, with_host

_KNOWN = {"", "user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"}
"""What PgBouncer takes with a start, besides the name of the program."""


@asynccontextmanager
async def pooled(dsn: str) -> AsyncGenerator[str]:
    """Where PostgreSQL is reached through one in session mode."""
    server = _server_of(dsn)

    async def relay(reader: StreamReader, writer: StreamWriter) -> None:
        if start := await _start(reader, writer):
            from_there, to_there = await asyncio.open_unix_connection(server)
            to_there.write(start)
            await asyncio.gather(pass_on(reader, to_there), pass_on(from_there, writer))

    async with _listening(relay, dsn) as reached:
        yield reached


@asynccontextmanager
async def pooled_by_transactions(dsn: str) -> AsyncGenerator[str]:
    """Where every connection has the one session of the server for a transaction, which outlives them."""
    session = _SharedSession(_server_of(dsn))
    try:
        async with _listening(session.relay, dsn) as reached:
            yield reached
    finally:
        session.close()


class _Message(NamedTuple):
    kind: bytes
    content: bytes

    def __bytes__(self) -> bytes:
        return self.kind + struct.pack("!I", len(self.content) + 4) + self.content


_LAST_ANSWERS = {b"Q": b"Z", b"S": b"Z", b"H": b"TnE"}
"""By messages that are answered at once; a flush comes after the question what a statement gives."""
_IDLE = _Message(b"Z", b"I")
_WELCOME = _Message(b"R", struct.pack("!I", 0))
_SASL, _SASL_CONTINUE = (struct.pack("!I", code) for code in (10, 11))


class _SharedSession:
    """The pooler's connection to the server, and whose turn it is."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._there: tuple[StreamReader, StreamWriter] | None = None
        self._greeting = b""
        self._turn = asyncio.Lock()

    async def relay(self, reader: StreamReader, writer: StreamWriter) -> None:
        """A connection of a client, to its end."""
        if start := await _start(reader, writer):
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                async with self._turn:
                    there = self._there or await self._begin(start, reader, writer)
                writer.write(self._greeting)
                while (message := await _read(reader)).kind != b"X":
                    async with self._turn:
                        await self._transaction(message, (reader, writer), there)
            writer.close()

    async def _begin(
        self, start: bytes, reader: StreamReader, writer: StreamWriter
    ) -> tuple[StreamReader, StreamWriter]:
        """The first client says who we are; what the server says of itself then, each client hears."""
        self._there = from_there, to_there = await asyncio.open_unix_connection(self._server)
        to_there.write(start)
        while (message := await _read(from_there)) != _WELCOME:
            writer.write(bytes(message))
            if message.content[:4] in {_SASL, _SASL_CONTINUE}:
                to_there.write(bytes(await _read(reader)))
        while message.kind != b"Z":
            self._greeting += bytes(message)
            message = await _read(from_there)
        self._greeting += bytes(message)
        return self._there

    async def _transaction(
        self,
        message: _Message,
        here: tuple[StreamReader, StreamWriter],
        there: tuple[StreamReader, StreamWriter],
    ) -> None:
        """Passes messages on until the server says that no transaction is open."""
        while True:
            there[1].write(bytes(message))
            if last := _LAST_ANSWERS.get(message.kind):
                while (answer := await _read(there[0])).kind not in last:
                    here[1].write(bytes(answer))
                here[1].write(bytes(answer))
                if answer == _IDLE:
                    return
            message = await _read(here[0])

    def close(self) -> None:
        """Ends the session of the server."""
        if self._there:
            self._there[1].close()


@asynccontextmanager
async def _listening(relay: Callable[[StreamReader, StreamWriter], Awaitable[None]], dsn: str) -> AsyncGenerator[str]:
    directory = reachable_directory()
    try:
        async with await asyncio.start_unix_server(relay, directory / SOCKET_NAME):
            yield with_host(dsn, Host(str(directory), PORT))
    finally:
        shutil.rmtree(directory)


def _server_of(dsn: str) -> Path:
    return Path(hosts_of(dsn)[0].name) / SOCKET_NAME


async def _start(reader: StreamReader, writer: StreamWriter) -> bytes:
    """What a client begins with; empty where it asks for what a pooler does not know, and is refused."""
    size = await reader.readexactly(4)
    start = await reader.readexactly(struct.unpack("!I", size)[0] - 4)
    if unknown := {name.lower() for name in start[4:].decode().split("\0")[::2]} - _KNOWN - {"application_name"}:
        text = f"unsupported startup parameter: {min(unknown)}"
        writer.write(bytes(_Message(b"E", f"SFATAL\0VFATAL\0C08P01\0M{text}\0\0".encode())))
        writer.close()
        return b""
    return size + start


async def _read(reader: StreamReader) -> _Message:
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    return _Message(kind, await reader.readexactly(size - 4))
