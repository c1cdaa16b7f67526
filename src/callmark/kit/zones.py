"""Time zones by their IANA names, from the machine's database or else from the `tzdata` package.

Browsers and devices still send names that have been replaced (`Asia/Calcutta`, `Europe/Kiev`). Machines may lack those;
the package has them all, so it is a dependency. A name that is not known is an error, never silently UTC.
"""

import re
from datetime import timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from callmark.kit.errors import InvalidInput

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@cache
def zone_names() -> frozenset[str]:
    """The names that are known here, as `Asia/Kolkata`; the machine's own (`localtime`) is none."""
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def time_zone(name: str, field: str = "time_zone") -> ZoneInfo:
    """The zone of that name, in any case. Raises InvalidInput about `field` for a name that is not known."""
    known = name if name in zone_names() else _by_plain_name().get(_plain(name))
    if known is None:
        raise InvalidInput(f"{field} is not a time zone name, such as Asia/Kolkata", field=field)
    return ZoneInfo(known)


@cache
def _by_plain_name() -> dict[str, str]:
    return {_plain(name): name for name in sorted(zone_names())}


def _plain(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


def zone_or_utc(name: str) -> ZoneInfo:
    """The zone of that name; UTC for an unknown one."""
    return ZoneInfo(name if name in zone_names() else "UTC")


def device_zone(text: str, field: str = "time_zone") -> tzinfo:
    """A device's own zone: a name, or an offset from UTC such as `+04:00`. Raises InvalidInput about `field`."""
    if (offset := _OFFSET.fullmatch(text)) is None:
        return time_zone(text, field)
    sign, hours, minutes = offset.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-ahead if sign == "-" else ahead)
