"""Instants that people write."""

import tracemalloc
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from callmark.instants import is_day, is_doubtful, iso_ms, read_instant

KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1767261600000", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T15:30:00+05:30", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01 10:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T10:00Z", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T10", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T10:00:00,000Z", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("20260101T1000", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("17672616", None),
        ("0001-01-01T00:00", None),
        ("tomorrow", None),
        ("", None),
        ("9" * 40, None),
        ("9" * 15, None),
        ("0000000000000", None),
        ("253402300800000", None),  # the first millisecond after the year 9999
        ("20260301100000", None),  # a date without separators, which would be the year 2612
        ("202603011000", None),
        ("9999-12-31T23:00-05:00", None),
    ],
)
def test_times_are_read_as_iso_or_as_milliseconds(text: str, instant: datetime | None) -> None:
    assert read_instant(text, UTC) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-31+05:30",  # a day with its offset, as XML has it
        "2026-12-31-05:00",
        "2026-12-31 2026",
        "2026-12-31T1800",
        "2026-12-31x18:00",
        "2026-12-31/18:00",
        "2026-12-3118:00",
        "2026-12-31112",
        "2026-12-31 18.30",
        "2026-12-31 18,30",
        "2026-12-31T18:30.5",
        "20261231T1830.5",
        "2026-12-31T",
        "2026-12-31  18:00",
    ],
)
def test_what_stands_behind_a_day_is_a_time_only_behind_a_t_or_a_blank(text: str) -> None:
    assert read_instant(text, KOLKATA) is None
    assert not is_day(text)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "ends"),
    [
        ("Asia/Kolkata", "2026-12-31", "2026-12-30T18:30:00.000Z", "2026-12-31T18:29:59.999Z"),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00:00.000Z", "2026-03-09T03:59:59.999Z"),  # no midnight
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00.000Z", "2026-11-02T04:59:59.999Z"),
    ],
)
def test_a_day_alone_begins_and_ends_as_clocks_there_show_it(zone: str, day: str, begins: str, ends: str) -> None:
    here = ZoneInfo(zone)
    begin, end = read_instant(day, here), read_instant(day, here, is_end=True)
    assert begin
    assert end
    assert (iso_ms(begin), iso_ms(end)) == (begins, ends)


def test_a_time_is_the_same_as_an_end() -> None:
    assert read_instant("2026-12-31T00:00", UTC, is_end=True) == datetime(2026, 12, 31, tzinfo=UTC)
    assert read_instant("9999-12-31", UTC, is_end=True) is None  # the next day is beyond the last year


@pytest.mark.parametrize(
    "text", ["2027-03-28T02:30", "2027-03-28 02:00:00", "2027-10-31T02:15", "2027-10-31T02:59:59.9"]
)
def test_a_time_that_clocks_skip_or_show_twice_is_no_instant_without_its_offset(text: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert is_doubtful(text, berlin)
    assert read_instant(text, berlin) is None
    for known, zone in ((f"{text}+02:00", berlin), (text, KOLKATA), (text.replace(" 02:", "T03:"), UTC)):
        assert read_instant(known, zone)
        assert not is_doubtful(known, zone)


def test_times_beside_a_change_of_clocks_are_sure() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for text in (
        "2027-03-28T01:59:59",
        "2027-03-28T03:00",
        "2027-10-31T01:59:59",
        "2027-10-31T03:00",
        "9999-12-31T23:59",
    ):
        assert read_instant(text, berlin)
        assert not is_doubtful(text, berlin)
    assert not is_doubtful("soon", berlin)


def test_long_texts_are_not_kept_in_memory() -> None:
    tracemalloc.start()
    try:
        for number in range(500):
            assert read_instant(f"{number} " + "x" * 10_000, UTC) is None
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
