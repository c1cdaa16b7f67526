"""Handsets' streams that this process holds: a sender in the same process writes to them directly, without NATS.

The sender may do so if it knows the handset's newest stream (`Push.stream`). After the record is committed it must
check again: if another stream is the newest by then, it sends the record to all of them (`Fabric.push_again`). A stream
that opens later reads the record when it syncs.
"""

from collections.abc import Callable

import structlog

from callmark.kit.fabric.fanout import Push

log = structlog.get_logger(__name__)

OnPush = Callable[[str, str, bytes], None]
"""A gateway's callback: key (empty for a payload that wants no answer), reply subject, payload."""


class HeldStreams:
    """The streams that this process holds, by name."""

    def __init__(self) -> None:
        self._on_push: dict[str, OnPush] = {}

    def add(self, stream: str, on_push: OnPush) -> None:
        """Holds a stream, which gets its handset's pushes by NATS already."""
        self._on_push[stream] = on_push

    def remove(self, stream: str) -> None:
        """Lets go of a stream, held or not."""
        self._on_push.pop(stream, None)

    def hand_over(self, push: Push, reply: str) -> bool:
        """Gives a push to the stream that it names; False when it is not held here."""
        on_push = self._on_push.get(push.stream)
        if on_push is None:
            return False
        try:
            on_push(push.key, reply, push.payload)
        except Exception:  # must not end the request that pushes
            log.exception("fabric_callback_failed")
        return True
