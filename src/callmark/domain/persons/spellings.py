"""A phone number as people write it, in what is kept as it was sent. Pure.

That is in lines of files that could not be read, and in records with faults. Everything else is kept in the canonical
form, or is text that no rule of ours reads.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TypeVar, cast

import msgspec
from msgspec import Struct

from callmark.kit.phone import PhoneNumber, parse_digits
from callmark.tables.phones import LONGEST, SHORTEST, code_in, numbering_of, read_phone

BETWEEN = r"[ \u00a0().\-\u2010-\u2015/]{0,3}"
"""What divides groups of digits."""
_TAIL = 7
"""Digits at the end of a number that no way of writing it changes, at most."""
_ANY = re.compile(rf"(?<![0-9+])(?=(\+?[0-9](?:{BETWEEN}[0-9]){{6,18}})(?![0-9]))")
"""From every group of digits on: the one before may be no part of the number, and the last ones neither."""
_GROUP_END = re.compile("[0-9](?![0-9])")
_BEFORE = re.compile(rf"(?:[+\uff0b]{BETWEEN})?(?:[0-9]{BETWEEN})*\Z")
_LAST_SCRIPT = 0x1FFFF
"""No later character is a digit."""
_LONGEST_INTEGER = 18
_DEEPEST = 20
"""Levels of nested JSON that are kept where there are too many."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+')
_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}
_T = TypeVar("_T")


class Spellings(Struct, frozen=True):
    """The ways to write a number in what was sent with `region`, the country of numbers without a code; empty: none."""

    number: PhoneNumber
    region: str = ""

    def is_whole(self, text: str) -> bool:
        """Whether a text, such as a cell, is the number."""
        regions = {self.region} if self.region else {"", _region_of(self.number)}
        return any(read_phone(text, region) == self.number for region in regions)

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where a text has the number: where each begins and ends."""
        plain = in_ascii(text)
        if not _with_tail(self.number).search(plain):
            return []
        if self.is_whole(text):
            return [(0, len(text))]
        is_at_home = not self.region or code_in(self.region) == numbering_of(self.number).code
        found = _within(self.number, is_at_home=is_at_home).finditer(plain)
        return [one.span() for one in found if not self._is_other(_with_digits_before(one))]

    def _is_other(self, text: str) -> bool:
        """Whether a text is another number."""
        return isinstance(read_phone(text, self.region), str) and not self.is_whole(text)


def _with_digits_before(found: re.Match[str]) -> str:
    """What was found with the digits before it, which may be of the same number."""
    near = found.string[max(found.start() - 2 * LONGEST, 0) : found.start()]
    before = _BEFORE.search(near)
    return (before[0] if before else "") + found[0]


def in_ascii(text: str) -> str:
    """The text with its digits of other scripts as those of ASCII; as long as it was."""
    return text if text.isascii() else text.translate(_digits())


def coarse_pattern(number: PhoneNumber) -> str:
    r"""PostgreSQL's pattern of JSON that may have the number: its last digits in any script, or `\u`, an escape."""
    same = {digit: "".join(chr(code) for code, one in _digits().items() if one == digit) for digit in set(number)}
    return "[^0-9]*".join(f"[{digit}{same[digit]}]" for digit in _tail_of(number)) + r"|\\u"


def numbers_in(text: str, region: str) -> set[str]:
    """Every number that JSON may have, however it is written."""
    return read_json(text, partial(_numbers_in, region=region))


def _numbers_in(text: str, region: str) -> set[str]:
    texts = set(_texts_of(decode(text)))
    runs = {str(run) for one in texts for run in _ANY.findall(in_ascii(one))}
    within = {run[: last.end()] for run in runs for last in _GROUP_END.finditer(run, SHORTEST - 1)}
    read = (read_phone(written, country) for written in texts | within for country in {region, ""})
    digits = ("".join(filter(str.isdigit, written)).removeprefix("00") for written in within)
    return {number for number in (*read, *digits) if isinstance(number, str) and parse_digits(number)}


def read_json(text: str, read: Callable[[str], _T]) -> _T:
    """What `read` makes of JSON; of JSON that is nested too deep for it, without the inner levels.

    A record with a fault may have a thousand levels, and what reads them calls itself for each.
    """
    try:
        return read(text)
    except RecursionError:
        return read(_flat(text))


def _flat(text: str) -> str:
    """The same JSON with the inner levels as one list of their keys and values."""
    kept, inner, depth = list[str](), list[str](), 0
    for token in _TOKEN.findall(text):
        before, depth = depth, depth + _LEVELS.get(token, 0)
        if max(before, depth) <= _DEEPEST:
            kept.append(token)
        elif depth == _DEEPEST:
            kept.append(f"[{','.join(inner)}]")
            inner = []
        elif token not in {*_LEVELS, ",", ":"}:
            inner.append(token)
    return "".join(kept)


def decode(text: str) -> object:
    """What JSON says; numbers that no type of ours can hold, such as 1e999, as texts."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text, parse_int=_integer, parse_float=_float)


def whole_of(value: float) -> str:
    """The digits of a number in JSON; empty for one that is longer than any phone number."""
    return f"{value:.0f}" if abs(value) < 10**_LONGEST_INTEGER else ""


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _float(text: str) -> float | str:
    return value if math.isfinite(value := float(text)) else text


def _texts_of(value: object) -> Iterator[str]:
    match value:
        case dict():
            for key, one in cast("dict[str, object]", value).items():
                yield key
                yield from _texts_of(one)
        case list():
            for one in cast("list[object]", value):
                yield from _texts_of(one)
        case str():
            yield value
        case int() | float() if not isinstance(value, bool):
            yield whole_of(value)
        case _:
            pass


@lru_cache(maxsize=1)
def _digits() -> dict[int, str]:
    """The digits of other scripts, for `str.translate`."""
    codes = range(0x80, _LAST_SCRIPT + 1)
    return {code: str(digit) for code in codes if (digit := unicodedata.decimal(chr(code), -1)) >= 0}


def _tail_of(number: PhoneNumber) -> str:
    return numbering_of(number).national[-_TAIL:]


@lru_cache(maxsize=64)
def _with_tail(number: PhoneNumber) -> re.Pattern[str]:
    return re.compile("[^0-9]*".join(_tail_of(number)))


def _region_of(number: PhoneNumber) -> str:
    return numbering_of(number).region


@lru_cache(maxsize=64)
def _within(number: PhoneNumber, *, is_at_home: bool) -> re.Pattern[str]:
    """The number with its country code, as a spreadsheet shows it, and at home as it is dialled there."""
    numbering = numbering_of(number)
    code, national = (BETWEEN.join(part) for part in (numbering.code, numbering.national))
    trunk = f"(?:{numbering.trunk}{BETWEEN})?" if numbering.trunk else ""
    whole = rf"(?<![0-9])(?:00{BETWEEN})?{code}{BETWEEN}{trunk}{national}(?![0-9])"
    shown = rf"(?<![0-9]){number[0]}[.,]{number[1:]}[eE]\+?{len(number) - 1}(?![0-9])"
    if not (numbering.code and is_at_home):
        return re.compile(f"{whole}|{shown}")
    dialled = rf"(?<![0-9+\uff0b]){trunk}{national}(?![0-9])"
    return re.compile(f"{whole}|{dialled}|{shown}")
