"""When a webhook's outage is announced, repeated, ended, and the webhook paused: the rules alone."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from callmark.domain.ids import WebhookId
from callmark.domain.webhooks.outages.model import (
    FEWEST_FAILURES,
    LAPSES_AFTER,
    NOTICES,
    PAUSED_AFTER,
    QUIET,
    SETTLED_AFTER,
    Notice,
    Outage,
    after_attempt,
    after_look,
    begun_again,
    is_over,
    is_pause_due,
)
from callmark.kit.ids import new_id

START = datetime(2026, 1, 1, tzinfo=UTC)
NEW = Outage(WebhookId(new_id()))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def failed(*at: timedelta, outage: Outage = NEW) -> Outage:
    for one in at:
        outage = after_attempt(outage, START + one, is_success=False)
    return outage


def looked(outage: Outage, at: timedelta) -> tuple[Outage, Notice | None]:
    return after_look(outage, START + at)


def test_an_hour_without_a_success_is_announced_once_and_repeated_after_a_day_and_three() -> None:
    outage, told = failed(timedelta(), 2 * MINUTE, 8 * MINUTE), list[tuple[timedelta, Notice]]()
    for minutes in range(0, 5 * 24 * 60, 10):
        at = minutes * MINUTE
        outage = failed(at, outage=outage)
        outage, notice = looked(outage, at)
        if notice:
            told.append((at, notice))
    assert told == [
        (HOUR, Notice.FAILING),
        (DAY, Notice.STILL_FAILING),
        (3 * DAY, Notice.STILL_FAILING),
    ]


def test_two_failures_are_no_outage() -> None:
    outage = failed(timedelta(), 2 * HOUR)
    assert looked(outage, 3 * HOUR) == (outage, None)


def test_the_end_is_told_once_nothing_has_failed_for_a_while() -> None:
    outage, _ = looked(failed(timedelta(), MINUTE, 2 * MINUTE), HOUR)
    outage = after_attempt(outage, START + 2 * HOUR, is_success=True)
    assert looked(outage, 2 * HOUR + SETTLED_AFTER - MINUTE)[1] is None
    outage = failed(2 * HOUR + MINUTE, outage=outage)
    outage = after_attempt(outage, START + 3 * HOUR, is_success=True)
    assert looked(outage, 3 * HOUR + MINUTE)[1] is None
    outage, notice = looked(outage, 3 * HOUR + SETTLED_AFTER)
    assert notice is Notice.WORKING
    assert looked(outage, 4 * HOUR) == (outage, None)
    assert not is_over(outage, START + 4 * HOUR)
    assert is_over(outage, START + HOUR + QUIET)


def test_an_outage_that_follows_soon_is_not_announced_again() -> None:
    outage, _ = looked(failed(timedelta(), MINUTE, 2 * MINUTE), HOUR)
    outage = after_attempt(outage, START + 2 * HOUR, is_success=True)
    outage, _ = looked(outage, 3 * HOUR)
    outage = failed(3 * HOUR, 4 * HOUR, 5 * HOUR, outage=outage)
    assert looked(outage, 6 * HOUR)[1] is None
    assert looked(outage, HOUR + QUIET)[1] is Notice.FAILING


def test_a_success_begins_the_five_days_again() -> None:
    outage = failed(timedelta(), DAY, 2 * DAY)
    outage = after_attempt(outage, START + 3 * DAY, is_success=True)
    outage = failed(4 * DAY, 5 * DAY, 6 * DAY, outage=outage)
    assert not is_pause_due(outage, START + 6 * DAY)
    assert is_pause_due(failed(9 * DAY, outage=outage), START + 9 * DAY)


def test_a_failure_long_after_the_last_attempt_is_a_new_outage() -> None:
    outage = failed(timedelta(), DAY, 2 * DAY)
    late = 2 * DAY + LAPSES_AFTER + MINUTE
    assert looked(outage, late)[1] is None
    outage = failed(late, outage=outage)
    assert (outage.failing_since, outage.failures) == (START + late, 1)
    assert not is_pause_due(outage, START + late)


def test_who_resumes_begins_again_and_still_hears_that_it_works() -> None:
    outage, _ = looked(failed(timedelta(), MINUTE, 2 * MINUTE), HOUR)
    outage = begun_again(outage)
    assert looked(outage, 2 * DAY)[1] is None
    outage = after_attempt(outage, START + 2 * DAY, is_success=True)
    assert looked(outage, 3 * DAY)[1] is Notice.WORKING


STEPS = st.lists(
    st.tuples(st.integers(1, 60 * 30), st.sampled_from(["success", "failure", "look", "look", "resume"])), max_size=80
)


@given(STEPS)
def test_whatever_happens_there_is_no_storm_and_no_pause_without_five_days_of_failing(
    steps: list[tuple[int, str]],
) -> None:
    outage, at, resumed = NEW, START, list[datetime]()
    told = list[tuple[datetime, Notice]]()
    failures = list[datetime]()
    for minutes, what in steps:
        at += minutes * MINUTE
        if what == "look":
            outage, notice = after_look(outage, at)
            if notice:
                told.append((at, notice))
                assert notice is Notice.WORKING or len(failures) >= FEWEST_FAILURES
                assert notice is Notice.WORKING or at - failures[0] >= NOTICES[0]
            assert after_look(outage, at) == (outage, None)  # nothing is told twice
        elif what == "resume":
            outage, failures = begun_again(outage), []
            resumed.append(at)
        else:
            outage = after_attempt(outage, at, is_success=what == "success")
            failures = [] if what == "success" else [*failures, at]
        assert (outage.failing_since is None) == (not outage.failures)
        if is_pause_due(outage, at):
            assert len(failures) >= FEWEST_FAILURES
            assert at - failures[0] >= PAUSED_AFTER
    begun = [when for when, notice in told if notice is Notice.FAILING]
    for one, next_one in itertools.pairwise(begun):
        assert next_one - one >= QUIET or any(one <= when <= next_one for when in resumed)
    kinds = [notice for _, notice in told if notice is not Notice.STILL_FAILING]
    assert (Notice.WORKING, Notice.WORKING) not in itertools.pairwise(kinds)
