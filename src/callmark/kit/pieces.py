"""Deleting many rows in pieces, each its own transaction.

In one statement they could take longer than a statement may: then it is undone, and begun again with more to delete.
"""

from collections.abc import Awaitable, Callable

from callmark.kit.db import Database, Tx

PIECE = 10_000


async def delete_in_pieces(db: Database, delete: Callable[[Tx, int], Awaitable[int]]) -> int:
    """Runs `delete`, which deletes up to that many rows and says how many, until it finds fewer; how many in all.

    A statement that finds rows by `ctid` must have its condition twice: a row that is changed at that moment is judged
    again by the outer one alone.
    """
    count, gone = 0, PIECE
    while gone == PIECE:
        async with db.connection() as tx:
            gone = await delete(tx, PIECE)
        count += gone
    return count
