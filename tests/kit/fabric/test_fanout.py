"""Answers to pushes at their deadline: those read before it count, those read after it are late."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial

from callmark.kit.fabric.fanout import Answer, Fanouts, Push, Quiet, Returning

PUSHES = [Push("919900000001", "a", b""), Push("919900000002", "b", b"")]
WITHIN_S = 10


def _nowhere(_: Sequence[Push]) -> None:
    """Sends nothing."""


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


async def test_pushes_of_a_record_that_was_pushed_again_are_lost_with_nats_too() -> None:
    """Not SILENT at their deadline: that is a failure, and the record is to be pushed once more."""
    fanouts = Fanouts()
    alone, together = _alone(fanouts, PUSHES[0]), _together(fanouts, PUSHES)
    again = _together(fanouts, PUSHES[:1])
    last = _alone(fanouts, PUSHES[0], within_s=0)
    assert await last is Answer.SILENT
    fanouts.lose_all()
    lost = Answer.FABRIC_LOST
    assert await asyncio.gather(alone, together, again) == [lost, {0: lost, 1: lost}, {0: lost}]


async def test_nothing_is_kept_of_pushes_that_have_ended() -> None:
    fanouts = Fanouts()
    alone = [_alone(fanouts, PUSHES[0], within_s=within_s) for within_s in (0.1, 0.2)]
    together = [_together(fanouts, PUSHES, within_s=within_s) for within_s in (0.3, 0.1)]
    await asyncio.gather(*alone, *together)
    assert not any(vars(fanouts).values())


async def test_a_push_is_lost_with_nats_although_the_one_before_it_is_sent_again() -> None:
    fanouts, second, is_sent_again = Fanouts(), list[asyncio.Task[Answer]](), asyncio.Event()

    async def returning(numbers: Collection[str]) -> Collection[str]:
        second.append(_alone(fanouts, PUSHES[0]))
        await asyncio.sleep(0)
        return numbers

    def send(_: Sequence[Push]) -> None:
        if second:
            is_sent_again.set()
        else:
            fanouts.settle("a", Answer.NOT_CONNECTED)

    first = _together(fanouts, PUSHES[:1], send, returning)
    await is_sent_again.wait()
    fanouts.lose_all()
    assert await asyncio.gather(first, *second) == [{0: Answer.FABRIC_LOST}, Answer.FABRIC_LOST]


async def test_of_many_pushes_an_acknowledgement_that_is_taken_at_the_deadline_counts() -> None:
    fanouts = Fanouts()
    read = ReadAtTheDeadline(fanouts, ["b"], after_s=0.1)
    answers = [pair async for some in fanouts.run(PUSHES, read.deadline, read.send, None) for pair in some]
    assert (sorted(answers, key=lambda pair: pair[0]), read.taken) == (
        [(0, Answer.SILENT), (1, Answer.ACKNOWLEDGED)],
        {"b": True},
    )


class Wakes:
    """Hears which handsets are silent; `then` is what one of them does when it is woken."""

    def __init__(self, then: Callable[[], object] = list[str]) -> None:
        self.numbers: list[str] = []
        self._then = then

    async def quiet(self, numbers: Collection[str]) -> None:
        self.numbers += numbers
        self._then()


async def test_a_handset_that_is_silent_alone_is_woken_once_and_its_answer_counts() -> None:
    fanouts, wakes = Fanouts(), Wakes()
    answering = Wakes(lambda: fanouts.settle("a", Answer.ACKNOWLEDGED))
    deadline = asyncio.get_running_loop().time() + 0.3
    assert await fanouts.run_one(PUSHES[0], deadline, _nowhere, None, wakes.quiet) is Answer.SILENT
    in_time = asyncio.get_running_loop().time() + 3
    assert await fanouts.run_one(PUSHES[0], in_time, _nowhere, None, answering.quiet) is Answer.ACKNOWLEDGED
    assert wakes.numbers == answering.numbers == [PUSHES[0].number]
    assert not any(vars(fanouts).values())


async def test_of_many_only_those_that_are_silent_are_woken() -> None:
    fanouts, wakes = Fanouts(), Wakes()
    resent = Push("919900000003", "c", b"")
    answers = {"a": Answer.ACKNOWLEDGED, "c": Answer.NOT_CONNECTED}

    async def returning(numbers: Collection[str]) -> Collection[str]:
        return numbers

    def send(pushes: Sequence[Push]) -> None:
        for push in pushes:
            if push.key in answers:
                fanouts.settle(push.key, answers.pop(push.key))

    found = await _together(fanouts, [*PUSHES, resent], send, returning, wakes.quiet, within_s=1)
    assert found == {0: Answer.ACKNOWLEDGED, 1: Answer.SILENT, 2: Answer.SILENT}
    assert wakes.numbers == [PUSHES[1].number]


async def test_handsets_that_answer_are_not_woken() -> None:
    fanouts, wakes = Fanouts(), Wakes()

    def send(pushes: Sequence[Push]) -> None:
        for push in pushes:
            fanouts.settle(push.key, Answer.ACKNOWLEDGED)

    await _together(fanouts, PUSHES, send, quiet=wakes.quiet)
    await fanouts.run_one(PUSHES[0], asyncio.get_running_loop().time() + WITHIN_S, send, None, wakes.quiet)
    assert wakes.numbers == []


async def test_while_others_answer_those_that_are_silent_are_woken_once_and_answers_stay_in_groups() -> None:
    """Answers that come while the last ones are written down leave no moment in which nothing has come."""
    fanouts, wakes, loop = Fanouts(), Wakes(), asyncio.get_running_loop()
    pushes = [Push(f"9199000000{i:02}", f"p{i}", b"") for i in range(90)]
    left = [push.key for push in pushes]

    def answer_in(turns: int) -> None:
        if turns:
            loop.call_soon(answer_in, turns - 1)
        elif left:
            fanouts.settle(left.pop(), Answer.ACKNOWLEDGED)

    silent: list[str] = []
    sizes: list[int] = []
    run = fanouts.run(pushes, loop.time() + 1.5, lambda _: answer_in(0), None, wakes.quiet)
    async for group in run:
        if wakes.numbers:
            silent = silent or list(wakes.numbers)
            sizes.append(len(group))
        answer_in(0)
        answer_in(5)
    assert len(silent) > 1
    assert wakes.numbers == silent
    assert max(sizes) > 1


class SlowWakes:
    """A statement that does not end; meanwhile the handset of push `a` answers."""

    def __init__(self, fanouts: Fanouts) -> None:
        self._fanouts = fanouts
        self.under_way = 0

    async def quiet(self, _: Collection[str]) -> None:
        self.under_way += 1
        try:
            self._fanouts.settle("a", Answer.ACKNOWLEDGED)
            await asyncio.Event().wait()
        finally:
            self.under_way -= 1


async def test_an_answer_does_not_wait_for_a_wake_up_that_is_being_written() -> None:
    fanouts = Fanouts()
    wakes = SlowWakes(fanouts)
    deadline = asyncio.get_running_loop().time() + 0.3
    alone = fanouts.run_one(PUSHES[0], deadline, _nowhere, None, wakes.quiet)
    assert await asyncio.wait_for(alone, 20) is Answer.ACKNOWLEDGED
    together = _together(fanouts, PUSHES[:1], quiet=wakes.quiet, within_s=1)
    assert await asyncio.wait_for(together, 20) == {0: Answer.ACKNOWLEDGED}
    assert wakes.under_way == 0
    assert not any(vars(fanouts).values())


def _alone(fanouts: Fanouts, push: Push, *, within_s: float = WITHIN_S) -> asyncio.Task[Answer]:
    deadline = asyncio.get_running_loop().time() + within_s
    return asyncio.create_task(fanouts.run_one(push, deadline, _nowhere, None))


def _together(
    fanouts: Fanouts,
    pushes: Sequence[Push],
    send: Callable[[Sequence[Push]], None] = _nowhere,
    returning: Returning | None = None,
    quiet: Quiet | None = None,
    *,
    within_s: float = WITHIN_S,
) -> asyncio.Task[dict[int, Answer]]:
    """Until each has its answer, by position."""
    deadline = asyncio.get_running_loop().time() + within_s

    async def run() -> dict[int, Answer]:
        return {i: answer async for some in fanouts.run(pushes, deadline, send, returning, quiet) for i, answer in some}

    return asyncio.create_task(run())
