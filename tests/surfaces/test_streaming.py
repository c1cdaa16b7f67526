"""What is sent while it is made: in small pieces, and others have a turn after each."""

from asyncio import create_task, sleep
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import groupby

import pytest
from starlette.types import Message, Send

from callmark.surfaces.console.csv_export import LINES_AT_ONCE, csv_pieces
from callmark.surfaces.http import StreamedResponse
from callmark.surfaces.streaming import Streaming


async def sent_by_the_console(parts: AsyncGenerator[bytes], send: Send) -> None:
    await Streaming(parts).stream_response(send)


async def sent_by_the_api(parts: AsyncGenerator[bytes], send: Send) -> None:
    await StreamedResponse(200, parts=parts).send(send)


@pytest.mark.parametrize("sent", [sent_by_the_console, sent_by_the_api])
async def test_others_have_a_turn_after_each_piece_however_fast_its_reader_is(
    sent: Callable[[AsyncGenerator[bytes], Send], Awaitable[None]],
) -> None:
    heard: list[str] = []

    async def pieces() -> AsyncGenerator[bytes]:
        for _ in range(5):
            heard.append("piece")
            yield b"x"

    async def send(_: Message) -> None:
        """Takes it at once, as a connection does whose reader is fast."""

    async def others() -> None:
        while True:
            heard.append("others")
            await sleep(0)

    beside = create_task(others())
    await sent(pieces(), send)
    beside.cancel()
    assert heard.count("piece") == 5
    assert [name for name, of in groupby(heard) if name == "piece" and len(list(of)) > 1] == []


async def test_a_long_list_is_written_in_pieces() -> None:
    count = 2 * LINES_AT_ONCE + 1
    pieces = [one async for one in csv_pieces(("line", "why"), ((at, "not a number") for at in range(count)))]
    assert [one.count("\n") for one in pieces] == [1, LINES_AT_ONCE, LINES_AT_ONCE, 1]
    assert "".join(pieces).splitlines()[::count] == ["line,why", f"{count - 1},not a number"]
