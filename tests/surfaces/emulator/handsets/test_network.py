"""The way of the virtual handsets to the gateway."""

import asyncio

import httpx
from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.processes.ports import open_socket
from callmark.surfaces.emulator.handsets.farm import Farm


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_handsets_wait_for_a_gateway_that_starts_beside_them(deps: Deps) -> None:
    sock = open_socket("127.0.0.1", 0)  # has its port, and refuses connections until it listens
    there = replace(deps, public_url=f"http://127.0.0.1:{sock.getsockname()[1]}")
    async with httpx.AsyncClient(trust_env=False) as http:
        waiting = asyncio.create_task(Farm(there, http).network.until_it_listens())
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        async with await asyncio.start_server(_hang_up, sock=sock), asyncio.timeout(30):
            await waiting
