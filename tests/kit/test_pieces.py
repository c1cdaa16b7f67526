"""Many rows are deleted in pieces, each of them for good."""

from contextlib import suppress

from callmark.domain.deps import Deps
from callmark.kit.db import Tx
from callmark.kit.pieces import PIECE, delete_in_pieces


async def test_rows_are_deleted_piece_by_piece_and_what_is_deleted_stays_so(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        await tx.execute("CREATE TABLE old AS SELECT n FROM generate_series(1, $1::int) n", 2 * PIECE + 3)
    left: list[int] = []

    async def delete(tx: Tx, most: int) -> int:
        if len(left) == 1:
            left.append(0)
            raise ZeroDivisionError
        tag = await tx.execute("DELETE FROM old WHERE ctid = ANY (ARRAY (SELECT ctid FROM old LIMIT $1))", most)
        left.append(await tx.fetchval("SELECT count(*) FROM old"))
        return int(tag.rsplit(" ", 1)[-1])

    with suppress(ZeroDivisionError):
        await delete_in_pieces(deps.db, delete)
    assert await delete_in_pieces(deps.db, delete) == PIECE + 3
    assert left == [PIECE + 3, 0, 3, 0]
