"""A webhook receiver that can be slow, hang, fail and reset, and writes down what it took."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from enum import StrEnum
from time import monotonic

from chaos.checker.history import Received

SLOW_S = 0.6
HANGS_S = 3.0


class Mood(StrEnum):
    """How it answers."""

    WELL = "well"
    SLOW = "slow"
    HANGING = "hanging"
    FAILING = "failing"
    RESETTING = "resetting"


class Receiver:
    """Every path is a webhook of its own; what was answered 200 is noted as received."""

    def __init__(self, note: Callable[[Received], None]) -> None:
        self.mood = Mood.WELL
        self.url = ""
        self._note = note
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens on a port of its own."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """No more."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError):
            while await self._answer(reader, writer):
                pass
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        mood = self.mood
        if mood is Mood.RESETTING:
            return False
        if mood is Mood.HANGING:
            await asyncio.sleep(HANGS_S)
            return False
        if mood is Mood.SLOW:
            await asyncio.sleep(SLOW_S)
        status = "500 Internal Server Error" if mood is Mood.FAILING else "200 OK"
        if mood is not Mood.FAILING:  # before the answer: a sender that died meanwhile sends it again
            event_id = json.loads(body)["event_id"]
            self._note(Received(webhook=head[0].split()[1].strip("/"), event_id=event_id, at=monotonic()))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok".encode())
        await writer.drain()
        return True
