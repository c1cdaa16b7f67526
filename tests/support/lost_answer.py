"""A database that has done what it was asked to, and does not get to say so."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from callmark.kit.postgres.database import Database, Tx


class LostAnswer:
    """From now on the first answer of the database does not arrive; `is_done` is set when it would."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_done = asyncio.Event()
        self._connection = db.connection
        monkeypatch.setattr(db, "connection", self.connection)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Tx]:
        """As the database's, but the first block never ends."""
        async with self._connection() as tx:
            yield tx
        if not self.is_done.is_set():
            self.is_done.set()
            await asyncio.Event().wait()
