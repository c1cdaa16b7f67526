"""Which time zone data count: those of the `tzdata` package where it is installed, else the machine's own.

The one place that reads them, for the server, the emulator and the client commands: two parts that read different data
disagree by an hour. Why the package: docs/decisions/0079-time-zone-data.md.
"""

import re
import zoneinfo
from functools import cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
"""What machines have beside the zones; the first is a machine's own, whichever that is."""
_VERSION = re.compile(r"[0-9]{4}[a-z]+")


class ZoneData(Struct, frozen=True):
    """Versions of the data, such as `2026f`: empty for data that are not there, or do not say theirs."""

    package: str
    machine: str

    @property
    def used(self) -> str:
        """The version of those that count."""
        return self.package or self.machine

    @property
    def is_old(self) -> bool:
        """Whether the machine has newer ones than those that count."""
        return bool(self.package) and self.machine > self.package


@cache
def zone_data() -> ZoneData:
    """The data as this process has them for its life."""
    try:
        import tzdata
    except ModuleNotFoundError:
        return ZoneData("", _version_of_machine())
    return ZoneData(str(tzdata.IANA_VERSION), _version_of_machine())


def _version_of_machine() -> str:
    """As the first folder with zones says it: in `tzdata.zi` on Linux, in `+VERSION` on macOS and BSD."""
    for folder in map(Path, zoneinfo.TZPATH):
        for name in ("tzdata.zi", "+VERSION"):
            try:
                with (folder / name).open(encoding="ascii", errors="replace") as lines:
                    said = _VERSION.search(lines.readline(100))
            except OSError:
                continue
            if said:
                return said[0]
    return ""


@cache
def zone_names() -> frozenset[str]:
    """The names that are known here, as `Asia/Kolkata`."""
    if zone_data().package:
        return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - _NO_ZONES
    return frozenset(zoneinfo.available_timezones() - _NO_ZONES)


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name, in any case and with blanks for `_`. None for one that is not known."""
    known = name if name in zone_names() else _by_plain_name().get(_plain(name))
    return _zone(known) if known else None


@cache
def _by_plain_name() -> dict[str, str]:
    return {_plain(name): name for name in sorted(zone_names())}


def _plain(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


@cache
def _zone(name: str) -> ZoneInfo:
    """One object for each: times in one zone are compared by its clocks, in two equal ones by UTC."""
    return _read(name, name) if zone_data().package else ZoneInfo(name)


@cache
def unknown_zone(name: str) -> ZoneInfo:
    """What keeps the name of a zone that is not known here, and has the clocks of UTC."""
    return _read("UTC", name) if zone_data().package else ZoneInfo("UTC")


def _read(name: str, key: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=key)
