"""Takes a backup: one snapshot of the database, dumped, counted and described while everything keeps running."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import msgspec

from callmark import __version__
from callmark.kit.backups.archive import ArchiveWriter, new_archive
from callmark.kit.backups.clients import PostgresServer, dump
from callmark.kit.backups.manifest import PLAIN_NAME, Manifest
from callmark.kit.clock import Clock
from callmark.kit.engines.binaries import choose_clients
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx, connect, dsn_of_primary, fetch_one, own_names
from callmark.kit.postgres.migrate import applied_steps
from callmark.kit.postgres.session import UNTIMED
from callmark.kit.tasks import run_all

Note = Callable[[int], None]
"""Gets how many bytes more are done."""

COUNTED = """
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relpersistence = 'p' AND c.relname <> 'process' ORDER BY c.relname
"""
"""The tables whose rows are in a backup: not those of live processes, and none that a crash empties."""
_PARTITIONED = """
    SELECT string_agg(format('%I.%I', current_schema(), relname), ', ') FROM pg_class
    WHERE relkind = 'p' AND NOT relispartition
      AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
"""


async def take_backup(
    dsn: str, path: Path, real: Clock, *, programs: Path | None = None, note: Note = lambda _: None
) -> Manifest:
    """Writes a backup to `path`; `note` gets the bytes as they come. Raises SetupError; then there is no file.

    `programs` is where pg_dump is looked for, as in `choose_clients`.
    """
    dsn = await dsn_of_primary(dsn)  # a snapshot is known to the server that made it, and to no other
    async with _snapshot(dsn) as (tx, snapshot):
        server = await server_of(tx, dsn, programs)
        manifest = await _describe(tx, server, real)
        rows: dict[str, int] = {}
        with new_archive(path) as archive:
            await run_all(
                _write(archive, server, manifest.namespace, snapshot, note), _count(tx, manifest.namespace, rows)
            )
            manifest = msgspec.structs.replace(manifest, rows=rows)
            archive.finish(manifest)
    return manifest


async def server_of(tx: Tx, dsn: str, programs: Path | None, *, oldest: int = 0) -> PostgresServer:
    """The server with programs that fit it, and that read what pg_dump of version `oldest` wrote."""
    major = await tx.fetchval("SELECT current_setting('server_version_num')::integer / 10000")
    return PostgresServer(dsn, major, choose_clients(programs, major, oldest=oldest))


@asynccontextmanager
async def _snapshot(dsn: str) -> AsyncGenerator[tuple[Tx, str]]:
    """A connection that sees one instant to the end of the block, and how pg_dump can see the same.

    Partitions are locked before that instant: pg_dump fails when one that it sees is dropped before it can lock it.
    """
    async with connect(dsn) as tx:
        await tx.execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")
        await tx.execute(UNTIMED)
        await tx.execute("SET lock_timeout = '60s'")
        partitioned = await tx.fetchval(_PARTITIONED)
        await tx.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if partitioned:
            await tx.execute(own_names(f"LOCK TABLE {partitioned} IN ACCESS SHARE MODE"))
        yield tx, await tx.fetchval("SELECT pg_export_snapshot()")


async def _describe(tx: Tx, server: PostgresServer, real: Clock) -> Manifest:
    """All of the manifest but the rows."""
    applied = await applied_steps(tx)
    if not applied:
        raise SetupError("the database is empty: there is nothing to back up")
    row = await fetch_one(
        tx,
        "SELECT id, extract(epoch FROM clock_offset)::float8 AS offset_s, secret_key_mark,"
        " current_schema() AS namespace, pg_database_size(current_database()) AS size FROM installation",
    )
    mark: bytes | None = row["secret_key_mark"]
    return Manifest(
        callmark=__version__,
        schema=max(applied),
        migrations=sorted(applied),
        installation=row["id"],
        taken_at=real.now(),
        clock_offset_s=row["offset_s"],
        postgres=server.major,
        pg_dump=server.programs.major,
        namespace=_restorable("schema", row["namespace"]),
        database_bytes=row["size"],
        secret_key_mark=mark.hex() if mark else None,
        rows={},
    )


async def _write(archive: ArchiveWriter, server: PostgresServer, namespace: str, snapshot: str, note: Note) -> None:
    async with aclosing(dump(server, namespace, snapshot)) as pieces:
        async for piece in pieces:
            archive.write(piece)
            note(len(piece))


async def _count(tx: Tx, namespace: str, rows: dict[str, int]) -> None:
    for name in [_restorable("table", row["relname"]) for row in await tx.fetch(COUNTED, namespace)]:
        rows[name] = await tx.fetchval(own_names(f'SELECT count(*) FROM "{namespace}"."{name}"'))


def _restorable(kind: str, name: str) -> str:
    """`name`. Raises SetupError when no backup that has it could be restored."""
    if not re.fullmatch(PLAIN_NAME, name):
        raise SetupError(
            f"the {kind} {name!r} has a name that a backup cannot hold: rename it to one of a-z, 0-9 and _ that begins"
            " with a letter"
        )
    return name
