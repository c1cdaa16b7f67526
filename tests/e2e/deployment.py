"""The services of deploy/compose.yaml, started by hand on loopback: their commands and environment."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx
from tests.e2e.play import PATIENCE_S
from tests.e2e.proxies import Site
from tests.e2e.serving import COMMAND
from tests.kit.outbound.mailing import Inbox, mail_server
from tests.support.compose_file import compose, environ_of, make_secrets, platform_services
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts
from tests.support.nats_cluster import nats_cluster
from tests.support.opened_deps import PATIENT_S
from tests.support.s3_server import Bucket, bucket_server
from tests.support.waiting import Growing, until

from callmark.domain.deps import Deps
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.ports import free_port
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps

STARTED = ("api-1", "gateway-1", "worker")
"""The second API and gateway are not: to the proxies they are hosts that are down."""


_LIKE_THE_IMAGE = {name: os.environ.get(name, "") for name in ("PYTHONPATH", "PYTHONPYCACHEPREFIX")}
"""Each service finds its bytecode as the image has it, instead of compiling a thousand modules when it starts."""

UP_WITHIN_S = 180.0
"""Every service starts at once, and several of them on a machine that does other things too."""


class Notified:
    """A service manager's socket, and what it heard."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "notify")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(self.path)
        self._sock.settimeout(0)
        self._lines: Growing[str] = Growing()
        asyncio.get_running_loop().add_reader(self._sock, self._read)  # a socket holds ten messages that nobody reads

    async def heard(self, line: str) -> None:
        """Returns once `line` was part of a message, after those that were asked for before."""
        await self._lines.until(lambda lines: line in lines, PATIENCE_S)
        del self._lines[: self._lines.index(line) + 1]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()

    def _read(self) -> None:
        for line in self._sock.recv(4096).decode().splitlines():
            self._lines.append(line)


@dataclass
class Deployment:
    """What runs, and what stands for the world around it."""

    directory: Path
    bucket: Bucket
    inbox: Inbox
    notified: Notified
    environs: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    is_up: bool = False
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict[str, asyncio.subprocess.Process])

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    @cached_property
    def site(self) -> Site:
        """Where proxies find the services of Callmark, by their public ports."""
        return Site(self.directory, {service: free_port() for service in platform_services() if "-" in service})

    def client(self, base_url: str, *, address: str | None = None) -> httpx.AsyncClient:
        """A client of a proxy, from that address of this machine."""
        return httpx.AsyncClient(
            base_url=base_url,
            transport=httpx.AsyncHTTPTransport(verify=self.site.tls, local_address=address),
            timeout=30,
        )

    def log_of(self, service: str) -> str:
        return (self.directory / f"{service}.log").read_text()

    def _environ(self, service: str) -> dict[str, str]:
        return environ_of(
            service,
            self.secrets,
            CALLMARK_HOST="127.0.0.1",
            CALLMARK_PORT=str(self.site.ports.get(service, 0)),
            CALLMARK_ADMIN_PORT=str(free_port()),
            CALLMARK_DATA=str(self.directory / "never"),
            CALLMARK_TRUSTED_PROXIES="127.0.0.1",
            CALLMARK_SMTP_HOST="127.0.0.1",
            CALLMARK_SMTP_PORT=str(self.inbox.port),
            AWS_ENDPOINT=self.bucket.url,
            **_LIKE_THE_IMAGE,
        )

    async def _start(self, service: str) -> asyncio.subprocess.Process:
        environ = self.environs[service]
        if service == "worker":
            environ = environ | {"NOTIFY_SOCKET": self.notified.path, "WATCHDOG_USEC": "4000000"}
        command = [*COMMAND, *compose()["services"][service]["command"]]
        with (self.directory / f"{service}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(*command, env=environ, stderr=log, cwd=self.directory)

    async def start(self) -> None:
        """The migration to its end, then each service until it is ready."""
        self.environs = {name: self._environ(name) for name in ("migrate", *STARTED)}
        assert await (await self._start("migrate")).wait() == 0, self.log_of("migrate")
        for service in STARTED:
            self.processes[service] = await self._start(service)
        await asyncio.gather(*(self._until_ready(service) for service in STARTED))
        self.is_up = True

    async def _until_ready(self, service: str) -> None:
        url = f"http://127.0.0.1:{self.environs[service]['CALLMARK_ADMIN_PORT']}/readyz/all"
        process = self.processes[service]

        async def ready() -> bool:
            assert process.returncode is None, self.log_of(service)
            try:
                async with httpx.AsyncClient(trust_env=False) as http:
                    return (await http.get(url)).status_code == 200
            except httpx.TransportError:
                return False

        try:
            await until(ready, UP_WITHIN_S)
        except TimeoutError as exc:
            raise AssertionError(f"{service} is not ready:\n{self.log_of(service)}") from exc

    async def stop(self) -> None:
        """Ends every service, which is to be clean and to leave nothing on a read-only file system."""
        for process in self.processes.values():
            if process.returncode is None:
                process.terminate()
        ends = {name: await process.wait() for name, process in self.processes.items()}
        if not self.is_up:  # what stopped the start is what matters
            return
        assert ends == dict.fromkeys(self.processes, 0), [self.log_of(name) for name, end in ends.items() if end]
        await self.notified.heard("STOPPING=1")
        assert not (self.directory / "never").exists()


@asynccontextmanager
async def deployment(first_starts: FirstStarts) -> AsyncGenerator[Deployment]:
    """PostgreSQL, the cluster of NATS, a bucket and a mail catcher, and on them the services of Callmark."""
    directory = reachable_directory()
    await first_starts.put(directory / "engine")
    postgres = EmbeddedPostgres(directory / "engine")
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        make_secrets(directory / "secrets")
        cluster = await stack.enter_async_context(nats_cluster())
        stack.push_async_callback(postgres.stop)
        (directory / "secrets/postgres-dsn").write_text(await postgres.start())
        (directory / "secrets/nats/url").write_text(cluster.url)
        shutil.copy(cluster.ca, directory / "secrets/nats/ca.crt")
        bucket = await stack.enter_async_context(bucket_server())
        inbox = await stack.enter_async_context(mail_server())
        notified = Notified(directory)
        stack.callback(notified.close)
        made = Deployment(directory, bucket, inbox, notified)
        stack.push_async_callback(made.stop)
        await made.start()
        yield made


@asynccontextmanager
async def deps_of(made: Deployment) -> AsyncGenerator[Deps]:
    """`Deps` of the API's process."""
    async with open_deps(read_settings(made.environs["api-1"]), "test", connected_within_s=PATIENT_S) as deps:
        yield deps
