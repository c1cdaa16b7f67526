"""Several hosts of one installation on this machine: engines of their own, and a `callmark serve` for each host."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
from msgspec import Struct
from tests.support.nats_cluster import nats_cluster

from bench.cpu import microseconds_by_kind
from bench.stage import CALLMARK, Stage, make_account
from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import ENVIRONMENT, find_nats
from callmark.kit.engines.child import spawn
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.ids import random_text
from callmark.kit.ports import free_port
from callmark.kit.postgres.migrate import migrate
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps

SECRET_KEY = "made-up " * 4
READY_WITHIN_S = 120.0


class Nats(Struct, frozen=True):
    """Where NATS is, one server or a cluster."""

    url: str
    pids: list[int]
    ca: Path | None = None


class Engines(Struct, frozen=True):
    """A PostgreSQL and a NATS that no host owns."""

    folder: Path
    dsn: str
    nats: Nats
    postgres_pid: int

    @property
    def environ(self) -> dict[str, str]:
        """What makes `callmark serve` use them."""
        return {
            "CALLMARK_POSTGRES_DSN": self.dsn,
            "CALLMARK_NATS_URL": self.nats.url,
            "CALLMARK_SECRET_KEY": SECRET_KEY,
        } | ({"CALLMARK_NATS_CA": str(self.nats.ca)} if self.nats.ca else {})

    @property
    def pids(self) -> list[int]:
        return [self.postgres_pid, *self.nats.pids]


class Host(Struct, frozen=True):
    """A started `callmark serve`."""

    url: str
    pid: int


@asynccontextmanager
async def engines(nats: AbstractAsyncContextManager[Nats] | None = None) -> AsyncGenerator[Engines]:
    """PostgreSQL on a directory of its own, durable, migrated; and `nats`, by default one server."""
    folder = Path(tempfile.mkdtemp(prefix="callmark-bench-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "data")
    try:
        async with nats or one_nats() as there:
            dsn = await postgres.start()
            await migrate(dsn, SystemClock())
            yield Engines(folder, dsn, there, postgres.pid)
    finally:
        await postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def one_nats(address: str = "127.0.0.1") -> AsyncGenerator[Nats]:
    """One server that listens on this address, with a password."""
    port, password = free_port(), random_text(20)
    options = ["-a", address, "-p", str(port), "--user", "callmark", "--pass", password, "--log", os.devnull]
    server = spawn("nats", [find_nats(None), *options], env=ENVIRONMENT, output=None)
    try:
        yield Nats(f"nats://callmark:{password}@{address}:{port}", [server.pid])
    finally:
        await server.stop(signal.SIGTERM, 2)


@asynccontextmanager
async def three_nats() -> AsyncGenerator[Nats]:
    """A cluster of three, as `deploy/nats` describes it."""
    async with nats_cluster() as cluster:
        yield Nats(cluster.url, [node.pid for node in cluster.nodes], cluster.ca)


@asynccontextmanager
async def host(
    environ: dict[str, str],
    log: Path,
    *,
    port: int,
    roles: str,
    processes: int = 1,
    address: str = "127.0.0.1",
    within: Sequence[str] = (),
) -> AsyncGenerator[Host]:
    """Serves until the block ends; `log` keeps what its processes say. `within` is a command that runs it."""
    url = f"http://{address}:{port}"
    command = [*within, CALLMARK, "serve", "--host", address, "--port", str(port)]
    command += ["--roles", roles, "--processes", str(processes)]
    with log.open("ab") as output:
        serving = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environ)
    try:
        await _until_ready(url, serving, log)
        yield Host(url, serving.pid)
    finally:
        serving.terminate()
        serving.wait(60)


async def _until_ready(url: str, serving: "subprocess.Popen[bytes]", log: Path) -> None:
    async with asyncio.timeout(READY_WITHIN_S), httpx.AsyncClient(trust_env=False) as http:
        while serving.poll() is None:
            try:
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise SystemExit(f"callmark serve ended: {log.read_text()[-2000:]}")


@asynccontextmanager
async def staged(on: Engines, api: Host, *, accounts_count: int) -> AsyncGenerator[Stage]:
    """Accounts of the installation, whose requests go to the host `api`."""
    nats = {"nats_url": on.nats.url, "nats_ca": on.nats.ca}
    settings = read_settings({}, postgres_dsn=on.dsn, secret_key=SECRET_KEY, **nats)
    async with open_deps(settings, "bench") as deps:
        made = [await make_account(deps) for _ in range(accounts_count)]
        yield Stage(api.url, on.folder / "data", deps, made, api.pid)


def microseconds_of(pids: Sequence[int]) -> Counter[str]:
    """Microseconds of processor time so far, by kind of process, of all these and everything below them."""
    return sum((microseconds_by_kind(pid) for pid in pids), Counter[str]())
