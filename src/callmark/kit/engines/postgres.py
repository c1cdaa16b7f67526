"""Embedded PostgreSQL: `postgres` as our direct child on a data directory, reached through a Unix socket only."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urlencode

import asyncpg
import structlog

from callmark.kit.disk_room import SEGMENT_BYTES, naming_full_disk, refuse_first_start, refuse_full, says_full
from callmark.kit.engines.binaries import ENVIRONMENT, PostgresBinaries, choose_postgres, reachable_postgres
from callmark.kit.engines.child import Child, ChildHolder, run, spawn
from callmark.kit.engines.data_directory import PORT, SOCKET_NAME, DataDirectory, force, remove, write_private
from callmark.kit.engines.leftovers import postgres_of, stop_leftovers
from callmark.kit.engines.logfile import open_log, tail
from callmark.kit.engines.owner import give
from callmark.kit.errors import EngineRefuses, SetupError, Unavailable
from callmark.kit.ids import random_text
from callmark.kit.postgres.database import connect
from callmark.kit.system_errors import shortage

log = structlog.get_logger(__name__)

ROLE = "callmark"
DATABASE = "callmark"
START_WITHIN_S = 60.0
"""How long a start may take without a word. One that says that it recovers after a crash has all the time it needs: it
replays up to `max_wal_size`, and would begin with that again."""
TELL_EVERY_S = 10.0
"""How often the log says that it recovers."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 1.0
"""Between two questions whether it answers: longer later, because its log has each of them."""

_GREETS_WITHIN_S = 1.5
_STATE_LINE = 7
"""Of `postmaster.pid`, from 0."""
_ASKS_FOR_TLS = bytes.fromhex("00000008 04d2162f")
"""The shortest greeting of a client, which every server answers with one byte before it looks who asks."""

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "max_locks_per_transaction": "256",  # a plan that is kept locks every day's partition and its indexes
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_level": "minimal",  # nobody replicates an embedded engine
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "log_error_verbosity": "terse",  # DETAIL and CONTEXT quote values: phone numbers
}
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",  # what it writes of a test's tables, and when, is not the test's doing
}


_ADVICE = (
    "Put the file back from a copy; or give the role callmark another password in PostgreSQL's single-user mode, and"
    " write it there; or restore a backup with another --data."
)

_SMALL = {"max_connections": "50", "shared_buffers": "64MB", "autovacuum_max_workers": "1"}
_READS_BY_PROCESSES_SINCE = 18
"""The version of PostgreSQL that has processes for reading, three of them by default."""


class _StartAnswer(Enum):
    """What a server that was started says to a new connection."""

    NONE = auto()
    RECOVERS = auto()
    WELCOME = auto()


