"""What the proxy does to connections."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from chaos.proxy import DELAY_S, FaultProxy, Weather


@asynccontextmanager
async def proxied(weather: Weather) -> AsyncGenerator[FaultProxy]:
    """A proxy in front of a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = FaultProxy(server.sockets[0].getsockname()[:2])
    proxy.weather = weather
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()
        await asyncio.sleep(0)  # the transports that were closed say so in the loop's next round


async def test_in_clear_weather_everything_comes_through() -> None:
    async with proxied(Weather.CLEAR) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x" * 200_000)
        writer.write_eof()
        assert await reader.read() == b"x" * 200_000
        writer.close()


async def test_a_cut_resets_open_connections_and_new_ones_work() -> None:
    async with proxied(Weather.CLEAR) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()
        again, other = await asyncio.open_connection("127.0.0.1", proxy.port)
        other.write(b"ping")
        assert await again.readexactly(4) == b"ping"
        other.close()


async def test_chunks_are_halved_and_then_the_connection_is_reset() -> None:
    async with proxied(Weather.HALVE) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        lengths: list[int] = []
        while not lengths or lengths[-1] == 8:
            writer.write(b"pingpong")
            lengths.append(await _length(reader, 8))
        writer.close()
        assert lengths[-1] in {0, 4}  # half of what came back, or nothing because half of what went there was lost


async def test_new_connections_are_refused() -> None:
    async with proxied(Weather.REFUSE) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_in_bad_weather_every_chunk_takes_its_time() -> None:
    loop = asyncio.get_running_loop()
    async with proxied(Weather.DELAY) as proxy:
        began = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        assert loop.time() - began >= 2 * DELAY_S  # there and back; more on a busy machine, never less
        writer.close()


async def _length(reader: asyncio.StreamReader, wanted: int) -> int:
    """How much of it came before the connection ended."""
    try:
        return len(await reader.readexactly(wanted))
    except asyncio.IncompleteReadError as ended:
        return len(ended.partial)
    except ConnectionResetError:
        return 0
