"""Business hours as people write them, and the half hours in them, whatever the clocks of their zone do."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, strategies as st
from tests.support.other_digits import other_digits

from callmark.domain.callbacks.hours import CLOSED, SLOT, Opening, Week, hours_text, slots
from callmark.domain.callbacks.hours_reader import parse_hours, read_hours
from callmark.kit.errors import InvalidInput
from callmark.kit.zones import time_zone
from callmark.zone_data import zone_names

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)  # a Thursday
INDIA, BERLIN = ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin")
ROUND_THE_CLOCK = parse_hours("mon-sun 00:00-24:00")


@st.composite
def openings(draw: st.DrawFn) -> tuple[Opening, ...]:
    marks = sorted(draw(st.sets(st.integers(0, 48), max_size=6)))
    return tuple(Opening(a * 30, b * 30) for a, b in zip(marks[::2], marks[1::2], strict=False))


WEEKS = st.tuples(*[openings()] * 7)
ZONES = st.sampled_from(sorted(zone_names())).map(time_zone)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


def test_hours_are_read_as_people_write_them() -> None:
    week = parse_hours(" Mon-Fri 10:00-14:00, 15:00-18:00;sat,sun 22:30-24:00 ; ")
    assert week[0] == week[4] == (Opening(600, 840), Opening(900, 1080))
    assert week[5] == week[6] == (Opening(1350, 1440),)
    assert hours_text(week) == "mon-fri 10:00-14:00,15:00-18:00; sat-sun 22:30-24:00"
    assert hours_text(parse_hours("wed 09:00-10:00; mon 09:00-10:00")) == "mon 09:00-10:00; wed 09:00-10:00"
    assert parse_hours("") == CLOSED


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("mon 9:00-17:00", "mon 09:00-17:00"),
        ("Monday to Friday: 9-17", "mon-fri 09:00-17:00"),
        ("mon 10-14", "mon 10:00-14:00"),
        ("mon\u2013fri 9am\u20135pm", "mon-fri 09:00-17:00"),
        ("MON - WED 9:30 a.m. - 12 p.m., 1-5pm", "mon-wed 09:30-12:00,13:00-17:00"),
        ("mon 9-5pm", "mon 09:00-17:00"),
        ("tues, thurs 09.00-17.30", "tue 09:00-17:30; thu 09:00-17:30"),
        ("mon & wed 0900-1700", "mon 09:00-17:00; wed 09:00-17:00"),
        ("mon-fri 9-17, sat 10-13", "mon-fri 09:00-17:00; sat 10:00-13:00"),
        ("mon-fri 9-17 sat 10-13 sun closed", "mon-fri 09:00-17:00; sat 10:00-13:00"),
        ("weekdays 9-17\nweekend 10-12", "mon-fri 09:00-17:00; sat-sun 10:00-12:00"),
        ("sat-mon 09:00-12:00", "mon 09:00-12:00; sat-sun 09:00-12:00"),
        ("fri-mon 10:00-14:00", "mon 10:00-14:00; fri-sun 10:00-14:00"),
        ("fri 22:00-02:00", "fri 22:00-24:00; sat 00:00-02:00"),
        ("sun 10pm-2am", "mon 00:00-02:00; sun 22:00-24:00"),
        ("daily 22:00-02:00", "mon-sun 00:00-02:00,22:00-24:00"),
        ("mon 18:00-00:00; tue noon-midnight", "mon 18:00-24:00; tue 12:00-24:00"),
        ("mon 14:00-10:00", "mon 14:00-24:00; tue 00:00-10:00"),
        ("24/7", "mon-sun 00:00-24:00"),
        ("24x7", "mon-sun 00:00-24:00"),
        ("mon-sun 0:00-23:59", "mon-sun 00:00-24:00"),
        ("mon-fri 9:00-13:00 14:00-18:00", "mon-fri 09:00-13:00,14:00-18:00"),
        ("mon 9\uff1a00\uff0d18\uff1a00", "mon 09:00-18:00"),
        ("wed 24 hours", "wed 00:00-24:00"),
        (other_digits("mon-fri 10:00-18:00"), "mon-fri 10:00-18:00"),
        (other_digits("fri 9-5pm, sat 10-12"), "fri 09:00-17:00; sat 10:00-12:00"),
    ],
)
def test_hours_are_understood_in_the_ways_that_people_write(text: str, week: str) -> None:
    assert hours_text(parse_hours(text)) == week


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10:00-14:00", "write them as mon-fri 09:00-17:00"),
        ("mon 10:15-14:00", "the hour or half hour"),
        ("mon 9-5", "write 17:00 or 5pm"),
        ("mon 24:00-02:00", "open at 24:00"),
        ("24 hours", "name no days in '24 hours'"),
        ("someday 9-17", "mon, mon-fri or mon,wed"),
        ("mon -- 9-17", "mon, mon-fri or mon,wed"),
        ("- - fri 9-17", "mon, mon-fri or mon,wed"),
    ],
)
def test_hours_that_cannot_be_read_say_which_form_is_wanted(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_hours(text)


@given(week=WEEKS)
def test_a_week_written_down_is_read_as_the_same_week(week: Week) -> None:
    assert parse_hours(hours_text(week)) == week


@pytest.mark.parametrize(
    "text",
    [
        "mon",
        "10:00-14:00",
        "mon 9-5",
        "mon 9:00-5:00",
        "mon 13pm-14pm",
        "mon 25:00-26:00",
        "mon 10:00-14:00 tomorrow",
        "sat 20:00-04:00; sun 03:00-05:00",
        "mon 10:15-14:00",
        "mon 10:00-10:00",
        "mon 10:00-24:30",
        "mon 10:00-14:00,13:30-15:00",
        "mon 10:00-14:00; mon 15:00-16:00",
        "someday 10:00-14:00",
        "mon-fri-sat 10:00-14:00",
        "mon \u0bf0:00-14:00",
        "mon 10:00-14:00;" * 100,
    ],
)
def test_hours_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_hours(text)
    assert refused.value.field == "hours"


def test_ten_to_two_in_india_begins_at_half_past_eight_in_the_gulf() -> None:
    # Source: contract, section 12.4
    starts = slots(parse_hours("fri 10:00-14:00"), INDIA, NOW)
    shown = [start.astimezone(ZoneInfo("Asia/Dubai")).isoformat() for start in starts]
    assert shown[:2] == ["2026-01-02T08:30:00+04:00", "2026-01-02T09:00:00+04:00"]
    assert len(shown) == 8


def test_slots_begin_after_now_and_reach_a_week_ahead() -> None:
    starts = slots(ROUND_THE_CLOCK, INDIA, NOW)
    assert starts[0] == NOW + SLOT
    assert starts[-1] == NOW + timedelta(days=7)
    assert len(starts) == 7 * 48
    assert slots(CLOSED, INDIA, NOW) == []


def test_hours_that_the_clocks_skip_are_not_offered() -> None:
    night = parse_hours("sun 01:00-04:00")
    starts = slots(night, BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC))
    shown = [start.astimezone(BERLIN).isoformat(timespec="minutes") for start in starts]
    assert shown == [f"2026-03-29T{at}" for at in ("01:00+01:00", "01:30+01:00", "03:00+02:00", "03:30+02:00")]


def test_hours_that_begin_in_what_the_clocks_skip_begin_after_it() -> None:
    starts = slots(parse_hours("sun 02:30-04:00"), BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC))
    shown = [start.astimezone(BERLIN).isoformat(timespec="minutes") for start in starts]
    assert shown == ["2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"]


def test_hours_that_the_clocks_show_twice_are_offered_twice() -> None:
    starts = slots(parse_hours("sun 02:00-03:30"), BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC))
    shown = [start.astimezone(BERLIN).isoformat(timespec="minutes") for start in starts]
    assert shown == [
        f"2026-10-25T{at}" for at in ("02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00", "03:00+01:00")
    ]


def halves(days: str, first: int) -> str:
    """Openings of half an hour, one in each hour of these days."""
    return f"{days} " + ",".join(f"{hour}-{hour}:30" for hour in range(first, 24))


SHORT_AND_LONG = f"{halves('mon,wed,fri,sun', 0)}; {halves('tue,thu,sat', 1)}"
"""Few characters, and more than are allowed when each day is written out."""


def test_hours_that_would_be_stored_longer_than_allowed_are_refused() -> None:
    assert len(SHORT_AND_LONG) < 500
    with pytest.raises(InvalidInput, match="at most 1000 characters, and written out they are 2013") as refused:
        parse_hours(SHORT_AND_LONG)
    assert refused.value.field == "hours"
    stored = hours_text(read_hours(SHORT_AND_LONG))
    assert hours_text(read_hours(stored)) == stored


@given(week=WEEKS, zone=ZONES, now=INSTANTS)
def test_slots_never_overlap_and_lie_wholly_inside_the_hours(week: Week, zone: ZoneInfo, now: datetime) -> None:
    starts = slots(week, zone, now)
    assert all(later - earlier >= SLOT for earlier, later in pairwise(starts))
    for start in starts:
        assert now < start <= now + timedelta(days=7)
        for moment in (start, start + SLOT / 2, start + SLOT - timedelta(microseconds=1)):
            wall = moment.astimezone(zone)
            minute = wall.hour * 60 + wall.minute
            assert any(opening.opens <= minute < opening.closes for opening in week[wall.weekday()])


@given(week=WEEKS, zone=ZONES, now=INSTANTS)
def test_where_no_clock_changes_every_half_hour_of_a_week_is_offered_once(
    week: Week, zone: ZoneInfo, now: datetime
) -> None:
    hours = [now + timedelta(hours=hour) for hour in range(-24, 9 * 24)]
    assume(len({hour.astimezone(zone).utcoffset() for hour in hours}) == 1)
    assert len(slots(week, zone, now)) == sum((o.closes - o.opens) // 30 for day in week for o in day)


@given(zone=ZONES, on=st.dates(date(2020, 1, 1), date(2037, 12, 31)))
def test_round_the_clock_leaves_no_gap_whatever_the_clocks_do(zone: ZoneInfo, on: date) -> None:
    starts = slots(ROUND_THE_CLOCK, zone, datetime(on.year, on.month, on.day, tzinfo=UTC))
    assert all(later - earlier == SLOT for earlier, later in pairwise(starts))
