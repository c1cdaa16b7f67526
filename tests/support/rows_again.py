"""What use cases wrote once in this process, written again for another test, under ids of its own.

A business of a test takes nine use cases and 75 statements, and most tests only need that it is there.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Generic, LiteralString, TypeVar

import msgspec
from msgspec import Struct
from tests.support.table_rows import tables_of

from callmark.domain.ids import AccountId
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx, own_names

_Made = TypeVar("_Made")

_ID = re.compile(r'"(?:id|reference)":"([0-9a-f-]{36})"')
_INSTANT = re.compile(r'"(\d{4}-\d\d-\d\dT[^"]*)"')
_SEALED = re.compile(r'"seal_number":\d')
_COLUMNS = (
    "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
    " WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
)


class RowsAgain(Struct, Generic[_Made], frozen=True):
    """The rows that name an account, as JSON, and what the use cases returned that wrote them."""

    kind: type[_Made]
    insert: LiteralString
    rows: str
    made: str
    ids: list[str]
    """Of the rows, in the order in which they were made."""
    instants: dict[str, timedelta]
    """How long each instant is after that at which they were made."""

    @property
    def is_untouched(self) -> bool:
        """Whether no worker has sealed meanwhile what was noted."""
        return not _SEALED.search(self.rows)

    async def write(self, tx: Tx, now: datetime, words: Mapping[str, str]) -> _Made:
        """Writes them once more: with new ids, as of another moment, and with other words in place of some."""
        ids = sorted(str(new_id()) for _ in self.ids)
        instants = {text: (now + after).isoformat() for text, after in self.instants.items()}
        instead = {**dict(zip(self.ids, ids, strict=True)), **instants, **words}
        replaced = re.compile("|".join(map(re.escape, instead)))

        def again(text: str) -> str:
            return replaced.sub(lambda found: instead[found[0]], text)

        await tx.fetch(self.insert, again(self.rows))
        return msgspec.json.decode(again(self.made), type=self.kind)


async def rows_of(tx: Tx, account_id: AccountId, made: _Made, now: datetime, logo: str = "") -> RowsAgain[_Made]:
    """What an account has by now, whose use cases were carried out `now`, with the logo of that hash."""
    tables = [own_names(name) for name in await tables_of(tx)]  # whose partitions another database may not have
    asked = " UNION ALL ".join(
        f"SELECT '{table}' AS of, json_agg(t)::text AS rows FROM \"{table}\" t"
        f" WHERE t::text ~ ${2 if table == 'logo' else 1} HAVING count(*) > 0"
        for table in tables
    )
    named = await tx.fetch(own_names(asked), str(account_id), logo or "nobody's")
    found: dict[LiteralString, str] = {own_names(row["of"]): row["rows"] for row in named}
    inserts = [_insert(table, own_names(await tx.fetchval(_COLUMNS, table))) for table in found]
    rows, as_json = ", ".join(f'"{table}": {text}' for table, text in found.items()), msgspec.json.encode(made).decode()
    return RowsAgain(
        type(made),
        own_names(f"WITH {', '.join(inserts)} SELECT"),
        f"{{{rows}}}",
        as_json,
        sorted(set(_ID.findall(rows))),
        {text: datetime.fromisoformat(text) - now for text in set(_INSTANT.findall(rows + as_json))},
    )


def _insert(table: LiteralString, columns: LiteralString) -> str:
    rows = f"json_populate_recordset(NULL::\"{table}\", $1::text::json -> '{table}')"
    known = " ON CONFLICT DO NOTHING" if table == "logo" else ""  # accounts share it, by its content
    return f'of_{table} AS (INSERT INTO "{table}" ({columns}) SELECT {columns} FROM {rows}{known})'
