"""`callmark restore`: puts a backup into an empty database, or into the place of what is there."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from callmark.kit import logs
from callmark.kit.backups.archive import Archive, read_archive
from callmark.kit.backups.restoring import check_idle, holds_anything, restore_backup
from callmark.kit.clock import SystemClock
from callmark.kit.db import connect
from callmark.kit.errors import SetupError
from callmark.kit.secret_key import FILE
from callmark.kit.settings import Settings, read_settings
from callmark.processes.backup import JSON, FoundKey, find_key, meter, stopped_engine
from callmark.processes.commands import DATA
from callmark.terminal import Output


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@DATA
@click.option("--replace", is_flag=True, help="Replace everything that the database holds.")
@click.option("--no-migrate", is_flag=True, help="Leave the schema as the backup has it.")
@click.option("--same-installation", is_flag=True, help="Take the place of the installation, which is gone.")
@click.option("--yes", is_flag=True, help="Skip the confirmation question.")
@JSON
def restore(
    *, file: Path, data: Path | None, replace: bool, no_migrate: bool, same_installation: bool, yes: bool, as_json: bool
) -> None:
    """Restore a backup to an empty database, while no process runs on it.

    It is all or nothing: when it fails or is killed, the database is as before, and you can run it again.
    """
    logs.set_up("error")
    settings = read_settings(data=data)
    if not same_installation:
        raise SetupError("only --same-installation is there yet: the restored installation takes the place of the one")
    archive = _checked(file)
    asyncio.run(_restore(settings, data, archive, replace=replace, migrate=not no_migrate, yes=yes))
    _print(Output(as_json=as_json), settings, archive)


def _checked(file: Path) -> Archive:
    size = file.stat().st_size if file.exists() else 0
    with meter("Checking", size) as note:
        return read_archive(file, note)


async def _restore(
    settings: Settings, data: Path | None, archive: Archive, *, replace: bool, migrate: bool, yes: bool
) -> None:
    async with _database(settings, data) as dsn:
        await _clear_the_way(dsn, replace=replace, yes=yes)
        with meter("Restoring", archive.dump_bytes) as note:
            await restore_backup(
                dsn,
                archive,
                SystemClock(),
                replace=replace,
                migrate=migrate,
                programs=settings.postgres_bin,
                note=note,
            )


@asynccontextmanager
async def _database(settings: Settings, data: Path | None) -> AsyncGenerator[str]:
    """The DSN to restore to: an embedded engine is started, and created where there is none."""
    if settings.postgres_dsn and data is None:
        yield settings.reached_postgres
    else:
        async with stopped_engine(settings) as dsn:
            yield dsn


async def _clear_the_way(dsn: str, *, replace: bool, yes: bool) -> None:
    """Returns when the database may be filled. Raises SetupError that says what to do first."""
    async with connect(dsn) as tx:
        await check_idle(tx, SystemClock())
        if not await holds_anything(tx):
            return
        name = await tx.fetchval("SELECT current_database()")
    if not replace:
        raise SetupError(
            f"the database {name} is not empty. Restore to an empty one, or replace all that it holds with --replace"
        )
    if not yes:
        click.confirm(f"Replace everything in the database {name}?", abort=True, err=True)


def _print(output: Output, settings: Settings, archive: Archive) -> None:
    manifest, key = archive.manifest, find_key(settings, archive.manifest.secret_key_mark)
    rows = {name: count for name, count in sorted(manifest.rows.items(), key=lambda row: -row[1]) if count}
    item = {
        "taken_at": manifest.taken_at,
        "installation": str(manifest.installation),
        "rows": rows if output.as_json else "  ".join(f"{name} {count:,}" for name, count in rows.items()),
        "secret_key": key.where,
    }
    output.item(item, "The backup is restored.", _advice(settings, key, archive))


def _advice(settings: Settings, key: FoundKey, archive: Archive) -> str:
    if key.key or archive.manifest.secret_key_mark is None:
        return ""
    return (
        f"Put the installation's secret key into {settings.data / FILE} (mode 600), or set CALLMARK_SECRET_KEY, before"
        " you start it: webhooks cannot be signed without it. If it is lost: `callmark secret-key reset`."
    )
