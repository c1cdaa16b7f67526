"""Pushes under way from one process, and the outcome of each; `kit.fabric.client` sends them and hears the answers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from typing import NamedTuple

from callmark.kit.tasks import SideTasks

GRACE_S = 0.05
"""How long a fan-out collects answers before it hands on those that have come."""


AGAIN_FIRST_S, AGAIN_LAST_S = 0.1, 1.0
"""Pauses before a push is sent again to a handset that is expected back."""

PATIENCE_SHARE, MOST_PATIENCE_S = 1 / 3, 2.0
"""How long a connected handset may be silent before `Quiet` is asked: a share of its deadline, or that many seconds."""

Returning = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Which of these numbers, whose handsets are not connected, are expected back in a moment."""

Quiet = Callable[[Collection[str]], Awaitable[object]]
"""Gets the numbers whose handsets seem connected and do not answer, once for each push: their apps may be frozen."""


class Answer(Enum):
    """The outcome of one push."""

    ACKNOWLEDGED = auto()  # the handset holds it
    NOT_CONNECTED = auto()  # no gateway holds that handset
    SILENT = auto()  # connected, no acknowledgement by the deadline
    FABRIC_LOST = auto()  # we lost NATS before an answer came (or never had it)


class Push(NamedTuple):
    """One payload for one handset; `key` names the record on the way (letters, digits, `-` and `.`)."""

    number: str
    key: str
    payload: bytes
    stream: str = ""
    """The handset's newest stream, where that is known: a process that holds it reaches it without NATS."""


class Fanout:
    """One set of pushes: what is still open (key → position), and the answers that nobody has taken yet."""

    __slots__ = ("_any_will_do", "_news", "come", "open")

    def __init__(self, pushes: Sequence[Push]) -> None:
        self.open = {push.key: i for i, push in enumerate(pushes)}
        self.come: list[tuple[int, Answer]] = []
        self._news: asyncio.Future[bool] | None = None
        self._any_will_do = True

    def answered(self, key: str, answer: Answer) -> None:
        """Takes an answer, and wakes the task that waits for it."""
        self.come.append((self.open.pop(key), answer))
        if self._news and (self._any_will_do or not self.open):
            _tell(self._news, news=True)

    def lose(self) -> None:
        """All that is open ends as FABRIC_LOST."""
        for key in list(self.open):
            self.answered(key, Answer.FABRIC_LOST)

    async def answered_by(self, deadline: float) -> bool:
        """Waits for answers: True when some have come (collecting for a moment while more are open).

        False at the deadline, which is an instant of the event loop.
        """
        if not self.come and not await self._wait(deadline, any_will_do=True):
            return False
        if self.open:
            await self._wait(min(asyncio.get_running_loop().time() + GRACE_S, deadline), any_will_do=False)
        return True

    async def _wait(self, until: float, *, any_will_do: bool) -> bool:
        """Waits for the next answer, or for the last; whether it came in time."""
        loop = asyncio.get_running_loop()
        self._any_will_do, self._news = any_will_do, loop.create_future()
        timer = loop.call_at(until, partial(_tell, self._news, news=False))
        try:
            return await self._news
        finally:
            timer.cancel()
            self._news = None


def _tell(waiter: "asyncio.Future[bool]", *, news: bool) -> None:
    if not waiter.done():
        waiter.set_result(news)


def instant_in(within: timedelta) -> float:
    """That instant of the event loop."""
    return asyncio.get_running_loop().time() + within.total_seconds()


def _patient_until(deadline: float) -> float:
    now = asyncio.get_running_loop().time()
    return now + min((deadline - now) * PATIENCE_SHARE, MOST_PATIENCE_S)


async def _ask(quiet: Quiet, numbers: Collection[str]) -> None:
    await quiet(numbers)


def _asking(quiet: Quiet, numbers: Collection[str]) -> SideTasks:
    """Asks `quiet` beside the wait for answers, which must not wait for its statement."""
    tasks = SideTasks("quiet_handsets_not_woken")
    tasks.start(_ask(quiet, numbers))
    return tasks


