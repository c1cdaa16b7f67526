"""Connections of programs that fork or have several event loops (gunicorn, Celery, multiprocessing), and by proxies."""

import asyncio
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Generator
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

import callmark
from callmark.client.proxies import proxy_routes

FORKING = """
import os, sys
import callmark

options = dict(base_url=sys.argv[1], account_id="acc", key_id="k", api_key="s")
client = callmark.Client(**options)
copy, closed = client.with_options(timeout=5), callmark.Client(**options)
closed.close()


def use(who):
    for one in (client, copy):
        assert one.resolve(who, "919900000001").why == who


use("parent")
if os.fork() == 0:
    use("child")
    client.close()
    try:
        closed.resolve("closed", "919900000001")
    except Exception as error:
        assert "closed" in str(error), error
        os._exit(0)
    os._exit(1)
assert os.wait()[1] == 0
use("parent")
"""

LOOPS = """
import asyncio, gc, sys, weakref
import callmark

client = callmark.AsyncClient(base_url=sys.argv[1], account_id="acc", key_id="k", api_key="s")
copy = client.with_options(timeout=5)
loops = []


async def use(who):
    loops.append(weakref.ref(asyncio.get_running_loop()))
    for one in (client, copy):
        assert (await one.resolve(who, "919900000001")).why == who


async def close():
    await use("last")
    await client.close()
    try:
        await copy.resolve("closed", "919900000001")
    except callmark.CallmarkError as error:
        assert "the client is closed" in str(error), error
    else:
        sys.exit("a closed client was used")


asyncio.run(use("first"))
asyncio.run(use("second"))
asyncio.run(close())
gc.collect()
assert loops[0]() is None, "its connections are kept, and it with them"
"""


class Server(ThreadingHTTPServer):
    """A server that keeps connections open, and which of them each caller's requests came on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: dict[str, set[int]] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - the only one that it is used with

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer('{"token": "t0ken"}')

    def do_GET(self) -> None:
        [caller] = parse_qs(urlsplit(self.path).query)["caller_number"]
        self.server.seen.setdefault(caller, set()).add(self.client_address[1])
        self._answer(f'{{"why": "{caller}"}}')

    def _answer(self, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Generator[Server]:
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def test_a_child_that_was_forked_has_connections_of_its_own(server: Server) -> None:
    """Two processes that read from one connection get each other's answers, also those of another account."""
    subprocess.run([sys.executable, "-c", FORKING, server.url], check=True, timeout=60)
    assert len(server.seen["parent"]) == len(server.seen["child"]) == 1
    assert server.seen["parent"] != server.seen["child"]


def test_an_asynchronous_client_works_in_one_event_loop_after_the_other(server: Server) -> None:
    """As Celery's tasks and views under WSGI run coroutines. In a process of its own: no loop closes what it leaves."""
    subprocess.run([sys.executable, "-c", LOOPS, server.url], check=True, timeout=60)
    assert [len(server.seen[who]) for who in ("first", "second", "last")] == [1, 1, 1]


async def test_a_call_that_is_cancelled_at_any_step_takes_no_connection_along(server: Server) -> None:
    options: dict[str, Any] = {"base_url": server.url, "account_id": "acc", "key_id": "k", "api_key": "s"}
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as http:
        client = callmark.AsyncClient(**options, http_client=http, max_retries=0, timeout=10)
        assert (await client.resolve("first", "919900000001")).why == "first"
        for steps in range(40):
            call = asyncio.create_task(client.resolve("cancelled", "919900000001"))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait({call})
            assert (await client.resolve("next", "919900000001")).why == "next"


class Long(httpx.AsyncByteStream):
    """A file of ten pieces, the second of which is waited for."""

    def __init__(self) -> None:
        self.given = 0
        self.has_begun, self.may_continue, self.is_over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for self.given in range(1, 11):
            yield b"1,2\n"
            self.has_begun.set()
            await self.may_continue.wait()

    async def aclose(self) -> None:
        self.is_over.set()


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def test_a_download_that_is_cancelled_leaves_no_file_and_ends_with_the_next_piece(tmp_path: Path) -> None:
    stream = Long()

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.host == "files.example":
            return httpx.Response(200, stream=stream)
        return httpx.Response(200, json={"token": "t0ken", "url": "https://files.example/log"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        download = await callmark.AsyncClient(
            account_id="acc", key_id="k", api_key="s", base_url="http://callmark.test", http_client=http
        ).logs.call_me_back(0, 1)
        saving = asyncio.create_task(download.save(tmp_path / "log.csv"))
        await stream.has_begun.wait()
        assert not names(tmp_path)  # so that none is left by a program that is killed
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        stream.may_continue.set()
        await stream.is_over.wait()
    assert stream.given == 2
    assert not names(tmp_path)


def test_an_http_client_of_the_program_that_cannot_be_used_is_named() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"token": "t0ken"})
        raise RuntimeError("Event loop is closed")  # as a connection of another loop says

    http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    options: dict[str, Any] = {"base_url": "http://callmark.test", "account_id": "acc", "key_id": "k", "api_key": "s"}
    client = callmark.AsyncClient(**options, http_client=http)

    async def use(*, close: bool) -> None:
        if close:
            await http.aclose()
        await client.resolve("918040001234", "919900000001")

    with pytest.raises(RuntimeError, match="Event loop is closed"):  # its first loop: something else is wrong
        asyncio.run(use(close=False))
    with pytest.raises(callmark.CallmarkError, match="another event loop: create one, and the client, in each loop"):
        asyncio.run(use(close=False))
    with pytest.raises(callmark.CallmarkError, match="the http_client of this client is closed"):
        asyncio.run(use(close=True))
    given = httpx.Client()
    given.close()
    with pytest.raises(callmark.CallmarkError, match="the http_client of this client is closed"):
        callmark.Client(**options, http_client=given).resolve("918040001234", "919900000001")