class EmbeddedPostgres(ChildHolder):
    """A PostgreSQL server on `data` (`<data>/postgres`); may be started again after `stop` or after it died.

    `durable=False` is for tests: nothing is forced to disk, nothing is vacuumed. `is_small` takes little memory and few
    processes: for the platform of one developer. It takes `connections` at the same time, or more.
    """

    name = "postgresql"

    def __init__(
        self,
        data: Path,
        *,
        bin_dir: Path | None = None,
        durable: bool = True,
        is_small: bool = False,
        connections: int = 0,
    ) -> None:
        self._data = DataDirectory(data)
        self._bin_setting = bin_dir
        self._durable = durable
        self._is_small = is_small
        self._connections = connections
        self._socket = Path()
        self._logged_before = 0
        """Bytes in its log that are of earlier starts."""
        self.dsn = ""
        """Known once it has been started."""

    async def start(self) -> str:
        """Starts the server (making its data first when there is none) and gives the DSN once it answers.

        Leftovers of a killed supervisor on the same directory are stopped first. Recovery after a crash has no limit of
        time. Raises SetupError.
        """
        self._data.prepare()
        version = data_version(self._data.postgres)
        if version is None:
            self._refuse_place()
        run_dir = self._data.run_dir()
        found = choose_postgres(self._bin_setting, version)
        found = reachable_postgres(found, self._data.owner, self._data.programs)
        await self._clear_leftovers(run_dir)
        with naming_full_disk(self._data.path):
            if version is None:
                refuse_first_start(self._data.path)
                await self._init(found, run_dir)
            password = self._password()
            self._child = self._spawn(found, run_dir)
            self._socket = run_dir / SOCKET_NAME
            self.dsn = _dsn(run_dir, password, DATABASE)
            await self._until_it_answers(self._child, _dsn(run_dir, password, "postgres"))
        return self.dsn

    async def stop(self, within_s: float = 4.0) -> None:
        """Fast shutdown: open transactions are rolled back. After `within_s` it is killed, which loses no commit."""
        if self._child:
            await self._child.stop(signal.SIGINT, within_s)
            run_dir = self._socket.parent
            if not run_dir.is_relative_to(self._data.path):  # in a temporary directory
                with suppress(OSError):  # something is left in it
                    run_dir.rmdir()

    async def look(self) -> Mapping[str, str]:
        """Whether it takes new connections; those that are open may still work.

        One that was ended from outside (SIGTERM) takes none and waits for ours, which never end on their own: it is
        made to end them, and may then be started again. So is one whose socket was removed: it makes no other while it
        runs. One that does not answer may wait for its disk; to kill it then would make that worse.
        """
        if self._was_told_to_end():
            self._started().send(signal.SIGINT)
            return {"connections": "none are accepted, because it was asked to shut down"}
        try:
            async with asyncio.timeout(_GREETS_WITHIN_S):
                await _greeting(self._socket)
        except FileNotFoundError:
            self._started().send(signal.SIGINT)
            return {"connections": "none are possible, because its socket was removed"}
        except (OSError, EOFError) as exc:
            if shortage(exc):  # of ours
                raise
            return {"connections": "no new ones are taken"}
        return {}

    def _was_told_to_end(self) -> bool:
        """Whether its process id file says so, in the line of its state."""
        try:
            lines = (self._data.postgres / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return any(line.strip() == "stopping" for line in lines[_STATE_LINE:])

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _password(self) -> str:
        """The one that is kept; made where there are no data yet. Raises SetupError."""
        path = self._data.path / "postgres-password"
        kept = path.read_bytes().decode(errors="replace").strip("\0\r\n") if path.exists() else ""
        if kept:
            return kept
        if data_version(self._data.postgres) is not None:
            raise SetupError(f"PostgreSQL's password is missing: {path} is empty or gone. {_ADVICE}")
        made = random_text(32)
        write_private(path, made.encode())
        return made

    async def _clear_leftovers(self, run_dir: Path) -> None:
        await stop_leftovers(self.name, lambda: postgres_of(self._data.postgres), signal.SIGINT)
        # No server runs here, so these name dead processes; left in place, a process that got such an id after a
        # restart of the machine or container would keep the server from starting.
        for stale in (self._data.postgres / "postmaster.pid", run_dir / f"{SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)

    async def _init(self, found: PostgresBinaries, run_dir: Path) -> None:
        """Makes the data beside its place and moves it there, so that an interrupted start leaves no half of it."""
        owner = self._data.owner
        password_file = run_dir / "initial-password"
        write_private(password_file, self._password().encode(), owner)
        partial = self._data.postgres.with_suffix(".new")
        remove(partial)
        partial.mkdir()
        give(partial, owner, 0o700)
        argv: list[str | Path] = [
            found.bin_dir / "initdb",
            "-D",
            self._data.named(partial),
            "-U",
            ROLE,
            f"--pwfile={password_file}",
        ]
        argv += ["--auth-local=scram-sha-256", "--auth-host=reject", "--encoding=UTF8", "--locale=C"]
        argv += [] if self._durable else ["--no-sync"]
        status, text = await run(argv, env=ENVIRONMENT, owner=owner, cwd=partial)
        password_file.unlink()
        if status != 0:
            raise SetupError(f"initdb failed on {self._data.path}: {text.strip()[-2000:]}")
        partial.rename(self._data.postgres)
        force(self._data.path)

    def _refuse_place(self) -> None:
        """Raises SetupError where no data are, and none can be moved to: what exists may be the rest of some."""
        place = self._data.postgres
        if place.is_symlink():
            what = "is a link"
        elif place.is_mount():
            what = "is a mount point"
        elif place.exists() and not place.is_dir():
            what = "is not a directory"
        else:
            what = "is not empty" if place.exists() and any(place.iterdir()) else ""
        if what:
            raise SetupError(
                f"{place} {what} and has no data of PostgreSQL (PG_VERSION is missing). Put all of it back, or remove"
                f" it to begin with new data. A volume belongs at {self._data.path}, not below"
            )

    def _spawn(self, found: PostgresBinaries, run_dir: Path) -> Child:
        settings = _SETTINGS | {"unix_socket_directories": str(run_dir)}
        settings |= ({} if self._durable else _NOT_DURABLE) | (_small(found.major) if self._is_small else {})
        settings["max_connections"] = str(max(self._connections, int(settings["max_connections"])))
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = [found.bin_dir / "postgres", "-D", self._data.named(self._data.postgres), *options]
        with open_log(self._data, self.name) as log_file:
            self._logged_before = log_file.tell()
            return spawn(
                self.name,
                argv,
                env=ENVIRONMENT,
                owner=self._data.owner,
                output=log_file,
                cwd=self._data.postgres,
                on_parents_death=signal.SIGINT,  # fast shutdown
            )

    async def _until_it_answers(self, child: Child, maintenance_dsn: str) -> None:
        loop = asyncio.get_running_loop()
        began = heard = told = loop.time()
        while (answer := await _answer(maintenance_dsn, self.dsn)) is not _StartAnswer.WELCOME:
            if not child.running:
                raise self._not_started(f"did not start on {self._data.path}")
            now = loop.time()
            if answer is _StartAnswer.RECOVERS:
                heard = now
                if now - told >= TELL_EVERY_S:
                    told = now
                    log.warning("postgresql_recovers", data=str(self._data.path), seconds=round(now - began))
            elif now - heard > START_WITHIN_S:
                await self.stop()
                raise self._not_started(f"did not answer within {START_WITHIN_S:.0f} s")
            # A tenth of what it has taken so far delays a short start by nothing that anyone notices.
            await asyncio.sleep(min(max((now - began) / 10, _FIRST_PAUSE_S), _LONGEST_PAUSE_S))

    def _not_started(self, how: str) -> SetupError:
        """Says what it logged in this start. Raises NoRoom instead where the disk is full, its log with it maybe."""
        logged = tail(self._data, self.name, self._logged_before)
        refuse_full(self._data.path, logged, SEGMENT_BYTES)
        return SetupError(f"PostgreSQL {how}:\n{logged}")


def data_version(data: Path) -> int | None:
    """The major version that made the data directory, None when there is none. Raises SetupError."""
    file = data / "PG_VERSION"
    try:
        return int(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, IsADirectoryError):
        raise SetupError(f"{file} is damaged: it names no version. Restore a backup with another --data") from None


def _dsn(run_dir: Path, password: str, database: str) -> str:
    """Leaves nothing to the variables of a shell, such as `PGPORT`: those are about another server."""
    where = {"host": str(run_dir), "port": PORT, "sslmode": "disable", "sslnegotiation": "postgres"}
    return f"postgresql://{ROLE}:{quote(password)}@/{database}?{urlencode(where)}"


def _small(version: int) -> dict[str, str]:
    return _SMALL | ({"io_method": "sync"} if version >= _READS_BY_PROCESSES_SINCE else {})


async def _greeting(socket: Path) -> None:
    """Returns once a new connection is answered. Raises OSError or EOFError."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(_ASKS_FOR_TLS)
        await reader.readexactly(1)
    finally:
        writer.close()


async def _answer(maintenance_dsn: str, dsn: str) -> _StartAnswer:
    """What the server says to a connection; makes our database in passing when it is not there.

    Raises SetupError for our password, and Unavailable where the disk is full.
    """
    try:
        try:
            async with connect(dsn):
                return _StartAnswer.WELCOME
        except EngineRefuses as exc:
            if not isinstance(exc.__cause__, asyncpg.InvalidCatalogNameError):
                raise
            async with connect(maintenance_dsn) as maintenance:
                await maintenance.execute(f'CREATE DATABASE "{DATABASE}"')
                return _StartAnswer.WELCOME
    except EngineRefuses as exc:
        raise SetupError(
            f"PostgreSQL rejects the password in the data directory's postgres-password: {exc.reason}. {_ADVICE}"
        ) from exc
    except Unavailable as exc:
        if says_full(exc.reason):
            raise
        return _StartAnswer.RECOVERS if isinstance(exc.__cause__, asyncpg.CannotConnectNowError) else _StartAnswer.NONE
