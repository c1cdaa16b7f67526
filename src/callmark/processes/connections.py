"""How many connections to PostgreSQL the processes of `callmark serve` open."""

from callmark.kit.postgres.statement_batcher import GATHER_CONNECTIONS

_OF_COMMANDS = 20
"""Those of operator commands and a backup, beside the processes."""


def gathered_of(pool_size: int) -> int:
    """How many connections a process has for statements that are gathered, beside those of its pool."""
    return max(1, min(GATHER_CONNECTIONS, pool_size - 2))


def most_database_connections(pool_size: int, processes: int) -> int:
    """How many there are at most at the same time."""
    return processes * (pool_size + gathered_of(pool_size)) + _OF_COMMANDS
