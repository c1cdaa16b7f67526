"""Business hours of a week, and the half hours in which a receiver may be called back (contract, section 12.4).

People write and read hours as a text, `mon-fri 10:00-14:00,15:00-18:00; sat 10:00-13:00`, which is also how they are
stored (`hours_reader` reads it, and other ways to write it).
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from msgspec import Struct

from callmark.instants import instants_of

SLOT = timedelta(minutes=30)
DAYS_AHEAD = 7
"""How far ahead slots are offered. Assumption: a week, so that every weekday's hours appear; no page says it."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SLOT_MINUTES = 30
DAY_MINUTES = 24 * 60
_INSTANT = timedelta(microseconds=1)


class Opening(Struct, frozen=True, order=True):
    """From `opens` up to `closes`, in minutes of a day (on half hours, at most 24:00)."""

    opens: int
    closes: int

    def __str__(self) -> str:
        """As people write it: `10:00-14:00`."""
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


Week = tuple[tuple[Opening, ...], ...]
"""The openings of each weekday, Monday first, in order and apart from each other."""

CLOSED: Week = ((),) * 7


def hours_text(week: Week) -> str:
    """The week as a text that `read_hours` reads: neighbouring days with the same hours together."""
    parts: list[str] = []
    for openings, same in groupby(enumerate(week), key=lambda day: day[1]):
        days = [DAYS[number] for number, _ in same]
        if openings:
            named = days[0] if len(days) == 1 else f"{days[0]}-{days[-1]}"
            parts.append(f"{named} {','.join(map(str, openings))}")
    return "; ".join(parts)


def slots(week: Week, zone: ZoneInfo, now: datetime) -> list[datetime]:
    """When each half hour inside the hours begins, in UTC and in order: after `now`, `DAYS_AHEAD` at most.

    A half hour that clocks in `zone` skip is not there; one that they show twice is there twice.
    """
    first, until = now.astimezone(zone).date(), now + timedelta(days=DAYS_AHEAD)
    on_each = (first + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1))
    return [start for on in on_each for start in _starts_on(on, week[on.weekday()], zone) if now < start <= until]


@lru_cache(maxsize=8192)
def _starts_on(on: date, openings: tuple[Opening, ...], zone: ZoneInfo) -> tuple[datetime, ...]:
    """The starts of one day; kept, because reckoning them takes longer than a ringing call should wait."""
    found: list[datetime] = []
    for start in sorted(start for opening in openings for start in _starts(opening, zone, on)):
        if not found or start - found[-1] >= SLOT:  # a clock changed by other than half hours would make them overlap
            found.append(start)
    return tuple(found)


def _starts(opening: Opening, zone: ZoneInfo, on: date) -> Iterator[datetime]:
    for minute in range(opening.opens, opening.closes, _SLOT_MINUTES):
        for start in instants_of(datetime.combine(on, time(minute // 60, minute % 60)), zone):
            if _shows_inside(opening, on, (start + SLOT - _INSTANT).astimezone(zone)):
                yield start


def _shows_inside(opening: Opening, on: date, wall: datetime) -> bool:
    """Whether a clock that shows `wall` is inside the opening of that day (a slot's end may lie beyond a change)."""
    return wall.date() == on and opening.opens <= wall.hour * 60 + wall.minute < opening.closes


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
