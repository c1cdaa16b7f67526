"""What each of our connections asks of PostgreSQL.

Two things are sent with the start of a connection, the others right after it: PgBouncer knows no others at a start, and
refuses it or, where it is set up to ignore them, leaves them out.
"""

from typing import LiteralString

from callmark.kit.postgres.known_types import PostgresConnection

_NOTICES_OUR_END: LiteralString = (
    "SELECT set_config('client_connection_check_interval', '500ms', false)"
    " WHERE current_setting('client_connection_check_interval', true) IS NOT NULL AND version() LIKE '%linux%'"
)
"""While a statement runs, the server looks so often whether we have cut it, and ends it then. Not every system can.

By default it would run to its end, wait for locks and all, and do what nobody waits for.
"""

READ_COMMITTED: LiteralString = "SET default_transaction_isolation = 'read committed'"
"""Who has waited for a lock reads what the other one wrote, whatever the server, database or role has as its default.

For every connection; with another isolation such a statement would end with an error, or see what was before.
"""

_SHARED: LiteralString = f"SET jit = off; {READ_COMMITTED}; {_NOTICES_OUR_END}"
POOLED: LiteralString = f"{_SHARED}; SET plan_cache_mode = force_custom_plan"
"""Each run is planned for its values (docs/decisions/0086-plans-by-values.md)."""

KEPT: LiteralString = f"{_SHARED}; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
"""For `kit.postgres.kept_connections`, which says why."""

UNTIMED: LiteralString = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'"
"""Before a transaction that takes as long as it takes; only PostgreSQL 17 and newer have that setting."""

AT_LENGTH: LiteralString = (
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')"
)
"""In a transaction that takes as long as it takes, also beside what its role or database has as a limit."""


def server_settings(name: str) -> dict[str, str]:
    """What is sent with the start; `name` is how PostgreSQL's activity list calls the process."""
    return {"application_name": name, "timezone": "UTC"}


async def begin(connection: PostgresConnection, settings: LiteralString, within_s: float | None = None) -> None:
    """Sets `POOLED` or `KEPT` on a connection before its first use.

    Where that fails it is cut: the pool would say goodbye to a server that may be silent, for longer than its caller
    waits.
    """
    try:
        await connection.execute(settings, timeout=within_s)
    except BaseException:
        connection.terminate()
        raise
