"""A table is read in steps, however long its values are: no step takes so long that it would be tried for ever."""

from itertools import pairwise
from secrets import token_hex

import pytest
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.domain.persons import table_queries
from callmark.domain.persons.erasing import STEP_BLOCKS, in_steps, ranges_of
from callmark.domain.persons.queries import PLACES
from callmark.domain.persons.table_queries import SearchedTable
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.database import own_names


def table_of(blocks: int, size: int) -> SearchedTable:
    return SearchedTable(
        key="public.mail",
        of_table="mail",
        name=own_names("mail"),
        columns={"plain": "text"},
        every_column=("id", "plain"),
        blocks=blocks,
        size=size,
        keys=frozenset(),
    )


@pytest.mark.parametrize(
    ("blocks", "size", "step"), [(0, 0, 1), (0, 1, 1), (5_000, 5_001, 2047), (100, 204_800, 1), (3_000, 30_000, 204)]
)
def test_a_step_is_of_fewer_blocks_where_values_are_kept_apart(blocks: int, size: int, step: int) -> None:
    parts = list(ranges_of(table_of(blocks, size)))
    assert (parts[0].start, parts[0].stop) == (0, step * PLACES)
    assert all(one.stop == other.start for one, other in pairwise(parts))
    assert parts[-1].stop >= blocks * PLACES
    assert step * max(size, 1) <= STEP_BLOCKS * max(blocks, 1)


async def test_what_takes_too_long_is_done_in_halves_in_the_same_order() -> None:
    tried: list[int] = []

    async def do(places: range) -> range:
        tried.append(len(places))
        if places.start < PLACES and len(places) > 300:
            raise Unavailable("postgresql: no answer") from TimeoutError()
        return places

    done = [one async for one in in_steps(table_of(4, 8_192), do)]
    assert (done[0].start, done[-1].stop) == (0, 4 * PLACES)
    assert all(one.stop == other.start for one, other in pairwise(done))
    assert tried == [2048, 1024, 512, 256, 256, 512, 256, 256, 1024, 512, 256, 256, 512, 256, 256, 2048, 2048, 2048]


@pytest.mark.parametrize("cause", [TimeoutError(), ConnectionError()])
async def test_an_engine_that_is_away_is_not_asked_for_ever(cause: Exception) -> None:
    tried: list[int] = []

    async def do(places: range) -> None:
        tried.append(len(places))
        raise Unavailable("postgresql: away") from cause

    with pytest.raises(Unavailable):
        _ = [one async for one in in_steps(table_of(1, 1), do)]
    assert len(tried) == (23 if isinstance(cause, TimeoutError) else 1)


async def test_the_size_of_a_table_has_its_long_values(deps: Deps) -> None:
    incompressible = token_hex(200_000)
    async with deps.db.transaction() as tx:
        names = [one for one in await table_queries.select_names(tx) if one.of_table == "mail"]
        (before,) = await table_queries.select_tables(tx, names)
        await put_row(tx, "mail", deps.clock.now(), {"html": incompressible})
        (mail,) = await table_queries.select_tables(tx, names)
    assert mail.blocks - before.blocks <= 1  # an emptied database has room of rows that were there
    assert mail.size - before.size > 20
