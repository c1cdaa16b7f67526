"""Business hours as people write them: `Mon-Fri 9am-5pm, Sat 10:00-13:00; sun closed`, `fri-sat 22:00-02:00`.

Pure. What is written decides; where it could mean two things (`9-5`), the error says how to write what is meant.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from msgspec import Struct, field

from callmark.domain.callbacks.hours import DAY_MINUTES, DAYS, Opening, Week, hours_text
from callmark.kit.errors import InvalidInput
from callmark.tables.phones import plain_text

LONGEST_TEXT = 1_000

_HALF_DAY = 12 * 60
_NOON_HOUR = 12
_LAST_MINUTE = frozenset({"23:59", "23.59", "2359", "23h59"})
"""A closing that people write for the day's end."""
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d~", "-"))
_DAY_WORDS = {
    "mon": ("monday", "mo"),
    "tue": ("tuesday", "tues", "tu"),
    "wed": ("wednesday", "weds", "we"),
    "thu": ("thursday", "thurs", "thur", "th"),
    "fri": ("friday", "fr"),
    "sat": ("saturday", "sa"),
    "sun": ("sunday", "su"),
}
_DAY_OF = {
    name: at
    for at, (short, more) in enumerate(_DAY_WORDS.items())
    for name in (short, *more, f"{more[0]}s")  # mondays
}
_MANY = {
    "daily": range(7),
    "everyday": range(7),
    "weekdays": range(5),
    "weekday": range(5),
    "weekends": range(5, 7),
    "weekend": range(5, 7),
}
_CLOSED_WORDS = frozenset({"closed", "off", "none"})
_JOINING = {"to": "-", "until": "-", "till": "-", "through": "-", "and": ",", "from": "", "at": "", "open": ""}
_TOKEN = re.compile(
    r"(?P<time>[0-9]{1,2}(?:[:.][0-9]{2}|h[0-9]{2}|h)?(?![0-9:])(?:\s*(?P<half>[ap])\.?\s?m\b\.?)?|[0-9]{4}(?![0-9:]))"
    r"|(?P<word>[a-z]+)\.?|(?P<mark>[-,&+/:])|(?P<space>\s+)",
    re.ASCII,
)
_TIME = re.compile(r"([0-9]{1,2})(?:[:.h]?([0-9]{2}))?h?", re.ASCII)
_FORM = "write them as mon-fri 09:00-17:00; sat 10:00-13:00"


class _Group(Struct):
    """Days and the times that follow them, as written in `text`."""

    text: str
    days: list[int] = field(default_factory=list[int])
    openings: list[Opening] = field(default_factory=list[Opening])


def parse_hours(text: str) -> Week:
    """As `read_hours`, of what people send: that and what is stored of it have at most `LONGEST_TEXT` characters."""
    if len(text) > LONGEST_TEXT:
        raise _wrong(f"must be at most {LONGEST_TEXT} characters")
    week = read_hours(text)
    if (length := len(hours_text(week))) > LONGEST_TEXT:
        raise _wrong(f"must be at most {LONGEST_TEXT} characters, and written out they are {length}")
    return week


@lru_cache(maxsize=1024)
def read_hours(text: str) -> Week:
    """The week that `text` says; a day it does not name is closed. Raises InvalidInput about `hours`.

    Days stand alone, in a range that may go round the week's end (`sat-mon`), or in a list, each once. Times are on
    half hours, in 24 hours or with am and pm; a closing before the opening is on the next day (`22:00-02:00`).
    """
    week: list[list[Opening]] = [[] for _ in DAYS]
    named: set[int] = set()
    for part in re.split(r"[;\n\r]+", _plain(text)):
        for group in _groups(part.strip()):
            for day in group.days:
                if day in named:
                    raise _wrong(f"name {DAYS[day]} twice")
                named.add(day)
                _open(week, day, group.openings)
    return tuple(_in_order(openings, DAYS[day]) for day, openings in enumerate(week))


def _plain(text: str) -> str:
    """Lower case, with full-width signs and digits of any script as ASCII has them."""
    return plain_text(unicodedata.normalize("NFKC", text)).lower().translate(_DASHES)


def _open(week: list[list[Opening]], day: int, openings: list[Opening]) -> None:
    """Puts a day's openings down; what lies beyond midnight belongs to the next day."""
    for one in openings:
        if one.closes <= DAY_MINUTES:
            week[day].append(one)
            continue
        week[day].append(Opening(one.opens, DAY_MINUTES))
        week[(day + 1) % len(week)].append(Opening(0, one.closes - DAY_MINUTES))


def _in_order(openings: list[Opening], day: str) -> tuple[Opening, ...]:
    ordered = tuple(sorted(openings))
    if any(earlier.closes > later.opens for earlier, later in pairwise(ordered)):
        raise _wrong(f"overlap on {day}: {', '.join(map(str, ordered))}")
    return ordered


def _groups(part: str) -> Iterator[_Group]:
    """The groups of days and times of a part; a day after times begins a new one."""
    written = part
    part = re.sub(r"\b24\s*[/x]\s*7\b", "daily 00:00-24:00", part).replace("every day", "daily")
    part = re.sub(r"\b24\s*(h|hrs|hours)\b", "00:00-24:00", part)
    tokens = _tokens(part)
    part = written
    while tokens:
        days = _take(tokens, "day")
        times = _take(tokens, "time")
        group = _Group(part, _days(days, part))
        if not days:
            raise _wrong(f"name no days in {part!r}: {_FORM}")
        if times != [("time", "closed")]:
            group.openings = _openings(times, part)
        yield group


