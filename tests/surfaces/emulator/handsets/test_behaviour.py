"""What a script decides: pure."""

from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from callmark.domain.calls.model import CallEvent
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.behaviour import Behaviour, Conditions, Forgotten, ringing
from callmark.surfaces.emulator.handsets.model import MOST_RINGS, Script
from callmark.surfaces.emulator.state_queries import Faults

NUMBER, OTHER = PhoneNumber("919900000001"), PhoneNumber("919900000002")


def losses(behaviour: Behaviour, script: Script, pushes: int = 40) -> list[bool]:
    return [behaviour.loses(script) for _ in range(pushes)]


def seeded(seed: int | None) -> Conditions:
    conditions = Conditions()
    conditions.take_seed(seed)
    return conditions


@pytest.mark.parametrize(
    ("script", "wanted", "ends"),
    [
        (Script(), None, (MOST_RINGS, CallEvent.MISSED)),
        (Script(answers_after_rings=3), None, (3, CallEvent.ANSWERED)),
        (Script(rejects=True, answers_after_rings=3), None, (1, CallEvent.REJECTED)),
        (Script(rejects=True), CallEvent.ANSWERED, (0, CallEvent.ANSWERED)),
    ],
)
def test_a_call_ends_as_asked_for_else_by_the_script(
    script: Script, wanted: CallEvent | None, ends: tuple[int, CallEvent]
) -> None:
    assert ringing(script, wanted) == ends


@given(st.integers(-(2**63), 2**63 - 1), st.floats(0.3, 0.7))
def test_the_same_seed_loses_the_same_pushes_of_a_handset_whatever_others_do(seed: int, share: float) -> None:
    script, conditions = Script(drop_share=share), seeded(seed)
    first = losses(Behaviour(NUMBER, conditions), script)
    again, other = Behaviour(NUMBER, conditions), Behaviour(OTHER, conditions)
    mixed = [(again.loses(script), other.loses(script)) for _ in first]
    assert [mine for mine, _ in mixed] == first
    again.start_over()
    assert losses(again, script) == first


def test_another_seed_or_number_loses_others_and_about_the_share_that_was_asked_for() -> None:
    script = Script(drop_share=0.25)
    lost = losses(Behaviour(NUMBER, seeded(1)), script, 2000)
    assert 400 < sum(lost) < 600
    assert lost != losses(Behaviour(NUMBER, seeded(2)), script, 2000)
    assert lost != losses(Behaviour(OTHER, seeded(1)), script, 2000)
    assert losses(Behaviour(NUMBER, seeded(None)), script) != losses(Behaviour(NUMBER, seeded(None)), script)
    assert all(losses(Behaviour(NUMBER, seeded(1)), Script(drop_share=1)))
    assert not any(losses(Behaviour(NUMBER, seeded(1)), Script()))


def test_what_came_before_a_reset_is_forgotten() -> None:
    conditions = Conditions()
    behaviour, before = Behaviour(NUMBER, conditions), new_id()
    assert not behaviour.forgot(before)
    conditions.forgotten = Forgotten(UUID(int=0), new_id())
    assert behaviour.forgot(before)
    assert not behaviour.forgot(new_id())


def test_pushes_dropped_for_all_are_counted_over_all_handsets() -> None:
    conditions = Conditions()
    handsets = [Behaviour(number, conditions) for number in (NUMBER, OTHER, NUMBER)]
    conditions.take_faults(Faults(drop_every=3))
    assert [one.loses(Script()) for one in handsets * 2] == [False, False, True] * 2
    assert not any(one.loses(Script()) for one in handsets[:2])
    conditions.take_seed(7)
    assert [one.loses(Script()) for one in handsets * 2] == [False, False, True] * 2
    conditions.take_faults(Faults())
    assert not any(losses(handsets[0], Script()))
