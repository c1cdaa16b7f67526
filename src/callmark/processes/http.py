"""HTTP servers of one process: the public application on its own SO_REUSEPORT sockets, and the loopback admin port."""

import asyncio
import socket
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Network
from typing import Any

import msgspec
import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from callmark.domain.deps import Deps
from callmark.kit import open_files
from callmark.kit.fastpath import drain
from callmark.kit.fastpath.http_protocol import BODY_SILENT_S, HEAD_WITHIN_S, HttpProtocol
from callmark.kit.fastpath.websockets import WebSocketProtocol
from callmark.kit.health import readyz
from callmark.kit.outbound.addresses import parse_networks
from callmark.kit.tasks import end, run_all
from callmark.processes.stalled import READS_NOTHING_S, StalledConnections
from callmark.surfaces.http import render_error
from callmark.surfaces.metrics import MetricsPage

log = structlog.get_logger(__name__)

IDLE_S = 75
"""How long a connection may rest between two requests: longer than proxies keep theirs (60 s as a rule), so that it is
they who close it. Else a request that a proxy sends at that moment is lost."""

STOP_WITHIN_S = 3
"""How long requests under way may take to be answered after the signal to stop: as long as the longest of them."""

CUT_WITHIN_S = 0.2
"""How long requests that were cut by then may take to end: they give back what they hold."""


def _as_connected(trusted_proxies: str) -> str:
    """The networks, those of IPv4 also as a socket for IPv6 and IPv4 (`::`) names them: `::ffff:…`."""
    networks = parse_networks(trusted_proxies)
    of_ipv4 = [one for one in networks if isinstance(one, IPv4Network)]
    mapped = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in of_ipv4]
    return ",".join([*map(str, networks), *mapped])


class Server(uvicorn.Server):
    """A uvicorn server on `socks`, all of one port, that leaves signals to the process and says when it serves.

    `trusted_proxies`: addresses and networks, separated by commas, whose `X-Forwarded-For` and `…-Proto` are used.
    `most_connections` may be open at once; None: as many as its limit of open files allows.
    `head_within_s`, `body_silent_s` and `reads_nothing_s` bound how long a client may let a request or an answer wait,
    and `drain_silent_s` how long the rest of a request that has been answered. `streams`: the paths of its WebSockets
    (None: any); elsewhere a handshake is a request like any other, which is answered so.
    """

    def __init__(
        self,
        app: ASGIApp,
        *socks: socket.socket,
        trusted_proxies: str = "",
        most_connections: int | None = None,
        head_within_s: float = HEAD_WITHIN_S,
        body_silent_s: float = BODY_SILENT_S,
        reads_nothing_s: float = READS_NOTHING_S,
        drain_silent_s: float = drain.SILENT_S,
        streams: Collection[str] | None = None,
    ) -> None:
        most = open_files.most_client_connections() if most_connections is None else most_connections
        silent = {"head_within_s": head_within_s, "body_silent_s": body_silent_s, "drain_silent_s": drain_silent_s}
        of_connections: dict[str, Any] = {"most_connections": most, "streams": streams}
        protocol: Any = partial(HttpProtocol, render_refusal=render_error, **of_connections, **silent)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,  # called as the class would be
                ws=WebSocketProtocol,
                ws_ping_interval=20,
                ws_ping_timeout=25,
                ws_max_size=262_144,  # the gateway bounds its frames itself
                ws_per_message_deflate=False,
                lifespan="on",
                access_log=False,
                reset_contextvars=True,  # what the log says of a request is not said of one that was sent behind it
                log_config=None,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=_as_connected(trusted_proxies),
                server_header=False,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=STOP_WITHIN_S,
            )
        )
        self._socks = socks
        self._stalled = StalledConnections(lambda: self.server_state.connections, reads_nothing_s)
        self.up = asyncio.Event()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._socks[0].getsockname()[1]

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals stay with the process, which may run several servers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening; then `up` is set."""
        await super().startup(sockets)
        self.up.set()

    def let_go(self) -> None:
        """Closes each connection after its next answer, so that clients make their next one elsewhere."""
        self.config.encoded_headers.append((b"connection", b"close"))

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then lets requests under way be answered, within `STOP_WITHIN_S`, or cuts them.

        Raises RuntimeError when the application does not start or the server ends on its own.
        """
        serving = asyncio.create_task(self._guarded())
        stopping = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(self._stalled.run())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                await serving
                raise RuntimeError("the HTTP server ended unexpectedly")
            self.should_exit = True
            await serving
            if self.server_state.tasks:
                await asyncio.wait(set(self.server_state.tasks), timeout=CUT_WITHIN_S)
        finally:
            await end([stopping, serving, watching])

    async def _guarded(self) -> None:
        try:
            await self.serve(list(self._socks))
        except SystemExit as exc:  # how uvicorn says that the application's start failed, which it has logged
            raise RuntimeError("the application did not start") from exc


async def serve_until(stop: asyncio.Event, servers: Sequence[Server], on_up: Callable[[], None]) -> None:
    """Runs all servers until `stop`; calls `on_up` once all of them serve. The first that fails ends all."""

    async def tell() -> None:
        for server in servers:
            await server.up.wait()
        on_up()

    telling = asyncio.create_task(tell())
    try:
        await run_all(*(server.run_until(stop) for server in servers))
    finally:
        await end([telling])


def admin_app(deps: Deps) -> ASGIApp:
    """`/healthz`, `/readyz`, `/metrics` of this process; anything else is 404.

    `/readyz/all` tells, as the public `/readyz` does, of all that the same `callmark serve` runs.
    """
    page = MetricsPage(deps)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        status, kind, body = await _admin_answer(deps, page, scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def _admin_answer(deps: Deps, page: MetricsPage, path: str) -> tuple[int, str, bytes]:
    match path:
        case "/healthz":
            body = msgspec.json.encode({"status": "ok", "troubles": deps.health.troubles()})
            return 200, "application/json", body
        case "/readyz" | "/readyz/all":
            status, body = await readyz(deps.db, deps.fabric, deps.health, beside=path.endswith("/all"))
            return status, "application/json", body
        case _ if (role := path.removeprefix("/readyz/")) in deps.health.asked_for:
            status, body = await readyz(deps.db, deps.fabric, deps.health, role=role)
            return status, "application/json", body
        case "/metrics":
            body, kind = await page.render()
            return 200, kind, body
        case _:
            return 404, "text/plain", b"not found\n"


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
