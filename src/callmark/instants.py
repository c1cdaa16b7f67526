"""Instants as numbers and texts: epoch milliseconds and ISO 8601, always in UTC."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)
_LONGEST = 100
"""Characters of an instant. Longer texts are none, and are not kept."""
_DIVIDER = re.compile("[T ]")
_WITHOUT_COLON = re.compile("[0-9]{3}")
_PART_OF_NO_SECOND = re.compile("[0-9]{2}(?::?[0-9]{2})?[.,]")
LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, where instants on the wire end."""

_DIGITS_OF_MS = 13
"""Of epoch milliseconds from 2001 to 2286. Others are seconds, dates without separators, or no instants at all."""


def from_ms(ms: int) -> datetime:
    """The instant of `ms` epoch milliseconds (0 to `LAST_MS`)."""
    return EPOCH + ms * _MILLISECOND


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds of `instant`, rounded down."""
    return (instant - EPOCH) // _MILLISECOND


def iso_ms(instant: datetime) -> str:
    """ISO-8601 UTC with milliseconds, as call records and tokens show it: `2026-01-01T10:00:05.412Z`."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def iso_us(instant: datetime) -> str:
    """ISO-8601 UTC with microseconds, as labels and numbers show it: `2026-01-01T10:00:05.412345Z`."""
    return instant.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def read_instant(text: str, zone: tzinfo, *, is_end: bool = False) -> datetime | None:
    """An instant in ISO 8601 (without an offset: in `zone`) or in epoch milliseconds of 13 digits; None for others.

    A day is the instant at which it begins in the zone, or as an end the last millisecond that it has there. A time
    that clocks in the zone skip or show twice (`is_doubtful`) is none.
    """
    return _read_instant(text, zone, is_end=is_end) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _read_instant(text: str, zone: tzinfo, *, is_end: bool) -> datetime | None:
    """The same, kept: rows of a file share their instants."""
    if text.isascii() and text.isdigit():
        return from_ms(int(text)) if len(text) == _DIGITS_OF_MS and text[0] != "0" else None
    try:
        found = _day_or_time(text)
        if not isinstance(found, datetime):
            instant = midnight(found + _DAY, zone) - _MILLISECOND if is_end else midnight(found, zone)
        elif found.tzinfo:
            instant = found.astimezone(UTC)
        elif len(shown := instants_of(found, zone)) == 1:
            (instant,) = shown
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return instant if instant >= EPOCH else None


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins: where clocks skip midnight then, where they show it twice the first time."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def is_doubtful(text: str, zone: tzinfo) -> bool:
    """Whether clocks in the zone skip this time, or show it twice: a text without an offset does not say when it is."""
    try:
        found = _day_or_time(text)
        return isinstance(found, datetime) and not found.tzinfo and len(instants_of(found, zone)) != 1
    except (ValueError, OverflowError):
        return False


def instants_of(wall: datetime, zone: tzinfo) -> list[datetime]:
    """The instants, in UTC, at which clocks in `zone` show `wall` (naive): one; none in a gap; two in a fold."""
    folds = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return sorted({instant for instant in folds if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall})


def is_day(text: str) -> bool:
    """Whether a text is a day without a time of day, such as `2026-12-31`."""
    try:
        return not isinstance(_day_or_time(text), datetime)
    except ValueError:
        return False


def _day_or_time(text: str) -> date:
    """A day, or a day and a time with `T` or a blank between them. Raises ValueError.

    `datetime.fromisoformat` takes any character between them, such as the sign of a day's offset (`2026-12-31+05:30`),
    `2026` behind a day as 20:26, and `18.30` as 18:00 and three tenths of a second.
    """
    day, *times = _DIVIDER.split(text, maxsplit=1)
    if not times:
        return date.fromisoformat(day)
    if ("-" in day and _WITHOUT_COLON.match(times[0])) or _PART_OF_NO_SECOND.match(times[0]):
        raise ValueError(text)
    date.fromisoformat(day)
    return datetime.fromisoformat(f"{day}T{times[0]}")
