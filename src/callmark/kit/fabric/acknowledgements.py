"""Acknowledgements on their way from a gateway to the senders of pushes.

What a process acknowledges in one turn of the event loop leaves in one message for each sender.
"""

import asyncio
from collections.abc import Callable
from itertools import count

from callmark.kit.ids import new_id

Publish = Callable[[str, bytes, str], None]
"""Sends a message: subject, payload, reply subject."""

MOST_TOGETHER = 2000
"""Keys in one message, of about 60 bytes each."""

KEPT_S = 5.0
"""How long what was sent is kept: longer than NATS takes to say that nobody listens."""

PROBES = "_CM.ready", "_INBOX.ready"
"""To publish to these, which nobody hears, shows whether answers may be published."""


def new_inbox() -> str:
    """The name of a process's inbox, under which all answers to it come."""
    return f"_CM.{new_id().hex}t"  # the letter: gateways of earlier versions answer others one by one


def key_in(reply: str) -> str:
    """The key of the push whose reply subject it is, empty for none."""
    return reply.partition(".p.")[2]


class Acknowledgements:
    """One process's acknowledgements to others."""

    def __init__(self, inbox: str, publish: Publish) -> None:
        self._inbox = inbox
        self._publish = publish
        self._waiting: dict[str, list[str]] = {}
        self._sent: dict[str, tuple[float, list[str]]] = {}
        self._numbers = map(str, count())

    def add(self, reply: str) -> None:
        """Takes the acknowledgement of a push along, by the push's reply subject."""
        sender, _, key = reply.partition(".p.")
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.setdefault(sender, []).append(key)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        now = asyncio.get_running_loop().time()
        for sender, keys in waiting.items():
            for at in range(0, len(keys), MOST_TOGETHER):
                some, number = keys[at : at + MOST_TOGETHER], next(self._numbers)
                self._sent[number] = (now, some)
                self._publish(f"{sender}.g", " ".join(some).encode(), f"{self._inbox}.n.{number}")
        self._forget_before(now - KEPT_S)

    def _forget_before(self, then: float) -> None:
        while next(iter(self._sent.values()))[0] < then:  # the newest, just sent, ends it
            del self._sent[next(iter(self._sent))]

    def not_taken(self, name: str) -> list[str]:
        """The keys of a message for which nobody listened, by the end of its reply subject."""
        return self._sent.pop(name, (0, list[str]()))[1]


def keys_in(payload: bytes) -> list[str]:
    """The keys of a message that `Acknowledgements` sent."""
    return payload.decode().split(" ")
