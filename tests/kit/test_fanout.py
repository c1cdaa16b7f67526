"""Answers to pushes at their deadline: those read before it count, those read after it are late."""

import asyncio
from collections.abc import Sequence
from functools import partial

from callmark.kit.fanout import Answer, Fanouts, Push

PUSHES = [Push("919900000001", "a", b""), Push("919900000002", "b", b"")]


class ReadAtTheDeadline:
    """Acknowledgements that are read in the turn of the event loop in which the deadline's timer ends."""

    def __init__(self, fanouts: Fanouts, keys: Sequence[str], *, after_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._fanouts, self._keys, self._after_s = fanouts, keys, after_s
        self.deadline = self._loop.time() - 1
        """Over already: all timers before now end in one turn, the earliest first."""
        self.taken: dict[str, bool] = {}

    def send(self, _: Sequence[Push]) -> None:
        for key in self._keys:
            self._loop.call_at(self.deadline + self._after_s, partial(self._read, key))

    def _read(self, key: str) -> None:
        self.taken[key] = self._fanouts.settle(key, Answer.ACKNOWLEDGED)


async def test_an_acknowledgement_just_after_the_deadline_is_late() -> None:
    fanouts = Fanouts()
    read = ReadAtTheDeadline(fanouts, ["a"], after_s=0.1)
    answer = await fanouts.run_one(PUSHES[0], read.deadline, read.send, None)
    assert (answer, read.taken) == (Answer.SILENT, {"a": False})


async def test_an_acknowledgement_just_before_the_deadline_counts() -> None:
    fanouts = Fanouts()
    read = ReadAtTheDeadline(fanouts, ["a"], after_s=-0.1)
    answer = await fanouts.run_one(PUSHES[0], read.deadline, read.send, None)
    assert (answer, read.taken) == (Answer.ACKNOWLEDGED, {"a": True})


async def test_a_push_alone_that_is_sent_again_among_others_ends_at_its_deadline() -> None:
    fanouts, sent, deadline = Fanouts(), asyncio.Event(), asyncio.get_running_loop().time() + 0.1
    alone = asyncio.create_task(fanouts.run_one(PUSHES[0], deadline, lambda _: sent.set(), None))
    await sent.wait()
    others = fanouts.begin(PUSHES)
    assert await asyncio.wait_for(alone, 20) is Answer.SILENT
    assert fanouts.settle("a", Answer.ACKNOWLEDGED)
    assert others.come == [(0, Answer.ACKNOWLEDGED)]


async def test_of_many_pushes_an_acknowledgement_that_is_taken_at_the_deadline_counts() -> None:
    fanouts = Fanouts()
    read = ReadAtTheDeadline(fanouts, ["b"], after_s=0.1)
    answers = [pair async for some in fanouts.run(PUSHES, read.deadline, read.send, None) for pair in some]
    assert (sorted(answers, key=lambda pair: pair[0]), read.taken) == (
        [(0, Answer.SILENT), (1, Answer.ACKNOWLEDGED)],
        {"b": True},
    )
