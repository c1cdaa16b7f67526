"""A proxy between library and server that cuts, repeats, replaces or holds back what passes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from msgspec import Struct, field

from callmark.processes.ports import open_socket

Judge = Callable[[bytes], str]
PAGE = b"<html><head><title>503 Service Unavailable</title></head><body>nginx</body></html>"


class Proxy(Struct):
    """What a test tells it to do with each request whose first line holds `only`, in turn; then it only passes on."""

    upstream: int
    port: int = 0
    plan: Iterator[str] = field(default_factory=lambda: iter(()))
    only: bytes = b"dynamic_call_record"
    seen: list[bytes] = field(default_factory=list[bytes])
    """The bodies of those requests, as they came."""
    _serving: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def url(self) -> str:
        """What a client takes for the server."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: a request, its answer, the end."""
        self._serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            do = "pass"
            if self.only in head.partition(b"\r\n")[0]:
                self.seen.append(body)
                do = next(self.plan, "pass")
            await self._do(do, _closing(head) + body, writer)
            if do == "late":  # the answer comes after the client has lost patience
                await reader.read()
        except asyncio.IncompleteReadError:  # the client has gone in the middle
            return
        finally:
            await _close(writer)

    async def end(self) -> None:
        """Returns when every client has gone."""
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _do(self, do: str, request: bytes, writer: asyncio.StreamWriter) -> None:
        match do:
            case "refuse":
                return
            case "page":
                writer.write(_response(b"503 Service Unavailable", b"text/html", PAGE))
            case "no json":
                await self._ask(request)
                writer.write(_response(b"200 OK", b"application/json", b'{"batch_id": '))
            case "cut" | "late":  # the server does it, nobody hears of it
                await self._ask(request)
            case "half":
                answer = await self._ask(request)
                writer.write(answer[: len(answer) - 5])
            case "twice":  # as proxies do that try again themselves
                await self._ask(request)
                writer.write(await self._ask(request))
            case _:
                writer.write(await self._ask(request))
        await writer.drain()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def _length(head: bytes) -> int:
    found = head.lower().partition(b"content-length:")[2]
    return int(found.partition(b"\r\n")[0] or 0)


def _closing(head: bytes) -> bytes:
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    lines[1:1] = [b"Connection: close"]
    return b"\r\n".join(lines)


def _response(status: bytes, kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        status,
        kind,
        len(body),
        body,
    )


@asynccontextmanager
async def proxied(upstream: int) -> AsyncGenerator[Proxy]:
    """A proxy before the server on that port."""
    sock = open_socket("127.0.0.1", 0)
    proxy = Proxy(upstream, sock.getsockname()[1])
    async with await asyncio.start_server(proxy.serve, sock=sock):
        yield proxy
        await proxy.end()
