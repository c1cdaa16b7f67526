from importlib.metadata import requires

import pytest

from callmark.kit.errors import InvalidInput
from callmark.kit.zones import device_zone, time_zone


def test_the_servers_installation_brings_the_database() -> None:
    assert any(line.startswith("tzdata") and "server" in line for line in requires("callmark") or [])


def test_a_name_is_known_in_any_case_and_an_unknown_one_is_an_error() -> None:
    assert time_zone(" asia/kolkata ").key == "Asia/Kolkata"
    assert time_zone("America/New York").key == "America/New_York"
    for wrong in ("", "Mars/Olympus", "localtime", "../etc/passwd"):
        with pytest.raises(InvalidInput) as refused:
            device_zone(wrong, "time_zone")
        assert refused.value.field == "time_zone"
