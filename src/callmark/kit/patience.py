"""How long a request waits for our engines: carried through a request by a context variable.

Only waiting for engines counts, not what a slow client takes to send its body. `kit.db` cuts a connection whose time
is up; `kit.statement_batcher` and pushes stop waiting. Without a patience the bounds of `kit.db` alone hold.
"""

import asyncio
import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Patience:
    """What is left of a request's patience. Tasks that a request starts share it."""

    __slots__ = ("each_s", "total_s")

    def __init__(self, total_s: float, each_s: float) -> None:
        self.total_s = total_s
        self.each_s = each_s


_patience: ContextVar[_Patience | None] = ContextVar("patience", default=None)


@contextmanager
def of(*, total_s: float = math.inf, each_s: float = math.inf) -> Generator[None]:
    """Within the block: engines are waited for `total_s` in all, and `each_s` at a time."""
    token = _patience.set(_Patience(total_s, each_s))
    try:
        yield
    finally:
        _patience.reset(token)


@contextmanager
def endless() -> Generator[None]:
    """Within the block there is no patience: for work that a request started and that outlives it, or serves many."""
    token = _patience.set(None)
    try:
        yield
    finally:
        _patience.reset(token)


def left_s() -> float:
    """Seconds that may be waited from now on; infinite without a patience, never negative."""
    patience = _patience.get()
    return math.inf if patience is None else max(min(patience.total_s, patience.each_s), 0.0)


@contextmanager
def waiting() -> Generator[float]:
    """Seconds that may be waited in the block; what it takes is taken off the total."""
    patience = _patience.get()
    began = monotonic()
    try:
        yield left_s()
    finally:
        if patience is not None:
            patience.total_s -= monotonic() - began


async def wait_for(answer: "asyncio.Future[_T]") -> _T:
    """What `answer` becomes. With the end of the patience it becomes a TimeoutError, which the one who sets it can see.

    Every real-time push waits here four times: a bare timer costs half of what `asyncio.timeout` does.
    """
    patience, seconds = _patience.get(), left_s()
    if patience is None or seconds == math.inf:
        return await answer
    began = monotonic()
    timer = answer.get_loop().call_later(seconds, _give_up, answer)
    try:
        return await answer
    finally:
        timer.cancel()
        patience.total_s -= monotonic() - began


def _give_up(answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