GIVEN: dict[str, Any] = {"base_url": "https://a.example", "account_id": "acc", "key_id": "key", "api_key": "secret"}
IN_PASSWORDS = "/ in its user and password as %2F"
UNUSABLE = [
    ("ALL_PROXY", "socks5://user:hidden@127.0.0.1:1080", "pip install 'httpx[socks]'"),
    ("all_proxy", "socks://user:hidden@127.0.0.1:1080/", "pip install 'httpx[socks]'"),
    ("HTTPS_PROXY", "http://127.0.0.1:port", "Invalid port"),
    ("HTTPS_PROXY", "http://user:hidden/9@127.0.0.1:3128", IN_PASSWORDS),
    ("HTTPS_PROXY", "http://user:hidden#9@127.0.0.1:3128", IN_PASSWORDS),
    ("HTTPS_PROXY", "http://user:12?hidden@127.0.0.1:3128", IN_PASSWORDS),  # of which 12 may be a port
    ("HTTPS_PROXY", "http://corp..proxy:3128", "a part of its host name is empty"),
    ("SSL_CERT_FILE", "/nowhere/ca.pem", "No such file"),
]


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names neither proxies nor certificates."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(("variable", "value", "said"), UNUSABLE)
@pytest.mark.usefixtures("no_proxies")
def test_what_httpx_cannot_use_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "intern.example")
    monkeypatch.setenv(variable, value)
    for kind in (callmark.Client, callmark.AsyncClient):
        with pytest.raises(callmark.CallmarkError) as raised:
            kind(**GIVEN)
        assert str(raised.value).startswith(f"{variable}: ")
        assert said in str(raised.value)
        assert "hidden" not in "".join(traceback.format_exception(raised.value)).replace(value, "")
    here: dict[str, Any] = {"base_url": "http://127.0.0.1:1"}
    callmark.Client(**GIVEN | here).close()  # which no proxy can reach


NOT_READ = "fd7a:115c:a1e0::/48,fe80::/10,[fe80::]/10,host:port,http://a.example:port,10.0.0.0/8, a b,a..b,xn--.b,[::"


@pytest.mark.parametrize(
    ("excepted", "is_asked"),
    [
        (NOT_READ, True),
        ("[::1],localhost,.example", True),
        (f"{NOT_READ}, 127.0.0.2", False),
        ("[127.0.0.2]:8700", True),
        ("127.0.0.2:8700", False),
        ("http://127.0.0.2:8700", False),
        ("a.example,*", False),
    ],
)
@pytest.mark.usefixtures("no_proxies")
async def test_a_proxy_is_asked_for_all_but_its_exceptions(
    server: Server, monkeypatch: pytest.MonkeyPatch, excepted: str, *, is_asked: bool
) -> None:
    """Containers and VPNs set exceptions that httpx cannot read. They count for nothing, as networks do."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", excepted)
    there: dict[str, Any] = {"base_url": "http://127.0.0.2:8700", "max_retries": 0}  # where nobody listens
    with callmark.Client(**GIVEN | there) as client, nullcontext() if is_asked else unreachable():
        assert client.resolve("threads", "919900000001").why == "threads"
    async with callmark.AsyncClient(**GIVEN | there) as other:
        with nullcontext() if is_asked else unreachable():
            assert (await other.resolve("tasks", "919900000001")).why == "tasks"
    assert set(server.seen) == ({"threads", "tasks"} if is_asked else set())


@pytest.mark.usefixtures("no_proxies")
def test_an_address_of_ipv6_is_excepted_with_brackets_or_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "fd00::2, [fd00::3], [fd00::4]:8700")
    routes = proxy_routes(lambda proxy: proxy.url.port)
    assert routes.pop("http://") == 3128
    assert routes == dict.fromkeys(("all://[fd00::2]", "all://[fd00::3]", "all://[fd00::4]:8700"))


def unreachable() -> AbstractContextManager[object]:
    return pytest.raises(callmark.APIConnectionError)
