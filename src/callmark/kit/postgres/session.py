"""What each of our connections asks of PostgreSQL.

Two things are sent with the start of a connection, the others right after it: PgBouncer knows no others at a start, and
refuses it or, where it is set up to ignore them, leaves them out.
"""

from typing import LiteralString, Protocol

KEPT: LiteralString = "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
"""For `kit.fastpath.kept_connections`, which says why."""

UNTIMED: LiteralString = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'"
"""Before a transaction that takes as long as it takes; only PostgreSQL 17 and newer have that setting."""


class _Connection(Protocol):
    async def execute(self, query: LiteralString, /) -> str:
        """Runs statements without arguments in one round trip."""
        ...

    def terminate(self) -> None:
        """Cuts it, without a word to the server."""
        ...


def server_settings(name: str) -> dict[str, str]:
    """What is sent with the start; `name` is how PostgreSQL's activity list calls the process."""
    return {"application_name": name, "timezone": "UTC"}


async def begin_pooled(connection: _Connection) -> None:
    """What is set on a connection of the pool before its first use.

    Where that fails it is cut: the pool would say goodbye to a server that may be silent, for longer than its caller
    waits.
    """
    try:
        await connection.execute("SET jit = off")
    except BaseException:
        connection.terminate()
        raise
