"""What the proxies' samples promise, shown with hosts of the test's own behind the real nginx and HAProxy."""

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from msgspec import Struct, field
from tests.e2e.proxies import PROXIES, Proxy, Site, site_directory
from tests.support.waiting import until

ROLES = ("api", "console", "gateway")
ROLE_OF = {
    "/v2/clients/1/labels": "api",
    "/openapi.json": "api",
    "/docs": "api",
    "/docs/errors/not_found": "api",
    "/": "console",
    "/console": "console",
    "/console/accounts": "console",
    "/handset/v1/register": "gateway",
    "/handset/v1/stream": "gateway",
    "/handset/openapi.json": "gateway",
    "/docs/handset": "gateway",
    "/asyncapi.json": "gateway",
    "/stir/v1/signing": "stir",
    "/stir/openapi.json": "stir",
    "/docs/stir": "stir",
    "/brand/1/icon.png": "stir",
    "/c%6Fnsole": "console",
    "/%63onsole/accounts": "console",
    "/h%61ndset/v1/register": "gateway",
    "/asyncapi%2Ejson": "gateway",
    "/st%69r/v1/signing": "stir",
}
"""Which role alone answers on a path, also on one whose letters are encoded."""
ANSWER = b"HTTP/1.1 %d .\r\nContent-Length: 2\r\n\r\nok"


class Host(Struct):
    """Plays a process of Callmark: answers 200, or closes the connection unanswered when it `breaks`."""

    requests: list[str] = field(default_factory=list[str])
    """Method and path of each, without the proxy's own checks."""
    upgrades: list[str] = field(default_factory=list[str])
    """Path and `Upgrade` of each that asks for another protocol."""
    checks: Counter[str] = field(default_factory=Counter[str])
    connections: int = 0
    """Those that requests came over."""
    breaks: bool = False
    is_ready: bool = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_new = True
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                method, path, _ = head.split(" ", 2)
                if path.startswith(("/readyz", "/healthz")):
                    self.checks[path] += 1
                    writer.write(ANSWER % (200 if self.is_ready or path == "/healthz" else 503))
                    continue
                self.connections += is_new
                is_new = False
                self.requests.append(f"{method} {path}")
                self.upgrades += [f"{path} {token}" for token in re.findall(r"(?i)\r\nupgrade: *(\S*)", head)]
                if found := re.search(r"(?i)\r\ncontent-length: (\d+)", head):
                    await reader.readexactly(int(found[1]))
                if self.breaks:
                    break
                writer.write(ANSWER % 200)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture(scope="module")
def directory() -> Generator[Path]:
    with site_directory() as made:
        yield made


