"""Whether what others had open has ended, also where PostgreSQL hides from us when it began.

Other logins' sessions may be hidden: state, beginning and kind are then NULL in `pg_stat_activity`. The number of a
transaction that has written (`backend_xid`), the session's database and user, and all of `pg_locks` are not.
"""

import asyncio
from collections.abc import Awaitable, Callable

LOOKS, LOOK_EVERY_S = 100, 0.05
"""For how long others' transactions are waited for: five seconds. They take some milliseconds, as a rule."""


async def left_open(look: Callable[[], Awaitable[set[str]]], looks: int = LOOKS) -> set[str]:
    """Of the transactions that the first look finds, those that each of `looks` looks finds; empty once none is left.

    Transactions are named as in `pg_locks.virtualtransaction`: a session's next one has another name.
    """
    left = await look()
    for _ in range(looks - 1):
        if not left:
            break
        await asyncio.sleep(LOOK_EVERY_S)
        left &= await look()
    return left