class _PatienceTimer:
    """With the pushes of one fan-out: when it ends, `quiet` gets those that are `silent`, also while others answer."""

    def __init__(self, quiet: Quiet, deadline: float, silent: Callable[[], Collection[str]]) -> None:
        self._quiet, self._silent = quiet, silent
        self._tasks: SideTasks | None = None
        self._timer = asyncio.get_running_loop().call_at(_patient_until(deadline), self._over)

    def _over(self) -> None:
        if numbers := self._silent():
            self._tasks = _asking(self._quiet, numbers)

    async def end(self) -> None:
        """Asks nothing from now on, and returns when what was asked has ended."""
        self._timer.cancel()
        if self._tasks:
            await self._tasks.end()


class _LonePush:
    """A push that waits alone, for its one answer."""

    __slots__ = ("answer", "asking", "timer")

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.asking: SideTasks | None = None
        self.timer: asyncio.TimerHandle

    def answered(self, _key: str, answer: Answer) -> None:
        """Takes its answer; the first counts."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def lose(self) -> None:
        """Ends as FABRIC_LOST."""
        self.answered("", Answer.FABRIC_LOST)


class Resending:
    """The pushes of one fan-out whose handsets were not connected and are expected back."""

    def __init__(self, send: Callable[[Sequence[Push]], None]) -> None:
        self._send = send
        self._pauses: dict[str, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def among(
        self, pushes: Sequence[Push], come: Sequence[tuple[int, Answer]], returning: Returning
    ) -> dict[int, Push]:
        """Those of the answered pushes that are to be sent again, by position; once expected, always expected."""
        gone = {i: pushes[i] for i, answer in come if answer is Answer.NOT_CONNECTED}
        if asked := {push.number for push in gone.values() if push.key not in self._pauses}:
            near = set(await returning(asked))
            self._pauses |= {push.key: AGAIN_FIRST_S for push in gone.values() if push.number in near}
        return {i: push for i, push in gone.items() if push.key in self._pauses}

    def is_expected(self, key: str) -> bool:
        """Whether the push is sent again until it is answered; its handset was asked for."""
        return key in self._pauses

    def later(self, pushes: Sequence[Push]) -> None:
        """Sends them again after a pause, which grows with each time."""
        pause = max(self._pauses[push.key] for push in pushes)
        self._pauses |= dict.fromkeys((push.key for push in pushes), min(pause * 1.5, AGAIN_LAST_S))
        handle = asyncio.get_running_loop().call_later(pause, lambda: self._due(handle, pushes))
        self._timers.add(handle)

    def _due(self, handle: asyncio.TimerHandle, pushes: Sequence[Push]) -> None:
        self._timers.discard(handle)
        self._send(pushes)

    def stop(self) -> None:
        """Stops sending."""
        for timer in self._timers:
            timer.cancel()


class Fanouts:
    """The fan-outs under way. An answer names the key of its push alone."""

    def __init__(self) -> None:
        self._of_key: dict[str, Fanout | _LonePush] = {}
        self._displaced: set[Fanout | _LonePush] = set()
        """Those a record of which was pushed again while they waited: by its key only the newest push is found."""

    async def run(
        self,
        pushes: Sequence[Push],
        deadline: float,
        send: Callable[[Sequence[Push]], None],
        returning: Returning | None,
        quiet: Quiet | None = None,
    ) -> AsyncGenerator[list[tuple[int, Answer]]]:
        """As `Fabric.push`, which gives `send`."""
        fanout = self.begin(pushes)
        again = Resending(lambda some: send([push for push in some if push.key in fanout.open]))

        def silent() -> set[str]:
            return {pushes[i].number for key, i in fanout.open.items() if not again.is_expected(key)}

        patience = _PatienceTimer(quiet, deadline, silent) if quiet else None
        try:
            send(pushes)
            while come := await self.take(fanout, deadline):
                if returning and (back := await again.among(pushes, come, returning)):
                    self._reopen(fanout, back)
                    again.later(list(back.values()))
                    come = [(i, answer) for i, answer in come if i not in back]
                if come:
                    yield come
        finally:
            again.stop()
            self.abandon(fanout)
            if patience:
                await patience.end()

    async def run_one(
        self,
        push: Push,
        deadline: float,
        send: Callable[[Sequence[Push]], None],
        returning: Returning | None,
        quiet: Quiet | None = None,
    ) -> Answer:
        """The answer of a push, as `run` gives it: without a generator and a set of what is open, for most pushes."""
        again: Resending | None = None
        try:
            answer = await self._answer_to(push, deadline, send, quiet)
            while returning and answer is Answer.NOT_CONNECTED:
                again = again or Resending(send)
                if not await again.among((push,), ((0, answer),), returning):
                    break
                answer = await self._answer_to(push, deadline, again.later)
            return answer
        finally:
            if again:
                again.stop()

    async def _answer_to(
        self, push: Push, deadline: float, send: Callable[[Sequence[Push]], None], quiet: Quiet | None = None
    ) -> Answer:
        """Sends it, and waits for its next answer; SILENT at the deadline. One timer at a time: most need no second."""
        lone = _LonePush()
        if (first := self._of_key.setdefault(push.key, lone)) is not lone:
            self._displaced.add(first)
            self._of_key[push.key] = lone
        call_at = asyncio.get_running_loop().call_at
        if quiet:
            lone.timer = call_at(_patient_until(deadline), self._lose_patience, push, lone, deadline, quiet)
        else:
            lone.timer = call_at(deadline, self._give_up, push.key, lone)
        try:
            send((push,))
            return await lone.answer
        finally:
            lone.timer.cancel()
            self._give_up(push.key, lone)
            if lone.asking:
                await lone.asking.end()

    def _lose_patience(self, push: Push, lone: _LonePush, deadline: float, quiet: Quiet) -> None:
        """Asks `quiet`, once, and waits on until the deadline."""
        lone.timer = asyncio.get_running_loop().call_at(deadline, self._give_up, push.key, lone)
        if not lone.answer.done():
            lone.asking = _asking(quiet, (push.number,))

    def _give_up(self, key: str, lone: _LonePush) -> None:
        """Stops waiting: an answer that is read from now on is late, even before the task that waited has woken up."""
        if self._of_key.get(key) is lone:
            del self._of_key[key]
        elif self._displaced:
            self._displaced.discard(lone)
        lone.answered(key, Answer.SILENT)

    def begin(self, pushes: Sequence[Push]) -> Fanout:
        """Waits for answers to `pushes` from now on.

        Where a key waits already, the same record is pushed again: the first waits in vain, until its own deadline
        or until NATS is lost. It must not be SILENT at once: that is a failure, which would be written before the
        answer to the second.
        """
        fanout = Fanout(pushes)
        self._wait_for(fanout.open, fanout)
        return fanout

    def _wait_for(self, keys: Mapping[str, int], fanout: Fanout) -> None:
        self._displaced.update(self._of_key[key] for key in self._of_key.keys() & keys.keys())
        self._of_key |= dict.fromkeys(keys, fanout)

    def settle(self, key: str, answer: Answer) -> bool:
        """Hands an answer to the push that waits for it; False when none does."""
        fanout = self._of_key.pop(key, None)
        if fanout is None:
            return False
        fanout.answered(key, answer)
        return True

    def lose(self, pushes: Sequence[Push]) -> None:
        """Settles these pushes as FABRIC_LOST."""
        for push in pushes:
            self.settle(push.key, Answer.FABRIC_LOST)

    def lose_all(self) -> None:
        """Every push under way ends as FABRIC_LOST."""
        for waiting in {*self._of_key.values(), *self._displaced}:
            waiting.lose()
        self._of_key.clear()
        self._displaced.clear()

    async def take(self, fanout: Fanout, deadline: float) -> list[tuple[int, Answer]]:
        """The next answers, by position; at the deadline all that is open is SILENT. Empty when each has its answer."""
        if (fanout.open or fanout.come) and not await fanout.answered_by(deadline):
            fanout.come += [(i, Answer.SILENT) for i in self.abandon(fanout)]
        come, fanout.come = fanout.come, []
        return come

    def _reopen(self, fanout: Fanout, pushes: Mapping[int, Push]) -> None:
        """Waits again for answers to these of its pushes, by position."""
        again = {push.key: i for i, push in pushes.items()}
        fanout.open |= again
        self._wait_for(again, fanout)

    def abandon(self, fanout: Fanout) -> list[int]:
        """Stops waiting for what is still open; its positions."""
        self._displaced.discard(fanout)
        left = list(fanout.open.values())
        for key in fanout.open:
            if self._of_key.get(key) is fanout:
                del self._of_key[key]
        fanout.open.clear()
        return left
