"""A way to the platform that can be shut: what the proxies reach when the signing service is down or silent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from urllib.parse import urlsplit

from callmark.kit.ports import LOOPBACK, free_port


class RelayState(Enum):
    """What those who connect get."""

    OPEN = auto()
    CLOSED = auto()
    """Connections are refused."""
    SILENT = auto()
    """Connections are accepted, and nothing ever answers."""


class Relay:
    """Passes connections on to the platform while it is open. Begins open."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._to = parts.hostname or LOOPBACK, parts.port or 80
        self._port = free_port()
        self._state = RelayState.CLOSED
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.accepted = 0
        """How many have connected."""

    @property
    def url(self) -> str:
        """Its own address."""
        return f"http://{LOOPBACK}:{self._port}"

    async def turn(self, state: RelayState) -> None:
        """Changes the state; open connections end."""
        self._state = state
        if state is RelayState.CLOSED and self._server:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        if state is not RelayState.CLOSED and self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self._port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._open.add(writer)
        try:
            if self._state is RelayState.OPEN:
                with suppress(OSError):
                    await self._pass_on(reader, writer)
            else:
                await writer.wait_closed()
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection(self._host, self._to)
        self._open.add(there)
        try:
            await asyncio.gather(_copy(reader, there), _copy(there_reader, writer))
        finally:
            self._open.discard(there)
            there.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65536):
        target.write(chunk)
        await target.drain()
    target.close()


@asynccontextmanager
async def relay(base_url: str) -> AsyncGenerator[Relay]:
    """An open relay to the platform, as long as the block."""
    made = Relay(base_url)
    await made.turn(RelayState.OPEN)
    try:
        yield made
    finally:
        await made.turn(RelayState.CLOSED)
