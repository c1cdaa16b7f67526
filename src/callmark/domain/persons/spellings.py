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
from itertools import chain
from typing import TypeVar, cast

import msgspec
from msgspec import Struct

from callmark.kit.phone import PhoneNumber, parse_digits
from callmark.tables.phones import LONGEST, SHORTEST, NoNumber, as_ascii, read_phone
from callmark.tables.plans import abroad_in, code_in, has_plan, is_valid, numbering_of, one_digit_in, trunk_in

BETWEEN = r"[ ().\-/]{0,3}"
"""What divides groups of digits, in ASCII."""
THOUSANDS = r"[,'\u2019\u066c]"
"""What divides the digits of a column of figures, in twos or threes."""
_OF_THOUSANDS = re.compile(rf"(?<=[0-9]){THOUSANDS}(?=[0-9]{{2,3}}(?![0-9]))")
_TAIL = 7
"""Digits at the end of a number that no way of writing it changes, at most."""
_ANY = re.compile(rf"(?<![0-9+])(?=(\+?[0-9](?:{BETWEEN}[0-9]){{6,18}})(?![0-9]))")
"""From every group of digits on: the one before may be no part of the number, and the last ones neither."""
_ANY_FIGURE = re.compile(rf"(?<![0-9])(?=([0-9]{{1,3}}(?:{THOUSANDS}[0-9]{{2,3}}){{2,6}})(?![0-9]))")
_ANY_POWER = re.compile(r"(?<![0-9])([0-9],[0-9]{6,14})[eE]")
_GROUP_END = re.compile("[0-9](?![0-9])")
_BEFORE = re.compile(rf"(?:\+{BETWEEN}|(?<![0-9]))(?:[0-9]{BETWEEN})*\Z")
_GROUPS = re.compile(rf"(?:{BETWEEN}[0-9]){{0,{LONGEST - SHORTEST}}}")
_OF_FIGURE = re.compile(r"(?<=[0-9][:,./\-])[0-9]{2,3}(?![0-9])")
"""The end of an hour, a price, a day or a house number, no beginning of a phone number: `10:30`, `1,500`."""
_WITH_ZERO = re.compile("0[1-9]?(?![0-9])")
"""The beginning of a day, a price or a count of two digits: `05.08.`, `0.50`, `05`."""
_DATE = re.compile(r"0[1-9](?:[/\-]|\. ?)(?:[0-9]{1,2}|[12][0-9]{3})[^0-9]*")
"""A day, a month with its year or an hour, to the next digits: `01.2.`, `01/26`, `01/2026`, `01.20`."""
_READ_OTHERWISE = re.compile(r"^[0-9]{1,3}[.)] |^[0-9].*[./] {0,2}[0-9]+$")
"""What `read_phone` takes for a place in a list, an extension or decimals, as it does `80) 4000 1234`."""
_MOST_WRITTEN = LONGEST + 10
"""Digits of the longest text that is one number: 00, `1411 0011` of Australia for abroad, and the number."""
_NO_NUMBER = re.compile(rf"(?:0{BETWEEN}){{6}}|(?:[0-9][^0-9]*){{{_MOST_WRITTEN + 1}}}")
"""The beginning of what is no number, which takes long to find out by reading it."""
_LAST_SCRIPT = 0x1FFFF
"""No later character is a digit."""
_MOST_CHARACTERS = 4096
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

    def may_be_in(self, text: str) -> bool:
        """Whether JSON may have the number: what reads it takes a hundred times as long as to find that out."""
        return "\\u" in text or _with_tail(self.number).search(in_ascii(text)) is not None

    def places(self, text: str, *, only_sure: bool = False) -> list[tuple[int, int]]:
        """Where a text has the number: where each begins and ends. With `only_sure` not where it may be another one."""
        plain = in_ascii(text)
        if not _with_tail(self.number).search(plain):
            return []
        if self.is_whole(text):
            return [] if only_sure and self._may_be_other(text) else [(0, len(text))]
        is_other = self._may_be_in_other if only_sure else self._is_in_other
        found = _within(self.number, is_at_home=self._is_at_home).finditer(plain)
        return [one.span() for one in found if not is_other(one)]

    @property
    def _is_at_home(self) -> bool:
        return not self.region or code_in(self.region) == numbering_of(self.number).code

    @property
    def _dialled_first(self) -> str:
        """What numbers begin with within the country; the 0 is a part of them in Italy, which has no such prefix."""
        return trunk_in(self.region) or "0"

    def _may_be_in_other(self, found: re.Match[str]) -> bool:
        """Whether what was found may be another number, or a part of one."""
        if _in_longer_figure(found):
            return True
        behind = _behind(found)
        for _, written in self._written(found):
            longer = (written + rest for rest in behind if not _NO_NUMBER.match(written + rest))
            if self._may_be_other(written) or any(self._may_be_other(one, is_valid) for one in longer):
                return True
            if read_phone(written, self.region) == self.number:
                return False
        return False

    def _may_be_other(self, written: str, exists: Callable[[str], bool] = has_plan) -> bool:
        """Whether a text can be read as another number, used or not, also with the digits behind a last `/`."""
        read = read_phone(written.replace("/", "-"), self.region)
        if isinstance(read, NoNumber):
            return bool(read.either)
        return read != self.number and exists(read)

    def _is_in_other(self, found: re.Match[str]) -> bool:
        """Whether what was found is another number, or the end of one, beyond doubt."""
        own = _undivided(found[0])
        for start, written in self._written(found):
            if self.is_whole(written):
                return False
            is_figure = start < found.start() and self._is_figure(found, start, written)
            if not is_figure and self._is_other(written, own):
                return True
        return False

    def _is_figure(self, found: re.Match[str], start: int, written: str) -> bool:
        """Whether a figure begins there, and no number, as is `written` from there to the end of what was found.

        `06 12345678` is one in France. It is none where the digits behind are a number without it, but `01 3111 3141`
        is another one in any case: 01 is Vienna, unless it begins a date that ends before what was found.
        """
        if _OF_FIGURE.match(found.string, start):
            return True
        if not (_WITH_ZERO.match(written) and is_valid(self.number)):
            return False
        return bool(_DATE.fullmatch(found.string, start, found.start())) or not self._is_area(written)

    def _is_area(self, written: str) -> bool:
        """Whether 0 and the digit behind it begin a number, as the country writes it."""
        read = read_phone(written, self.region)
        digit = one_digit_in(read) if isinstance(read, str) else ""
        return bool(digit) and bool(re.match(rf"0{BETWEEN}{digit}(?![0-9])", written))

    def _is_other(self, written: str, own: str) -> bool:
        """Whether a text is another number, and no short figure before `own`, in which the text ends.

        Many lengths are possible in some countries, and in Germany nearly all are valid. So digits before count only
        where a number begins with them, as people write it: with the country code in a group, or as it is dialled.
        Without 00 a country code in a group counts for nothing before the digits as they are to be sent, in one group.
        Behind the country's own prefix for abroad, such as 011, the country code must stand before `own` too. A single
        group of up to four digits before it is a figure.
        """
        read = read_phone(written, self.region)
        if not isinstance(read, str):
            return False
        if re.match(r"\+|00[0-9]", written):
            return True
        if not is_valid(read):
            return False
        if not self.region or written.startswith("00"):
            code = rf"(?:00{BETWEEN})?{BETWEEN.join(numbering_of(read).code)}(?![0-9])"
            is_to_be_sent = not written.startswith("00") and own.removeprefix("00") == self.number
            return not is_to_be_sent and bool(re.match(code, written))
        if written != own and numbering_of(read).code != code_in(self.region):
            is_short = re.fullmatch("[0-9]{1,4}[^0-9]*", written.removesuffix(own))
            return not is_short and _digit_count(own) <= len(numbering_of(read).national)
        is_begun = written == own or written.startswith(self._dialled_first)
        return is_begun and not self._has_start(own)

    def _has_start(self, own: str) -> bool:
        """Whether what was found begins as numbers do: no number has that in its middle."""
        digits = "".join(filter(str.isdigit, own))
        return digits.startswith("00") or (self._is_at_home and digits != numbering_of(self.number).national)

    def _written(self, found: re.Match[str]) -> Iterator[tuple[int, str]]:
        """Where a number that ends as what was found may begin, and what is written from there, without thousands."""
        for start in self._starts(found):
            yield start, _undivided(found.string[start : found.end()])

    def _starts(self, found: re.Match[str]) -> list[int]:
        """Where a number that ends as what was found may begin: at a `+`, the first digits or what is dialled first."""
        since = max(found.start() - 2 * LONGEST, 0)
        before = _BEFORE.search(found.string, since, found.start())
        first = before.start() if before else found.start()
        if found.string[first] == "+":
            return [first]
        dialled = re.compile(f"(?<![0-9])(?:00|{self._dialled_first}|{abroad_in(self.region)})")
        later = (one.start() for one in dialled.finditer(found.string, first + 1, found.start()))
        starts = (one for one in dict.fromkeys([first, *later]) if one < found.start())
        return [*(one for one in starts if not _NO_NUMBER.match(found.string, one, found.end())), found.start()]


