"""How an account's numbers are spread over certificates."""

import random

from hypothesis import given, strategies as st

from callmark.domain.signer_certificates.lots import FULL_ENTRIES, MOST_ENTRIES, lot_at, lot_key, lots_of
from callmark.passport.authority import NumberRange, TnAuthList

NUMBERS = st.sets(
    st.one_of(
        st.integers(10**10, 10**10 + 3000).map(str),  # close together, so that many follow each other
        st.from_regex(r"[1-9][0-9]{2,14}", fullmatch=True),
    ),
    max_size=60,
)


def scattered(count: int) -> list[str]:
    """Numbers of which none follows another."""
    return [str(10**11 + 2 * i) for i in range(count)]


def entries(one: TnAuthList) -> int:
    return len(one.numbers) + len(one.ranges)


def listed(lots: list[tuple[str, TnAuthList]], number: str) -> bool:
    """Whether the one certificate that is asked for the number lists it."""
    place = lot_at([start for start, _ in lots], number)
    return place >= 0 and lots[place][1].covers(number)


def test_numbers_that_follow_each_other_become_a_range() -> None:
    ((start, one),) = lots_of(["12025551002", "12025551000", "12025551001", "999", "1000"], [], "TEST")
    assert start == ""
    assert one == TnAuthList.of(["999", "1000"], [NumberRange("12025551000", 3)], ["TEST"])


def test_without_numbers_there_is_the_code_or_nothing() -> None:
    assert lots_of([], [], "TEST") == [("", TnAuthList.of(codes=["TEST"]))]
    assert lots_of([], ["x"], None) == []


@given(NUMBERS, st.lists(st.sampled_from(scattered(50)).map(lot_key), max_size=5))
def test_each_number_is_in_the_lot_that_is_asked_for_it_and_no_other_number_is(
    numbers: set[str], starts: list[str]
) -> None:
    lots = lots_of(numbers, starts, None)
    assert all(listed(lots, number) for number in numbers)
    for number in numbers:
        for near in (str(int(number) + 1), str(int(number) - 1), f"{number}0"[:15]):
            assert listed(lots, near) == (near in numbers)
    assert sum(len(one.numbers) + sum(r.count for r in one.ranges) for _, one in lots) == len(numbers)
    assert [start for start, _ in lots] == sorted({start for start, _ in lots})


def test_ten_thousand_numbers_in_a_row_are_one_entry() -> None:
    ((_, one),) = lots_of([str(10**10 + i) for i in range(10_000)], [], None)
    assert one.ranges == (NumberRange(str(10**10), 10_000),)


def test_very_many_scattered_numbers_are_spread_and_one_more_changes_its_own_lot_alone() -> None:
    numbers = scattered(10_000)
    before = lots_of(numbers, [], None)
    assert len(before) == 10_000 // FULL_ENTRIES
    assert all(entries(one) <= MOST_ENTRIES for _, one in before)
    more = [*numbers, str(int(numbers[5000]) + 10**12), str(int(numbers[7001]) + 1)]
    after = lots_of(more, [start for start, _ in before], None)
    assert sum(one in before for one in after) >= len(after) - 2
    assert all(listed(after, number) for number in more)


def test_a_lot_that_outgrows_its_certificate_is_split_and_small_ones_are_joined() -> None:
    numbers = scattered(3000)
    lots = lots_of(numbers[:1000], [], None)
    assert len(lots) == 1
    lots = lots_of(numbers, [start for start, _ in lots], None)
    assert len(lots) == 6
    kept = random.Random(7).sample(numbers, 300)
    assert len(lots_of(kept, [start for start, _ in lots], None)) == 1
