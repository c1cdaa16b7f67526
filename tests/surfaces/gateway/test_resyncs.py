"""Streams that are synced again: a few at a time, each as often as it has to be."""

import asyncio
from collections import Counter
from collections.abc import Coroutine

import pytest
from tests.support.fake_clock import FakeClock

from callmark.kit.errors import Unavailable
from callmark.surfaces.gateway.resyncs import AGAIN_AFTER, SYNCED_AT_ONCE, Resyncs


class Stream:
    """One that is open until a test says that it closes."""

    closing = False


class Syncs:
    """Counts how often each stream is synced, and how many at once; each sync waits until it may end."""

    def __init__(self) -> None:
        self.done: Counter[Stream] = Counter()
        self.at_once = self.most_at_once = 0
        self.may_end = asyncio.Event()
        self.fails_with: list[Exception] = []
        self.clock = FakeClock()
        self._tasks: list[asyncio.Task[None]] = []
        self.resyncs = Resyncs[Stream](self.clock, self._sync, self._run)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _sync(self, stream: Stream) -> None:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await self.may_end.wait()
        self.at_once -= 1
        if self.fails_with:
            raise self.fails_with.pop()
        self.done[stream] += 1

    async def begun(self) -> None:
        """Returns when what was begun waits."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def ended(self) -> None:
        """Lets all of them end."""
        self.may_end.set()
        await self.begun()
        self.clock.advance(AGAIN_AFTER)  # for one that is tried again
        await asyncio.gather(*self._tasks)


async def test_however_many_messages_come_a_few_streams_are_synced_at_once() -> None:
    syncs, streams = Syncs(), [Stream() for _ in range(100)]
    for stream in streams:
        syncs.resyncs.add([stream])
    await syncs.begun()
    syncs.resyncs.add(streams)  # these wait, or are under way: then they may have missed more
    await syncs.ended()
    assert syncs.most_at_once == SYNCED_AT_ONCE
    assert [syncs.done[stream] for stream in streams] == [2] * SYNCED_AT_ONCE + [1] * (100 - SYNCED_AT_ONCE)
    syncs.resyncs.add(streams[:1])
    await syncs.ended()
    assert syncs.done[streams[0]] == 3


async def test_a_stream_that_closes_is_left_out() -> None:
    syncs, stream = Syncs(), Stream()
    syncs.resyncs.add([stream])
    stream.closing = True
    await syncs.ended()
    assert not syncs.done


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), Unavailable("postgresql: not reached")])
async def test_what_fails_for_one_stream_does_not_end_the_others(error: Exception) -> None:
    syncs, streams = Syncs(), [Stream() for _ in range(SYNCED_AT_ONCE + 2)]
    syncs.fails_with.append(error)
    syncs.resyncs.add(streams)
    await syncs.ended()
    assert sum(syncs.done.values()) == len(streams) - (not isinstance(error, Unavailable))
