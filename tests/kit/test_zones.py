import subprocess
import sys
from importlib.metadata import requires

import pytest

from callmark.kit.errors import InvalidInput
from callmark.kit.zones import device_zone, time_zone

KNOWN_THERE = """
from callmark.kit.zones import device_zone, time_zone
for name in ("Asia/Calcutta", "Europe/Kiev", "Asia/Saigon", "Asia/Kolkata"):
    print(time_zone(name).key, device_zone(name))
"""


def test_replaced_names_are_known_on_a_machine_without_a_database_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KNOWN_THERE], env={"PYTHONTZPATH": ""}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == "Asia/Calcutta Asia/Calcutta"
    assert len(done.stdout.splitlines()) == 4


def test_the_servers_installation_brings_the_database() -> None:
    assert any(line.startswith("tzdata") and "server" in line for line in requires("callmark") or [])


def test_a_name_is_known_in_any_case_and_an_unknown_one_is_an_error() -> None:
    assert time_zone(" asia/kolkata ").key == "Asia/Kolkata"
    assert time_zone("America/New York").key == "America/New_York"
    for wrong in ("", "Mars/Olympus", "localtime", "../etc/passwd"):
        with pytest.raises(InvalidInput) as refused:
            device_zone(wrong, "time_zone")
        assert refused.value.field == "time_zone"
