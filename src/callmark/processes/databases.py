"""The database of an installation that may be stopped: of an embedded engine that does not run, PostgreSQL alone."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from callmark.kit.engines.data_directory import DataDirectory, NothingRuns, read_installation
from callmark.kit.engines.postgres import EmbeddedPostgres, data_version
from callmark.kit.errors import SetupError
from callmark.kit.settings import Settings, read_settings


def settings_of(data: Path | None) -> Settings:
    """The settings for a command whose `--data` means the embedded engine there, whatever else is set."""
    settings = read_settings(data=data)
    return settings if data is None else msgspec.structs.replace(settings, postgres_dsn=None)


@asynccontextmanager
async def existing_database(settings: Settings) -> AsyncGenerator[str]:
    """The DSN of the installation's database. Raises SetupError when there is none."""
    async with AsyncExitStack() as stack:
        if settings.postgres_dsn is not None:
            dsn = settings.postgres_dsn.reveal()
        else:
            try:
                dsn = read_installation(settings.data).postgres_dsn
            except NothingRuns:
                _check_data(DataDirectory(settings.data))
                dsn = await stack.enter_async_context(started_engine(settings))
        yield dsn


def _check_data(directory: DataDirectory) -> None:
    """Raises SetupError where there is no database of ours to start."""
    try:
        directory.refuse_path()
        version = data_version(directory.postgres)
    except PermissionError as exc:
        raise SetupError(f"{directory.path} belongs to another user; run this command as that user") from exc
    if version is None:
        raise SetupError(f"there is no installation at {directory.path}; name its data directory with --data")


@asynccontextmanager
async def started_engine(settings: Settings) -> AsyncGenerator[str]:
    """The embedded PostgreSQL of the data directory, made if there is none, and nothing else there.

    Raises SetupError when the directory is in use.
    """
    directory = DataDirectory(settings.data)
    directory.prepare()
    with directory.lock():
        async with EmbeddedPostgres(settings.data, bin_dir=settings.postgres_bin) as dsn:
            yield dsn
