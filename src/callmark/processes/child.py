"""The program of every child process: `python -m callmark.processes.child KIND …`, settings in its environment.

Kinds: `http` (all HTTP roles given), `worker`, and `handsets` (the emulator's virtual handsets). It writes one JSON
line to `--ready-fd` once it serves, and ends on SIGTERM. It dies with its parent (see `engines.child.spawn`).
"""

import argparse
import asyncio
import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog
import uvloop

from callmark.domain.deps import Deps
from callmark.domain.personalisation import service as personalisation
from callmark.kit import logs
from callmark.kit.errors import AppError
from callmark.kit.limits import allow_many_files, collect_garbage_rarely
from callmark.kit.settings import Settings, read_settings
from callmark.processes.compose import open_deps
from callmark.processes.http import LOOPBACK, Server, admin_app, open_socket, serve_until
from callmark.processes.worker import run_beside
from callmark.worker.run import prepare

log = structlog.get_logger(__name__)

LAST_SECONDS = 6
"""After the signal to stop, the kernel ends a process that hangs: nothing outlives its supervisor."""


class Ready(msgspec.Struct):
    """What a child tells its parent once it serves."""

    admin_port: int


def main() -> None:
    """Reads the command line, runs the process, and exits 1 with one clear line when it cannot."""
    parser = argparse.ArgumentParser(prog="callmark.processes.child")
    parser.add_argument("kind", choices=["http", "worker", "handsets"])
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--admin-port", type=int, default=0)
    parser.add_argument("--roles", default="")
    parser.add_argument("--ready-fd", type=int, required=True)
    args = parser.parse_args()
    settings = read_settings()
    allow_many_files()
    logs.set_up(settings.log_level)
    structlog.contextvars.bind_contextvars(process=f"{args.kind}-{args.index}")
    tell = functools.partial(_tell_ready, args.ready_fd)
    try:
        uvloop.run(_run(settings, args.kind, args.admin_port, frozenset(args.roles.split(",")), tell))
    except AppError as exc:
        log.error("process_cannot_run", error=getattr(exc, "reason", exc.message))  # noqa: TRY400 - the text says it all
        sys.exit(1)
    except Exception:
        log.exception("process_failed")
        sys.exit(1)


async def _run(
    settings: Settings, kind: str, admin_port: int, roles: frozenset[str], tell: Callable[[int], None]
) -> None:
    stop = _stop_on_signals()
    async with open_deps(settings, kind) as deps:
        deps.fabric.on_late_acknowledgement(functools.partial(personalisation.acknowledge_token, deps))
        await prepare(deps)
        admin = Server(admin_app(deps), open_socket(LOOPBACK, admin_port))
        servers = [admin]
        if kind == "http":
            from callmark.surfaces.app import build_app

            sock = open_socket(settings.host, settings.port)
            servers.append(Server(build_app(deps, roles), sock, trusted_proxies=settings.trusted_proxies))
        async with asyncio.TaskGroup() as group:
            group.create_task(serve_until(stop, servers, lambda: tell(admin.port)))
            collect_garbage_rarely()
            if background := _background(kind):
                group.create_task(run_beside(stop, background(deps)))


def _background(kind: str) -> Callable[[Deps], Coroutine[Any, Any, None]] | None:
    if kind == "worker":
        from callmark.worker.run import run_worker

        return run_worker
    if kind == "handsets":
        from callmark.surfaces.emulator.farm import run_farm

        return run_farm
    return None


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()

    def stopping() -> None:
        signal.alarm(LAST_SECONDS)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping)
    return stop


def _tell_ready(descriptor: int, admin_port: int) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, msgspec.json.encode(Ready(admin_port)) + b"\n")
    os.close(descriptor)


if __name__ == "__main__":
    main()
