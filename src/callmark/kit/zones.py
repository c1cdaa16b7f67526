"""Time zones that people and devices name. Which data count for them: `callmark.zone_data`.

Browsers and devices still send names that have been replaced (`Asia/Calcutta`, `Europe/Kiev`), and those are known. A
name that is not known is an error, never silently UTC. People read `present_name`; what was stored keeps its name.
"""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from callmark.kit.errors import InvalidInput
from callmark.zone_data import find_zone, zone_names

_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])([01][0-9]|2[0-3]):?([0-5][0-9])", re.ASCII)
"""As Android (`GMT+05:30`) and iOS (`GMT+0530`) write it where a device has no zone with a name.

Not with hours alone: those of `Etc/GMT+5` and of POSIX are behind UTC.
"""

REPLACED = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Catamarca": "America/Argentina/Catamarca",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Cordoba": "America/Argentina/Cordoba",
    "America/Fort_Wayne": "America/Indiana/Indianapolis",
    "America/Godthab": "America/Nuuk",
    "America/Indianapolis": "America/Indiana/Indianapolis",
    "America/Jujuy": "America/Argentina/Jujuy",
    "America/Knox_IN": "America/Indiana/Knox",
    "America/Louisville": "America/Kentucky/Louisville",
    "America/Mendoza": "America/Argentina/Mendoza",
    "America/Virgin": "America/St_Thomas",
    "Asia/Ashkhabad": "Asia/Ashgabat",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Dacca": "Asia/Dhaka",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Macao": "Asia/Macau",
    "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh",
    "Asia/Thimbu": "Asia/Thimphu",
    "Asia/Ujung_Pandang": "Asia/Makassar",
    "Asia/Ulan_Bator": "Asia/Ulaanbaatar",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Europe/Kiev": "Europe/Kyiv",
    "Europe/Uzhgorod": "Europe/Kyiv",
    "Europe/Zaporozhye": "Europe/Kyiv",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}
"""Names of the same place. Not all links of the data: `Europe/Stockholm` and `Iceland` are links to other countries."""


def time_zone(name: str, field: str = "time_zone") -> ZoneInfo:
    """The zone of that name, in any case. Raises InvalidInput about `field` for a name that is not known."""
    zone = find_zone(name)
    if zone is None:
        raise InvalidInput(f"{field} is not a time zone name, such as Asia/Kolkata", field=field)
    return zone


def present_name(name: str) -> str:
    """The name that a zone has now, where its place was renamed or is spelled another way; else `name` itself."""
    now = REPLACED.get(name, name)
    return now if now in zone_names() else name


def presently_named(zone: ZoneInfo) -> ZoneInfo:
    """The zone under the name that it has now."""
    return find_zone(present_name(zone.key)) or zone


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
