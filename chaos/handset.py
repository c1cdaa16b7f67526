"""Handsets as docs/gateway.md describes them: they stay connected, hold what they get and acknowledge it."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from chaos.checker.history import Held

MOST_IN_SYNC = 200
CLOSED_WHEN_SILENT_S = 45.0
KEEP_MS = 60_000
"""A record is kept for so long after its window, as what ends at an instant may be asked for at that instant."""


class Handset:
    """One phone; `now_ms` is the product's clock as it knows it."""

    def __init__(self, phone: str, token: str, url: str, now_ms: Callable[[], int]) -> None:
        self.phone = phone
        self.token = token
        self.held: dict[str, dict[str, Any]] = {}
        self.seen: set[str] = set()
        """Every record that it was ever sent."""
        self.is_synced = False
        self._since = 0.0
        self._now_ms = now_ms
        self._address = url.replace("http", "ws", 1) + "/handset/v1/stream"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connects, again and again."""
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Disconnects."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    def holds(self) -> Held:
        """What it holds now."""
        return Held(receiver=self.phone, record_ids=list(self.held), since=self._since, at=monotonic())

    def drop_old(self) -> None:
        """Forgets what can never show again."""
        before = self._now_ms() - KEEP_MS
        for record_id in [key for key, frame in self.held.items() if frame["record"]["ends_at"] < before]:
            del self.held[record_id]

    async def _live(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        pause = 0.1
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with connect(
                    self._address,
                    additional_headers=headers,
                    open_timeout=4,
                    close_timeout=0.2,
                    ping_interval=None,
                    proxy=None,
                    compression=None,
                ) as socket:
                    pause = 0.1
                    await self._talk(socket)
            self.is_synced = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def _talk(self, socket: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(CLOSED_WHEN_SILENT_S):
                frame: dict[str, Any] = json.loads(await socket.recv())
            match frame["type"]:
                case "welcome":
                    await self._sync(socket, None)
                case "identity":
                    self.held[frame["id"]] = frame
                    self.seen.add(frame["id"])
                    await _send(socket, {"type": "ack", "id": "a", "record": frame["record"]})
                case "withdraw":
                    self.held.pop(frame["record"]["id"], None)
                case "synced" if frame["cursor"]:
                    await self._sync(socket, frame["cursor"])
                case "synced":
                    self._since, self.is_synced = monotonic(), True
                case _:
                    pass

    async def _sync(self, socket: ClientConnection, cursor: str | None) -> None:
        held = list(self.held)[-MOST_IN_SYNC:]
        await _send(socket, {"type": "sync", "id": "s", "held": held, "cursor": cursor})


async def _send(socket: ClientConnection, frame: dict[str, Any]) -> None:
    await socket.send(json.dumps(frame))
