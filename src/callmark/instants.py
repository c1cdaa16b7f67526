"""Instants as numbers and texts: epoch milliseconds and ISO 8601, always in UTC."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
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


@lru_cache(maxsize=4096)
def read_instant(text: str, zone: tzinfo) -> datetime | None:
    """An instant in ISO 8601 (without an offset: in `zone`) or in epoch milliseconds of 13 digits; None for others."""
    if text.isascii() and text.isdigit():
        return from_ms(int(text)) if len(text) == _DIGITS_OF_MS and text[0] != "0" else None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = found if found.tzinfo else found.replace(tzinfo=zone)
    try:
        instant = aware.astimezone(UTC)
    except OverflowError:
        return None
    return instant if instant >= EPOCH else None
