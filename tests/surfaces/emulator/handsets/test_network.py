"""The way of the virtual handsets to the gateway: they wait for it, and know which of its answers are final."""

import asyncio
import contextlib
from functools import partial
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.support.factories import phone
from tests.surfaces.emulator.running import NO_TLS

from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.kit.errors import AppError, Conflict, InvalidInput, Unavailable
from callmark.processes.ports import open_socket
from callmark.surfaces.emulator.handsets.farm import Farm
from callmark.surfaces.emulator.handsets.model import VirtualHandset
from callmark.surfaces.emulator.handsets.network import Network
from callmark.surfaces.gateway.wire import ResolveBody


async def test_a_handset_that_is_stopped_while_it_asks_takes_no_connection_along() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    unused: Any = None
    row = VirtualHandset(phone_number=phone(), os=OS.ANDROID, app_version="5.0.0", online=True, token="token")
    limits = httpx.Limits(max_connections=1)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        at = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=10, limits=limits) as http:
            network = Network(at, http, unused, unused, unused, unused)
            ask = partial(network.say, row, "resolve", ResolveBody(caller_number=phone()))
            for steps in range(40):
                stopped = asyncio.create_task(ask())
                for _ in range(steps):
                    await asyncio.sleep(0)
                stopped.cancel()
                await asyncio.wait({stopped})
                assert await ask() == b"{}"


@pytest.mark.parametrize(
    ("status", "slug", "kind"),
    [
        (400, "invalid-input", InvalidInput),
        (408, "request-timeout", Unavailable),
        (409, "conflict", Conflict),
        (429, "too-many-requests", Unavailable),
        (503, "service-unavailable", Unavailable),
    ],
)
async def test_only_what_the_request_is_refused_for_is_final(status: int, slug: str, kind: type[AppError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"slug": slug, "message": "no"})

    unused: Any = None
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        network = Network("http://gateway.test", http, unused, unused, unused, unused)
        row = VirtualHandset(phone_number=phone(), os=OS.ANDROID, app_version="5.0.0", online=True, token="token")
        with pytest.raises(AppError) as refused:
            await network.say(row, "resolve", ResolveBody(caller_number=phone()))
    assert type(refused.value) is kind


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_handsets_wait_for_a_gateway_that_starts_beside_them(deps: Deps) -> None:
    sock = open_socket("127.0.0.1", 0)  # has its port, and refuses connections until it listens
    there = replace(deps, public_url=f"http://127.0.0.1:{sock.getsockname()[1]}")
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http:
        waiting = asyncio.create_task(Farm(there, http).network.until_it_listens())
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        async with await asyncio.start_server(_hang_up, sock=sock), asyncio.timeout(30):
            await waiting
