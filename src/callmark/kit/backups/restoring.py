"""Restores a backup in one transaction: what was there stays until everything is in its place, also after a kill."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import msgspec

from callmark.kit.backups.archive import Archive
from callmark.kit.backups.clients import load
from callmark.kit.backups.manifest import Manifest
from callmark.kit.backups.snapshot import Note, server_of
from callmark.kit.clock import Clock
from callmark.kit.errors import SetupError
from callmark.kit.heartbeats import connected_kinds, heartbeats_of
from callmark.kit.installation import KEEP, RENEW
from callmark.kit.postgres.database import Tx, connect, dsn_of_primary, own_names
from callmark.kit.postgres.migrate import (
    LOCK,
    Migration,
    applied_steps,
    check_encoding,
    head,
    outstanding,
    record_of,
    wait_until_free,
)
from callmark.kit.postgres.pooling import check_sessions
from callmark.kit.postgres.session import UNTIMED

COPIES_SINCE = 22
"""The migration since which a database knows that it is a copy."""

FREE_WITHIN = timedelta(seconds=10)
"""How long a migration or another restore may still take."""

_HELD: LiteralString = """
    FROM pg_class c WHERE c.relnamespace = '{namespace}'::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
        AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('i', 'a')))
"""
"""What a schema holds that someone made there: nothing of an extension, and no sequence of a column."""

_EMPTY = """
    DO $empty$
    DECLARE statement text;
    BEGIN
      FOREACH statement IN ARRAY array(
        SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN
          'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
          '{namespace}', c.relname) {held}
        UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = '{namespace}'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d
          WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
      ) LOOP
        EXECUTE statement;
      END LOOP;
    END $empty$;
"""

_COUNT = """
    DO $count$
    DECLARE one record; found bigint;
    BEGIN
      FOR one IN SELECT key, value::bigint AS rows FROM json_each_text('{rows}') LOOP
        EXECUTE format('SELECT count(*) FROM %I.%I', '{namespace}', one.key) INTO found;
        IF found <> one.rows THEN
          RAISE EXCEPTION 'table % has % rows, and the backup % of it', one.key, found, one.rows;
        END IF;
      END LOOP;
    END $count$;
