"""What a handset holds and which record shows: pure."""

from uuid import UUID

from hypothesis import given, strategies as st

from callmark.domain.personalisation.handset_messages import Identity, RecordRef
from callmark.surfaces.emulator.handsets.held_identities import HeldIdentities

CALLER, OTHER = "918040001234", "918040009999"
NOW_MS = 1_767_261_600_000


def identity(
    number: int, *, caller: str = CALLER, starts: int = 0, ends: int = 10, accepted: int = 0, position: int = 0
) -> Identity:
    record_id = UUID(int=number)
    return Identity(
        id=record_id,
        record=RecordRef(record_id, "919900000001", NOW_MS + ends),
        caller_number=caller,
        name=f"Label {number}",
        call_reason=None,
        logo_url="http://callmark.test/logos/0.png",
        verified=True,
        starts_at=NOW_MS + starts,
        accepted_at=accepted,
        position=position,
    )


identities = st.lists(
    st.builds(
        identity,
        st.integers(1, 10**6),
        caller=st.sampled_from([CALLER, OTHER]),
        starts=st.integers(-5, 5),
        ends=st.integers(-5, 10),
        accepted=st.integers(0, 3),
        position=st.integers(0, 2),
    ),
    unique_by=lambda one: one.id,
    max_size=30,
)


def held_of(*all_of_them: Identity, most: int = 1000) -> HeldIdentities:
    held = HeldIdentities(most)
    for one in all_of_them:
        assert held.hold(one, NOW_MS)
    return held


@given(identities)
def test_what_shows_is_open_of_that_caller_and_none_of_those_is_newer(ones: list[Identity]) -> None:
    shown = held_of(*ones).showing(CALLER, NOW_MS)
    open_ones = [one for one in ones if one.caller_number == CALLER and one.starts_at <= NOW_MS < one.record.ends_at]
    if shown is None:
        assert not open_ones
        return
    assert shown in open_ones
    assert all(
        (one.accepted_at, one.position, str(one.id)) <= (shown.accepted_at, shown.position, str(shown.id))
        for one in open_ones
    )


@given(identities)
def test_order_of_arrival_does_not_matter(ones: list[Identity]) -> None:
    assert held_of(*ones).showing(CALLER, NOW_MS) == held_of(*reversed(ones)).showing(CALLER, NOW_MS)


@given(identities)
def test_dropping_ended_windows_changes_nothing_that_shows(ones: list[Identity]) -> None:
    held = held_of(*ones)
    before = held.showing(CALLER, NOW_MS)
    held.drop_ended(NOW_MS)
    assert held.showing(CALLER, NOW_MS) == before


@given(identities, st.integers(0, 12), st.integers(1, 12))
def test_dropping_what_is_superseded_changes_nothing_that_will_ever_show(
    ones: list[Identity], later: int, most: int
) -> None:
    held = HeldIdentities(most)
    taken = [one for one in ones if held.hold(one, NOW_MS)]
    at = NOW_MS + later
    shown = held.showing(CALLER, at)
    due = [one for one in taken if one.caller_number == CALLER and one.starts_at <= at < one.record.ends_at]
    assert shown == max(due, key=lambda one: (one.accepted_at, one.position, str(one.id)), default=None)
    assert len(held) <= most
    assert held.refused == len(ones) - len(taken)


def test_any_number_of_records_of_one_pair_finds_room() -> None:
    held = held_of(*(identity(n, starts=-n, ends=n, accepted=n) for n in range(1, 1002)), most=5)
    assert (len(held), _shown(held, 0), held.refused) == (1, 1001, 0)


def test_an_older_record_whose_window_goes_on_after_the_newers_end_shows_again() -> None:
    held = held_of(identity(1, ends=20, accepted=1), identity(2, ends=10, accepted=2))
    assert len(held) == 2
    assert [_shown(held, at) for at in (9, 10, 19, 20)] == [2, 1, 1, None]


def test_an_older_record_shows_until_the_newers_window_opens() -> None:
    held = held_of(identity(1, ends=20, accepted=1), identity(2, starts=5, ends=30, accepted=2))
    assert [_shown(held, at) for at in (4, 5, 29)] == [1, 2, 2]


def test_room_is_made_of_what_was_superseded_when_a_newer_window_opened() -> None:
    held = held_of(identity(1, ends=20, accepted=1), identity(2, starts=5, ends=30, accepted=2), most=2)
    assert not held.hold(identity(3, caller=OTHER), NOW_MS)
    assert held.hold(identity(4, caller=OTHER), NOW_MS + 5)
    assert (len(held), held.refused) == (2, 1)


def test_one_that_comes_late_and_is_superseded_already_is_taken_and_not_kept() -> None:
    held = held_of(identity(2, accepted=2), identity(1, accepted=1), most=1)
    assert (len(held), _shown(held, 0), held.refused) == (1, 2, 0)


def test_a_withdrawn_record_says_whether_it_had_superseded_another() -> None:
    held = held_of(identity(1, accepted=1), identity(2, accepted=2), identity(3, caller=OTHER, accepted=3))
    assert not held.withdraw(UUID(int=1))
    assert not held.withdraw(UUID(int=3))
    assert held.withdraw(UUID(int=2))
    assert not held.withdraw(UUID(int=2))


def _shown(held: HeldIdentities, after_ms: int) -> int | None:
    shown = held.showing(CALLER, NOW_MS + after_ms)
    return shown.id.int if shown else None


def test_a_window_is_open_from_its_start_and_no_longer_at_its_end() -> None:
    held = held_of(identity(1, starts=0, ends=10))
    assert held.showing(CALLER, NOW_MS - 1) is None
    assert held.showing(CALLER, NOW_MS) is not None
    assert held.showing(CALLER, NOW_MS + 9) is not None
    assert held.showing(CALLER, NOW_MS + 10) is None


def test_the_same_record_is_held_once() -> None:
    assert len(held_of(identity(1), identity(1))) == 1


def test_a_full_memory_makes_room_by_dropping_what_can_never_show() -> None:
    held = held_of(identity(1, ends=-1, caller=OTHER), identity(2), most=2)
    assert held.hold(identity(3, caller="918040007777"), NOW_MS)
    assert not held.hold(identity(4, caller="918040008888"), NOW_MS)
    assert held.hold(identity(3, caller="918040007777"), NOW_MS)
    assert UUID(int=1) not in held
    assert UUID(int=2) in held


def test_a_dropped_record_shows_no_more() -> None:
    held = held_of(identity(1))
    held.drop(UUID(int=1))
    held.drop(UUID(int=99))
    assert held.showing(CALLER, NOW_MS) is None


@given(st.integers(0, 450))
def test_pages_hold_every_id_once_and_there_is_always_one(count: int) -> None:
    pages = held_of(*(identity(number, caller=str(number)) for number in range(1, count + 1))).pages(200)
    assert len(pages) >= 1
    assert all(len(page) <= 200 for page in pages)
    assert sorted(one.int for page in pages for one in page) == list(range(1, count + 1))


def test_why_nothing_names_the_window_that_comes_the_one_that_ended_or_that_there_is_none() -> None:
    assert "opens at 2026-01-01T10:00:00.005Z" in held_of(identity(1, starts=5)).why_nothing(CALLER, NOW_MS)
    assert "ended at 2026-01-01T09:59:59.999Z" in held_of(identity(1, ends=-1)).why_nothing(CALLER, NOW_MS)
    assert held_of(identity(1, caller=OTHER)).why_nothing(CALLER, NOW_MS) == "has no record of this caller"
