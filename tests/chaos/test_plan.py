"""The plan of a run comes from its seed alone."""

from collections import Counter

from chaos.plan import DEEP_EVERY, FAULT_KINDS, LOAD_S, OPERATION_KINDS, OPERATIONS, planned

EVERY = [*FAULT_KINDS]


def test_the_same_seed_makes_the_same_plan_and_another_seed_another() -> None:
    assert list(planned(1, 30, EVERY)) == list(planned(1, 30, EVERY))
    assert list(planned(1, 30, EVERY)) != list(planned(2, 30, EVERY))


def test_a_cycle_does_not_depend_on_those_before_it() -> None:
    before, alone = list(planned(1, 30, EVERY))[6], list(planned(1, 7, EVERY))[6]
    assert (before.operations, before.faults) == (alone.operations, alone.faults)


def test_faults_fall_into_the_time_in_which_operations_begin() -> None:
    for cycle in planned(3, 200, EVERY):
        assert len(cycle.operations) == OPERATIONS
        assert 1 <= len(cycle.faults) <= 2
        assert all(0 < fault.at_s < LOAD_S for fault in cycle.faults)
        assert len({fault.kind.split()[-1] for fault in cycle.faults}) == len(cycle.faults)


def test_everything_comes_up_in_a_long_run_and_every_so_often_all_is_at_rest() -> None:
    cycles = list(planned(4, 400, EVERY))
    assert Counter(fault.kind for cycle in cycles for fault in cycle.faults).keys() == FAULT_KINDS.keys()
    assert Counter(one.kind for cycle in cycles for one in cycle.operations).keys() == OPERATION_KINDS.keys()
    assert [cycle.number for cycle in cycles if cycle.deep] == list(range(DEEP_EVERY, 401, DEEP_EVERY))
    assert [cycle.deep for cycle in planned(4, 3, EVERY)] == [False, False, True]


def test_only_the_kinds_that_are_wanted_are_planned() -> None:
    assert {fault.kind for cycle in planned(5, 50, ["cut nats"]) for fault in cycle.faults} == {"cut nats"}
    assert [cycle.faults for cycle in planned(5, 2, [])] == [[], []]
