"""NATS subscriptions: nats-py's own, with a queue and a task each, and a direct one for what comes by the thousand."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

log = structlog.get_logger(__name__)


async def subscribe(client: Client, subject: str, on_message: Callable[[Msg], Awaitable[None]]) -> Subscription:
    """A subscription whose messages wait in a queue and are handled one after the other, by a task."""
    return await client.subscribe(subject, cb=on_message)  # pyright: ignore[reportUnknownMemberType] - a bare Future in it


class _Direct:
    """Stands where nats-py keeps a subscription's queue: hands each message on at once, without a queue and a task.

    A gateway has a subscription per handset, so a queue and a task each are its memory; and a message that wakes a
    task costs more than all we do with it. What `take` raises is logged, or it would end the connection's reader.
    """

    __slots__ = ("_take",)

    def __init__(self, take: Callable[[Msg], None]) -> None:
        self._take = take

    def put_nowait(self, msg: Msg) -> None:
        """Where nats-py puts a message."""
        try:
            self._take(msg)
        except Exception:
            log.exception("fabric_callback_failed")

    def qsize(self) -> int:
        """Nothing ever waits."""
        return 0


async def subscribe_directly(client: Client, subject: str, take: Callable[[Msg], None]) -> Subscription:
    """A subscription whose messages are handed to `take` as they are read; it must not block."""
    subscription = await client.subscribe(subject, pending_bytes_limit=0)  # pyright: ignore[reportUnknownMemberType] - a bare Future in it
    inner: Any = subscription  # nats-py has no synchronous callback; tests/kit/test_fabric.py would notice a change
    early, inner._pending_queue = inner._pending_queue, _Direct(take)  # noqa: SLF001 - as above
    while early.qsize():
        take(early.get_nowait())
    return subscription
