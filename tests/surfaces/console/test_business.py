"""What tests share and find written: rows that are written again are those that use cases write."""

import re
from datetime import timedelta
from typing import LiteralString

import msgspec
from msgspec import Struct
from tests.support.factories import Cast, make_cast, make_cast_by_use_cases
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import Business, make_business, make_business_by_use_cases

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.policy.plan import Feature
from callmark.kit.ids import sha256
from callmark.kit.postgres.database import Tx, own_names

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def _rows(tx: Tx) -> list[str]:
    """Every row of the database as text, table by table in the order of their ids."""
    tables: list[LiteralString] = [own_names(row["relname"]) for row in await tx.fetch(_TABLES)]
    found = [await tx.fetch(f'SELECT t::text AS row FROM "{table}" t ORDER BY 1') for table in tables]
    return [f"{table} {row['row']}" for table, rows in zip(tables, found, strict=True) for row in rows]


def _named(texts: list[str], *tags: str) -> list[str]:
    """The texts with ids by the order in which they first appear."""
    seen: dict[str, str] = {}
    words = re.compile("|".join([*tags, _ID.pattern]))
    by_word = {tag: f"TAG {number}" for number, tag in enumerate(tags)}

    def name(found: re.Match[str]) -> str:
        return by_word.get(found[0]) or seen.setdefault(found[0], f"id {len(seen)}")

    return [words.sub(name, text) for text in texts]


def _json(made: Struct) -> str:
    return msgspec.json.encode(made, order="sorted").decode()


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


def _secrets_of(cast: Cast) -> list[str]:
    return [cast.api_key, sha256(cast.api_key).hex(), cast.token, sha256(cast.token).hex()]


async def test_an_account_ready_to_push_that_is_written_again_has_the_rows_that_use_cases_write(
    deps: Deps, clock: FakeClock
) -> None:
    features = frozenset({Feature.CALL_PERSONALISATION, Feature.NUMBER_MANAGEMENT})
    await make_cast_by_use_cases(deps)  # another's label has the same logo
    await make_cast(deps, features=features)
    clock.advance(timedelta(days=3, microseconds=5))
    async with deps.db.connection() as tx:
        before = {*await _rows(tx)}
        again = await make_cast(deps, features=features)
        written = {*await _rows(tx)} - before
        made = await make_cast_by_use_cases(deps, features)
        expected = {*await _rows(tx)} - before - written
    assert _named(sorted(written), *_secrets_of(again)) == _named(sorted(expected), *_secrets_of(made))
    assert _named([_json(again)], *_secrets_of(again)) == _named([_json(made)], *_secrets_of(made))
    assert await credentials.admit(deps, again.token, str(again.account.id))
    assert await credentials.create_token(deps, str(again.account.id), again.key_id, again.api_key)
