"""Backups between versions: of the schema, of the server, of its programs; and databases that cannot be backed up."""

import re
import shutil
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import pytest
from msgspec.structs import replace
from tests.kit.backups.backing_up import backed_up
from tests.support.engines import Engines, empty_database, migrated_to, reachable_directory

from callmark.kit.backups.archive import read_archive
from callmark.kit.backups.restoring import holds_anything, restore_backup
from callmark.kit.backups.snapshot import take_backup
from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import postgres_candidates
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import AppError, SetupError
from callmark.kit.ids import new_id, random_text
from callmark.kit.postgres import migrate
from callmark.kit.postgres.database import Tx, connect, own_names


def assert_empty(folder: Path) -> None:
    assert list(folder.iterdir()) == []


async def test_an_older_schema_is_brought_up(engines: Engines, empty: str, tmp_path: Path) -> None:
    await migrated_to(empty, 8)
    async with connect(empty) as tx:
        await tx.execute("INSERT INTO client_account VALUES ($1, 'Acme', 'active', '{}', now())", new_id())
    archive = await backed_up(empty, tmp_path / "old.tar")
    assert archive.manifest.schema == 8
    with pytest.raises(SetupError, match="restore it without --no-migrate"):
        await restore_backup(empty, archive, SystemClock(), migrate=False, as_copy=True)
    for keeps, number in ((True, 8), (False, migrate.head())):
        async with empty_database(engines.dsn) as target:
            await restore_backup(target, archive, SystemClock(), migrate=not keeps, as_copy=False)
            async with connect(target) as tx:
                assert await migrate.schema_number(tx) == number
                assert await tx.fetchval("SELECT name FROM client_account") == "Acme"
            assert await migrate.migrate(target, SystemClock()) == migrate.migrations()[number:]


async def test_a_step_that_had_been_left_for_later_is_made_up_for(engines: Engines, empty: str, tmp_path: Path) -> None:
    late = migrate.migrations()[migrate.POST_NEEDED :]
    posts = {step.number for step in late if step.phase == "post"}
    await migrated_to(empty, min(posts) - 1)
    await migrate.migrate(empty, SystemClock(), phase="pre")
    archive = await backed_up(empty, tmp_path / "pre.tar")
    assert posts.isdisjoint(archive.manifest.migrations)
    async with empty_database(engines.dsn) as target:
        await restore_backup(target, archive, SystemClock(), as_copy=False)
        async with connect(target) as tx:
            assert await migrate.applied_steps(tx) >= posts


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_of_another_encoding_moves_to_one_that_holds_every_character(
    engines: Engines, empty: str, tmp_path: Path, encoding: LiteralString
) -> None:
    async with empty_database(engines.dsn, f"ENCODING '{encoding}' TEMPLATE template0") as before:
        await migrated_to(before, 8)
        async with connect(before) as tx:
            await tx.execute("INSERT INTO client_account VALUES ($1, 'Élan', 'active', '{}', now())", new_id())
        archive = await backed_up(before, tmp_path / "b.tar")
        with pytest.raises(SetupError, match=f"encoding is {encoding}"):
            await restore_backup(before, archive, SystemClock(), replace=True, as_copy=False)
    await restore_backup(empty, archive, SystemClock(), migrate=False, as_copy=False)
    async with connect(empty) as tx:
        assert await tx.fetchval("SELECT name FROM client_account") == "Élan"


CANNOT_BE_RESTORED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"schema": 9999}, "schema 9999, which is newer than this version knows.*Update Callmark"),
    ({"postgres": 99}, "from PostgreSQL 99, and this server is"),
    ({"pg_dump": 99}, "pg_restore and psql of PostgreSQL 99 or newer"),
    ({"namespace": "callmark"}, "search_path"),
)


async def test_what_cannot_be_restored_here_says_why(engines: Engines, empty: str, tmp_path: Path) -> None:
    archive = await backed_up(engines.dsn, tmp_path / "b.tar")
    for changes, why in CANNOT_BE_RESTORED:
        foreign = replace(archive, manifest=msgspec.structs.replace(archive.manifest, **changes))
        with pytest.raises(SetupError, match=why):
            await restore_backup(empty, foreign, SystemClock(), as_copy=False)
        async with connect(empty) as tx:
            assert not await holds_anything(tx), changes


