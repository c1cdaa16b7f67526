"""What a process takes in at once, and whose work it is."""

from contextlib import ExitStack, suppress
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st
from tests.support.fake_clock import FakeClock

from callmark.kit.errors import Unavailable
from callmark.kit.workload import LATE, Workload, aside, belongs_to


def _take(load: Workload, held: ExitStack, owner: str, units: int = 1) -> bool:
    """Whether there was room."""
    try:
        held.enter_context(load.share(owner, units))
    except Unavailable:
        return False
    return True


def _fill(load: Workload, held: ExitStack, owner: str) -> int:
    """How much of it an owner gets who wants all."""
    count = 0
    while _take(load, held, owner):
        count += 1
    return count


def test_one_owner_gets_half_and_leaves_room_for_others() -> None:
    with ExitStack() as held:
        load = Workload(100, FakeClock())
        assert [_fill(load, held, owner) for owner in ("acme", "borealis", "corvus")] == [50, 25, 13]
        assert _fill(load, held, "acme") == 0


def test_while_the_oldest_is_late_only_a_quarter_is_taken_in() -> None:
    clock = FakeClock()
    with ExitStack() as held:
        load = Workload(100, clock)
        assert _take(load, held, "acme")
        with load.share("acme", 20):
            clock.advance(LATE)
            assert _take(load, held, "borealis")
            clock.advance(timedelta(milliseconds=1))
            assert _take(load, held, "corvus", 3)
            assert not _take(load, held, "corvus", 1)
    assert _fill(load, ExitStack(), "acme") == 50


def test_what_is_done_makes_room() -> None:
    load = Workload(10, FakeClock())
    for _ in range(3):
        with ExitStack() as held:
            assert _fill(load, held, "acme") == 5


def test_who_waits_for_someone_outside_holds_nothing() -> None:
    load = Workload(2, FakeClock())
    with load.share("acme", 1):
        with pytest.raises(Unavailable), load.share("acme", 1):
            pass
        with aside(), load.share("acme", 1):
            with aside():
                pass
            with pytest.raises(Unavailable), load.share("acme", 1):
                pass


def test_nothing_is_held_outside_of_a_request() -> None:
    with aside():
        pass
    load = Workload(4, FakeClock())
    with load.share("acme", 2):
        pass
    with load.share("acme", 4), aside(), aside():
        pass


def _fill_as_stranger(load: Workload, held: ExitStack, address: str) -> int:
    """How much of it everyone at an address gets who wants all and shows no token."""
    count = 0
    with suppress(Unavailable):
        while True:
            held.enter_context(load.strange_share(address, 1))
            count += 1
    return count


def test_strangers_of_any_number_leave_a_quarter() -> None:
    with ExitStack() as held:
        load = Workload(100, FakeClock())
        addresses = [f"192.0.2.{host}" for host in range(1, 200)]
        assert [_fill_as_stranger(load, held, one) for one in addresses][:3] == [50, 25, 0]
        assert _fill(load, held, "acme") == 13
        assert _fill(load, held, "borealis") == 6


def test_a_line_has_one_share_however_many_addresses_it_has() -> None:
    with ExitStack() as held:
        load = Workload(100, FakeClock())
        assert [_fill_as_stranger(load, held, f"2001:db8::{host}") for host in range(1, 5)] == [50, 0, 0, 0]


def test_who_shows_who_they_are_is_no_stranger_any_more() -> None:
    load = Workload(8, FakeClock())
    with load.strange_share("192.0.2.1", 4):
        with pytest.raises(Unavailable), load.strange_share("192.0.2.1", 1):
            pass
        assert belongs_to("acme")
        with load.strange_share("192.0.2.1", 2):
            assert _fill(load, ExitStack(), "acme") == 0
        assert not belongs_to("borealis")
    assert not belongs_to("acme")
    with load.strange_share("192.0.2.1", 4):
        with aside():
            assert belongs_to("acme")
        assert _fill(load, ExitStack(), "acme") == 0
    assert _fill(load, ExitStack(), "acme") == 4


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30)), max_size=60))
def test_an_owner_never_holds_more_than_is_left_free(wanted: list[tuple[str, int]]) -> None:
    load, mine = Workload(64, FakeClock()), dict.fromkeys("abc", 0)
    with ExitStack() as held:
        for owner, units in wanted:
            fits = mine[owner] + units <= 64 - sum(mine.values())
            assert _take(load, held, owner, units) is fits
            mine[owner] += units if fits else 0
    with load.share("a", 64):
        pass