def _tokens(part: str) -> list[tuple[str, str]]:
    """`part` as (kind, text): day, time, or mark (`-` or `,`). Raises InvalidInput for anything else."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(part):
        token = _TOKEN.match(part, at)
        if token is None:
            raise _wrong(f"cannot be read at {part[at : at + 10]!r} in {part!r}: {_FORM}")
        at = token.end()
        if token["time"]:
            found += [("mark", ",")] if found and found[-1][0] == "time" else []
            found.append(("time", token["time"]))
        elif token["mark"]:
            found += [] if token["mark"] == ":" else [("mark", "-" if token["mark"] == "-" else ",")]
        elif token["word"]:
            found += _word(token["word"], part)
    return found


def _word(word: str, part: str) -> list[tuple[str, str]]:
    if word in _DAY_OF or word in _MANY:
        return [("day", word)]
    if word in _JOINING:
        return [("mark", _JOINING[word])] if _JOINING[word] else []
    if word in _CLOSED_WORDS:
        return [("time", "closed")]
    if word in {"noon", "midday"}:
        return [("time", "12:00")]
    if word == "midnight":
        return [("time", "00:00")]
    raise _wrong(f"do not name days in {part!r}: {word!r} is not a day; write them as mon, mon-fri or mon,wed")


def _take(tokens: list[tuple[str, str]], kind: str) -> list[tuple[str, str]]:
    """Takes the first tokens up to one of the other kind off `tokens`, marks at both ends left out."""
    other = {"day": "time", "time": "day"}[kind]
    end = next((i for i, token in enumerate(tokens) if token[0] == other), len(tokens))
    taken = tokens[:end]
    del tokens[:end]
    while taken and taken[-1] == ("mark", ","):
        taken.pop()
    while taken and taken[0] == ("mark", ","):
        taken.pop(0)
    return taken


def _days(tokens: list[tuple[str, str]], part: str) -> list[int]:
    found: list[int] = []
    for item in _split(tokens):
        match item:
            case [("day", many)] if many in _MANY:
                found.extend(_MANY[many])
            case [("day", first), ("mark", "-"), ("day", last)] if first in _DAY_OF and last in _DAY_OF:
                ahead = (_DAY_OF[last] - _DAY_OF[first]) % 7
                found.extend((_DAY_OF[first] + at) % 7 for at in range(ahead + 1))
            case _ if all(kind == "day" and name in _DAY_OF for kind, name in item):
                found.extend(_DAY_OF[name] for _, name in item)
            case _:
                raise _wrong(f"do not name days in {part!r}: write them as mon, mon-fri or mon,wed")
    return found


def _openings(tokens: list[tuple[str, str]], part: str) -> list[Opening]:
    if not tokens:
        raise _wrong(f"have no times in {part!r}: {_FORM}")
    found: list[Opening] = []
    for item in _split(tokens):
        match item:
            case [("time", first), ("mark", "-"), ("time", last)] if "closed" not in {first, last}:
                found.append(_opening(first, last, part))
            case _:
                raise _wrong(f"have no times in {part!r}: {_FORM}")
    return found


def _split(tokens: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The tokens between commas."""
    items: list[list[tuple[str, str]]] = [[]]
    for token in tokens:
        if token == ("mark", ","):
            items.append([])
        else:
            items[-1].append(token)
    return [item for item in items if item]


def _opening(first: str, last: str, part: str) -> Opening:
    """From the one to the other, beyond 24:00 when it closes on the next day."""
    half_first, half_last = _half(first), _half(last)
    closes = DAY_MINUTES if last in _LAST_MINUTE else _minutes(last, half_last, part) or DAY_MINUTES
    if half_last and not half_first:  # 1-5pm, 9-5pm
        opens = next(
            (
                minutes
                for half in (half_last, "a" if half_last == "p" else "p")
                if (minutes := _minutes(first, half, part, may_be_24=True)) < closes
            ),
            _minutes(first, half_last, part, may_be_24=True),
        )
    else:
        opens = _minutes(first, half_first, part)
    if opens == DAY_MINUTES:
        raise _wrong(f"open at 24:00 in {part!r}: write 00:00 of the next day")
    if opens < closes:
        return Opening(opens, closes)
    if opens == closes or (opens <= _HALF_DAY and not half_first):
        raise _wrong(f"close before they open in {part!r}: write 17:00 or 5pm for five in the afternoon")
    return Opening(opens, closes + DAY_MINUTES)


def _half(text: str) -> str:
    return next((one for one in "ap" if one in text), "")


def _minutes(text: str, half: str, part: str, *, may_be_24: bool = False) -> int:
    """A time as minutes of the day. Raises InvalidInput for none, and for one off the half hours."""
    found = _TIME.fullmatch(re.sub(r"\s*[ap].*", "", text))
    if found is None:
        raise _wrong(f"have no times in {part!r}: {_FORM}")
    hour, minute = int(found[1]), int(found[2] or 0)
    if half and (not may_be_24 or hour <= _NOON_HOUR):
        if not 1 <= hour <= _NOON_HOUR:
            raise _wrong(f"have no such time in {part!r}: {text}")
        hour = hour % _NOON_HOUR + (_NOON_HOUR if half == "p" else 0)
    if minute not in {0, 30} or hour * 60 + minute > DAY_MINUTES:
        raise _wrong(f"must start and end on the hour or half hour, up to 24:00; {part!r} has {text}")
    return hour * 60 + minute


def _wrong(what: str) -> InvalidInput:
    return InvalidInput(f"hours {what}", field="hours")
