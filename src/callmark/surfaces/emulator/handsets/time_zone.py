"""The time zone that a virtual handset is in when its script names none: that of its number."""

from datetime import UTC, datetime
from functools import cache

from callmark.kit.phone import PhoneNumber
from callmark.kit.zones import present_name, time_zone as zone_named
from callmark.zone_data import zone_names

UNKNOWN = "UTC"
_IN_WINTER, _IN_SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


@cache
def zone_of(phone: PhoneNumber) -> str:
    """The zone's IANA name; UTC where the number may be in zones whose clocks differ, as a mobile one of Australia may.

    By the number's own area, else by its country.
    """
    import phonenumbers  # here, because scripts may name every zone themselves
    from phonenumbers import timezone

    try:
        number = phonenumbers.parse(f"+{phone}")
    except phonenumbers.NumberParseException:
        return UNKNOWN
    found = timezone.time_zones_for_number(number)
    if not set(found) <= zone_names():
        found = timezone.time_zones_for_geographical_number(number)
    zones = [name for name in found if name in zone_names()]
    clocks = {tuple(at.astimezone(zone_named(name)).utcoffset() for at in (_IN_WINTER, _IN_SUMMER)) for name in zones}
    return present_name(zones[0]) if len(clocks) == 1 else UNKNOWN
