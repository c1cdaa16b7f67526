"""Answers of Starlette that are sent while they are made."""

from starlette.responses import StreamingResponse
from starlette.types import Send


class Streaming(StreamingResponse):
    """Starlette's, which also ends what it sends from, once nobody reads on.

    Else a generator's `finally` runs when the garbage is collected.
    """

    async def stream_response(self, send: Send) -> None:
        """Sends part after part."""
        try:
            await super().stream_response(send)
        finally:
            close = getattr(self.body_iterator, "aclose", None)
            if close is not None:
                await close()
