"""The data directory of an embedded installation: who may use it, the lock of the running one, and how to reach it.

    lock                 held (flock) by the supervisor while it runs; its process id is inside
    installation.json    how to reach the running installation, with the engines' credentials (0600)
    secret-key           what webhook secrets are encrypted with (0600), see kit.secret_key
    postgres/            PostgreSQL's data            postgres-password  (0600)
    nats/                NATS' configuration (0600)   run/  the socket (0700)   logs/   programs/  copies, if needed

As root everything but `postgres` and `run` stays ours; the engines' user `callmark` owns those two and passes through
the rest, so that a captured engine cannot lead a root process astray with links. Below a directory that is closed to
that user (`/root`, a test's own) an engine is started inside its part and names it by its working directory; the socket
and copies of programs are then outside.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from callmark.broken_json import NOT_JSON
from callmark.kit.disk_room import naming_full_disk, refuse_full
from callmark.kit.engines.owner import Owner, engine_owner, give, name_of
from callmark.kit.errors import SetupError, said
from callmark.kit.settings import demo_data_dir
from callmark.kit.system_errors import in_words

PORT = 5432
"""No port is open; the name of the socket has it."""
SOCKET_NAME = f".s.PGSQL.{PORT}"
PROGRAMS_OUTSIDE = Path("/var/cache/callmark")
_WORKING_DIRECTORY = Path("/proc/self/cwd")
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit for a Unix socket's path is 107."""

_OF_FILE_SYSTEMS = frozenset({"lost+found", ".snapshot"})
"""What is in the root of a volume that is empty."""
_FIRST = frozenset(
    {"lock", "nats", "logs", "programs", "objects", *(f"secret-key{end}" for end in ("", ".next", ".old"))}
)
"""What is ours in a directory before its first engine has started, or where the engines are elsewhere."""


class NothingRuns(SetupError):
    """No installation runs on a data directory, though one may be there, stopped."""


