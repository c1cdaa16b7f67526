"""Time zones that people and devices name. Which data count for them: `callmark.zone_data`.

Browsers and devices still send names that have been replaced (`Asia/Calcutta`, `Europe/Kiev`), and those are known. A
name that is not known is an error, never silently UTC.
"""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from callmark.kit.errors import InvalidInput
from callmark.zone_data import find_zone

_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])([01][0-9]|2[0-3]):?([0-5][0-9])", re.ASCII)
"""As Android (`GMT+05:30`) and iOS (`GMT+0530`) write it where a device has no zone with a name.

Not with hours alone: those of `Etc/GMT+5` and of POSIX are behind UTC.
"""


def time_zone(name: str, field: str = "time_zone") -> ZoneInfo:
    """The zone of that name, in any case. Raises InvalidInput about `field` for a name that is not known."""
    zone = find_zone(name)
    if zone is None:
        raise InvalidInput(f"{field} is not a time zone name, such as Asia/Kolkata", field=field)
    return zone


def zone_or_utc(name: str) -> ZoneInfo:
    """The zone of that name; UTC for an unknown one."""
    return find_zone(name) or utc_zone()


def utc_zone() -> ZoneInfo:
    """UTC as a zone with a name."""
    return time_zone("UTC")


def device_zone(text: str, field: str = "time_zone") -> tzinfo:
    """A device's own zone: a name, or an offset from UTC such as `+04:00`. Raises InvalidInput about `field`."""
    if text == "Z":
        return UTC
    if (offset := _OFFSET.fullmatch(text)) is None:
        return time_zone(text, field)
    sign, hours, minutes = offset.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-ahead if sign == "-" else ahead)
