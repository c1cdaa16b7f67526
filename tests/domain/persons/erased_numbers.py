"""A person's number in every column that can hold it, and its erasure."""

import subprocess
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from tests.support.factories import ALICE
from tests.support.table_rows import ONE_ROW, columns_of, put_row, tables_of

from callmark.domain.deps import Deps
from callmark.domain.persons import erasing, service
from callmark.domain.persons.model import KEPT, READABLE_BYTES, Erasure
from callmark.kit.engines.binaries import choose_postgres
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import own_names

NUMBER = PhoneNumber("919900112233")
OTHER = PhoneNumber("918800112299")
HELD = {"text": NUMBER, "json": f'{{"to": "+{NUMBER}"}}', "jsonb": f'["{NUMBER}"]', "bytea": f"a,{NUMBER}".encode()}
CODED = frozenset(
    {
        "state",
        "outcome",
        "source",
        "channel",
        "kind",
        "way",
        "cause",
        "attest",
        "verstat",
        "call_type",
        "event.event_type",
        "file_draft.purpose",
        "mailed_link.kind",
    }
)
"""Text columns that hold one of a few words."""


def dump_of(dsn: str) -> str:
    """Everything that the database has, as text."""
    parts = urlsplit(dsn)
    program = choose_postgres(None, None).bin_dir / "pg_dump"
    host = parse_qs(parts.query)["host"][0]
    done = subprocess.run(
        [program, "--data-only", "--host", host, "-U", parts.username or "", parts.path[1:]],
        env={"PGPASSWORD": parts.password or "", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


_EVERY_TABLE = """
SELECT string_agg(format('SELECT t::text AS row FROM %I.%I t', n.nspname, c.relname), ' UNION ALL ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""


async def rows_of(deps: Deps) -> str:
    """Every row of every table and partition, as text: as a dump has them, in a tenth of its time."""
    async with deps.db.connection() as tx:
        rows = await tx.fetch(own_names(await tx.fetchval(_EVERY_TABLE)))
    return "\n".join(row["row"] for row in rows)


def has(dump: str, number: str) -> bool:
    """Whether the digits are in it: as text, or as bytes, which a dump shows in hexadecimal."""
    return number in dump or number.encode().hex() in dump


async def put_everywhere(deps: Deps, number: str) -> dict[str, str]:
    """A row for each column of each table that can hold a number: which, by table and column."""
    put: dict[str, str] = {}
    async with deps.db.transaction() as tx:
        for table in await tables_of(tx):
            columns = {} if table in ONE_ROW or table in KEPT else await columns_of(tx, table)
            for column, kind in columns.items():
                if (
                    f"{table}.{column}" in CODED
                    or column in CODED
                    or (kind == "bytea" and column not in READABLE_BYTES)
                ):
                    continue
                if kind == "text[]" or kind in HELD:
                    value: object = [number] if kind == "text[]" else HELD[kind]
                    await put_row(tx, table, deps.clock.now(), {column: value, **_NEEDED.get((table, column), {})})
                    put[f"{table}.{column}"] = kind
    return put


_NEEDED: dict[tuple[str, str], dict[str, object]] = {
    ("callback_request", "handled_by_email"): {"state": "done", "handled_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ("delivery", "sample"): {"event_number": None},
    ("call_record", "receiver_number"): {"caller_number": OTHER},
}


async def erased(deps: Deps, number: PhoneNumber = NUMBER) -> Erasure:
    async def nothing(_: Erasure) -> None:
        pass

    made = await service.request_erasure(deps, number, by=ALICE, here=True)
    return await erasing.run_here(deps, made.id, nothing)
