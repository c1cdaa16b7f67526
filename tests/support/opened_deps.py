"""What use cases get in a test, on real engines."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.between_tests import RestedPrimary
from tests.support.engines import SECRET_KEY, Engines
from tests.support.waiting import open_connected

from callmark.domain.deps import Deps
from callmark.kit.clock import Clock, SystemClock
from callmark.kit.fabric.client import Fabric
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import GATHER_CONNECTIONS, StatementBatcher
from callmark.kit.settings import Settings, read_settings

PATIENT_S = 60.0
"""On a machine that is busy with other tests a connection takes seconds; the product would refuse after two."""


@asynccontextmanager
async def opened_deps(engines: Engines, clock: Clock, data: Path) -> AsyncGenerator[Deps]:
    """On the database of `engines`; the product clock is `clock`, the real one is real."""
    settings = _settings(engines, data)
    at: dict[str, Any] = {"primary": RestedPrimary(engines.dsn), "connected_within_s": PATIENT_S}
    db = await Database.open(engines.dsn, size=settings.pool_size, name="test", **at)
    gathered = KeptConnections(engines.dsn, size=GATHER_CONNECTIONS, name="test gathered", **at)
    fabric = Fabric(engines.nats_url, await _installation(db), name="test")
    await open_connected(fabric)
    yield Deps(settings, db, fabric, StatementBatcher(gathered), clock, SystemClock(), "http://callmark.test")
    await fabric.close()
    await gathered.close()
    await db.close()


@lru_cache(maxsize=64)
def _settings(engines: Engines, data: Path) -> Settings:
    """Read once for a database, which one test has after the other."""
    return read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY, data=data)


async def _installation(db: Database) -> UUID:
    async with db.connection() as tx:
        return await tx.fetchval("SELECT id FROM installation")
