"""A page of a virtual handset without a browser: the events that it gets and the gestures that it sends."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.surfaces.emulator.running import Emulated


class Watcher:
    """A page: the newest event of each name."""

    def __init__(self, lines: AsyncGenerator[str]) -> None:
        self._lines = lines
        self.seen: dict[str, Any] = {}

    async def until(self, holds: Callable[["Watcher"], bool]) -> None:
        """Returns once what it shows is so."""
        async with asyncio.timeout(60):
            while not holds(self):
                await self._next()

    async def end(self) -> None:
        """Returns when the stream has ended."""
        async with asyncio.timeout(60):
            async for _ in self._lines:
                pass

    async def _next(self) -> None:
        name = ""
        async for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.seen |= {"last": name, name: json.loads(line.removeprefix("data: "))}
                return
        raise AssertionError("the stream has ended")

    @property
    def handset(self) -> dict[str, Any]:
        shown = self.seen.get("handset", {})
        return shown | shown.get("glimpse", {})

    @property
    def outcome(self) -> str | None:
        """How the call on the screen ended; `ringing` while it does, None without one."""
        call = self.handset.get("call")
        return call and (call["outcome"] or "ringing")

    @property
    def caller(self) -> str | None:
        """Who has the screen."""
        call = self.handset.get("call")
        return call and call["caller"]

    @property
    def step(self) -> str | None:
        after = self.handset.get("after")
        return after and after["step"]


@asynccontextmanager
async def watching(emulator: Emulated, number: str = "", *, url: str = "") -> AsyncGenerator[Watcher]:
    """A page of the handset, or the wall; in another HTTP process where `url` says so."""
    path = f"{url}/emulator/live/{number}".rstrip("/")
    async with emulator.http.stream("GET", path) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        yield Watcher(lines)  # type: ignore[arg-type] - httpx's is a generator


async def gesture(emulator: Emulated, number: str, act: str, **more: object) -> str | None:
    """What the person must correct first."""
    answer = await emulator.http.post(f"/emulator/live/{number}", json={"act": act, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["problem"]
