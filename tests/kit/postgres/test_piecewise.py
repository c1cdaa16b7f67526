"""Many rows are deleted in pieces, each of them for good."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.kit.postgres.database import Tx, affected
from callmark.kit.postgres.piecewise import PIECE, delete_older, delete_older_by_id, in_pieces


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
        return affected(tag)

    with suppress(ZeroDivisionError):
        await in_pieces(deps.db, delete)
    assert await in_pieces(deps.db, delete) == PIECE + 3
    assert left == [PIECE + 3, 0, 3, 0]


@pytest.mark.parametrize("delete", [delete_older, delete_older_by_id])
async def test_a_younger_row_among_the_first_keeps_none_of_the_others(
    deps: Deps, clock: FakeClock, delete: Callable[..., Awaitable[int]]
) -> None:
    now = clock.now()
    async with deps.db.connection() as tx:
        await tx.execute("CREATE TABLE aged (id uuid PRIMARY KEY, at timestamptz)")
        await tx.execute(
            "INSERT INTO aged SELECT ('1' || lpad(to_hex(n), 31, '0'))::uuid,"
            " $2::timestamptz - make_interval(days => n % 7 + 1) FROM generate_series(1, $1::int) n",
            PIECE + 3,
            now,
        )
        await tx.execute("UPDATE aged SET at = $1 WHERE id = ('1' || lpad('5', 31, '0'))::uuid", now)
        await tx.execute(  # what has no age yet, before all others
            "INSERT INTO aged SELECT lpad(to_hex(n), 32, '0')::uuid FROM generate_series(1, $1::int) n", PIECE
        )
    assert await delete(deps.db, "aged", "at", now) == PIECE + 2
    assert await delete(deps.db, "aged", "at", now) == 0
    assert await delete(deps.db, "aged", "at", now + timedelta(seconds=1)) == 1
