"""Long work as a stream of events that a progress bar follows (`data-progress` in static/console/progress.js)."""

from collections.abc import AsyncIterator

import msgspec

from callmark.surfaces.streaming import Streaming

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Progress(msgspec.Struct, frozen=True):
    """How far work is. Once it is `finished`, the page shows its result."""

    done: int
    total: int
    text: str = ""
    finished: bool = False


def stream(events: AsyncIterator[Progress]) -> Streaming:
    """An answer that sends each event as it comes, and ends with them."""

    async def lines() -> AsyncIterator[bytes]:
        async for event in events:
            yield b"event: progress\ndata: " + msgspec.json.encode(event) + b"\n\n"

    return Streaming(lines(), media_type="text/event-stream", headers=HEADERS)
