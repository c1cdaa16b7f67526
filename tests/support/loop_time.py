"""Time-outs of calls that go out, without waiting for them and without a busy machine that meets them first.

A test gives a call half a minute or more, and moves the clock of the loop on when the call is where it is to end.
"""

import asyncio
from collections.abc import Callable

import pytest

from callmark.kit.outbound.connections import OutboundConnection


class LoopTime:
    """The clock of the running loop, by which all its timers run."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real, self._ahead_s = loop.time, 0.0
        patch.setattr(loop, "time", lambda: real() + self._ahead_s)

    def move(self, by_s: float) -> None:
        """It is so much later."""
        self._ahead_s += by_s


def when_heard(patch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """`then` is called whenever a call has taken in some bytes of its answer."""
    receive = OutboundConnection.data_received

    def received(connection: OutboundConnection, data: bytes) -> None:
        receive(connection, data)
        then()

    patch.setattr(OutboundConnection, "data_received", received)
