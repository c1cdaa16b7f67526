"""Times and sizes as pages say them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callmark.surfaces.console import display_names
from callmark.surfaces.console.pages import human, told

NOW = datetime(2026, 1, 12, 14, 5, 33, tzinfo=UTC)
INDIA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (timedelta(hours=4) - timedelta(milliseconds=1), "in 4 hours"),
        (timedelta(hours=3, minutes=59), "in 4 hours"),
        (timedelta(minutes=2) - timedelta(seconds=1), "in 2 minutes"),
        (timedelta(minutes=59, seconds=40), "in 1 hour"),
        (timedelta(minutes=89), "in 1 hour"),
        (timedelta(minutes=91), "in 2 hours"),
        (timedelta(hours=23, minutes=40), "in 24 hours"),
        (timedelta(seconds=59), "in a moment"),
        (-timedelta(seconds=59), "just now"),
        (-timedelta(minutes=1, seconds=31), "2 minutes ago"),
        (-timedelta(hours=2, minutes=29), "2 hours ago"),
        (-timedelta(days=1), "11 Jan, 19:35"),
        (timedelta(hours=29), "14 Jan, 00:35"),
        (-timedelta(days=400), "8 Dec 2024"),
    ],
)
def test_a_time_is_rounded_to_the_nearest_and_days_are_those_of_the_zone(apart: timedelta, said: str) -> None:
    assert human(NOW + apart, NOW, INDIA) == said


def test_the_exact_time_names_its_zone() -> None:
    assert told(NOW, INDIA) == "12 Jan 2026, 19:35:33, Asia/Kolkata"


@pytest.mark.parametrize(
    ("number", "said"),
    [(2_097_152, "2 MB"), (8 * 1024 * 1024, "8 MB"), (1_572_864, "1.5 MB"), (262_144, "256 KB"), (900, "900 bytes")],
)
def test_an_amount_of_data_is_told_in_human_units(number: int, said: str) -> None:
    assert display_names.size(number) == said


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("918040001234", "+91 80 4000 1234"),
        ("919900112233", "+91 99001 12233"),
        ("12025550123", "+1 202-555-0123"),
        ("999123", "+999123"),
        ("", ""),
    ],
)
def test_a_number_has_one_spelling_that_stays_on_a_line(number: str, shown: str) -> None:
    assert display_names.phone(number) == shown.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize("number", ["4407911123456", "9109840012345", "54111512345678", "9990001"])
def test_a_number_is_shown_with_the_digits_that_are_kept(number: str) -> None:
    assert display_names.phone(number) == f"+{number}"


@pytest.mark.parametrize(
    ("number", "shown"), [("447911123456", "+44 7911 123456"), ("390612345678", "+39 06 1234 5678")]
)
def test_a_number_is_shown_in_the_groups_of_its_country(number: str, shown: str) -> None:
    assert display_names.phone(number).replace(display_names.NO_BREAK, " ") == shown
