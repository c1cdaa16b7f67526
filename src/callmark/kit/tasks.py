"""Ends tasks for certain. A cancellation is a request; a library may swallow it (`asyncio.wait_for` of Python 3.11)."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

import structlog

from callmark.kit.errors import Unavailable

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 3.0
"""Longer than any clean-up takes, which a second cancellation would cut short."""

MOST_TIMES = 3


async def end(tasks: Iterable["asyncio.Task[Any]"], *, again_after_s: float = AGAIN_AFTER_S) -> None:
    """Cancels `tasks` until all have ended; gives up after three times, with a line in the log.

    What one raises meanwhile is logged. A failure of before is the caller's.
    """
    begun = {task for task in tasks if not task.done()}
    await _cancel(begun, again_after_s)
    for task in begun:
        _log_failure("task_failed", task)


async def _cancel(left: "set[asyncio.Task[Any]]", again_after_s: float = AGAIN_AFTER_S) -> None:
    for _ in range(MOST_TIMES):
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=again_after_s)
    if left:
        log.error("tasks_do_not_end", tasks=sorted(task.get_name() for task in left))


async def ends_within(work: Coroutine[Any, Any, object], within_s: float) -> bool:
    """Whether `work` came to its end in time; else it is cancelled. Raises what it raises.

    For clean-ups, which often run in a task that was cancelled: there `asyncio.timeout` of Python 3.11.2 raises
    CancelledError when the time is up (https://github.com/python/cpython/issues/102780), and what comes after it is
    not done.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=within_s)
        is_over = task.done()
    finally:
        await end([task])
    if is_over:
        await task
    return is_over


def failure_of(task: "asyncio.Task[Any]") -> BaseException | None:
    """What it raised. A callback for tasks that perhaps nobody awaits: asyncio logs a failure that nobody asked for."""
    return task.exception() if task.done() and not task.cancelled() else None


def _log_failure(event: str, task: "asyncio.Task[Any]") -> None:
    """What nobody awaits is logged here: asyncio tells of it only when the task is collected."""
    error = failure_of(task)
    if isinstance(error, Unavailable):
        log.warning(event, error=error.reason)
    elif error:
        log.error(event, exc_info=error)


class SideTasks:
    """Work that runs beside what began it; what it raises is logged as `event`."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts the work and does not wait for it.

        The task is the work, not a wrapper of it: one cancelled before its first step leaves what it wraps unawaited.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Cancels all of it and returns when it has ended."""
        await _cancel({task for task in self._tasks if not task.done()})

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        _log_failure(self._event, task)


_left: set["asyncio.Task[Any]"] = set()
"""Held here, because an event loop does not hold its tasks."""


async def to_the_end(work: Coroutine[Any, Any, None], event: str) -> None:
    """Returns when `work` has ended. Who is cancelled meanwhile leaves it running: what it raises is logged as `event`.

    For a clean-up that waits: an anyio scope that is cancelled cancels every wait in it, also those of a `finally`.
    """
    task = asyncio.create_task(work)
    _left.add(task)
    task.add_done_callback(_left.discard)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(partial(_log_failed, event))
        raise


async def beside(work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` gives. Who is cancelled meanwhile leaves it running, and what it gives is dropped.

    For requests of httpx, which does not get back the place of a connection whose request is cancelled at some of its
    steps (https://github.com/encode/httpcore/issues/1093). They have an end of their own.
    """
    task = asyncio.create_task(work)
    _left.add(task)
    task.add_done_callback(_left.discard)
    task.add_done_callback(failure_of)
    await asyncio.wait({task})
    return task.result()


def _log_failed(event: str, task: "asyncio.Task[None]") -> None:
    if task.cancelled():
        log.error(event, error="cancelled")
    elif error := task.exception():
        log.error(event, exc_info=error)


async def run_all(*works: Coroutine[Any, Any, None], again_after_s: float = AGAIN_AFTER_S) -> None:
    """Runs all to their end. The first that fails ends the others, and what it raised is raised; the rest is logged."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        failed = [task for task in tasks if failure_of(task)]
        await end(tasks, again_after_s=again_after_s)
    for task in failed[1:]:
        _log_failure("task_failed", task)
    if failed:
        await failed[0]


async def results_of(works: Iterable[Awaitable[_T]]) -> list[_T]:
    """The results once all have ended; raises the first failure."""
    return [_given(one) for one in await asyncio.gather(*works, return_exceptions=True)]


def _given(result: _T | BaseException) -> _T:
    if isinstance(result, BaseException):
        raise result
    return result
