"""A direct path through nats-py for messages that come by the thousand.

nats-py gives each subscription a queue and a task, and each message some twenty steps. A gateway has a subscription
per handset, and a push is four messages. So here a message of a direct subscription is handed on as it is read. It
needs names that nats-py does not promise; tests/kit/fabric/test_client.py would notice a change.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

log = structlog.get_logger(__name__)

Take = Callable[[str, str, bytes | None], None]
"""Gets subject, reply subject and payload, which is None when NATS says that nobody listens; it must not block."""

_LINE_END = b"\r\n"
_ERROR = b"-ERR"
_WITH_REPLY = 5
_WORDS = {b"MSG": (4, _WITH_REPLY), b"HMSG": (5, 6)}
"""How many words the line of a message can have: a reply is optional."""


class Direct:
    """Takes the place of a subscription's queue in nats-py: hands each message on at once, without a queue and a task.

    What `take` raises is logged, or it would end the connection's reader.
    """

    __slots__ = ("_take",)

    def __init__(self, take: Take) -> None:
        self._take = take

    def hand_on(self, subject: str, reply: str, payload: bytes | None) -> None:
        """Where our parser puts a message."""
        try:
            self._take(subject, reply, payload)
        except Exception:
            log.exception("fabric_callback_failed")

    def put_nowait(self, msg: Msg) -> None:
        """Where nats-py puts a message: one with headers, such as its notice that nobody listens."""
        nobody = not msg.data and msg.headers is not None and msg.headers.get("Status") == "503"
        self.hand_on(msg.subject, msg.reply, None if nobody else msg.data)

    def qsize(self) -> int:
        """Nothing ever waits."""
        return 0


async def subscribe_directly(client: Client, subject: str, take: Take) -> Subscription:
    """A subscription whose messages are handed to `take` as they are read."""
    subscription = await client.subscribe(subject, pending_bytes_limit=0)  # pyright: ignore[reportUnknownMemberType] - a bare Future in it
    inner: Any = subscription
    direct = Direct(take)
    early, inner._pending_queue = inner._pending_queue, direct
    while early.qsize():
        direct.put_nowait(early.get_nowait())
    return subscription


class DirectParser(Parser):
    """Cuts what has been read into messages; those without headers of direct subscriptions nats-py never sees."""

    def __init__(self, client: object, subscriptions: Mapping[int, Any]) -> None:
        super().__init__(client)  # pyright: ignore[reportUnknownMemberType] - its parameter is untyped
        self._subscriptions = subscriptions

    def reset(self) -> None:
        """Forgets a message that has come in part (a new connection begins)."""
        super().reset()
        self._rest = b""

    async def parse(self, data: bytes = b"") -> None:
        """Handles every whole message of what has come so far."""
        try:
            await self._parse(self._rest + data if self._rest else data)
        except (ValueError, IndexError) as exc:
            raise ProtocolError("nats: malformed message") from exc

    async def _parse(self, data: bytes) -> None:
        at = 0
        while (line_end := data.find(_LINE_END, at)) >= 0:
            words = data[at:line_end].split(b" ")
            end = line_end + 2
            if (counts := _WORDS.get(words[0])) is not None:
                if len(words) not in counts:  # nats-py would look for the rest in the lines that follow
                    raise ValueError("a message's line has too few words, or too many")
                end += int(words[-1]) + 2
                if len(data) < end:
                    break
            elif data[at:line_end].strip().upper() == _ERROR:
                # nats-py looks for its text, and ends on an AttributeError
                raise ValueError("an error without a text")
            if not (words[0] == b"MSG" and self._hand_on(words, data[line_end + 2 : end - 2])):
                await super().parse(data[at:end])
            at = end
        self._rest = data[at:]

    def _hand_on(self, words: list[bytes], payload: bytes) -> bool:
        """Whether it was a direct subscription's message; `words` are MSG, subject, number, reply if any, size."""
        subscription = self._subscriptions.get(int(words[2]))
        queue = subscription and subscription._pending_queue
        if not isinstance(queue, Direct):
            return False
        reply = words[3].decode() if len(words) == _WITH_REPLY else ""
        queue.hand_on(words[1].decode(), reply, payload)
        return True
