"""A call through the terminating proxy whose two ends are the test's own: each says what the test wants, or nothing."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from msgspec import Struct
from tests.sip.platform import CALLEE, CALLER

from callmark.kit.ports import LOOPBACK, free_port

CALL_ID = "raw-1"
_WITHIN_S = 20
_HEADER = re.compile(r"^([\w-]+): *(.*?)\r$", re.MULTILINE)
_ANSWERED_BY = ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")


class Message(Struct, frozen=True):
    """What an end was sent, and where replies go."""

    text: str
    sender: tuple[str, int]

    @property
    def first(self) -> str:
        return self.text.partition("\r\n")[0]

    def all(self, name: str) -> list[str]:
        """The values of these headers."""
        return [value for found, value in _HEADER.findall(self.text) if found == name]

    def copied(self, *names: str) -> list[str]:
        """The lines of these headers."""
        return [f"{found}: {value}" for found, value in _HEADER.findall(self.text) if found in names]


class End(asyncio.DatagramProtocol):
    """One end of the call."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.came: asyncio.Queue[Message] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.put_nowait(Message(data.decode(), addr))

    async def next(self, beginning: str) -> Message:
        """The next message that begins so; others are passed over."""
        async with asyncio.timeout(_WITHIN_S):
            while not (message := await self.came.get()).first.startswith(beginning):
                pass
            return message

    def say(self, to: tuple[str, int], *lines: str) -> None:
        """Sends a message without a body."""
        self.transport.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), to)

    def accept(self, request: Message, *lines: str) -> None:
        """Answers 200, with more headers."""
        copied = [
            one + ";tag=t1" if one.startswith("To:") and "tag=" not in one else one for one in self._copied(request)
        ]
        self.say(request.sender, "SIP/2.0 200 OK", *copied, f"Contact: <sip:end@{LOOPBACK}:{self.port}>", *lines)

    def _copied(self, request: Message) -> list[str]:
        return request.copied(*_ANSWERED_BY)


class RawCall(Struct, frozen=True):
    """An answered call: its two ends, the proxy between them, and the way of later requests."""

    caller: End
    callee: End
    proxy: tuple[str, int]
    routes: list[str]

    def from_callee(self, method: str) -> None:
        """A later request of the callee's."""
        self.callee.say(
            self.proxy,
            f"{method} sip:end@{LOOPBACK}:{self.caller.port} SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self.callee.port};branch=z9hG4bKcallee",
            *(f"Route: {one}" for one in self.routes),
            f"From: <sip:+{CALLEE}@{LOOPBACK}>;tag=t1",
            f"To: <sip:+{CALLER}@{LOOPBACK}>;tag=f1",
            f"Call-ID: {CALL_ID}",
            f"CSeq: 7 {method}",
            "Max-Forwards: 70",
            f"Contact: <sip:end@{LOOPBACK}:{self.callee.port}>",
        )


@asynccontextmanager
async def ends(callee_port: int) -> AsyncGenerator[tuple[End, End]]:
    """Caller and callee, listening as long as the block."""
    loop, made = asyncio.get_running_loop(), (End(free_port()), End(callee_port))
    for one in made:
        await loop.create_datagram_endpoint(lambda one=one: one, local_addr=(LOOPBACK, one.port))
    try:
        yield made
    finally:
        for one in made:
            one.transport.close()


async def answered(caller: End, callee: End, port: int) -> RawCall:
    """The caller calls through the proxy at `port`, and the callee takes the call."""
    proxy = (LOOPBACK, port)
    own = [f"From: <sip:+{CALLER}@{LOOPBACK}>;tag=f1", f"Call-ID: {CALL_ID}", "Max-Forwards: 70"]
    via = f"Via: SIP/2.0/UDP {LOOPBACK}:{caller.port};branch=z9hG4bK"
    invite = f"INVITE sip:+{CALLEE}@{LOOPBACK}:{port};user=phone SIP/2.0"
    to, contact = f"To: <sip:+{CALLEE}@{LOOPBACK}>", f"Contact: <sip:end@{LOOPBACK}:{caller.port}>"
    caller.say(proxy, invite, f"{via}1", *own, to, "CSeq: 1 INVITE", contact)
    callee.accept(await callee.next("INVITE"))
    routes = (await caller.next("SIP/2.0 200")).all("Record-Route")
    ack = f"ACK sip:end@{LOOPBACK}:{callee.port} SIP/2.0"
    caller.say(
        proxy, ack, f"{via}2", *(f"Route: {one}" for one in reversed(routes)), *own, f"{to};tag=t1", "CSeq: 1 ACK"
    )
    await callee.next("ACK")
    return RawCall(caller, callee, proxy, routes)
