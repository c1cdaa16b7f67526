"""What a backup sees while the installation it is taken of changes."""

from datetime import timedelta
from pathlib import Path

from tests.support.engines import Engines
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.domain.personalisation.partitions import CALL_RECORDS
from callmark.kit.backups.archive import read_archive
from callmark.kit.backups.restoring import restore_backup
from callmark.kit.backups.snapshot import take_backup
from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import choose_clients
from callmark.kit.postgres.database import connect, own_names
from callmark.kit.postgres.partitions import keep_days

PG_DUMP = """#!/bin/sh
case "$*" in *--snapshot=*)
  for address; do :; done
  {bin_dir}/psql --no-psqlrc "$address" --command="SET lock_timeout = '1s'; DROP TABLE {day}" >&2
esac
exec {bin_dir}/pg_dump "$@"
"""


def programs_that_drop(folder: Path, day: str, major: int) -> Path:
    """PostgreSQL's programs; before pg_dump looks at the snapshot, someone drops a day."""
    found = choose_clients(None, major)
    program = folder / "pg_dump"
    program.write_text(PG_DUMP.format(bin_dir=found.bin_dir, day=day))
    program.chmod(0o755)
    for name in ("pg_restore", "psql"):
        (folder / name).symlink_to(found.bin_dir / name)
    return folder


async def test_a_day_that_is_to_be_dropped_when_a_backup_has_begun_stays_and_is_in_it(
    deps: Deps, engines: Engines, empty: str, tmp_path: Path
) -> None:
    now = deps.clock.now()
    await keep_days(deps.db, now, {CALL_RECORDS: 30})
    async with deps.db.transaction() as tx:
        await put_row(tx, "call_record", now, {"ends_at": now - timedelta(days=1)})
        major = await tx.fetchval("SELECT current_setting('server_version_num')::integer / 10000")
    (folder := tmp_path / "programs").mkdir()
    programs = programs_that_drop(folder, f"call_record_{now - timedelta(days=1):%Y%m%d}", major)
    await take_backup(engines.dsn, tmp_path / "b.tar", SystemClock(), programs=programs)
    await restore_backup(empty, read_archive(tmp_path / "b.tar"), SystemClock(), as_copy=False)
    for dsn in (engines.dsn, empty):
        async with connect(dsn) as tx:
            assert await tx.fetchval("SELECT count(*) FROM call_record") == 1


def slow_programs(folder: Path, major: int) -> Path:
    """PostgreSQL's programs, of which those that write take longer than the server below allows a transaction."""
    found = choose_clients(None, major)
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f'#!/bin/sh\ntest "$1" = --version || sleep 1\nexec {found.bin_dir}/{name} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "psql").symlink_to(found.bin_dir / "psql")
    return folder


LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")


async def test_a_server_that_ends_long_transactions_ends_no_backup_and_no_restore(
    engines: Engines, empty: str, tmp_path: Path
) -> None:
    for dsn in (engines.dsn, empty):
        async with connect(dsn) as tx:
            name = await tx.fetchval("SELECT current_database()")
            major = await tx.fetchval("SELECT current_setting('server_version_num')::integer / 10000")
            assert major >= 17, "the server of the tests has the last of them"
            for limit in LIMITS:
                await tx.execute(own_names(f"ALTER DATABASE \"{name}\" SET {limit} = '500ms'"))
    (folder := tmp_path / "programs").mkdir()
    programs = slow_programs(folder, major)
    await take_backup(engines.dsn, tmp_path / "b.tar", SystemClock(), programs=programs)
    archive = read_archive(tmp_path / "b.tar")
    await restore_backup(empty, archive, SystemClock(), as_copy=False, programs=programs)
    async with connect(empty) as tx:
        assert await tx.fetchval("SELECT id FROM installation") == archive.manifest.installation
