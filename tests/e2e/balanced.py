"""Two or more `callmark serve` behind a balancer that asks `/readyz/ROLE`, and handsets that find their way by it."""

import asyncio
import random
import signal
import tempfile
from collections import Counter
from contextlib import suppress

import httpx
from tests.e2e.play import PATIENCE_S, Handset, show_failures
from tests.e2e.serving import COMMAND, tree
from tests.support.waiting import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from callmark.kit.ports import free_port

CHECK_EVERY_S, CHECK_WITHIN_S = 0.4, 2.0


class Instance:
    """One `callmark serve` with every role but the console; may be started again."""

    def __init__(self, name: str, environ: dict[str, str]) -> None:
        self.name = name
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self.client = httpx.AsyncClient(base_url=self.url, timeout=10, trust_env=False)

    async def start(self) -> None:
        """Returns when every role is ready."""
        options = ["--port", str(self._port), "--roles", "api,gateway,worker"]
        with tempfile.TemporaryFile() as errors:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "serve", *options, env=self._environ, stderr=errors
            )
            self._process = process

            async def ready() -> bool:
                return process.returncode is not None or await self.is_ready("")

            try:
                await until(ready, 2 * PATIENCE_S)
                assert process.returncode is None
            finally:
                show_failures(errors)

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._process.wait(), PATIENCE_S)

    async def is_ready(self, role: str) -> bool:
        with suppress(httpx.HTTPError):
            return (await self.client.get(f"/readyz{role}", timeout=CHECK_WITHIN_S)).status_code == 200
        return False

    def processes(self) -> list[int]:
        assert self._process
        return tree(self._process.pid)


class Balancer:
    """Sends each request to the next instance whose role is ready."""

    def __init__(self, instances: list[Instance]) -> None:
        self._instances = instances
        self._ready: dict[str, list[Instance]] = {"api": list(instances), "gateway": list(instances)}
        self._turn = 0

    async def keep_checking(self) -> None:
        await asyncio.gather(*(self._check(one, role) for one in self._instances for role in self._ready))

    async def _check(self, instance: Instance, role: str) -> None:
        while True:
            ready = await instance.is_ready(f"/{role}")
            there = self._ready[role]
            if ready and instance not in there:
                there.append(instance)
            elif not ready and instance in there:
                there.remove(instance)
            await asyncio.sleep(CHECK_EVERY_S)

    def next(self, role: str) -> Instance | None:
        """None when no instance is ready."""
        self._turn += 1
        among = self._ready[role]
        return among[self._turn % len(among)] if among else None


class RoamingHandset(Handset):
    """A handset that finds its gateway through the balancer, and keeps what it got."""

    def __init__(self, balancer: Balancer, token: str) -> None:
        super().__init__()
        self._balancer = balancer
        self.token = token
        self.got: Counter[str] = Counter()

    async def _live(self, address: str, token: str) -> None:
        while True:
            if gateway := self._balancer.next("gateway"):
                url = gateway.url.replace("http", "ws", 1) + address
                with suppress(OSError, WebSocketException, TimeoutError):
                    async with connect(
                        url, additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=2
                    ) as socket:
                        await self._talk(socket)
            self.connected.clear()
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async def _talk(self, socket: ClientConnection) -> None:
        before = len(self.identities)
        try:
            await super()._talk(socket)
        finally:
            ids = [str(frame["record"]["id"]) for frame in self.identities[before:]]
            self.got.update(ids)
            self.held = list(self.got)[-200:]
