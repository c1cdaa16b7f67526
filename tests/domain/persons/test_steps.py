"""A table is read in steps, however long its values are: no step takes so long that it would be tried for ever."""

from itertools import pairwise
from secrets import token_hex

import pytest
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.domain.persons import table_queries
from callmark.domain.persons.erasing import MOST_SENT, STEP_BLOCKS, in_steps, lengths_of, ranges_of, shares_of
from callmark.domain.persons.queries import PLACES, lock_rows, select_as_sent
from callmark.domain.persons.table_queries import SearchedTable
from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import own_names

NUMBER = PhoneNumber("4915112345678")


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


def test_what_was_sent_is_shared_out_by_its_bytes_and_no_place_is_left_out() -> None:
    half = MOST_SENT // 2
    lengths = [(5, half), (6, half), (9, 1), (2_050, 9 * MOST_SENT), (2_051, half), (2_060, half + 1), (2_061, 1)]
    shares = shares_of(range(5_000), lengths)
    assert shares == [range(9), range(9, 2_050), range(2_050, 2_051), range(2_051, 2_060), range(2_060, 5_000)]
    assert shares_of(range(7, 9), []) == [range(7, 9)]


async def test_a_step_has_few_bytes_however_well_they_are_compressed(deps: Deps) -> None:
    """On disk all of them together are a few blocks."""
    async with deps.db.transaction() as tx:
        await tx.execute("DELETE FROM upload_part")
        upload_id = new_id()
        await put_row(tx, "upload", deps.clock.now(), {"id": upload_id})
        for number in range(9):
            values = {"upload_id": upload_id, "number": number, "rows": f'["{"x" * (MOST_SENT // 3)}"]'}
            await put_row(tx, "upload_part", deps.clock.now(), values)
        names = [one for one in await table_queries.select_names(tx) if one.of_table == "upload_part"]
        (table,) = await table_queries.select_tables(tx, names)

    async def read(places: range) -> list[int]:
        async with deps.db.connection() as tx:
            return [len(text) for text, _ in await select_as_sent(tx, table, places)]

    assert len(list(ranges_of(table))) == 1
    steps = [one async for one in in_steps(table, read, lengths_of(deps, table, None))]
    assert sum(map(len, steps)) == 9
    assert max(map(sum, steps)) <= MOST_SENT


async def test_a_part_that_is_submitted_while_it_is_looked_for_is_found(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "upload_part", deps.clock.now(), {"rows": f'["{NUMBER}"]'})
        names = [one for one in await table_queries.select_names(tx) if one.of_table == "upload_part"]
        (table,) = await table_queries.select_tables(tx, names)

    async def find(places: range) -> int:
        async with deps.db.transaction() as tx:
            await tx.execute("UPDATE upload_part SET batch_id = batch_id")  # the row gets another place
        async with deps.db.transaction() as tx:
            return len(await lock_rows(tx, table, NUMBER, places))

    assert sum([found async for found in in_steps(table, find, lengths_of(deps, table, NUMBER))]) == 1