class Stage(Struct):
    """A proxy, and the two hosts behind it, which play the API, the console and the gateway alike."""

    proxy: Proxy
    hosts: tuple[Host, Host]
    tls: ssl.SSLContext

    @property
    def requests(self) -> list[str]:
        return [*self.hosts[0].requests, *self.hosts[1].requests]

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.proxy.https, verify=self.tls, trust_env=False, timeout=30)

    async def send(self, text: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Bytes of a request on a connection of their own."""
        port = int(self.proxy.https.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=self.tls, server_hostname="localhost")
        writer.write(text.encode())
        await writer.drain()
        return reader, writer


@pytest.fixture(params=PROXIES)
async def stage(directory: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Stage]:
    hosts = Host(), Host()
    async with AsyncExitStack() as stack:
        servers = [await asyncio.start_server(host.serve, "127.0.0.1", 0) for host in hosts]
        for server in servers:
            stack.callback(server.close)
        one, other = (server.sockets[0].getsockname()[1] for server in servers)
        site = Site(directory, {"api-1": one, "api-2": other, "gateway-1": one, "gateway-2": other})
        proxy = await stack.enter_async_context(PROXIES[request.param](site))
        yield Stage(proxy, hosts, site.tls)


async def test_a_post_that_a_host_may_have_carried_out_is_not_sent_to_another(stage: Stage) -> None:
    for host in stage.hosts:
        host.breaks = True
    async with stage.client() as client:
        assert (await client.post("/v2/clients/1/dynamic_call_record", content=b"{}")).status_code == 502
    assert stage.requests == ["POST /v2/clients/1/dynamic_call_record"]


async def test_only_streams_of_handsets_may_ask_for_another_protocol(stage: Stage) -> None:
    for path, asked in (("/console", "websocket"), ("/handset/v1/stream", "h2c"), ("/handset/v1/stream", "WebSocket")):
        wanted = f"Connection: Upgrade\r\nUpgrade: {asked}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        reader, writer = await stage.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{wanted}\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    upgrades = [*stage.hosts[0].upgrades, *stage.hosts[1].upgrades]
    assert [one.lower() for one in upgrades] == ["/handset/v1/stream websocket"]


async def test_readiness_is_not_for_the_public_however_it_is_written(stage: Stage) -> None:
    async with stage.client() as client:
        for path in ("/readyz", "/readyz/api", "/%72eadyz", "/%72%65adyz/api", "/readyz%2Fapi", "/readyz?x=%zz"):
            assert (await client.get(path)).status_code == 404, path
    reader, writer = await stage.send("GET /readyz/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readline()).split()[1] in {b"400", b"404"}
    writer.close()
    assert stage.requests == []


@pytest.mark.parametrize(
    ("path", "megabytes"), [("/v2/clients/1/dynamic_call_records", 9), ("/console/uploads/new", 129)]
)
async def test_a_body_that_is_far_too_large_is_refused_unread(stage: Stage, path: str, megabytes: int) -> None:
    reader, writer = await stage.send(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {megabytes << 20}\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    assert stage.requests == []


async def test_a_slow_sender_keeps_no_host_waiting(stage: Stage) -> None:
    _, writer = await stage.send("POST /v2/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    async with stage.client() as client:
        for _ in range(4):
            assert (await client.post("/v2/quick", content=b"{}")).status_code == 200
    assert stage.requests == ["POST /v2/quick"] * 4
    writer.close()


async def test_connections_to_hosts_are_used_again_and_browsers_are_told_to_keep_to_tls(stage: Stage) -> None:
    async with stage.client() as client:
        for _ in range(8):
            answer = await client.get("/labels")
            assert answer.status_code == 200
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert sum(host.connections for host in stage.hosts) <= 2
    assert len(stage.requests) == 8


async def test_while_no_host_is_ready_one_of_them_answers(stage: Stage) -> None:
    for host in stage.hosts:
        host.is_ready = False

    async def found_out() -> bool:  # nginx does not ask, and sends every request to a host that takes it
        asked = stage.hosts[0].checks + stage.hosts[1].checks
        return stage.proxy.name == "nginx" or min(asked[f"/readyz/{role}"] for role in ROLES) >= 6

    await until(found_out, 30)
    async with stage.client() as client:
        for path in ("/v2/clients/1/labels", "/console", "/handset/v1/register"):
            assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize("name", PROXIES)
async def test_each_path_goes_to_a_host_of_the_role_that_answers_on_it(directory: Path, name: str) -> None:
    hosts = {role: Host() for role in ("api", "console", "gateway", "stir")}
    async with AsyncExitStack() as stack:
        ports: dict[str, int] = {}
        for role, host in hosts.items():
            server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
            stack.callback(server.close)
            ports[role] = server.sockets[0].getsockname()[1]
        site = Site(directory, ports)
        proxy = await stack.enter_async_context(PROXIES[name](site))
        client = httpx.AsyncClient(base_url=proxy.https, verify=site.tls, trust_env=False, timeout=30)
        async with client:
            for path in ROLE_OF:
                assert (await client.get(path)).status_code == 200, path
    assert {line.removeprefix("GET "): role for role, host in hosts.items() for line in host.requests} == ROLE_OF
