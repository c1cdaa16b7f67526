"""Values that a process keeps for a short time."""

import asyncio

import pytest

from callmark.kit.short_memory import ShortMemory


class Source:
    """Counts how often it is asked; each answer waits until it may go on."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.fails = False

    async def get(self) -> int:
        self.asked += 1
        number = self.asked
        await self.may_go_on.wait()
        if self.fails:
            raise LookupError(number)
        return number


async def test_a_value_is_kept_until_its_time_is_over() -> None:
    now = 100.0
    memory, source = ShortMemory(lambda: now), Source()
    assert [await memory.get("a", 5, source.get) for _ in range(3)] == [1, 1, 1]
    assert await memory.get("b", 5, source.get) == 2
    now = 104.9
    assert await memory.get("a", 5, source.get) == 1
    now = 105
    assert await memory.get("a", 5, source.get) == 3


async def test_those_who_ask_at_once_get_one_answer_also_when_the_first_goes_away() -> None:
    memory, source = ShortMemory(), Source()
    source.may_go_on.clear()
    first, *others = [asyncio.create_task(memory.get("a", 5, source.get)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    source.may_go_on.set()
    assert await asyncio.gather(*others) == [1, 1, 1, 1]
    assert first.cancelled()


async def test_a_failure_is_told_and_not_kept() -> None:
    memory, source = ShortMemory(), Source()
    source.fails = True
    asked = [memory.get("a", 5, source.get) for _ in range(2)]
    assert [type(one) for one in await asyncio.gather(*asked, return_exceptions=True)] == [LookupError, LookupError]
    source.fails = False
    assert await memory.get("a", 5, source.get) == 2


async def test_what_is_forgotten_is_got_again() -> None:
    memory, source = ShortMemory(), Source()
    await memory.get("a", 5, source.get)
    memory.forget("a")
    memory.forget("never there")
    assert await memory.get("a", 5, source.get) == 2


async def test_no_more_than_so_many_values_are_kept_and_the_oldest_goes_first() -> None:
    memory, source = ShortMemory(most=2), Source()
    for key in ("a", "b", "a", "c"):
        await memory.get(key, 5, source.get)
    assert source.asked == 3
    assert await memory.get("a", 5, source.get) == 1
    assert await memory.get("b", 5, source.get) == 4


async def test_a_failure_that_nobody_waited_for_is_forgotten() -> None:
    memory, source = ShortMemory(), Source()
    source.fails = True
    source.may_go_on.clear()
    only = asyncio.create_task(memory.get("a", 5, source.get))
    await asyncio.sleep(0)
    only.cancel()
    source.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await only
    await asyncio.sleep(0)
    source.fails = False
    assert await memory.get("a", 5, source.get) == 2