def _digit_count(text: str) -> int:
    return sum(map(str.isdigit, text))


def _undivided(written: str) -> str:
    """Without the dividers of thousands, most of which `read_phone` does not know."""
    return _OF_THOUSANDS.sub("", written)


def _in_longer_figure(found: re.Match[str]) -> bool:
    """Whether what was found is a figure that continues beyond it, or has others beside it."""
    if not re.search(THOUSANDS + "[0-9]{3}$", found[0]):
        return False
    before = found.string[max(found.start() - 2, 0) : found.start()]
    after = found.string[found.end() : found.end() + 2]
    return bool(re.fullmatch("[0-9]" + THOUSANDS, before) or re.fullmatch(THOUSANDS + "[0-9]", after))


def _behind(found: re.Match[str]) -> list[str]:
    """What may belong to a number beyond what was found: one of the groups of digits behind it, or several."""
    groups = _GROUPS.match(found.string, found.end())
    rest = groups[0] if groups else ""
    return [rest[: one.end()] for one in _GROUP_END.finditer(rest)]


class _Ascii(dict[int, str]):
    """What stands for a character, for `str.translate`. It keeps as many as texts have that nobody made up."""

    def __missing__(self, code: int) -> str:
        one = as_ascii(chr(code)) or " "
        return self.setdefault(code, one) if len(self) < _MOST_CHARACTERS else one


