"""Background work beside the servers of a process, until the process is to stop."""

import asyncio

import pytest

from callmark.processes.worker import run_beside


async def test_work_that_fails_in_the_moment_of_the_stop_raises_all_the_same() -> None:
    stop = asyncio.Event()

    async def fail() -> None:
        stop.set()
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        await run_beside(stop, fail)


async def test_work_is_cancelled_by_the_stop() -> None:
    stop, ended = asyncio.Event(), list[str]()

    async def work() -> None:
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    await run_beside(stop, work)
    assert ended == ["cleaned up"]
