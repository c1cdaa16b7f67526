"""`callmark restore`: puts a backup into an empty database, or in the place of what it holds."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, LiteralString
from uuid import UUID

import click

from callmark.domain.persons import service as persons
from callmark.domain.persons.model import KnownErasure
from callmark.domain.signer_certificates import keys as signing_keys
from callmark.kit.backups.archive import Archive, read_archive
from callmark.kit.backups.restoring import check_idle, holds_anything, restore_backup
from callmark.kit.clock import SystemClock
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import connect
from callmark.kit.secret_key import FILE
from callmark.kit.settings import Settings
from callmark.kit.telemetry import logs
from callmark.option_values import NamedPath
from callmark.processes.backup import find_key, meter
from callmark.processes.databases import settings_of, started_engine
from callmark.surfaces.cli.options import data_option, json_option, yes_option
from callmark.terminal import Output

SIGNING_KEYS_SINCE = 29
"""The migration since which a database has keys that sign calls."""
ERASURES_SINCE = 38
"""The migration since which a database can hold erasures."""


@click.command()
@click.argument("file", type=NamedPath(dir_okay=False))
@data_option
@click.option("--replace", is_flag=True, help="Replace everything that the database holds.")
@click.option("--no-migrate", is_flag=True, help="Leave the schema as the backup has it.")
@click.option(
    "--same-installation",
    is_flag=True,
    help="Take the place of the installation that was backed up, which is gone. Without this, the result is a copy.",
)
@click.option(
    "--erasures",
    type=click.File("rb"),
    metavar="FILE",
    help="Erase these numbers again: what `callmark person digests` wrote after the backup was taken.",
)
@yes_option
@json_option
def restore(
    *,
    file: Path,
    data: Path | None,
    replace: bool,
    no_migrate: bool,
    same_installation: bool,
    erasures: BinaryIO | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Restore a backup to an empty database, while no process runs on it.

    The result is a copy: an installation of its own, which sends nothing until `callmark installation release`.
    It is all or nothing: when it fails or is killed, the database is as before, and you can run it again.
    """
    logs.set_up("error")
    settings = settings_of(data)
    archive = _checked(file)
    kept = persons.parse_known(erasures.read()) if erasures else []

    async def run() -> tuple[UUID, int]:
        async with _database(settings) as dsn:
            again = [*kept, *await _clear_the_way(dsn, replace=replace, yes=yes)]
            _check_schema(archive, again, no_migrate=no_migrate)
            with meter("Restoring", archive.dump_bytes) as note:
                restored = await restore_backup(
                    dsn,
                    archive,
                    SystemClock(),
                    as_copy=not same_installation,
                    replace=replace,
                    migrate=not no_migrate,
                    also=_last(archive, again, is_copy=not same_installation, migrate=not no_migrate),
                    programs=settings.postgres_bin,
                    note=note,
                )
            return restored, len(again)

    _print(Output(as_json=as_json), settings, archive, *asyncio.run(run()))


def _last(archive: Archive, again: Sequence[KnownErasure], *, is_copy: bool, migrate: bool) -> LiteralString:
    """A copy forgets the keys that sign calls, which a schema may be too old for; erasures are to be done again."""
    has_keys = migrate or SIGNING_KEYS_SINCE in archive.manifest.migrations
    forgetting = signing_keys.sql_forget_all() if is_copy and has_keys else ""
    return forgetting + persons.sql_again(again, SystemClock().now())


def _check_schema(archive: Archive, again: Sequence[KnownErasure], *, no_migrate: bool) -> None:
    """Raises SetupError where erasures that are to be done again would have no table."""
    if again and no_migrate and ERASURES_SINCE not in archive.manifest.migrations:
        raise SetupError("the backup's schema is too old to hold erasures; restore it without --no-migrate")


def _checked(file: Path) -> Archive:
    size = file.stat().st_size if file.exists() else 0
    with meter("Checking", size) as note:
        return read_archive(file, note)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncGenerator[str]:
    """The DSN to restore to: an embedded engine is started, and made where there is none."""
    if settings.postgres_dsn is not None:
        yield settings.postgres_dsn.reveal()
    else:
        async with started_engine(settings) as dsn:
            yield dsn


async def _clear_the_way(dsn: str, *, replace: bool, yes: bool) -> list[KnownErasure]:
    """The erasures that the database has, once it may be filled. Raises SetupError that says what to do first."""
    async with connect(dsn) as tx:
        await check_idle(tx)
        if not await holds_anything(tx):
            return []
        name = await tx.fetchval("SELECT current_database()")
    if not replace:
        raise SetupError(
            f"the database {name} is not empty. Restore to an empty one, or replace all that it holds with --replace"
        )
    if not yes:
        click.confirm(f"Replace everything in the database {name}?", abort=True, err=True)
    async with connect(dsn) as tx:
        return await persons.known_erasures(tx)


def _print(output: Output, settings: Settings, archive: Archive, restored: UUID, known_erasures: int) -> None:
    manifest, key = archive.manifest, find_key(settings, archive.manifest.secret_key_mark)
    rows = {name: count for name, count in sorted(manifest.rows.items(), key=lambda row: -row[1]) if count}
    is_copy = restored != manifest.installation
    item = {
        "taken_at": manifest.taken_at,
        "installation": str(restored),
        "is_copy": is_copy,
        "rows": rows if output.as_json else "  ".join(f"{name} {count:,}" for name, count in rows.items()),
        "secret_key": key.where,
        "known_erasures": known_erasures,
    }
    advice = [_KEY_MISSING.format(file=settings.data / FILE)] if manifest.secret_key_mark and not key.key else []
    advice += [_COPY] if is_copy else []
    output.item(item, "The backup is restored.", "\n".join(advice))


_KEY_MISSING = (
    "Put the secret key of that installation into {file} (mode 600), or set CALLMARK_SECRET_KEY, before you start it:"
    " without the key no webhook can be signed. If it is lost, run `callmark secret-key reset`."
)
_COPY = (
    "It is a copy with an id of its own. Nothing is sent until `callmark installation release`: no webhook, no email."
    " It signs no calls. To take the place of an installation that is gone, restore with --same-installation."
)
