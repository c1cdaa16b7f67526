"""A day full of other receivers' records, and how many rows of it a statement reads."""

from datetime import timedelta

from tests.support.factories import Cast

from callmark.domain.deps import Deps
from callmark.kit.postgres.database import DatabaseConnection


async def fill_day(deps: Deps, cast: Cast) -> None:
    """20,000 settled records that end in an hour, all of one batch: that is what statistics know of batches then."""
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number,"
            " label_id, label_name, starts_at, accepted_at, outcome, settled_at)"
            " SELECT '9198' || n, $1, gen_random_uuid(), $2, $2, 0, '918040001234', $3, 'Acme', $1, $1, 'success', $1"
            " FROM generate_series(10000000, 10020000) n",
            *(deps.clock.now() + timedelta(hours=1), cast.account.id, cast.label.id),
        )
        await tx.execute("ANALYZE call_record")


async def rows_read(tx: DatabaseConnection) -> int:
    """How many records the connection has read; a transaction's are the difference from its beginning.

    PostgreSQL forgets what was read before only now and then, and a connection may have rested since another test.
    """
    return await tx.fetchval(
        "SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_xact_user_tables WHERE relname ~ '^call_record'"
    )
