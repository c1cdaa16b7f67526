"""Answers of Starlette that are sent while they are made."""

from asyncio import sleep
from collections.abc import AsyncIterator

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Message, Send


class Streaming(StreamingResponse):
    """Starlette's, which also ends what it sends from, once nobody reads on, and lets others have a turn in between.

    Else a generator's `finally` runs when the garbage is collected. And to a reader who is fast enough nothing waits:
    each piece would follow the one before, and no other request of the process would be answered until the end.
    """

    async def stream_response(self, send: Send) -> None:
        """Sends part after part."""

        async def send_in_turn(message: Message) -> None:
            await send(message)
            await sleep(0)

        try:
            await super().stream_response(send_in_turn)
        finally:
            close = getattr(self.body_iterator, "aclose", None)
            if close is not None:
                await close()


def event_stream(pieces: AsyncIterator[bytes]) -> Streaming:
    """Server-sent events, each as `event_of` makes it, that nothing on the way keeps back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Streaming(pieces, media_type="text/event-stream", headers=headers)


def event_of(name: str, data: object) -> bytes:
    """One server-sent event, with its data as JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