"""


async def holds_anything(tx: Tx) -> bool:
    """Whether the database has tables in the schema where ours would be. Raises SetupError when it has no schema."""
    namespace = await tx.fetchval("SELECT current_schema()")
    if namespace is None:
        raise SetupError("the database has no schema that this user can use; create it, or correct its search_path")
    return await tx.fetchval(own_names(f"SELECT EXISTS (SELECT {_HELD.format(namespace=namespace)})"))


async def check_idle(tx: Tx) -> None:
    """Raises SetupError while processes run on the database."""
    if not await applied_steps(tx):
        return
    alive = [beat.kind for beat in await heartbeats_of(tx) if beat.is_alive]
    if kinds := sorted({*alive, *await connected_kinds(tx)}):
        count = max(len(alive), len(kinds))
        raise SetupError(f"processes run on this database ({count}: {', '.join(kinds)}). Stop all of them first")


async def restore_backup(  # noqa: PLR0913 - what a restore can be asked for, all by name
    dsn: str,
    archive: Archive,
    real: Clock,
    *,
    as_copy: bool,
    replace: bool = False,
    migrate: bool = True,
    also: LiteralString = "",
    programs: Path | None = None,
    note: Note = lambda _: None,
) -> UUID:
    """Puts the backup into the database and brings its schema up (`migrate`): all of that or nothing.

    `as_copy` makes it an installation of its own that sends nothing (`kit.installation`), else it takes the place of
    the one that was backed up. With `replace` everything that the schema holds is dropped. `also` is
    SQL that runs at the end, in the same transaction. `note` gets the bytes of the dump that were read. Gives the id of
    the installation that is there now. Raises SetupError, and EngineRefuses behind a pooler that keeps no sessions.
    """
    manifest = archive.manifest
    steps = _steps(manifest, migrate=migrate)
    last = _last(set(manifest.migrations) | {step.number for step in steps}, as_copy=as_copy)
    dsn = await dsn_of_primary(dsn)
    async with connect(dsn) as tx:
        await check_sessions(dsn, tx)
        await _check_target(tx, manifest)
        await wait_until_free(tx, real, FREE_WITHIN)
        server = await server_of(tx, dsn, programs, oldest=manifest.pg_dump)

    with archive.dump() as pieces:
        before, after = _before(manifest, replace=replace), _after(manifest, steps, real.now(), f"{last};\n{also}")
        await load(server, manifest.namespace, _noted(pieces, note), before, after)
    return await _settle(dsn, manifest, steps)


def _noted(pieces: Iterator[bytes], note: Note) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        note(len(piece))


def _steps(manifest: Manifest, *, migrate: bool) -> list[Migration]:
    if manifest.schema > head():
        raise SetupError(
            f"the backup has schema {manifest.schema}, which is newer than this version knows ({head()}). Update"
            f" Callmark: version {manifest.callmark} wrote the backup"
        )
    return outstanding(set(manifest.migrations)) if migrate else []


def _last(steps: set[int], *, as_copy: bool) -> LiteralString:
    """What makes it a copy, or says that it was moved, on a schema of these steps."""
    if COPIES_SINCE not in steps:
        if as_copy:
            raise SetupError(
                "the backup's schema is too old to hold what a copy sends; restore it without --no-migrate"
            )
        return ""
    return RENEW if as_copy else KEEP


async def _check_target(tx: Tx, manifest: Manifest) -> None:
    """Raises SetupError where the dump could not be loaded."""
    major: int = await tx.fetchval("SELECT current_setting('server_version_num')::integer / 10000")
    if major < manifest.postgres:
        raise SetupError(
            f"the backup is from PostgreSQL {manifest.postgres}, and this server is {major}: a newer server's backup"
            f" cannot be restored to an older one. Use PostgreSQL {manifest.postgres} or newer"
        )
    await check_encoding(tx)
    if (namespace := await tx.fetchval("SELECT current_schema()")) != manifest.namespace:
        raise SetupError(
            f"the backup's tables are in the schema {manifest.namespace!r}, and this database's user has its own in"
            f" {namespace!r}. Create that schema and set the user's search_path to it"
        )


def _before(manifest: Manifest, *, replace: bool) -> str:
    """Begins the transaction. The lock keeps a process that starts meanwhile from making a schema of its own."""
    held = _HELD.format(namespace=manifest.namespace)
    dropping = _EMPTY.format(namespace=manifest.namespace, held=held) if replace else ""
    idle = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0"
    first = f"{UNTIMED}; {idle}; BEGIN; SET LOCAL lock_timeout = '10s'; SET client_min_messages = warning;"
    return f"{first} SELECT pg_advisory_xact_lock({LOCK});\n{dropping}"


def _after(manifest: Manifest, steps: Sequence[Migration], now: datetime, last: str) -> str:
    """Looks whether all rows have come, runs the steps that the backup does not have, then `last`, and commits."""
    rows = msgspec.json.encode(manifest.rows).decode()
    parts = [f'\nSET search_path TO "{manifest.namespace}";', _COUNT.format(rows=rows, namespace=manifest.namespace)]
    for step in steps:
        parts += [step.sql, f"{record_of(step, now)};"]
    return "\n".join([*parts, last, "COMMIT;\n"])


async def _settle(dsn: str, manifest: Manifest, steps: Sequence[Migration]) -> UUID:
    """Looks at what was committed, and lets the planner know its tables: a dump does not tell it."""
    async with connect(dsn) as tx:
        if await applied_steps(tx) != set(manifest.migrations) | {step.number for step in steps}:
            raise SetupError("the restore ended without an error, but the database is not as restored; run it again")
        await tx.execute("SET statement_timeout = 0")
        await tx.execute(UNTIMED)
        await tx.execute("ANALYZE")
        return await tx.fetchval("SELECT id FROM installation")
