"""An account with more feature sets than a list to choose from has."""

from uuid import UUID

from callmark.kit.postgres.database import Tx

_MAKE = """
INSERT INTO feature_set (id, account_id, process_id, is_number_group, name, description, state, phone_type,
  call_me_back, survey, number_count, created_by_email, created_at, updated_at)
SELECT gen_random_uuid(), account_id, process_id, false, 'Set ' || lpad(n::text, 4, '0'), '', 'draft', phone_type,
  false, false, 0, created_by_email, created_at, updated_at
FROM feature_set, generate_series(1, $2::int) AS s (n) WHERE id = $1
"""


async def make_sets(tx: Tx, like: UUID | str, count: int) -> None:
    """Drafts in the process of one that is there: `Set 0001` and so on. `tx`: ours, or a connection of asyncpg's."""
    await tx.execute(_MAKE, like, count)


async def remove_sets(tx: Tx) -> None:
    await tx.execute("DELETE FROM feature_set WHERE name LIKE 'Set 0%'")
