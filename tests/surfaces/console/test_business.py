"""The business that tests of the console share: rows that are written again are those that use cases write."""

import re
from typing import LiteralString

import msgspec
from tests.surfaces.console.browser import Business, make_business, make_business_by_use_cases

from callmark.domain.deps import Deps
from callmark.kit.postgres.database import Tx, own_names

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def _rows(tx: Tx) -> list[str]:
    """Every row of the database as text, table by table in the order of their ids."""
    tables: list[LiteralString] = [own_names(row["relname"]) for row in await tx.fetch(_TABLES)]
    found = [await tx.fetch(f'SELECT t::text AS row FROM "{table}" t ORDER BY 1') for table in tables]
    return [f"{table} {row['row']}" for table, rows in zip(tables, found, strict=True) for row in rows]


def _named(texts: list[str], tag: str) -> list[str]:
    """The texts with ids by the order in which they first appear."""
    seen: dict[str, str] = {}
    return [_ID.sub(lambda one: seen.setdefault(one[0], f"id {len(seen)}"), text).replace(tag, "TAG") for text in texts]


def _json(business: Business) -> str:
    return msgspec.json.encode(business, order="sorted").decode()


def _tag_of(business: Business) -> str:
    return business.admin.email.partition("-")[2].partition("@")[0]


async def test_a_business_that_is_written_again_has_the_rows_that_use_cases_write(deps: Deps) -> None:
    await make_business(deps, "Acme")
    async with deps.db.connection() as tx:
        before = {*await _rows(tx)}
        again = await make_business(deps, "Acme")
        written = {*await _rows(tx)} - before
        made = await make_business_by_use_cases(deps, "Acme", "tag12345")
        expected = {*await _rows(tx)} - before - written
    assert _named(sorted(written), _tag_of(again)) == _named(sorted(expected), "tag12345")
    assert _named([_json(again)], _tag_of(again)) == _named([_json(made)], "tag12345")
