"""What a child process does once its command line is read: it gets its settings, and serves until it is stopped."""

import argparse
import asyncio
import contextlib
import functools
import math
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec
import structlog
import uvloop

from callmark.domain.deps import Deps
from callmark.domain.personalisation import service as personalisation
from callmark.kit import logs
from callmark.kit.errors import AppError
from callmark.kit.health import Health
from callmark.kit.limits import allow_many_files, collect_garbage_rarely
from callmark.kit.process_metrics import name_process, watch_loop
from callmark.kit.settings import Settings, read_settings
from callmark.kit.tasks import run_all
from callmark.kit.tracing import traced_process
from callmark.processes.board import read_board
from callmark.processes.child import Ready
from callmark.processes.compose import open_deps
from callmark.processes.http import Server, admin_app, serve_until
from callmark.processes.ports import open_socket
from callmark.processes.reach import public_url
from callmark.processes.worker import run_beside
from callmark.worker.run import prepare

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


def work(args: argparse.Namespace) -> None:
    """Runs the process that `child` was asked for; exits 1 with one clear line when it cannot."""
    settings = read_settings(_given(args.settings_fd))
    allow_many_files()
    name = f"{args.kind}-{args.index}"
    logs.set_up(settings.log_level, process=name)
    name_process(name, args.roles if args.kind == "http" else args.kind)
    line = _ParentPipe(args.ready_fd)
    health = Health()
    if args.board_fd is not None:
        health.beside = lambda: read_board(args.board_fd).notices
        health.restarts = lambda: read_board(args.board_fd).restarts
    try:
        uvloop.run(_run(settings, args.kind, args.admin_port, frozenset(args.roles.split(",")), line, health))
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


async def _run(
    settings: Settings, kind: str, admin_port: int, roles: frozenset[str], line: _ParentPipe, health: Health
) -> None:
    health.roles = roles - {"worker"} if kind == "http" else frozenset({kind} - {"handsets"})
    signals = Signals(settings.drain_s if kind == "http" else 0)
    if settings.emulator:
        settings = _with_push_service(settings, kind)
    async with traced_process(settings, kind), open_deps(settings, kind, health=health) as deps:
        try:
            await _serve(deps, kind, admin_port, roles, line, signals)
        except Exception:
            signal.alarm(LAST_SECONDS)  # what does not let itself be ended must not keep a failed process alive
            raise


def _with_push_service(settings: Settings, kind: str) -> Settings:
    from callmark.surfaces.emulator import push_account

    if kind == "worker":
        push_account.keep_account(settings, public_url(settings))
    return push_account.with_push_service(settings, public_url(settings))


async def _serve(
    deps: Deps, kind: str, admin_port: int, roles: frozenset[str], line: _ParentPipe, signals: "Signals"
) -> None:
    stop = asyncio.Event()
    deps.fabric.on_late_acknowledgement(functools.partial(personalisation.acknowledge_token, deps))
    await prepare(deps)
    admin = Server(
        admin_app(deps), open_socket(deps.settings.admin_host, admin_port, reuse_port=False, option="--admin-port")
    )
    servers = [admin]
    if kind == "http":
        from callmark.surfaces.app import build_app

        sock = open_socket(deps.settings.host, deps.settings.port)
        servers.append(Server(build_app(deps, roles), sock, trusted_proxies=deps.settings.trusted_proxies))
    works = [
        serve_until(stop, servers, lambda: line.tell(Ready(admin.port))),
        signals.drained(deps.health, servers, stop),
        run_beside(stop, watch_loop()),
    ]
    if background := _background(kind, deps):
        works.append(run_beside(stop, background(deps)))
    collect_garbage_rarely()
    await run_all(*works)


def _background(kind: str, deps: Deps) -> Callable[[Deps], Coroutine[Any, Any, None]] | None:
    """What runs beside the servers. Raises SetupError when it could not run."""
    if kind == "worker":
        from callmark.worker.run import check, run_worker

        check(deps)
        return run_worker
    if kind == "handsets":
        from callmark.surfaces.emulator.farm import run_farm

        deps.health.ask("handsets", lambda: "are not started yet")
        return run_farm
    return None


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
        """Waits for the first signal, says that this process stops, and sets `stop` when nothing new comes any more."""
        await self._first.wait()
        health.is_stopping = True
        for server in servers:
            server.let_go()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                await self._second.wait()
        stop.set()
