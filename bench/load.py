"""A lean HTTP/1.1 load generator on raw sockets, closed loop for throughput and open loop for latencies."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from urllib.parse import urlsplit

from msgspec import Struct, field


class Result(Struct):
    """What came back: latencies in seconds, how many answers were not 200, and how long the run took."""

    latencies: list[float] = field(default_factory=list[float])
    failures: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def request(url: str, body: bytes, token: str = "", method: str = "POST") -> bytes:
    """A request's bytes, made once and sent many times."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    auth = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n{auth}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, url: str) -> "Connection":
        parts = urlsplit(url)
        _, protocol = await asyncio.get_running_loop().create_connection(cls, parts.hostname or "", parts.port or 0)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        body = bytes(self._buffer[head_end + 4 : head_end + 4 + length])
        self._buffer.clear()
        if self._answer and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    async def send(self, wanted: bytes) -> tuple[int, bytes]:
        """The status and body of the answer."""
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(wanted)
        return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()


async def closed_loop(
    url: str, next_request: Callable[[], bytes | None], *, connections: int, keep: Callable[[bytes], None] | None = None
) -> Result:
    """Each connection sends its next request as soon as the last is answered, until `next_request` gives None."""
    result = Result()
    began = perf_counter()

    async def run() -> None:
        connection = await Connection.open(url)
        while (wanted := next_request()) is not None:
            sent = perf_counter()
            status, body = await connection.send(wanted)
            result.latencies.append(perf_counter() - sent)
            if status != 200:
                result.failures += 1
            elif keep:
                keep(body)
        connection.close()

    await asyncio.gather(*(run() for _ in range(connections)))
    result.seconds = perf_counter() - began
    return result


async def open_loop(url: str, requests: Sequence[bytes], *, per_second: float, connections: int) -> Result:
    """Sends at fixed instants whatever the answers do; latency counts from the instant a request was due."""
    result = Result()
    idle: deque[Connection] = deque([await Connection.open(url) for _ in range(connections)])
    free = asyncio.Semaphore(connections)
    began = perf_counter() + 0.05

    async def one(due: float, wanted: bytes) -> None:
        async with free:
            connection = idle.popleft()
            status, _ = await connection.send(wanted)
            idle.append(connection)
        result.latencies.append(perf_counter() - due)
        result.failures += status != 200

    tasks: list[Awaitable[None]] = []
    for number, wanted in enumerate(requests):
        due = began + number / per_second
        if (wait := due - perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(one(due, wanted)))
    await asyncio.gather(*tasks)
    result.seconds = perf_counter() - began
    for connection in idle:
        connection.close()
    return result
