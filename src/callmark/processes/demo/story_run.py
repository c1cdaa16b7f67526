"""How a story is printed step by step: a line each with its milliseconds, and what went wrong when it does."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import httpx
from msgspec import Struct

from callmark.processes.demo.step_printer import StepPrinter

_OK = 200


class StoryFailed(Exception):
    """A step did not go as it should."""

    def __init__(self, expected: str, came: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.came = str(came)


class StoryStep(Struct):
    """A line being printed; `result` is what is printed under it."""

    result: str = ""


class StoryRun(Struct, frozen=True):
    """A story under way: how it reaches the platform, and where it is printed."""

    http: httpx.AsyncClient
    printer: StepPrinter

    @asynccontextmanager
    async def step(self, what: str) -> AsyncGenerator[StoryStep]:
        """A line with the time that the block took; marked as failed when it raised."""
        began = perf_counter()
        step = StoryStep()
        try:
            yield step
        except (StoryFailed, httpx.HTTPError):
            self.printer.step(what, began, good=False)
            raise
        self.printer.step(what, began, result=step.result)


async def until(check: Callable[[], Awaitable[tuple[bool, object]]], within_s: float, expected: str) -> None:
    """Asks `check` again and again until it says yes. Raises StoryFailed with what it said last."""
    deadline = perf_counter() + within_s
    while True:
        done, came = await check()
        if done:
            return
        if perf_counter() > deadline:
            raise StoryFailed(f"{expected} within {within_s:.0f} s", came)
        await asyncio.sleep(0.01)


def expect(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of a good answer; empty where there is none. Raises StoryFailed for any other."""
    if not answer.is_success:
        raise StoryFailed(
            f"{answer.request.method} {answer.request.url.path} to answer {_OK}", f"{answer.status_code} {answer.text}"
        )
    return answer.json() if answer.content else {}
