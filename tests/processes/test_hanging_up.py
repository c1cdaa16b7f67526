"""A client that hangs up ends the making of an answer that nobody will read, whatever it had asked for behind it."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Receive, Scope, Send

from callmark.processes.http import Server
from callmark.processes.ports import open_socket
from callmark.surfaces.http import StreamedResponse, connection_of
from callmark.surfaces.observed import Observed
from callmark.surfaces.streaming import Streaming

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class Endless:
    """An application whose answers have no end, as ours write them (`/ours`) and as Starlette does.

    One of them ends when the server stops (`/until-stop`).
    """

    def __init__(self) -> None:
        self.has_ended = asyncio.Event()
        self._stop = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for moment in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{moment}.complete"})
        elif scope["path"] == "/ours":
            await StreamedResponse(200, parts=self._parts()).send(send)
        elif scope["path"] == "/until-stop":
            connection_of(scope)["on_shutdown"] = self._stop.set
            await StreamedResponse(200, parts=self._until_stop()).send(send)
        else:
            await Streaming(self._parts())(scope, receive, send)

    async def _parts(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"more"
                await asyncio.sleep(0)
        finally:
            self.has_ended.set()

    async def _until_stop(self) -> AsyncGenerator[bytes]:
        yield b"more"
        await self._stop.wait()
        yield b"the end"


@pytest.fixture
def endless() -> Endless:
    return Endless()


@pytest.fixture
async def port(endless: Endless) -> AsyncGenerator[int]:
    server, stop = Server(Observed(endless), open_socket("127.0.0.1", 0)), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield server.port
    stop.set()
    await running


@pytest.mark.parametrize("path", [b"/ours", b"/of-starlette"])
@pytest.mark.parametrize("requests", [1, 2])
async def test_an_answer_that_nobody_reads_is_not_made_to_its_end(
    endless: Endless, port: int, path: bytes, requests: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((GET % path) * requests)
    await reader.readuntil(b"more")
    writer.close()
    async with asyncio.timeout(60):
        await endless.has_ended.wait()


@pytest.mark.parametrize("requests", [1, 2])
async def test_an_answer_hears_that_the_server_stops(endless: Endless, requests: int) -> None:
    server, stop = Server(Observed(endless), open_socket("127.0.0.1", 0)), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write((GET % b"/until-stop") * requests)
    await reader.readuntil(b"more")
    stop.set()
    await reader.readuntil(b"the end")
    await running
    writer.close()
