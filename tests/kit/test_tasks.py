"""Tasks end for certain, also where a library swallows a cancellation."""

import asyncio
import inspect

import pytest
from structlog.testing import capture_logs

from callmark.kit.errors import Unavailable
from callmark.kit.tasks import SideTasks, end, ends_within, run_all, to_the_end


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


async def test_work_that_has_its_time_is_cancelled_then_and_only_then() -> None:
    async def fail() -> None:
        raise ValueError("it was closed")

    assert await ends_within(asyncio.sleep(0), 60)
    assert not await ends_within(asyncio.Event().wait(), 0)
    with pytest.raises(ValueError, match="it was closed"):
        await ends_within(fail(), 60)


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


async def _fails(why: str) -> None:
    raise ValueError(why)


async def _fails_when_it_is_to_end(why: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise ValueError(why)


async def test_failures_after_the_first_are_logged() -> None:
    """asyncio complains of one that nobody looks at when it is collected, in the middle of something else."""
    with capture_logs() as logged, pytest.raises(ValueError, match="first"):
        await run_all(_fails("first"), _fails("second"), _fails_when_it_is_to_end("third"))
    assert [line["event"] for line in logged] == ["task_failed"] * 2
    assert {str(line["exc_info"]) for line in logged} == {"second", "third"}


async def test_a_failure_of_one_that_is_to_end_is_logged() -> None:
    task = asyncio.create_task(_fails_when_it_is_to_end("no room"))
    await asyncio.sleep(0)
    with capture_logs() as logged:
        await end([task])
    assert [(line["event"], str(line["exc_info"])) for line in logged] == [("task_failed", "no room")]


async def test_all_that_end_well_end_well() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await run_all(work(1), work(2))
    assert sorted(done) == [1, 2]


class CleanUp:
    """Work that waits until it may go on, and then fails if it is to."""

    def __init__(self, *, fails: bool) -> None:
        self.may_go_on, self.has_gone_on = asyncio.Event(), asyncio.Event()
        self._fails = fails

    async def run(self) -> None:
        await self.may_go_on.wait()
        self.has_gone_on.set()
        if self._fails:
            raise ValueError("no room")


@pytest.mark.parametrize("fails", [False, True])
async def test_work_that_is_to_be_done_goes_on_when_who_waits_is_cancelled(*, fails: bool) -> None:
    work = CleanUp(fails=fails)
    waiting = asyncio.create_task(to_the_end(work.run(), "not_cleaned_up"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with capture_logs() as logged:
        work.may_go_on.set()
        await work.has_gone_on.wait()
        await asyncio.sleep(0)
    assert [line["event"] for line in logged] == ["not_cleaned_up"] * fails


async def test_who_waits_for_work_that_is_to_be_done_hears_how_it_ended() -> None:
    work = CleanUp(fails=True)
    work.may_go_on.set()
    with pytest.raises(ValueError, match="no room"):
        await to_the_end(work.run(), "not_cleaned_up")


async def test_side_work_that_is_ended_before_its_first_step_is_closed() -> None:
    side, work = SideTasks("side_work_failed"), CleanUp(fails=False).run()
    side.start(work)
    await side.end()
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_side_work_that_swallows_a_cancellation_has_ended_when_it_is_to() -> None:
    side, ended = SideTasks("side_work_failed"), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    side.start(work())
    await asyncio.sleep(0)
    await side.end()
    assert ended == ["cleaned up"]


async def test_side_work_that_fails_when_it_is_to_end_is_logged_once() -> None:
    side = SideTasks("side_work_failed")
    with capture_logs() as logged:
        side.start(_fails_when_it_is_to_end("no room"))
        await asyncio.sleep(0)
        await side.end()
    assert [line["event"] for line in logged] == ["side_work_failed"]


@pytest.mark.parametrize(("error", "level"), [(ValueError("no room"), "error"), (Unavailable("away"), "warning")])
async def test_what_side_work_raises_is_logged(error: Exception, level: str) -> None:
    async def fail() -> None:
        raise error

    side = SideTasks("side_work_failed")
    with capture_logs() as logged:
        side.start(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [(line["event"], line["log_level"]) for line in logged] == [("side_work_failed", level)]
