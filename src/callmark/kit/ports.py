"""Ports of this machine for programs that are about to be started."""

import socket
from collections import deque
from contextlib import ExitStack, suppress
from random import SystemRandom

from callmark.kit.errors import SetupError

LOOPBACK = "127.0.0.1"
GIVEN_TO_NOBODY = range(10_000, 20_000)
"""Below those that Linux gives to who binds port 0 or connects, as the question whether a program is up does."""
_TRIES = 50
_GIVEN = deque[int](maxlen=1000)
"""What this process has been given last: a program takes its ports a moment later, and some take several."""


def free_port(together: int = 1, *, host: str = LOOPBACK) -> int:
    """The first of some neighbouring ports that nobody uses at this moment, by UDP or TCP. Raises SetupError.

    None of them has been given to this process shortly before.
    """
    for _ in range(_TRIES):
        first = SystemRandom().choice(GIVEN_TO_NOBODY)
        numbers = range(first, first + together)
        if not set(numbers).isdisjoint(_GIVEN):
            continue
        with ExitStack() as stack, suppress(OSError):
            for number in numbers:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    stack.enter_context(socket.socket(type=kind)).bind((host, number))
            _GIVEN.extend(numbers)
            return first
    raise SetupError(f"there are no {together} free ports together on this machine")
