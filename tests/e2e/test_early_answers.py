"""An answer that leaves before its request is whole, behind the real nginx and HAProxy."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send
from tests.e2e.proxies import Site, haproxy, nginx, site_directory

from callmark.processes.http import Server
from callmark.processes.ports import open_socket

HIDDEN = b"\r\n" * 200_000 + b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hidden HTTP/1.1\r\nX-Rest: "


class Refusing:
    """Refuses each POST unread, and notes the paths of what else it is asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for moment in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{moment}.complete"})
            return
        if scope["method"] == "GET" and not scope["path"].startswith(("/readyz", "/healthz")):
            self.paths.append(scope["path"])
        status = 413 if scope["method"] == "POST" else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def app() -> Refusing:
    return Refusing()


@pytest.fixture
async def site(app: Refusing, directory: Path) -> AsyncGenerator[Site]:
    server, stop = Server(app, open_socket("127.0.0.1", 0)), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield Site(directory, dict.fromkeys(("api-1", "api-2", "gateway-1", "gateway-2"), server.port))
    stop.set()
    await running


@pytest.fixture(scope="module")
def directory() -> Generator[Path]:
    with site_directory() as made:
        yield made


async def _status(site: Site, url: str, *options: str) -> str:
    """What a visitor with a connection of its own gets, by HTTP/2 where the proxy speaks it."""
    fixed = ("-s", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(site.secrets / "proxy.crt"))
    curl = await asyncio.create_subprocess_exec("curl", *fixed, *options, url, stdout=asyncio.subprocess.PIPE)
    told, _ = await curl.communicate()
    return told.decode()


def _posts(file: Path, body: bytes) -> list[str]:
    file.write_bytes(body)
    return ["-H", "Expect:", "-H", "Content-Type: text/plain", "--data-binary", f"@{file}"]


@pytest.mark.parametrize("reuse", ["safe", "always"])
async def test_a_body_that_was_not_sent_to_its_end_takes_no_other_visitors_request(
    app: Refusing, site: Site, tmp_path: Path, reuse: str
) -> None:
    cut, hiding = _posts(tmp_path / "cut", bytes(300_000)), _posts(tmp_path / "hiding", HIDDEN)
    async with haproxy(site, reuse=reuse) as proxy:
        for _ in range(3):
            assert await _status(site, f"{proxy.https}/v2/clients/1/token", *cut) == "413"
            assert await _status(site, f"{proxy.https}/v2/clients/1/token", *hiding) == "413"
            assert await _status(site, f"{proxy.https}/docs/errors") == "200"
    assert app.paths == ["/docs/errors"] * 3


async def test_a_proxy_that_sends_all_before_it_reads_gets_the_answer(site: Site, tmp_path: Path) -> None:
    large = _posts(tmp_path / "large", bytes(12 << 20))
    async with nginx(site) as proxy:
        for _ in range(8):
            assert await _status(site, f"{proxy.https}/console/uploads/new", *large) == "413"
