"""Which time zone data count: the package's, also where the machine's are older or newer."""

import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from tests.support.cases import for_each
from tools.sources import ROOT
from tzdata import IANA_VERSION

from callmark import zone_data
from callmark.kit import checks
from callmark.zone_data import ZoneData, find_zone, unknown_zone, zone_names

SHOWN = """
from datetime import UTC, datetime
from callmark.client.cli.validation import zone_of
from callmark.kit import checks
from callmark.kit.zones import device_zone, time_zone, zone_or_utc
from callmark.surfaces.emulator.handsets.time_zone import zone_of as zone_of_number
zones = [read("Asia/Kolkata") for read in (time_zone, zone_or_utc, device_zone, zone_of)]
print(*{str(datetime(2026, 12, 1, tzinfo=UTC).astimezone(zone).utcoffset()) for zone in zones})
print(zone_of_number("918040001234"))
print(checks.time_zones().detail + ".", checks.time_zones().advice)
"""
"""Run in a process of its own, where all that reads zones finds the machine's data."""
_KEPT = {name: value for name, value in os.environ.items() if name == "PYTHONPYCACHEPREFIX"}
"""Where bytecode is: without it the process compiles all that it imports."""


def machine(folder: Path, version: str) -> str:
    """A machine's data of that version, in which India has the clocks of Tokyo."""
    (folder / "Asia").mkdir(parents=True)
    (folder / "Asia/Kolkata").write_bytes(files("tzdata").joinpath("zoneinfo/Asia/Tokyo").read_bytes())
    (folder / "tzdata.zi").write_text(f"# version {version}\n# This zic input file is in the public domain.\n")
    return str(folder)


def shown(zones: str, program: str) -> list[str]:
    """What the program prints on a machine with data in that folder."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**_KEPT, "PYTHONTZPATH": zones, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_packages_data_count_whatever_the_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offsets, of_number, told = shown(machine(tmp_path, "9999a"), SHOWN)
    assert offsets == "5:30:00"
    assert of_number == "Asia/Kolkata"
    data = f"version {IANA_VERSION} of the package tzdata"
    newer = "This machine has 9999a. Run `pip install --upgrade tzdata` on every host, then restart all."
    assert told == f"{data}. {newer}"
    monkeypatch.setattr(checks, "zone_data", lambda: ZoneData(IANA_VERSION, "2000a"))
    older = checks.time_zones()
    assert (older.ok, older.detail, older.advice) == (True, data, "")


def test_without_the_package_the_machines_data_count_and_the_doctor_says_so(tmp_path: Path) -> None:
    missing = "import sys; sys.modules['tzdata'] = None\n"
    offsets, _, told = shown(machine(tmp_path, "2000a"), missing + SHOWN)
    assert offsets == "9:00:00"
    assert told == (
        "the machine's own data count, version 2000a: the package tzdata is missing."
        " Run `pip install tzdata`, then restart."
    )


def test_no_other_module_reads_zones_by_their_names() -> None:
    reading = re.compile(r"\bZoneInfo(?:\.\w+)?\(|available_timezones|TZPATH")
    found = {path for path in (ROOT / "src").rglob("*.py") if reading.search(path.read_text())}
    assert found == {Path(zone_data.__file__)}


@for_each(["Asia/Kolkata", "Asia/Calcutta", "Europe/Kiev", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT-14"])
def test_a_zone_is_one_object_that_keeps_its_name(name: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    assert zone.key == name
    assert find_zone(f" {name.replace('_', ' ').upper()}") is zone


def test_every_name_has_its_data_and_a_file_of_a_machine_is_none() -> None:
    assert len(zone_names()) > 590
    assert all(find_zone(name) for name in zone_names())
    for name in ("localtime", "posix/Asia/Kolkata", "Factory", "../etc/passwd", "Asia", "zone.tab", "__init__.py", ""):
        assert find_zone(name) is None


def test_the_name_of_an_unknown_zone_is_kept_with_the_clocks_of_utc() -> None:
    zone = unknown_zone("Mars/Olympus")
    assert (zone.key, datetime(2026, 7, 1, tzinfo=zone).utcoffset()) == ("Mars/Olympus", timedelta(0))
