"""Started processes for end-to-end tests: engines of a test's own, `callmark serve` on them, a business, a handset."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import IO, Any

import httpx
import msgspec
from msgspec import Struct
from tests.e2e.serving import COMMAND, ENVIRON, children, is_in_time
from tests.support.engines import SECRET_KEY, Engines, reachable_directory
from tests.support.factories import Cast, make_cast, phone
from tests.support.first_starts import FirstStarts
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps

PATIENCE_S = 60.0


class OwnEngines(Struct):
    """Durable engines that a test may stop, kill and start again."""

    directory: Path
    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    dsn: str = ""
    nats_url: str = ""


def environ_of(engines: Engines | OwnEngines) -> dict[str, str]:
    """What makes `callmark serve` use them."""
    return ENVIRON | {
        "CALLMARK_POSTGRES_DSN": engines.dsn,
        "CALLMARK_NATS_URL": engines.nats_url,
        "CALLMARK_SECRET_KEY": SECRET_KEY,
    }


@asynccontextmanager
async def own_engines(first_starts: FirstStarts) -> AsyncGenerator[OwnEngines]:
    """Both engines on a directory of their own, migrated."""
    directory = reachable_directory()
    await first_starts.put_migrated(directory / "data")
    engines = OwnEngines(directory, EmbeddedPostgres(directory / "data"), EmbeddedNats(directory / "data"))
    try:
        engines.dsn, engines.nats_url = await asyncio.gather(engines.postgres.start(), engines.nats.start())
        yield engines
    finally:
        await asyncio.gather(engines.postgres.stop(), engines.nats.stop())
        shutil.rmtree(directory)


@asynccontextmanager
async def deps_of(engines: Engines | OwnEngines) -> AsyncGenerator[Deps]:
    """`Deps` on those engines, by the real clock."""
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    async with open_deps(settings, "test", connected_within_s=PATIENT_S) as deps:
        yield deps


@dataclass
class Serving:
    """A started `callmark serve`."""

    url: str
    process: asyncio.subprocess.Process
    client: httpx.AsyncClient = field(repr=False)
    errors: IO[bytes] = field(repr=False)

    def kill_child(self, kind: str) -> None:
        """`kill -9` of one child."""
        for pid in children(self.process.pid):
            if f"callmark.processes.child {kind}" in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                os.kill(pid, signal.SIGKILL)
                return
        raise AssertionError(f"there is no {kind} process")


@asynccontextmanager
async def serving(environ: dict[str, str], *options: str) -> AsyncGenerator[Serving]:
    """`callmark serve` until the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [*COMMAND, "serve", "--port", str(port), *options]
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=errors)
        try:
            async with httpx.AsyncClient(base_url=url, timeout=10) as client:
                await until_ready(client)
                yield Serving(url, process, client, errors)
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), PATIENCE_S)
            show_failures(errors)


def show_failures(errors: IO[bytes]) -> None:
    """Prints what went wrong inside, for pytest to show beside a failed test; the process may still write there."""
    for line in os.pread(errors.fileno(), os.fstat(errors.fileno()).st_size, 0).decode().splitlines():
        if not line.startswith("{") or "exception" in line:
            sys.stdout.write(line.replace("\\n", "\n") + "\n")


async def until_ready(client: httpx.AsyncClient) -> None:
    """Returns when `/readyz` answers 200."""

    async def ready() -> bool:
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    await until(ready, PATIENCE_S)


class Business(Struct):
    """A business with its token, and receivers registered for it."""

    deps: Deps
    cast: Cast
    receivers: list[PhoneNumber]
    tokens: list[str]

    def record(self, receiver: str) -> dict[str, Any]:
        now = to_ms(self.deps.clock.now())
        return {
            "caller_number": "918040001234",
            "receiver_number": receiver,
            "label_id": str(self.cast.label.id),
            "starts_at": now,
            "ends_at": now + 3_600_000,
        }

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.cast.token}"}

    async def push_bulk(self, client: httpx.AsyncClient, receivers: Sequence[str] = ()) -> str:
        body = {"call_records": [self.record(number) for number in receivers or self.receivers]}
        url = f"/v2/clients/{self.cast.account.id}/dynamic_call_records"
        answer = await client.post(url, json=body, headers=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()["batch_id"]

    async def push_now(self, client: httpx.AsyncClient, receiver: str) -> httpx.Response:
        url = f"/v2/clients/{self.cast.account.id}/dynamic_call_record"
        return await client.post(url, json=self.record(receiver), headers=self.auth)

    async def push_in_time(self, client: httpx.AsyncClient, receiver: str) -> int:
        """`push_now` until the handset has acknowledged in time; how many pushes that took."""
        pushes = 0

        async def is_acknowledged() -> bool:
            nonlocal pushes
            began = time.monotonic()
            answer = await self.push_now(client, receiver)
            assert answer.status_code == 200, answer.text
            pushes += 1
            return is_in_time(answer.json(), time.monotonic() - began)

        await until(is_acknowledged, PATIENCE_S)
        return pushes

    async def results(self, client: httpx.AsyncClient, batch: str) -> Counter[str]:
        url = f"/v2/clients/{self.cast.account.id}/dynamic_call_records"
        answer = await client.get(url, params={"batchId": batch}, headers=self.auth)
        return Counter(r["status_info"].get("message", r["status_info"]["status"]) for r in answer.json()["data"])


async def business(deps: Deps, receivers: int) -> Business:
    numbers = [phone() for _ in range(receivers)]
    _, credential = await handsets.create_app(deps, "app", by=SYSTEM)
    made = [await handsets.register(deps, credential, number, OS.ANDROID, "5.0.0") for number in numbers]
    return Business(deps, await make_cast(deps), numbers, [m.token for m in made])


class Handset:
    """A gateway client that acknowledges what it gets, when told to."""

    def __init__(self, *, acknowledges: bool = True, tls: SSLContext | None = None) -> None:
        self.acknowledges = acknowledges
        self._tls = tls
        self.identities: list[dict[str, Any]] = []
        self.held: list[str] = []
        """The ids of records that it says it holds when it connects."""
        self.frames: list[dict[str, Any]] = []
        self.connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def stay(self, url: str, token: str) -> None:
        """Connects and reconnects, also after its gateway has gone, until `leave`."""
        address = url.replace("http", "ws", 1) + "/handset/v1/stream"
        self._task = asyncio.create_task(self._live(address, token))
        await asyncio.wait_for(self.connected.wait(), PATIENCE_S)

    async def leave(self) -> None:
        """Disconnects."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _live(self, address: str, token: str) -> None:
        while True:
            with suppress(OSError, ConnectionClosed, TimeoutError):
                headers = {"Authorization": f"Bearer {token}"}
                async with connect(address, additional_headers=headers, open_timeout=2, ssl=self._tls) as socket:
                    await self._talk(socket)
            self.connected.clear()
            await asyncio.sleep(0.1)

    async def _talk(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame: dict[str, Any] = msgspec.json.decode(text)
            self.frames.append(frame)
            if frame["type"] == "welcome":
                await socket.send(msgspec.json.encode({"type": "sync", "id": "s", "held": self.held}).decode())
                self.connected.set()
            elif frame["type"] == "identity":
                self.identities.append(frame)
                if self.acknowledges:
                    ack = {"type": "ack", "id": "a", "record": frame["record"]}
                    await socket.send(msgspec.json.encode(ack).decode())
