"""The services of deploy/compose.yaml, started by hand on loopback: commands, environment, proxies."""

import asyncio
import os
import re
import shutil
import socket
import ssl
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.bucket import Bucket, bucket_server
from tests.composed import DEPLOY, compose, environ_of, make_secrets
from tests.e2e.play import PATIENCE_S, free_port
from tests.e2e.serving import COMMAND
from tests.engines import reachable_directory
from tests.kit.mailing import Inbox, mail_server
from tests.nats_cluster import nats_cluster
from tests.waiting import until

from callmark.domain.deps import Deps
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps

STARTED = ("api-1", "gateway-1", "worker")
"""The second API and gateway are not: to the proxies they are hosts that are down."""


class Notified:
    """A service manager's socket, and what it heard."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "notify")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(self.path)
        self._sock.settimeout(0)

    async def heard(self, line: str) -> None:
        """Returns once `line` was part of a message."""
        async with asyncio.timeout(PATIENCE_S):
            while line not in (await asyncio.get_running_loop().sock_recv(self._sock, 4096)).decode().splitlines():
                pass

    def close(self) -> None:
        self._sock.close()


@dataclass
class Proxy:
    """A started reverse proxy."""

    name: str
    http: str
    https: str


@dataclass
class Deployment:
    """What runs, and what stands for the world around it."""

    directory: Path
    bucket: Bucket
    inbox: Inbox
    notified: Notified
    environs: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    ports: dict[str, int] = field(default_factory=dict[str, int])
    """The public port of each service of Callmark."""
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict[str, asyncio.subprocess.Process])

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts the proxies' certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.secrets / "proxy.crt"))

    def client(self, base_url: str, *, address: str | None = None) -> httpx.AsyncClient:
        """A client of a proxy, from that address of this machine."""
        return httpx.AsyncClient(
            base_url=base_url, transport=httpx.AsyncHTTPTransport(verify=self.tls, local_address=address), timeout=30
        )

    def log_of(self, service: str) -> str:
        return (self.directory / f"{service}.log").read_text()

    def _environ(self, service: str) -> dict[str, str]:
        self.ports[service] = free_port()
        return environ_of(
            service,
            self.secrets,
            CALLMARK_HOST="127.0.0.1",
            CALLMARK_PORT=str(self.ports[service]),
            CALLMARK_ADMIN_PORT=str(free_port()),
            CALLMARK_DATA=str(self.directory / "never"),
            CALLMARK_TRUSTED_PROXIES="127.0.0.1",
            CALLMARK_SMTP_HOST="127.0.0.1",
            CALLMARK_SMTP_PORT=str(self.inbox.port),
            AWS_ENDPOINT=self.bucket.url,
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
        self.environs = {name: self._environ(name) for name in ("migrate", *STARTED, "api-2", "gateway-2")}
        assert await (await self._start("migrate")).wait() == 0, self.log_of("migrate")
        for service in STARTED:
            self.processes[service] = await self._start(service)
        await asyncio.gather(*(self._until_ready(service) for service in STARTED))

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

        await until(ready, PATIENCE_S)

    async def stop(self) -> None:
        """Ends every service, which is to be clean and to leave nothing on a read-only file system."""
        for process in self.processes.values():
            if process.returncode is None:
                process.terminate()
        ends = {name: await process.wait() for name, process in self.processes.items()}
        assert ends == dict.fromkeys(self.processes, 0), [self.log_of(name) for name, end in ends.items() if end]
        if "worker" in ends:
            await self.notified.heard("STOPPING=1")
        assert not (self.directory / "never").exists()

    def placed(self, text: str) -> str:
        """A proxy's sample with the addresses and files of this deployment."""
        text = re.sub(r"((?:api|gateway)-\d):8700", lambda found: f"127.0.0.1:{self.ports[found[1]]}", text)
        return text.replace("/etc/callmark/tls", str(self.secrets))


@asynccontextmanager
async def deployment() -> AsyncGenerator[Deployment]:
    """PostgreSQL, the cluster of NATS, a bucket and a mail catcher, and on them the services of Callmark."""
    directory = reachable_directory()
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
    async with open_deps(read_settings(made.environs["api-1"]), "test") as deps:
        yield deps


@asynccontextmanager
async def nginx(made: Deployment) -> AsyncGenerator[Proxy]:
    """The real nginx with deploy/nginx/callmark.conf."""
    http, https = free_port(), free_port()
    sample = made.placed((DEPLOY / "nginx/callmark.conf").read_text())
    sample = sample.replace("listen 80;", f"listen 127.0.0.1:{http};")
    sample = sample.replace("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;")
    folder = made.directory / "nginx"
    folder.mkdir()
    (folder / "callmark.conf").write_text(sample)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}}"
        f" http {{ access_log off; {paths} include {folder}/callmark.conf; }}"
    )
    async with _running([_program("nginx"), "-c", str(folder / "nginx.conf"), "-e", "stderr"], https):
        yield Proxy("nginx", f"http://127.0.0.1:{http}", f"https://localhost:{https}")


@asynccontextmanager
async def haproxy(made: Deployment) -> AsyncGenerator[Proxy]:
    """The real HAProxy with deploy/haproxy/haproxy.cfg."""
    http, https = free_port(), free_port()
    sample = made.placed((DEPLOY / "haproxy/haproxy.cfg").read_text())
    sample = sample.replace("bind :80\n", f"bind 127.0.0.1:{http}\n").replace("bind :443 ", f"bind 127.0.0.1:{https} ")
    sample = sample.replace("maxconn 100000\n", "maxconn 1000\n")  # who runs tests may not have as many files
    file = made.directory / "haproxy.cfg"
    file.write_text(sample)
    async with _running([_program("haproxy"), "-db", "-f", str(file)], https):
        yield Proxy("haproxy", f"http://127.0.0.1:{http}", f"https://localhost:{https}")


def _program(name: str) -> str:
    """Debian keeps both in a folder that is not on everyone's path."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is not here: `make test` installs it"
    return found


@asynccontextmanager
async def _running(command: list[str], port: int) -> AsyncGenerator[None]:
    process = await asyncio.create_subprocess_exec(*command, stderr=sys.stderr)

    async def listens() -> bool:
        assert process.returncode is None
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    try:
        await until(listens, PATIENCE_S)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
