"""Whether a pooler before PostgreSQL lends a session out between transactions, where it should keep to one of us.

Settings, locks and prepared statements belong to a session: ours would stay behind in it, and another's would be used.
"""

from datetime import timedelta
from typing import LiteralString

from callmark.kit.errors import EngineRefuses, Unavailable
from callmark.kit.postgres.database import Tx, connect
from callmark.kit.postgres.faults import not_in_session_mode

_WITHIN = timedelta(seconds=2)
_SESSION: LiteralString = "SELECT pg_backend_pid()"


async def check_sessions(dsn: str, tx: Tx) -> None:
    """Raises EngineRefuses where `tx` has a session in common with another connection, or has several.

    Where another connection is not to be had soon, it says nothing.
    """
    first = await tx.fetchval(_SESSION)
    try:
        async with connect(dsn, within=_WITHIN) as other:
            second = await other.fetchval(_SESSION)
    except EngineRefuses:
        raise
    except Unavailable:
        return
    if first == second or first != await tx.fetchval(_SESSION):
        raise not_in_session_mode()
