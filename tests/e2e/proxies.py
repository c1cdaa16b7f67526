"""The real nginx and HAProxy with the samples of deploy/, in front of whatever a test has."""

import asyncio
import os
import re
import shutil
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from msgspec import Struct
from tests.e2e.play import PATIENCE_S
from tests.support.compose_file import DEPLOY, make_secrets
from tests.support.engines import reachable_directory
from tests.support.waiting import until

from callmark.kit.ports import free_port


class Proxy(Struct):
    """A started reverse proxy."""

    name: str
    http: str
    https: str


@contextmanager
def site_directory() -> Generator[Path]:
    """A directory for a site, with its secrets."""
    made = reachable_directory()
    make_secrets(made / "secrets")
    yield made
    shutil.rmtree(made)


class Site(Struct):
    """What the samples are put into: a directory with `secrets`, and ports.

    A port is that of a host that the samples name, or that of a role whose hosts are all one.
    """

    directory: Path
    ports: dict[str, int]

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts the proxies' certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.secrets / "proxy.crt"))

    def placed(self, text: str) -> str:
        """A proxy's sample with the addresses and files of this deployment."""
        role = ""

        def place(found: re.Match[str]) -> str:
            nonlocal role
            if found["role"]:
                role = found["role"]
                return found[0]
            return f"127.0.0.1:{self.ports[role if role in self.ports else found['host']]}"

        text = re.sub(r"(?:upstream callmark_|backend )(?P<role>[a-z]+)|(?P<host>(?:api|gateway)-\d):8700", place, text)
        return text.replace("/etc/callmark/tls", str(self.secrets))


@asynccontextmanager
async def nginx(site: Site) -> AsyncGenerator[Proxy]:
    """The real nginx with deploy/nginx/callmark.conf."""
    http, https = free_port(), free_port()
    sample = site.placed((DEPLOY / "nginx/callmark.conf").read_text())
    sample = sample.replace("listen 80;", f"listen 127.0.0.1:{http};")
    sample = sample.replace("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;")
    folder = site.directory / "nginx"
    folder.mkdir(exist_ok=True)
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
async def haproxy(site: Site, *, reuse: str = "safe") -> AsyncGenerator[Proxy]:
    """The real HAProxy with deploy/haproxy/haproxy.cfg, or with another `http-reuse`."""
    http, https = free_port(), free_port()
    sample = site.placed((DEPLOY / "haproxy/haproxy.cfg").read_text())
    sample = sample.replace("bind :80\n", f"bind 127.0.0.1:{http}\n").replace("bind :443 ", f"bind 127.0.0.1:{https} ")
    sample = sample.replace("http-reuse safe\n", f"http-reuse {reuse}\n")
    sample = sample.replace("maxconn 100000\n", "maxconn 1000\n")  # who runs tests may not have as many files
    file = site.directory / "haproxy.cfg"
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


PROXIES = {"nginx": nginx, "haproxy": haproxy}
