"""A TCP proxy that does to connections what networks do: cuts, delays, halves and refuses them."""

import asyncio
import contextlib
import socket
import struct
from enum import StrEnum
from pathlib import Path


class Weather(StrEnum):
    """What happens to bytes and connections."""

    CLEAR = "clear"
    DELAY = "delay"
    """Every chunk comes later."""
    HALVE = "halve"
    """A chunk's first half arrives, and then the connection is reset."""
    REFUSE = "refuse"
    """New connections are reset at once; open ones go on."""


CHUNK = 65_536
DELAY_S = 0.15
HALVE_EVERY = 7
"""Every so many chunks, over all connections, one is halved."""

Address = tuple[str, int] | Path


class FaultProxy:
    """Listens on a port of loopback and forwards to `target`, a host and port or a Unix socket."""

    def __init__(self, target: Address) -> None:
        self.target = target
        self.weather = Weather.CLEAR
        self.port = 0
        self._chunks = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Its port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Cuts everything."""
        if self._server:
            self._server.close()
        while self._serving:
            self.cut()
            await asyncio.wait(self._serving, timeout=0.1)

    def cut(self) -> None:
        """Resets every open connection."""
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        try:
            await self._join(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._serving.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather is Weather.REFUSE:
            _reset(writer)
            return
        try:
            there_reader, there_writer = await self._connected()
        except OSError:
            return
        self._open |= {writer, there_writer}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forward(reader, there_writer))
                tasks.create_task(self._forward(there_reader, writer))
        finally:
            self._open -= {writer, there_writer}
            there_writer.close()
            with contextlib.suppress(OSError):
                await there_writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self.weather is Weather.DELAY:
                    await asyncio.sleep(DELAY_S)
                self._chunks += 1
                if self.weather is Weather.HALVE and self._chunks % HALVE_EVERY == 0:
                    writer.write(chunk[: len(chunk) // 2])
                    await writer.drain()
                    break
                writer.write(chunk)
                await writer.drain()
            if self.weather is Weather.CLEAR:
                writer.write_eof()
                return
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection by a reset; what is still to be sent is lost."""
    found: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is closed already
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
