"""A connection to PostgreSQL that does not ask what an array of UUIDs is, and that can be cut under a statement.

asyncpg asks the server about each array type once for each connection, with a query that takes the server 13
milliseconds to plan. For the types that PostgreSQL itself brings, the answer is the same for every server and version.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from callmark.kit.postgres.places import Places

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]
else:
    BareConnection = asyncpg.Connection

_ASSIGNED_BEFORE = 10_000
"""Ids below are written down in PostgreSQL's own sources; it assigns those above when a server's data are made."""


class _Described(NamedTuple):
    """What asyncpg wants to know: rows about types, and the statement that read them, of which it reads the name."""

    rows: Sequence[asyncpg.Record]
    statement: Any


class _NoStatement(NamedTuple):
    """In the place of the statement. One without a name would have replaced another without a name."""

    name: str = "known"


_known: dict[frozenset[int], _Described] = {}


class PostgresConnection(BareConnection):
    """As asyncpg's. What one has learned about PostgreSQL's own types, all others of the process know."""

    places: Places | None = None
    """Those of its pool, where it counts once it is cut."""

    def cut(self) -> None:
        """Ends it without waiting, and what it does in the server, which takes that a moment."""
        if self.places is not None and not self.is_closed():
            connection: Any = self
            self.places.end(connection._transport, self.terminate)  # noqa: SLF001 - of its base
        else:
            self.terminate()

    async def _introspect_types(self, typeoids: Collection[int], timeout: float | None) -> _Described:
        """Asyncpg calls it before a statement with types that the connection has not had."""
        wanted = frozenset(typeoids)
        if known := _known.get(wanted):
            return known
        base: Any = super()
        rows, statement = await base._introspect_types(typeoids, timeout)  # noqa: SLF001 - of its base
        if all(one < _ASSIGNED_BEFORE for one in wanted):
            _known[wanted] = _Described(rows, _NoStatement())
        return _Described(rows, statement)