class RunningInstallation(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a running installation."""

    pid: int
    postgres_dsn: str
    nats_url: str
    nats_credentials: str | None = None
    nats_ca: str | None = None
    nats_certificate: str | None = None
    nats_key: str | None = None
    base_url: str
    admin_urls: list[str] = []
    emulator: bool = False
    outgoing_networks: str = ""
    """These two as set there, for commands that judge what the installation may call."""


class DataDirectory:
    """An embedded installation's directory; `prepare` makes it ready for the engines' user."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.nats = self.path / "nats"
        self.logs = self.path / "logs"
        self.programs = self.path / "programs"
        self.owner: Owner | None = None
        self.closed = False
        """Whether the engines' user cannot come here by path."""

    def prepare(self) -> None:
        """Makes what is missing, with the permissions the engines need. Raises SetupError that says what is wrong."""
        self.owner = engine_owner()
        self.refuse_path()
        with self._naming():
            self.path.mkdir(parents=True, exist_ok=True)
            self.refuse_foreign()
            self._refuse_other_users()
            os.close(
                os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            )  # from now on it is ours
            for part in (self.path, self.nats):
                part.mkdir(exist_ok=True)
                self._let_pass(part)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self.closed = self.owner is not None and not self.owner.can("-x", self.nats)
            self.programs = PROGRAMS_OUTSIDE if self.closed else self.path / "programs"
            self.programs.mkdir(mode=0o755, parents=True, exist_ok=True)

    @contextmanager
    def _naming(self) -> Generator[None]:
        """Raises SetupError, which says what to do, in place of what the system refuses in the block."""
        try:
            yield
        except OSError as exc:
            refuse_full(self.path, said(exc))
            why = f"{exc.filename} is not a directory" if isinstance(exc, FileExistsError) else in_words(exc)
            raise SetupError(
                f"the data directory {self.path} cannot be used: {why or f'{exc.strerror}: {exc.filename}'}"
            ) from exc

    def refuse_path(self) -> None:
        """Raises SetupError for a path that the engines cannot take, and where it leads to a file, or through one."""
        if why := _unusable(self.path):
            raise SetupError(
                f"the data directory {str(self.path)!r} cannot be used: {why}; name another with --data (CALLMARK_DATA)"
            )
        nearest = next(place for place in (self.path, *self.path.parents) if place.exists())
        if not nearest.is_dir():
            raise SetupError(
                f"the data directory {self.path} cannot be used: {nearest} is not a directory; name another with --data"
                " (CALLMARK_DATA)"
            )

    def named(self, part: Path) -> Path:
        """What an engine that is started with `part` as its working directory calls it."""
        return _WORKING_DIRECTORY if self.closed else part

    def run_dir(self) -> Path:
        """The 0700 directory of PostgreSQL's socket.

        Below the data directory, or below the system's temporary one when the engines' user cannot come there, or the
        path would be too long for a socket or has a comma.
        """
        inside = self.path / "run"
        if not self.closed and _fits(inside):
            with self._naming():
                inside.mkdir(exist_ok=True)
                give(inside, self.owner, 0o700)
            return inside
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        outside = self._outside(f"callmark-{name}")
        try:
            outside.mkdir(mode=0o700)
            give(outside, self.owner, 0o700)
        except FileExistsError:  # in a directory that everyone may write to, so it must be shown to be ours
            status = outside.lstat()
            uid = self.owner.uid if self.owner else os.geteuid()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or status.st_mode & 0o077:
                raise SetupError(f"{outside} belongs to another user or is open to others; remove it") from None
        return outside

    def _outside(self, name: str) -> Path:
        """Its place in a temporary directory: `TMPDIR` may be closed to the engines' user, and too long, too."""
        places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/run")]  # noqa: S108 - what we make there is 0700
        fitting = (one for one in places if _fits(one / name) and (not self.owner or self.owner.can("-x", one)))
        return next(fitting, places[0]) / name

    @contextmanager
    def lock(self) -> Generator[None]:
        """Holds the directory for this process. Raises SetupError that names the process already running on it."""
        with self._naming():
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _try_lock(descriptor):
                holder = os.read(descriptor, 20).decode().strip() or "unknown"
                raise SetupError(
                    f"the data directory {self.path} is in use by a running Callmark (process {holder}). Stop it"
                    " first, or choose another directory with --data."
                )
            with naming_full_disk(self.path):
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def announce(self, installation: RunningInstallation) -> None:
        """Writes `installation.json` (0600), whole or not at all."""
        write_private(self.path / "installation.json", msgspec.json.format(msgspec.json.encode(installation)))

    def retract(self) -> None:
        """Removes `installation.json`, if it is there: commands no longer find engines to connect to."""
        (self.path / "installation.json").unlink(missing_ok=True)

    def _let_pass(self, part: Path) -> None:
        """As root we keep a directory and its entries; the engines' user may only pass through it."""
        part.chmod(0o710 if self.owner else 0o700)
        if self.owner:
            os.chown(part, 0, self.owner.gid)

    def refuse_foreign(self) -> None:
        """Raises SetupError for a directory that is not ours: we would change its permissions, and those of `nats`.

        A mistyped `--data /srv` is such a one, which may well have a `postgres` and a `nats` of others.
        """
        names = self._names()
        has_lock = "lock" in names and _is_plain_file(self.path / "lock")
        is_ours = (
            not names
            or (has_lock and "nats" in names)
            or ("postgres-password" in names and (self.postgres / "PG_VERSION").exists())
            or (names <= _FIRST and (has_lock or "secret-key" in names))
        )
        if not is_ours:
            some = ", ".join(sorted(names - _FIRST or names)[:3])
            raise SetupError(f"{self.path} contains other files ({some}); choose an empty or new directory with --data")

    def _refuse_other_users(self) -> None:
        """Raises SetupError where another user's service works: as root we would take the directory away from it.

        An empty one is nobody's yet.
        """
        uid = self.path.stat().st_uid
        if uid == os.geteuid() or (os.geteuid() == 0 and not self._names()):
            return
        name = name_of(uid)
        how = "" if name.isdigit() else f": `runuser -u {name} -- callmark …`"
        raise SetupError(
            f"the data directory {self.path} belongs to the user {name}; run this command as that user{how}"
        )

    def _names(self) -> set[str]:
        return {entry.name for entry in self.path.iterdir()} - _OF_FILE_SYSTEMS


def _of_demo() -> str:
    try:
        return f": `callmark demo` uses {demo_data_dir()}"
    except SetupError:  # a user without a home has to name one
        return ""


def read_installation(path: Path) -> RunningInstallation:
    """The installation running on the data directory `path`.

    Raises NothingRuns when none does, and other SetupErrors when none can run there or nobody can say.
    """
    directory = DataDirectory(path)
    none = NothingRuns(
        f"no running installation at {directory.path}; start one with `callmark serve`, or name another with --data"
        + _of_demo()
    )
    try:
        directory.refuse_path()
        descriptor = _opened_to_try(directory.path / "lock")
        try:
            if _try_lock(descriptor):  # left over by a killed one
                raise none
        finally:
            os.close(descriptor)
        return msgspec.json.decode((directory.path / "installation.json").read_bytes(), type=RunningInstallation)
    except FileNotFoundError:
        raise none from None
    except PermissionError as exc:
        raise SetupError(f"{directory.path} belongs to another user; run this command as that user") from exc
    except (OSError, *NOT_JSON) as exc:
        raise SetupError(
            f"{directory.path}/installation.json cannot be read, although an installation runs there: {exc}; start"
            " that installation again"
        ) from exc


def _is_plain_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _unusable(path: Path) -> str:
    """Why PostgreSQL, or a connection to it, cannot have a path; empty where they can."""
    text = str(path)
    if any("\udc80" <= one <= "\udcff" for one in text):  # how Python writes bytes that it cannot read
        return "its name is not UTF-8, or the locale (LANG, LC_ALL) is one without UTF-8"
    return "its name has a line break" if "\n" in text or "\r" in text else ""


def _fits(run_dir: Path) -> bool:
    """Whether a socket in there has a path that the kernel takes, and PostgreSQL does not read as several."""
    return "," not in str(run_dir) and len(os.fsencode(run_dir / SOCKET_NAME)) <= LONGEST_SOCKET_PATH


def write_private(path: Path, content: bytes, owner: Owner | None = None) -> None:
    """Replaces `path` by `content`, readable by its owner only, whole or not at all, also when the power fails."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, 0o600)  # whatever the umask takes away
        if owner:
            os.fchown(descriptor, owner.uid, owner.gid)
    force(partial)
    partial.rename(path)
    force(path.parent)


def force(path: Path) -> None:
    """Returns once the file's content, or the directory's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file, or a folder with all that is in it; of a link the link, and nothing where nothing is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _opened_to_try(lock: Path) -> int:
    """To write, which NFS needs for a lock; on a file system that is read-only, to read."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno != errno.EROFS:
            raise
        return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
