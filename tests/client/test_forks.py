"""Clients in programs that fork, as gunicorn with `--preload`, Celery and multiprocessing do."""

import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

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

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
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
