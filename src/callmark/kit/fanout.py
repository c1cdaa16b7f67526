"""Pushes under way from one process, and what became of each; `kit/fabric.py` sends them and hears the answers."""

import asyncio
import contextlib
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

GRACE_S = 0.05
"""How long a fan-out collects answers before it hands on those that have come."""


class Answer(Enum):
    """What became of one push."""

    ACKNOWLEDGED = auto()  # the handset holds it
    NOT_CONNECTED = auto()  # no gateway holds that handset
    SILENT = auto()  # connected, no acknowledgement by the deadline
    FABRIC_LOST = auto()  # we lost NATS before an answer came (or never had it)


class Push(NamedTuple):
    """One payload for one handset; `key` names the record on the way (letters, digits, `-` and `.`)."""

    number: str
    key: str
    payload: bytes


class Fanout:
    """One set of pushes: what is still open (key → position), and the answers that nobody has taken yet."""

    __slots__ = ("come", "news", "open")

    def __init__(self, pushes: Sequence[Push]) -> None:
        self.open = {push.key: i for i, push in enumerate(pushes)}
        self.come: list[tuple[int, Answer]] = []
        self.news = asyncio.Event()

    async def answered_by(self, deadline: float) -> bool:
        """Waits for answers: True when some have come (collecting for a moment while more are open).

        False at the deadline, which is an instant of the event loop.
        """
        left_s = deadline - asyncio.get_running_loop().time()
        if not self.come:
            self.news.clear()
            try:
                async with asyncio.timeout(max(left_s, 0)):
                    await self.news.wait()
            except TimeoutError:
                return False
        if self.open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(min(GRACE_S, left_s), 0)):
                    while self.open:
                        self.news.clear()
                        await self.news.wait()
        return True


class Fanouts:
    """The fan-outs under way. An answer names the key of its push alone."""

    def __init__(self) -> None:
        self._of_key: dict[str, Fanout] = {}

    def begin(self, pushes: Sequence[Push]) -> Fanout:
        """Waits for answers to `pushes` from now on.

        Where a key waits already, the same record is pushed again: the first waits in vain, as if the handset were
        silent.
        """
        fanout = Fanout(pushes)
        for push in pushes:
            self.settle(push.key, Answer.SILENT)
            self._of_key[push.key] = fanout
        return fanout

    def settle(self, key: str, answer: Answer) -> bool:
        """Hands an answer to whoever waits for it; False when nobody does (any more)."""
        fanout = self._of_key.pop(key, None)
        if fanout is None:
            return False
        fanout.come.append((fanout.open.pop(key), answer))
        fanout.news.set()
        return True

    def lose(self, pushes: Sequence[Push]) -> None:
        """These end as FABRIC_LOST."""
        for push in pushes:
            self.settle(push.key, Answer.FABRIC_LOST)

    def lose_all(self) -> None:
        """Every push under way ends as FABRIC_LOST."""
        for key in list(self._of_key):
            self.settle(key, Answer.FABRIC_LOST)

    async def take(self, fanout: Fanout, deadline: float) -> list[tuple[int, Answer]]:
        """The next answers, by position; at the deadline all that is open is SILENT. Empty when each has its answer."""
        if (fanout.open or fanout.come) and not await fanout.answered_by(deadline):
            fanout.come += [(i, Answer.SILENT) for i in self.abandon(fanout)]
        come, fanout.come = fanout.come, []
        return come

    def abandon(self, fanout: Fanout) -> list[int]:
        """Stops waiting for what is still open; its positions."""
        left = list(fanout.open.values())
        for key in fanout.open:
            if self._of_key.get(key) is fanout:
                del self._of_key[key]
        fanout.open.clear()
        return left
