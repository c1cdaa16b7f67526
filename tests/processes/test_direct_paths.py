"""The direct paths past uvicorn are taken: after an upgrade that bypasses them all would be right, only slower.

docs/decisions/0012-hot-path-parts.md
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import connect

from callmark.kit.fastpath.websockets import Frames
from callmark.processes.http import Server
from callmark.processes.ports import open_socket

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def _serving(app: ASGIApp) -> AsyncGenerator[int]:
    """The port of a server of `app`."""

    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})

    server, stop = Server(with_lifespan, open_socket(LOOPBACK, 0)), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield server.port
    stop.set()
    await running


async def test_whole_text_frames_are_handed_on_as_they_are_read_and_the_others_take_the_long_way() -> None:
    short: list[bytes] = []
    long: list[str] = []

    def take(payload: bytes) -> bool:
        if payload == b"not mine":
            return False
        short.append(payload)
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        frames: Frames = scope["extensions"]["callmark.frames"]
        frames.take = take
        assert frames.write(b"ready")
        while (event := await receive())["type"] == "websocket.receive":
            long.append(event["text"])
            await send({"type": "websocket.send", "text": "heard"})

    async with _serving(app) as port, connect(f"ws://{LOOPBACK}:{port}/", compression=None) as socket:
        assert await socket.recv() == "ready"
        await socket.send("one")
        await socket.send("not mine")
        await socket.send(["in ", "parts"])
        assert [await socket.recv(), await socket.recv()] == ["heard", "heard"]
    assert (short, long) == ([b"one"], ["not mine", "in parts"])


def _masked(first: int, payload: bytes, mask: bytes = b"\x01\xf2\x03\x84") -> bytes:
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((first,)) + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


async def test_frames_are_handed_on_once_and_in_order_however_the_network_cuts_them() -> None:
    taken: list[bytes] = []
    by: list[str] = []
    texts = [b"a", b"b" * 125, "ü".encode() * 63, b"c" * 300, b"{}"]
    pieces = [_masked(0x81, text) for text in texts]
    pieces.insert(2, _masked(0x89, b"ping"))
    pieces[-1:] = [_masked(0x01, b"{"), _masked(0x8A, b""), _masked(0x80, b"}"), _masked(0x81, b"last")]
    whole, fed = b"".join(pieces), asyncio.Event()

    def take(payload: bytes) -> bool:
        taken.append(payload)
        frame = inspect.currentframe()
        by.append(frame.f_back.f_code.co_name if frame and frame.f_back else "")
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        frames: Frames = scope["extensions"]["callmark.frames"]
        frames.take = take
        feed = frames.protocol.data_received
        for cut in range(len(whole)):
            taken.clear()
            feed(whole[:cut])
            feed(whole[cut:])
            said = await receive()  # what came in parts takes the long way, and what came after it
            after = [(await receive())["text"]] if len(taken) == len(texts) - 1 else [taken.pop().decode()]
            assert ([*taken], said["text"], after) == (texts[:-1], "{}", ["last"]), cut
        by.clear()
        for text in texts:
            feed(_masked(0x81, text))
        assert by == ["_hand_on"] * len(texts)  # past websockets' parser
        fed.set()
        await send({"type": "websocket.close"})

    async with _serving(app) as port, connect(f"ws://{LOOPBACK}:{port}/", compression=None):
        await asyncio.wait_for(fed.wait(), 30)


class _Heard(asyncio.Protocol):
    """Keeps what was read at once, read by read, until the server closes."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.reads.append(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own name
        self.closed.set()


async def test_a_small_answer_is_read_at_once() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})

    heard = _Heard()
    async with _serving(app) as port:
        client, _ = await asyncio.get_running_loop().create_connection(lambda: heard, LOOPBACK, port)
        client.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await asyncio.wait_for(heard.closed.wait(), 30)
    assert len(heard.reads) == 1, heard.reads
    assert heard.reads[0].endswith(b"\r\n\r\nhello")