_ASCII = _Ascii()


def in_ascii(text: str) -> str:
    """The text as `read_phone` sees it, with blanks for what nobody sees; as long as it was."""
    return text if text.isascii() and text.isprintable() else text.translate(_ASCII)


def coarse_pattern(number: PhoneNumber) -> str:
    r"""PostgreSQL's pattern of JSON that may have the number: its last digits in any script, or `\u`, an escape."""
    same = {digit: "".join(chr(code) for code, one in _digits().items() if one == digit) for digit in set(number)}
    return "[^0-9]*".join(f"[{digit}{same[digit]}]" for digit in _tail_of(number)) + r"|\\u"


def numbers_in(text: str, region: str) -> set[str]:
    """Every number that JSON may have, however it is written."""
    return read_json(text, partial(_numbers_in, region=region))


def _numbers_in(text: str, region: str) -> set[str]:
    texts = set(_texts_of(decode(text)))
    plain = map(in_ascii, texts)
    runs = {str(run) for one in plain for pattern in (_ANY, _ANY_FIGURE, _ANY_POWER) for run in pattern.findall(one)}
    whole = (number for one in texts for number in _read_both(one, region))
    within = (number for run in runs for number in _beginning(run, region))
    return {number for number in chain(whole, within) if parse_digits(number)}


def _beginning(run: str, region: str) -> Iterator[str]:
    """The numbers that digits with dividers may begin with: each is gone before the next, as a long text has many."""
    for last in _GROUP_END.finditer(run, SHORTEST - 1):
        written = re.sub(THOUSANDS, "", run[: last.end()])
        digits = "".join(filter(str.isdigit, written))
        yield digits.removeprefix("00")
        yield from _read_both(written, region)
        if _READ_OTHERWISE.search(written):
            yield from _read_both(digits, region)


def _read_both(text: str, region: str) -> Iterator[str]:
    """The number that a text writes, or those that it may, in the country and without one."""
    for country in {region, ""}:
        read = read_phone(text, country)
        yield from read.either if isinstance(read, NoNumber) else (read,)


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
    """The digits of other scripts, each with that of ASCII."""
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
    figures = [*_figures(number), *(_figures(numbering.national) if is_at_home else ())]
    shown = rf"(?<![0-9])(?:{'|'.join(figures)})(?![0-9])"
    if not (numbering.code and is_at_home):
        return re.compile(f"{whole}|{shown}")
    dialled = rf"(?<![0-9+]){trunk}{national}(?![0-9])"
    return re.compile(f"{whole}|{dialled}|{shown}")


def _figures(digits: str) -> list[str]:
    """Digits as spreadsheets show them: `919,900,112,233`, `9,19,90,01,12,233` and `9.19900112233E+11`."""
    threes = re.sub("(?<=[0-9])(?=(?:[0-9]{3})+$)", lambda _: THOUSANDS, digits)
    twos = re.sub("(?<=[0-9])(?=(?:[0-9]{2})*[0-9]{3}$)", lambda _: THOUSANDS, digits)
    power = rf"{digits[0]}[.,]{digits[1:]}[eE]\+?0?{len(digits) - 1}"
    return [threes, twos, power]
