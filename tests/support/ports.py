"""Ports of this machine."""

import random
import socket

NOBODY_IS_GIVEN = range(10_000, 20_000)
"""Below those that Linux gives to who binds port 0 or connects, and those that tests/e2e/test_serve.py counts up."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment, and that no test beside this one is given by chance."""
    while True:
        port = random.SystemRandom().choice(NOBODY_IS_GIVEN)
        try:
            with socket.create_server((host, port)):
                return port
        except OSError:
            continue
