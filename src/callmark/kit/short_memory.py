"""Values that are slow to get and may be some seconds old, kept in one process."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from time import monotonic
from typing import TypeVar, cast

from msgspec import Struct

_T = TypeVar("_T")

MOST_VALUES = 10_000
"""Beyond it the value that was asked for longest ago is forgotten."""


class _Kept(Struct):
    task: "asyncio.Task[object]"
    until: float


class ShortMemory:
    """Gets each value once for all who ask at the same time. A failure is raised for each of them and not kept."""

    def __init__(self, now: Callable[[], float] = monotonic, most: int = MOST_VALUES) -> None:
        self.now, self._most = now, most
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def get(self, key: Hashable, seconds: float, make: Callable[[], Awaitable[_T]]) -> _T:
        """The value of `key`, at most `seconds` old; `make` gets it. Raises what `make` raised."""
        kept = self._kept.get(key)
        if kept is None or self.now() >= kept.until:
            kept = self._kept[key] = _Kept(asyncio.ensure_future(_made(make)), self.now() + seconds)
            kept.task.add_done_callback(partial(self._drop_failed, key))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        if kept.task.done():
            return cast("_T", kept.task.result())
        return cast("_T", await asyncio.shield(kept.task))  # who goes away leaves the others their answer

    def _drop_failed(self, key: Hashable, task: "asyncio.Task[object]") -> None:
        kept = self._kept.get(key)
        if (task.cancelled() or task.exception()) and kept is not None and kept.task is task:
            del self._kept[key]

    def forget(self, key: Hashable) -> None:
        """The next caller gets a new value."""
        self._kept.pop(key, None)


async def _made(make: Callable[[], Awaitable[object]]) -> object:
    return await make()
