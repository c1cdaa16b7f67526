"""Business hours of a week, and the half hours in which a receiver may be called back (contract, section 12.4).

People write and read hours as a text, `mon-fri 10:00-14:00,15:00-18:00; sat 10:00-13:00`, which is also how they are
stored.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from callmark.kit.errors import InvalidInput
from callmark.kit.zones import instant_of

SLOT = timedelta(minutes=30)
DAYS_AHEAD = 7
"""How far ahead slots are offered. Assumption: a week, so that every weekday's hours appear; no page says it."""

LONGEST_TEXT = 1_000

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SLOT_MINUTES = 30
_DAY_MINUTES = 24 * 60
_RANGE = re.compile(r"([0-9]{2}):(00|30)-([0-9]{2}):(00|30)", re.ASCII)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """From `opens` up to `closes`, in minutes of a day (on half hours, at most 24:00)."""

    opens: int
    closes: int

    def __str__(self) -> str:
        """As people write it: `10:00-14:00`."""
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


Week = tuple[tuple[Opening, ...], ...]
"""The openings of each weekday, Monday first, in order and apart from each other."""

CLOSED: Week = ((),) * 7


@lru_cache(maxsize=1024)
def parse_hours(text: str) -> Week:
    """The week that `text` says; a day it does not name is closed. Raises InvalidInput.

    Days are named alone, as a range or in a list (`mon,wed`, `sat-sun`), each once; times are on half hours.
    """
    if len(text) > LONGEST_TEXT:
        raise _wrong(f"must be at most {LONGEST_TEXT} characters")
    week: list[tuple[Opening, ...]] = [()] * 7
    for part in filter(None, (part.strip() for part in text.lower().split(";"))):
        days, _, times = part.partition(" ")
        openings = _openings(times, part)
        for day in _days(days, part):
            if week[day]:
                raise _wrong(f"names {_DAYS[day]} twice")
            week[day] = openings
    return tuple(week)


def hours_text(week: Week) -> str:
    """The week as a text that `parse_hours` reads: neighbouring days with the same hours together."""
    parts: list[str] = []
    for openings, same in groupby(enumerate(week), key=lambda day: day[1]):
        days = [_DAYS[number] for number, _ in same]
        if openings:
            named = days[0] if len(days) == 1 else f"{days[0]}-{days[-1]}"
            parts.append(f"{named} {','.join(map(str, openings))}")
    return "; ".join(parts)


def slots(week: Week, zone: ZoneInfo, now: datetime, days: int = DAYS_AHEAD) -> list[datetime]:
    """When each half hour inside the hours begins, in UTC and in order: after `now`, at most `days` days ahead.

    A half hour that clocks in `zone` skip is not there; one that they show twice is there twice.
    """
    first, until = now.astimezone(zone).date(), now + timedelta(days=days)
    on_each = (first + timedelta(days=ahead) for ahead in range(days + 1))
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
        for start in instant_of(datetime.combine(on, time(minute // 60, minute % 60)), zone):
            if _shows_inside(opening, on, (start + SLOT - _INSTANT).astimezone(zone)):
                yield start


def _shows_inside(opening: Opening, on: date, wall: datetime) -> bool:
    """Whether a clock that shows `wall` is inside the opening of that day (a slot's end may lie beyond a change)."""
    return wall.date() == on and opening.opens <= wall.hour * 60 + wall.minute < opening.closes


def _days(text: str, part: str) -> list[int]:
    found: list[int] = []
    for item in text.split(","):
        first, dash, last = item.partition("-")
        last = last if dash else first
        if first not in _DAYS or last not in _DAYS or _DAYS.index(first) > _DAYS.index(last):
            raise _wrong(f"do not name days in {part!r}: write them as mon, mon-fri or mon,wed")
        found.extend(range(_DAYS.index(first), _DAYS.index(last) + 1))
    return found


def _openings(text: str, part: str) -> tuple[Opening, ...]:
    openings = tuple(sorted(_opening(item.strip(), part) for item in text.split(",")))
    if any(earlier.closes > later.opens for earlier, later in pairwise(openings)):
        raise _wrong(f"overlap in {part!r}")
    return openings


def _opening(text: str, part: str) -> Opening:
    found = _RANGE.fullmatch(text)
    opens, closes = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if not opens < closes <= _DAY_MINUTES:
        raise _wrong(f"have no times in {part!r}: write them as 10:00-14:00, on full or half hours, at most 24:00")
    return Opening(opens, closes)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _wrong(what: str) -> InvalidInput:
    return InvalidInput(f"hours {what}", field="hours")
