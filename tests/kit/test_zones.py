from datetime import UTC, datetime
from importlib.metadata import requires
from importlib.resources import files

import pytest

from callmark.kit.errors import InvalidInput
from callmark.kit.zones import REPLACED, device_zone, present_name, time_zone


def test_the_servers_installation_brings_the_database() -> None:
    assert any(line.startswith("tzdata") and "server" in line for line in requires("callmark") or [])


def test_a_name_is_known_in_any_case_and_an_unknown_one_is_an_error() -> None:
    assert time_zone(" asia/kolkata ").key == "Asia/Kolkata"
    assert time_zone("America/New York").key == "America/New_York"
    for wrong in ("", "Mars/Olympus", "localtime", "../etc/passwd"):
        with pytest.raises(InvalidInput) as refused:
            device_zone(wrong, "time_zone")
        assert refused.value.field == "time_zone"


def test_a_replaced_name_is_read_as_the_present_one_of_a_place_with_the_same_clocks() -> None:
    assert present_name("Asia/Calcutta") == "Asia/Kolkata"
    for kept in ("Europe/Stockholm", "Atlantic/Reykjavik", "Mars/Olympus", "UTC"):
        assert present_name(kept) == kept
    lines = files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8").splitlines()
    present = {line.split("\t")[2] for line in lines if not line.startswith("#")}
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]
    for old, now in REPLACED.items():
        assert (old in present, now in present) == (False, True), old
        offsets = {tuple(day.astimezone(time_zone(name)).utcoffset() for day in days) for name in (old, now)}
        assert len(offsets) == 1, old
