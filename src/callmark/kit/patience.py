"""How long a request waits for our engines: carried through a request by a context variable.

Only waiting for engines counts, not what a slow client takes to send its body. `kit.postgres.database` cuts a
connection whose time is up; `kit.postgres.statement_batcher` and pushes stop waiting. Without a patience the bounds of
`kit.postgres.database` alone hold.
"""

import asyncio
import math
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
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


class _Within:
    """Within the block this is the patience.

    A class, as `_Waiting`, because every request enters it: a generator takes four times as long.
    """

    __slots__ = ("_inside", "_token")

    def __init__(self, inside: _Patience | None) -> None:
        self._inside = inside
        self._token: Token[_Patience | None]

    def __enter__(self) -> None:
        self._token = _patience.set(self._inside)

    def __exit__(self, *_: object) -> None:
        _patience.reset(self._token)


def of(*, total_s: float = math.inf, each_s: float = math.inf) -> AbstractContextManager[None]:
    """Within the block: engines are waited for `total_s` in all, and `each_s` at a time."""
    return _Within(_Patience(total_s, each_s))


def endless() -> AbstractContextManager[None]:
    """Within the block there is no patience: for work that a request started and that outlives it, or serves many."""
    return _Within(None)


def left_s() -> float:
    """Seconds that may be waited from now on; infinite without a patience, never negative."""
    patience = _patience.get()
    return math.inf if patience is None else max(min(patience.total_s, patience.each_s), 0.0)


class _Waiting:
    """A wait that is taken off the patience, once with the waits inside of it."""

    __slots__ = ("_began", "_total_s")

    def __enter__(self) -> float:
        self._began = monotonic()
        self._total_s = patience.total_s if (patience := _patience.get()) else math.inf
        return left_s()

    def __exit__(self, *_: object) -> None:
        if patience := _patience.get():
            patience.total_s = min(patience.total_s, self._total_s - (monotonic() - self._began))


def waiting() -> AbstractContextManager[float]:
    """Seconds that may be waited in the block; what it takes is taken off the total."""
    return _Waiting()


async def wait_for(answer: "asyncio.Future[_T]") -> _T:
    """What `answer` becomes. With the end of the patience it becomes a TimeoutError, which the one who sets it can see.

    Every real-time push waits here four times: a bare timer costs half of what `asyncio.timeout` does.
    """
    patience = _patience.get()
    if patience is None or (seconds := max(min(patience.total_s, patience.each_s), 0.0)) == math.inf:
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
