"""How many rows of a table the open transaction read, by an index or from end to end."""

from callmark.kit.postgres.database import Tx

_READ = """
SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
FROM pg_stat_xact_user_tables WHERE relname = $1
"""


async def rows_read(tx: Tx, table: str) -> int:
    """So far, those that fitted no condition too; not the ones of a plan that ran in several processes."""
    return await tx.fetchval(_READ, table)
