"""An installation whose processes may not see each other's sessions, as with logins that Vault makes for one owner."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec.structs import replace
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.kit.ids import random_text
from callmark.kit.postgres.database import Database, connect, own_names


@asynccontextmanager
async def hidden_from_each_other(deps: Deps) -> AsyncGenerator[Deps]:
    """The same installation, through connections that act as a role with the rights to read and write, and no other."""
    role, dsn = own_names(f"hidden_{random_text(8).lower()}"), deps.settings.reached_postgres
    async with connect(dsn) as tx:
        await tx.execute(f"CREATE ROLE {role} IN ROLE pg_read_all_data, pg_write_all_data")
        db = await Database.open(f"{dsn}&role={role}", size=4, name="hidden", connected_within_s=PATIENT_S)
        try:
            yield replace(deps, db=db)
        finally:
            await db.close()
            await tx.execute(f"DROP ROLE {role}")
