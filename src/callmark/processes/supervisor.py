"""The parent of one installation's processes: data lock, engines, migrations, children, and their clean end."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType

import msgspec
import structlog
from msgspec import Struct

from callmark.kit.clock import SystemClock
from callmark.kit.disk_room import SEGMENT_BYTES, naming_full_disk, refuse_full
from callmark.kit.engines.data_directory import DataDirectory, RunningInstallation
from callmark.kit.engines.logfile import bound_logs
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import SetupError
from callmark.kit.installation import check_place, place_of
from callmark.kit.postgres.database import connect
from callmark.kit.postgres.migrate import migrate
from callmark.kit.roles import ALL_ROLES, kinds_done_by, roles_of
from callmark.kit.service_manager import View
from callmark.kit.settings import Secret, Settings
from callmark.kit.settings.addresses import http_url
from callmark.kit.tasks import end, results_of
from callmark.kit.telemetry.line_writer import say
from callmark.kit.telemetry.tracing import check_variables
from callmark.processes.board import Board
from callmark.processes.connections import most_database_connections
from callmark.processes.ports import address_of, hold_port, open_socket
from callmark.processes.process_specs import ProcessUnit, Unit
from callmark.processes.reach import once_reachable, public_url
from callmark.processes.restart_policy import Report, keep, note

log = structlog.get_logger(__name__)

LARGEST_PORT = 65_535

CHILDREN_WITHIN_S = 3.7
ENGINES_WITHIN_S = 1.1
"""Together under the five seconds in which everything has to be gone; the children's is more than any request takes.

Engines have what the children left of theirs, too: PostgreSQL writes its last checkpoint, on a slow disk for seconds.
"""

LONGEST_SILENCE_S = 120.0
"""Longer than the longest start of a part and the pause before it: the task of each part has noted something."""

Prepare = Callable[[Settings], Awaitable[None]]
"""Makes what must be there before the first request."""


class Running(Struct, frozen=True):
    """A started installation."""

    base_url: str
    installation: RunningInstallation
    settings: Settings
    """As the children have them: with the engines' addresses and the port in use."""


def report_to_terminal(text: str) -> None:
    """Writes to the terminal; in production no one reads it, and the log has its own line."""
    with suppress(ValueError):  # a terminal that is gone
        if sys.stderr.isatty():
            say(f"callmark: {text}")


def with_addresses(settings: Settings, *, serves_http: bool) -> Settings:
    """Names of this machine as what they name now: a child starts again, and is asked, while no name is known.

    An emulator still answers to the name. Raises SetupError.
    """
    host = address_of(settings.host) if serves_http else settings.host
    names = settings.emulator_hosts
    if settings.emulator and host != settings.host:
        names = f"{names},{settings.host}".removeprefix(",")
    return msgspec.structs.replace(
        settings, host=host, admin_host=address_of(settings.admin_host), emulator_hosts=names
    )


