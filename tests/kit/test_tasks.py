"""Tasks end for certain, also where a library swallows a cancellation."""

import asyncio

import pytest

from callmark.kit.tasks import end, run_all


async def _swallowing(times: int, ended: list[str]) -> None:
    for _ in range(times):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()
    ended.append("never")


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    task = asyncio.create_task(_swallowing(2, []))
    await asyncio.sleep(0)
    await end([task], again_after_s=0.01)
    assert task.cancelled()


async def test_one_that_never_ends_is_given_up() -> None:
    task = asyncio.create_task(_swallowing(3, []))
    await asyncio.sleep(0)
    await end([task], again_after_s=0.01)
    assert not task.done()
    task.cancel()


async def test_the_first_failure_ends_the_others_and_is_raised() -> None:
    ended: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("the key is missing")

    with pytest.raises(ValueError, match="the key is missing"):
        await asyncio.wait_for(run_all(_swallowing(1, ended), fail(), again_after_s=0.01), 30)
    assert ended == []


async def test_all_that_end_well_end_well() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await run_all(work(1), work(2))
    assert sorted(done) == [1, 2]