async def test_without_programs_that_fit_the_server_it_says_what_to_install(engines: Engines, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"\(found: none\)\. Install callmark\[embedded\]"):
        await take_backup(engines.dsn, tmp_path / "b.tar", SystemClock(), programs=tmp_path)
    newest, *others = postgres_candidates(None)
    older = next(found for found in others if found.major < newest.major)
    with pytest.raises(SetupError, match=rf"\(found: {older.major} in .*postgresql-client-"):
        await take_backup(engines.dsn, tmp_path / "b.tar", SystemClock(), programs=older.bin_dir)
    assert_empty(tmp_path)


async def test_newer_programs_restore_to_an_older_server(tmp_path: Path) -> None:
    newest, *others = postgres_candidates(None)
    older = next(found for found in others if found.major < 17 <= newest.major)
    directory = reachable_directory()
    async with EmbeddedPostgres(directory / "data", bin_dir=older.bin_dir, durable=False) as dsn:
        await migrate.migrate(dsn, SystemClock())
        await take_backup(dsn, tmp_path / "b.tar", SystemClock(), programs=newest.bin_dir)
        archive = read_archive(tmp_path / "b.tar")
        assert (archive.manifest.postgres, archive.manifest.pg_dump) == (older.major, newest.major)
        await restore_backup(dsn, archive, SystemClock(), replace=True, programs=newest.bin_dir, as_copy=False)
        async with connect(dsn) as tx:
            assert await tx.fetchval("SELECT id FROM installation") == archive.manifest.installation
    shutil.rmtree(directory)


async def test_a_user_without_rights_is_told_which_are_missing(engines: Engines, tmp_path: Path) -> None:
    name = own_names(f"reader_{random_text(8).lower()}")
    async with connect(engines.dsn) as tx:
        await tx.execute(
            f"CREATE ROLE {name} LOGIN PASSWORD 'made up'; GRANT SELECT ON schema_migration, installation TO {name}"
        )
        try:
            dsn = re.sub("//[^@]*@", f"//{name}:made%20up@", engines.dsn)
            with pytest.raises(AppError) as refused:  # by whichever of pg_dump and the count comes first
                await take_backup(dsn, tmp_path / "b.tar", SystemClock())
            assert "permission denied for table" in refused.value.detail
        finally:
            await tx.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    assert_empty(tmp_path)


async def test_an_empty_database_has_nothing_to_back_up(empty: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nothing to back up"):
        await take_backup(empty, tmp_path / "b.tar", SystemClock())


async def test_a_schema_that_no_restore_would_take_is_refused(empty: str, tmp_path: Path) -> None:
    async with connect(empty) as tx:
        database = await tx.fetchval("SELECT current_database()")
        await tx.execute('CREATE SCHEMA "callmark-prod"')
        await _look_in(tx, database, "callmark-prod")
    await migrate.migrate(empty, SystemClock())
    with pytest.raises(SetupError, match="the schema 'callmark-prod' has a name that a backup cannot hold"):
        await take_backup(empty, tmp_path / "b.tar", SystemClock())
    async with connect(empty) as tx:
        await tx.execute('ALTER SCHEMA "callmark-prod" RENAME TO "Callmark"')
        await _look_in(tx, database, "Callmark")
    with pytest.raises(SetupError, match="the schema 'Callmark' has a name that a backup cannot hold"):
        await take_backup(empty, tmp_path / "b.tar", SystemClock())
    assert_empty(tmp_path)


async def _look_in(tx: Tx, database: str, schema: str) -> None:
    await tx.execute(own_names(f'ALTER DATABASE "{database}" SET search_path TO "{schema}", public'))


async def test_a_table_of_the_operators_own_that_no_restore_would_take_is_refused(
    engines: Engines, tmp_path: Path
) -> None:
    async with connect(engines.dsn) as tx:
        await tx.execute('CREATE TABLE "Notes" (n integer)')
    with pytest.raises(SetupError, match="the table 'Notes' has a name that a backup cannot hold"):
        await take_backup(engines.dsn, tmp_path / "b.tar", SystemClock())
    assert_empty(tmp_path)
