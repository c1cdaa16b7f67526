"""What use cases wrote once in this process, written again for another test, under ids of its own.

A business of a test takes nine use cases and 75 statements, and most tests only need that it is there.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Generic, LiteralString, TypeVar

import msgspec
from msgspec import Struct
from tests.support.databases import TABLES

from callmark.domain.ids import AccountId
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx, own_names

_Made = TypeVar("_Made")

_ID = re.compile(r'"id":"([0-9a-f-]{36})"')
_INSTANT = re.compile(r'"\d{4}-\d\d-\d\dT[^"]*"')


class RowsAgain(Struct, Generic[_Made], frozen=True):
    """The rows that name an account, as JSON, and what the use cases returned that wrote them."""

    kind: type[_Made]
    insert: LiteralString
    rows: str
    made: str
    ids: list[str]
    """Of the rows, in the order in which they were made."""

    async def write(self, tx: Tx, now: datetime, words: Mapping[str, str]) -> _Made:
        """Writes them once more: with new ids, as of another moment, and with other words in place of some."""
        ids = sorted(str(new_id()) for _ in self.ids)
        instead = {**dict(zip(self.ids, ids, strict=True)), **words}
        replaced, instant = re.compile("|".join(map(re.escape, instead))), f'"{now.isoformat()}"'

        def again(text: str) -> str:
            return replaced.sub(lambda found: instead[found[0]], _INSTANT.sub(instant, text))

        await tx.fetch(self.insert, again(self.rows))
        return msgspec.json.decode(again(self.made), type=self.kind)


async def rows_of(tx: Tx, account_id: AccountId, made: _Made) -> RowsAgain[_Made]:
    """What an account has by now, all of which was written at the same moment."""
    found: dict[LiteralString, str] = {}
    for row in await tx.fetch(TABLES):
        table = own_names(row["relname"])
        text = await tx.fetchval(f'SELECT json_agg(t)::text FROM "{table}" t WHERE t::text ~ $1', str(account_id))
        found |= {table: text} if text else {}
    inserts = ", ".join(
        f'of_{table} AS (INSERT INTO "{table}"'
        f" SELECT * FROM json_populate_recordset(NULL::\"{table}\", $1::text::json -> '{table}'))"
        for table in found
    )
    rows = ", ".join(f'"{table}": {text}' for table, text in found.items())
    as_json = msgspec.json.encode(made).decode()
    return RowsAgain(type(made), f"WITH {inserts} SELECT", f"{{{rows}}}", as_json, sorted(set(_ID.findall(rows))))
