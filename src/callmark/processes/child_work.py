"""What a child process does once its command line is read: it gets its settings, and serves until it is stopped."""

import argparse
import asyncio
import contextlib
import functools
import math
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from importlib import import_module
from typing import Any

import msgspec
import structlog
import uvloop

from callmark.domain.deps import Deps
from callmark.domain.personalisation import service as personalisation
from callmark.kit.errors import AppError
from callmark.kit.health import Health
from callmark.kit.open_files import allow_many_files
from callmark.kit.process_start import collect_garbage_rarely, import_without
from callmark.kit.roles import PROCESS_KINDS
from callmark.kit.settings import Settings, read_handed_down
from callmark.kit.tasks import ends_within, run_all
from callmark.kit.telemetry import logs
from callmark.kit.telemetry.process_metrics import name_process, watch_loop
from callmark.kit.telemetry.tracing import traced_process
from callmark.processes.board import read_board
from callmark.processes.child import Ready
from callmark.processes.compose import open_deps
from callmark.processes.http import Server, admin_app, serve_until
from callmark.processes.ports import open_socket, open_sockets
from callmark.processes.reach import public_url
from callmark.processes.worker import check, prepare, run_beside, run_worker

log = structlog.get_logger(__name__)

LAST_SECONDS = 6
"""After the signal to stop, the kernel ends a process that does not end: nothing outlives its supervisor."""


class _ParentPipe:
    """The way to the parent, for one line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def tell(self, ready: Ready) -> None:
        """Tells the parent; nothing the second time."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, msgspec.json.encode(ready) + b"\n")
            os.close(self._descriptor)
            self._descriptor = None


def load(does: frozenset[str], roles: frozenset[str]) -> None:
    """Imports what will be needed, so that it is there by the time the settings come."""
    if "http" in does:
        import_module("callmark.surfaces.app").load(roles)
    if "handsets" in does:
        import_without("httpx", "pygments")  # with which it makes a command of its own
        import_module("callmark.surfaces.emulator.handsets.farm")
    if {"http", "handsets"} <= does:
        import_module("callmark.surfaces.emulator.app")


def work(args: argparse.Namespace) -> None:
    """Runs the process that `child` was asked for; exits 1 with one clear line when it cannot."""
    settings = read_handed_down(_given(args.settings_fd))
    allow_many_files()
    name = f"{args.kind}-{args.index}"
    logs.set_up(settings.log_level, process=name)
    name_process(name, ",".join(sorted(args.roles)) or args.kind)
    line = _ParentPipe(args.ready_fd)
    health = Health()
    health.roles = args.roles
    if args.board_fd is not None:
        health.beside = lambda: read_board(args.board_fd).notices
        health.restarts = lambda: read_board(args.board_fd).restarts
    try:
        uvloop.run(_run(settings, args.kind, args.admin_port, line, health))
    except AppError as exc:
        error = exc.detail
        log.error("process_cannot_run", error=error)  # noqa: TRY400 - the text says it all
        line.tell(Ready(error=error))
        sys.exit(1)
    except Exception:
        log.exception("process_failed")
        sys.exit(1)


def _given(descriptor: int) -> dict[str, str]:
    """The settings, once the parent knows them. Ends this process if it never does."""
    with os.fdopen(descriptor, "rb") as pipe:
        text = pipe.read()
    return msgspec.json.decode(text, type=dict[str, str]) if text else sys.exit(1)


async def _run(settings: Settings, kind: str, admin_port: int, line: _ParentPipe, health: Health) -> None:
    does = PROCESS_KINDS[kind]
    signals = Signals(settings.drain_s if "http" in does else 0)
    if settings.emulator:
        settings = _with_push_service(settings, is_worker="worker" in does)
    async with traced_process(settings, kind), open_deps(settings, kind, health=health) as deps:
        try:
            await _serve(deps, does, admin_port, line, signals)
        except Exception:
            signal.alarm(LAST_SECONDS)  # what does not let itself be ended must not keep a failed process alive
            raise


def _with_push_service(settings: Settings, *, is_worker: bool) -> Settings:
    from callmark.surfaces.emulator.push_service import service_account

    if is_worker:
        service_account.keep_account(settings, public_url(settings))
    return service_account.with_push_service(settings, public_url(settings))


async def _serve(deps: Deps, does: frozenset[str], admin_port: int, line: _ParentPipe, signals: "Signals") -> None:
    backgrounds = list(_backgrounds(does, deps))  # before there is anything that would be left open or unawaited
    stop = asyncio.Event()
    deps.fabric.on_late_acknowledgement(functools.partial(personalisation.acknowledge_token, deps))
    await prepare(deps)
    sock = open_socket(deps.settings.admin_host, admin_port, reuse_port=False, option="--admin-port")
    admin = Server(admin_app(deps), sock, streams=())
    servers = [admin]
    if "http" in does:
        from callmark.surfaces.app import build_app, streams_of

        socks, roles = open_sockets(deps.settings.host, deps.settings.port), deps.health.roles
        trusted = deps.settings.trusted_proxies
        servers.append(Server(build_app(deps, roles), *socks, trusted_proxies=trusted, streams=streams_of(roles)))
    up = asyncio.Event()

    def is_up() -> None:
        line.tell(Ready(admin.port))
        up.set()

    works = [
        serve_until(stop, servers, is_up),
        signals.drained(deps.health, servers, stop),
        run_beside(stop, watch_loop),
    ]
    works += [run_beside(stop, functools.partial(_begun_after, up, background, deps)) for background in backgrounds]
    collect_garbage_rarely()
    await run_all(*works)


async def _begun_after(up: asyncio.Event, work: Callable[[Deps], Coroutine[Any, Any, None]], deps: Deps) -> None:
    """Begins once the servers answer: all queues are read first, which would keep a start waiting."""
    await up.wait()
    await work(deps)


def _backgrounds(does: frozenset[str], deps: Deps) -> Iterator[Callable[[Deps], Coroutine[Any, Any, None]]]:
    """What runs beside the servers. Raises SetupError when it could not run."""
    if "worker" in does:
        check(deps)
        yield run_worker
    if "handsets" in does:
        from callmark.surfaces.emulator.handsets.farm import run_farm

        deps.health.ask("handsets", lambda: "are not started yet")
        yield run_farm


class Signals:
    """SIGTERM and SIGINT: after the first this process serves for `drain_s` more, after the second it ends at once."""

    def __init__(self, drain_s: float) -> None:
        self._drain_s = drain_s
        self._first, self._second = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._came)

    def _came(self) -> None:
        if self._first.is_set() or not self._drain_s:
            signal.alarm(LAST_SECONDS)
            self._second.set()
        else:
            signal.alarm(LAST_SECONDS + math.ceil(self._drain_s))
        self._first.set()

    async def drained(self, health: Health, servers: Sequence[Server], stop: asyncio.Event) -> None:
        """Waits for the first signal, says that this process stops, and sets `stop` when nothing new comes."""
        await self._first.wait()
        health.is_stopping = True
        for server in servers:
            server.let_go()
        await ends_within(self._second.wait(), self._drain_s)
        stop.set()
