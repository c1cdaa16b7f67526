"""Every answer of an emulator says what its product clock shows, so that clients notice that it was moved."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmark.instants import iso_ms
from callmark.kit.clock import Clock

CLOCK_HEADER = b"callmark-clock"


class WithClock:
    """Adds the header to what the application answers."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def send_with_clock(message: Message) -> None:
            if message["type"] == "http.response.start":
                shown = iso_ms(self._clock.now()).encode()
                message["headers"] = [*message["headers"], (CLOCK_HEADER, shown)]
            await send(message)

        await self._app(scope, receive, send_with_clock)
