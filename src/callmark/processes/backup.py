"""`callmark backup`: one file with everything but the secret key, taken while the platform runs."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from callmark.kit.backups.manifest import Manifest
from callmark.kit.backups.snapshot import take_backup
from callmark.kit.clock import Clock, SystemClock
from callmark.kit.engines.data_directory import write_private
from callmark.kit.errors import SetupError
from callmark.kit.secret_key import FILE, NEXT_FILE, OLD_FILE, mark, read_key
from callmark.kit.settings import Secret, Settings
from callmark.kit.telemetry import logs
from callmark.option_values import NamedPath
from callmark.processes.databases import existing_database, settings_of
from callmark.surfaces.cli.options import data_option, json_option
from callmark.terminal import Output


@click.command()
@click.argument("to", type=NamedPath(), metavar="DIR_OR_FILE")
@data_option
@click.option(
    "--secret-key-to",
    type=NamedPath(dir_okay=False),
    metavar="FILE",
    help="Also write a copy of the secret key to FILE. Keep it apart from the backup.",
)
@json_option
def backup(to: Path, data: Path | None, secret_key_to: Path | None, *, as_json: bool) -> None:
    """Write a backup of the installation to one file, while it runs.

    In a directory the file is named after the time. It holds everything except the secret key.
    """
    clock = SystemClock()
    path = _path(to, clock)
    logs.set_up("error")
    settings = settings_of(data)
    if secret_key_to and secret_key_to.exists():
        raise SetupError(f"{secret_key_to} already exists; name another file for the secret key")
    manifest = asyncio.run(_backup(settings, path, clock))
    key = find_key(settings, manifest.secret_key_mark)
    is_replaced = key.key is not None and _is_being_replaced(settings, key.key)
    if secret_key_to:
        _copy_key(key, secret_key_to, is_replaced=is_replaced)
    advice = f"Keep both keys: {_BOTH_KEYS}" if is_replaced else "" if secret_key_to else _ADVICE
    _print(Output(as_json=as_json), path, manifest, key, secret_key_to, advice)


async def _backup(settings: Settings, path: Path, clock: Clock) -> Manifest:
    async with existing_database(settings) as dsn:
        with meter("Writing", None) as note:
            return await take_backup(dsn, path, clock, programs=settings.postgres_bin, note=note)


@contextmanager
def meter(what: str, total: int | None) -> Generator[Callable[[int], None]]:
    """Shows bytes done on a terminal's standard error; elsewhere nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=total)
        yield lambda count: shown.advance(task, count)


class FoundKey(Struct, frozen=True):
    """The installation's secret key: where it is, and the key when it is on this machine."""

    where: str
    key: Secret | None


def find_key(settings: Settings, marked: str | None) -> FoundKey:
    """The key with the mark `marked`, looked for where processes look for it.

    A key file that is no use is only named: the work is done by then, and the key may also be elsewhere.
    """
    if marked is None:
        return FoundKey("none yet: the first start of the platform creates it", None)
    faults: list[str] = []
    for where, key in _known_keys(settings, faults):
        if key and mark(key).hex() == marked:
            return FoundKey(where, key)
    return FoundKey(f"not usable here: {'; '.join(faults)}" if faults else "not on this machine", None)


def _known_keys(settings: Settings, faults: list[str]) -> Generator[tuple[str, Secret | None]]:
    """Every place, and the key in it; `faults` gets what is wrong with a file."""
    yield "CALLMARK_SECRET_KEY", settings.secret_key
    yield "CALLMARK_OLD_SECRET_KEY", settings.old_secret_key
    for name in (FILE, NEXT_FILE, OLD_FILE):
        try:
            yield str(settings.data / name), read_key(settings.data, name)
        except SetupError as exc:
            faults.append(exc.message)


def _is_being_replaced(settings: Settings, key: Secret) -> bool:
    """Whether another key follows the one that the backup names: what is in it may be encrypted with either."""
    try:
        newest = settings.secret_key or read_key(settings.data, NEXT_FILE) or read_key(settings.data)
    except SetupError:  # it cannot be read, and so is not the one that was found
        return True
    return newest is not None and mark(newest) != mark(key)


def _copy_key(found: FoundKey, to: Path, *, is_replaced: bool) -> None:
    if found.key is None:
        raise SetupError(f"the backup is written, but the secret key is {found.where}; {to} was not written")
    if is_replaced:
        raise SetupError(f"the backup is written, but {to} was not: {_BOTH_KEYS}")
    try:
        write_private(to, found.key.reveal().encode())
    except OSError as exc:
        raise SetupError(f"the backup is written, but not {to}: {exc.strerror}") from exc


def _path(to: Path, clock: Clock) -> Path:
    if to.is_dir():
        return to / f"callmark-{clock.now():%Y%m%dT%H%M%SZ}.tar"
    if to.suffix != ".tar":  # a directory that is not there yet must not become a file
        raise SetupError(f"{to} is not a directory; create it, or name a file that ends with .tar")
    return to


def _print(output: Output, path: Path, manifest: Manifest, key: FoundKey, copy: Path | None, advice: str) -> None:
    size = path.stat().st_size
    item = {
        "file": str(path.absolute()),
        "file_bytes": size,
        "taken_at": manifest.taken_at,
        "installation": str(manifest.installation),
        "schema": manifest.schema,
        "database_bytes": manifest.database_bytes,
        "rows": manifest.rows if output.as_json else sum(manifest.rows.values()),
        "secret_key": key.where,
        **({"secret_key_copy": str(copy.absolute())} if copy else {}),
    }
    output.item(item, "The backup is complete.", advice)


_ADVICE = (
    "The secret key is not in it, and nothing else of the data directory is needed. Keep a copy of the key somewhere"
    " else (--secret-key-to FILE): without it, a restored installation gives every webhook a new secret."
)

_BOTH_KEYS = (
    "the secret key was being replaced, so the backup may need the old key and the new one. Run `callmark secret-key"
    " rotate` to the end, then take another backup."
)
