"""Long work as a stream of events that a progress bar follows (`data-progress` in static/console/progress.js)."""

from collections.abc import AsyncIterator

import msgspec

from callmark.surfaces.streaming import Streaming, event_of, event_stream


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
            yield event_of("progress", event)

    return event_stream(lines())
