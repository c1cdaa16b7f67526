"""What tests of backups share."""

from pathlib import Path

from callmark.kit.backups.archive import Archive, read_archive
from callmark.kit.backups.snapshot import take_backup
from callmark.kit.clock import SystemClock


async def backed_up(dsn: str, path: Path) -> Archive:
    """A backup of the database, read from its file."""
    await take_backup(dsn, path, SystemClock())
    return read_archive(path)