class Supervisor:
    """`async with Supervisor(…) as running:` starts everything and stops it at the end of the block.

    `prepare` runs on the migrated schema before the children start, with the settings they will have. With `log_files`
    the children log to `logs/<name>.log` of the data directory instead of standard error.
    `kinds` has the kind of each child process (`kit.roles`), in the order of their admin ports.
    A start without its engines or its HTTP processes fails. Any other part that cannot start is tried again without
    end, as is every part that ends later. To be entered from the main thread.
    """

    def __init__(
        self,
        settings: Settings,
        roles: frozenset[str],
        kinds: Sequence[str],
        *,
        report: Report = report_to_terminal,
        prepare: Prepare | None = None,
        log_files: bool = False,
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._kinds = kinds
        self._serves_http = "http" in kinds_done_by(kinds)
        self._report = report
        self._prepare = prepare
        self._log_files = log_files
        self._stack = AsyncExitStack()
        self._gone_by = 0.0
        """When everything has to be gone, in the loop's time; known once it is being stopped."""
        self._board = Board()
        self._stack.callback(self._board.close)

    async def __aenter__(self) -> Running:
        try:
            with self._naming_full_disk():
                return await self._start()
        except BaseException:
            await self._stop()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        within_s = CHILDREN_WITHIN_S + self._settings.drain_s + ENGINES_WITHIN_S
        self._gone_by = asyncio.get_running_loop().time() + within_s
        await self._stack.aclose()

    async def _stop_engines(self, engines: Sequence[Unit]) -> None:
        left_s = self._gone_by - asyncio.get_running_loop().time()
        await _stop_all(engines, max(left_s, ENGINES_WITHIN_S))

    def view(self) -> View:
        """For the service manager. It works while every part is checked or tried again, whatever is wrong with it."""
        return View(self._board.silent_s() < LONGEST_SILENCE_S, self._board.notices)

    def _naming_full_disk(self) -> AbstractContextManager[None]:
        """Of our own PostgreSQL, in a block in which nothing but a full disk ends it; another one's is not known."""
        if not self._settings.embedded_postgres:
            return nullcontext()
        return naming_full_disk(self._settings.data, SEGMENT_BYTES)

    async def _start(self) -> Running:
        settings = self._settings
        check_variables(settings)
        directory = self._take_directory()
        if self._serves_http:
            sock = hold_port(settings.host, settings.port)
            self._stack.callback(sock.close)
            settings = msgspec.structs.replace(settings, port=sock.getsockname()[1])
        self._refuse_taken_admin_ports(settings.port if self._serves_http else 0)
        engines = self._engines(settings)
        children = self._begin_children(directory)
        settings = await self._start_engines(engines, settings)
        settings = msgspec.structs.replace(settings, public_url=public_url(settings))
        settings = with_addresses(settings, serves_http=self._serves_http)
        await self._migrate(settings)
        await self._check_place(settings)
        if self._prepare:
            await self._prepare(settings)
        for child in children:
            child.settings = settings
        failed = await self._start_children(children)

        def announce() -> RunningInstallation:
            installation = _installation(settings, children)
            if directory:
                directory.announce(installation)
            return installation

        if directory:
            self._stack.callback(_retract, directory)
        self._keep(children, failed, announce)
        installation = announce()
        log.info("ready", base_url=installation.base_url, roles=sorted(self._roles), not_started=sorted(failed))
        return Running(installation.base_url, installation, settings)

    async def _start_children(self, children: Sequence[ProcessUnit]) -> dict[str, str]:
        """Why children did not start, by name. Raises when it is one without which there is nothing to reach."""
        results = await asyncio.gather(*(child.start() for child in children), return_exceptions=True)
        failed: dict[str, str] = {}
        for child, result in zip(children, results, strict=True):
            if isinstance(result, BaseException):
                is_needed = not self._serves_http or "http" in kinds_done_by([child.kind])
                if is_needed or not isinstance(result, (SetupError, OSError)):
                    if self._board.says(EmbeddedPostgres.name):  # it ended meanwhile, and that is why
                        refuse_full(self._settings.data, str(result), SEGMENT_BYTES)
                    raise result
                failed[child.name] = str(result)
            else:
                await note(child, self._board)
        return failed

    def _take_directory(self) -> DataDirectory | None:
        """The data directory, locked, when it holds an engine of ours."""
        if not (self._settings.embedded_postgres or self._settings.embedded_nats):
            return None
        directory = DataDirectory(self._settings.data)
        directory.prepare()
        self._stack.enter_context(directory.lock())
        directory.retract()  # a killed one left it
        self._stack.push_async_callback(end, [asyncio.create_task(bound_logs(directory))])
        return directory

    def _engines(self, settings: Settings) -> list[EmbeddedPostgres | EmbeddedNats]:
        """The engines that are ours to run, to be stopped last."""
        found: list[EmbeddedPostgres | EmbeddedNats] = []
        if settings.embedded_postgres:
            found.append(
                EmbeddedPostgres(
                    settings.data,
                    bin_dir=settings.postgres_bin,
                    is_small=list(self._kinds) == [ALL_ROLES],
                    connections=most_database_connections(settings.pool_size, len(self._kinds)),
                )
            )
        if settings.embedded_nats:
            found.append(EmbeddedNats(settings.data, program=settings.nats_bin))
        self._stack.push_async_callback(self._stop_engines, found)
        return found

    async def _start_engines(self, engines: Sequence[EmbeddedPostgres | EmbeddedNats], settings: Settings) -> Settings:
        await results_of(engine.start() for engine in engines)
        self._keep(engines)
        for engine in engines:
            self._board.say(engine.name, "")
            if isinstance(engine, EmbeddedPostgres):
                settings = msgspec.structs.replace(settings, postgres_dsn=Secret(engine.dsn))
            else:
                settings = msgspec.structs.replace(settings, nats_url=Secret(engine.url), nats_ca=None)
        return settings

    async def _migrate(self, settings: Settings) -> None:
        """All steps on our own engine; on a foreign one only those that are safe while older processes still run."""
        alone = self._settings.embedded_postgres
        phase = None if alone else "pre"

        async def work() -> None:
            with self._naming_full_disk():  # before it is waited for
                await migrate(settings.reached_postgres, SystemClock(), phase=phase, alone=alone, tell=_log_migration)

        await once_reachable(work)

    async def _check_place(self, settings: Settings) -> None:
        """Raises SetupError for a copy that nobody has declared one, so that it does not act as the original."""
        async with connect(settings.reached_postgres) as tx:
            await check_place(tx, await place_of(tx, settings.data if self._settings.embedded_postgres else None))

    def _begin_children(self, directory: DataDirectory | None) -> list[ProcessUnit]:
        """The children, which import their modules while the engines start."""
        first = self._settings.admin_port
        logs = directory if self._log_files else None
        children = [
            ProcessUnit(
                kind,
                index,
                sorted(roles_of(kind, self._roles)),
                admin_port=first and first + index,
                logs=logs,
                board_fd=self._board.fd,
            )
            for index, kind in enumerate(self._kinds)
        ]
        self._stack.push_async_callback(_stop_all, children, CHILDREN_WITHIN_S + self._settings.drain_s)
        for child in children:
            self._board.say(child.name, "is starting")
            child.begin()
        return children

    def _refuse_taken_admin_ports(self, public: int) -> None:
        """Raises SetupError for one that someone else listens on, or we: a child would come too late with it."""
        first = self._settings.admin_port
        ports = range(first, first + len(self._kinds)) if first else ()
        if public in ports:  # the system would let both bind it, and one of them would answer for both
            raise SetupError(f"port {public} is the public one; choose other ports for health with --admin-port")
        for port in ports:
            if port > LARGEST_PORT:
                raise SetupError(f"--admin-port {first} leaves too few ports for {len(self._kinds)} processes")
            open_socket(self._settings.admin_host, port, reuse_port=False, option="--admin-port").close()

    def _keep(
        self,
        units: Sequence[Unit],
        failed: Mapping[str, str] = MappingProxyType({}),
        on_start: Callable[[], object] = lambda: None,
    ) -> None:
        """Watches `units` until the block ends; their stop is on the stack before, so that watching ends first."""
        keepers = [
            asyncio.create_task(
                keep(unit, self._report, self._board, failed=failed.get(unit.name, ""), on_start=on_start)
            )
            for unit in units
        ]
        self._stack.push_async_callback(end, keepers)


def _retract(directory: DataDirectory) -> None:
    """At the end nothing depends on it: commands see that the lock is free."""
    try:
        directory.retract()
    except OSError as exc:
        log.warning("installation_not_retracted", error=str(exc))


def _log_migration(line: str) -> None:
    log.info("migration", step=line)


async def _stop_all(units: Sequence[Unit], within_s: float) -> None:
    await asyncio.gather(*(unit.stop(within_s) for unit in units))


def _installation(settings: Settings, children: Sequence[ProcessUnit]) -> RunningInstallation:
    return RunningInstallation(
        pid=os.getpid(),
        postgres_dsn=settings.reached_postgres,
        nats_url=settings.reached_nats,
        nats_credentials=_text(settings.nats_credentials),
        nats_ca=_text(settings.nats_ca),
        nats_certificate=_text(settings.nats_certificate),
        nats_key=_text(settings.nats_key),
        base_url=settings.public_url,
        admin_urls=[http_url(settings.reached_admin_host, child.admin_port) for child in children if child.admin_port],
        emulator=settings.emulator,
        outgoing_networks=settings.outgoing_networks,
    )


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
