"""What a request did and told: its statements, the state that it left, and its answer without what varies by itself."""

import re
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator, Collection, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from msgspec.structs import replace
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.kit.postgres.database import Database, own_names
from callmark.surfaces.console import cookies

if TYPE_CHECKING:
    import asyncpg

_IS_ASYNCPGS = re.compile(r"current_setting\('jit'\)|set_config\('jit'|pg_catalog\.pg_type").search
"""What asyncpg asks by itself, when it meets a type for the first time."""
_VARIES = {"x-request-id", "date", "set-cookie", "content-length"}
_TOKEN = re.compile(r"(?<![\w-])[\w-]{86}(?:[\w-]{45}(?:[\w-]{43})?)?={0,2}")
"""86, 131 or 174 characters. Looked for where a word begins, once: else it takes longer than to make the page."""
_TABLES = (
    "SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition"
    " AND relnamespace = 'public'::regnamespace ORDER BY relname"
)

Told = tuple[int, dict[str, str], str]


class WatchedDatabase(Database):
    """A pool that notes every statement which goes through it."""

    statements: list[str]

    @asynccontextmanager
    async def _held(self) -> AsyncGenerator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        async with super()._held() as held:
            with held.query_logger(self._note):
                yield held

    def _note(self, logged: Any) -> None:
        if not _IS_ASYNCPGS(logged.query):
            self.statements.append(logged.query)

    @contextmanager
    def noting(self) -> Generator[list[str]]:
        """The statements of the block, in order."""
        self.statements = noted = []
        yield noted
        self.statements = []


@asynccontextmanager
async def watched(deps: Deps) -> AsyncGenerator[tuple[Deps, WatchedDatabase]]:
    """The same, on a pool that notes its statements."""
    db = await WatchedDatabase.open(
        deps.settings.reached_postgres, size=2, name="watched", connected_within_s=PATIENT_S
    )
    db.statements = []
    yield replace(deps, db=db), db
    await db.close()


def told(answer: httpx.Response, ids: Collection[str] = ()) -> Told:
    """All that an answer tells, without the ids that were asked for and random tokens."""
    said = urlsafe_b64decode(answer.cookies.get(cookies.FLASH) or "").decode()
    text, headers = (
        _TOKEN.sub("TOKEN", answer.text + said),
        {n: v for n, v in answer.headers.items() if n not in _VARIES},
    )
    for id_ in sorted(ids, key=len, reverse=True):
        text = text.replace(id_, "ID")
        headers = {name: value.replace(id_, "ID") for name, value in headers.items()}
    return answer.status_code, headers, text


async def state_of(deps: Deps, *, but: Collection[str]) -> dict[str, str]:
    """A digest of every row of each table except those of `but`."""
    found: dict[str, str] = {}
    async with deps.db.connection() as tx:
        for row in await tx.fetch(_TABLES):
            if row["relname"] not in but:
                table = own_names(row["relname"])
                found[table] = await tx.fetchval(
                    f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
                )
    return found
