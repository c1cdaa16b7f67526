"""Whole numbers as the formats of their cells show them: a country code or a 0 is often in the format alone."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from callmark.tables.sheet_errors import NO_VALUE

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[\$(?P<symbol>[^\]-]*+)[^\]]*+\]'
    r"|\[(?P<sign>[<>=]{1,2})(?P<limit>[0-9]{1,15})\]|\[[^\]]*+\]|(?P<places>general|[0#?])|\.[0#?]*|,"
    r"|(?P<end>;)|(?P<other>[%/@e])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_SIGNS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
_LONGEST = 50
"""Characters of a part that adds some; a sheet can have millions of its cells."""
_LONGEST_FORMAT = 255
"""Of Excel. A longer one is not read: each bracket would be followed to the end."""


class _Section(Struct):
    """A part of a format: texts, and None for each digit of the number; `is_zero`: which are 0 where it has none.

    Those are the `0`s and every place behind one: `0#` shows 5 as 05.
    """

    sign: str = ""
    limit: int = 0
    is_plain: bool = True
    tokens: list[str | None] = []
    is_zero: list[bool] = []
    has_digits: bool = False
    """Of its own, or a `+`."""
    zero_count: int = 0
    length: int = 0

    def has(self, value: int) -> bool:
        """Whether numbers such as this one are shown by it."""
        return not self.sign or (self.sign in _SIGNS and _SIGNS[self.sign](value, self.limit))

    def add(self, text: str) -> None:
        """A text between or around the digits."""
        self.tokens.append(text)
        self.has_digits = self.has_digits or any(one == "+" or one.isdecimal() for one in text)
        self.length += len(text)

    def shown(self, digits: str) -> str:
        """The digits at their places from the right, what is left of them at the first."""
        zeros, found = [*self.is_zero], list[str]()
        for token in reversed(self.tokens):
            if token is not None:
                found.append(token)
                continue
            is_zero = zeros.pop()
            found.append((digits[-1:] if zeros else digits) or "0" * is_zero)
            digits = digits[:-1]
        return "".join(reversed(found)).strip()


def as_shown(value: int, number_format: str) -> str:
    """A number from 0 as its cell shows it, where that has a `+` or digits that it does not hold; else its digits.

    One whose format is so long that no phone number has it is given as a cell without a value.
    """
    digits = str(value)
    if number_format in ("General", "0") or value < 0:
        return digits
    if len(number_format) > _LONGEST_FORMAT:
        return NO_VALUE
    section = next((one for one in _sections(number_format) if one.has(value)), None)
    if section is None or not section.is_plain or not section.is_zero:
        return digits
    if not section.has_digits and section.zero_count <= len(digits):
        return digits
    return section.shown(digits) if section.length <= _LONGEST else NO_VALUE


@lru_cache(maxsize=256)
def _sections(number_format: str) -> list[_Section]:
    found = [_Section()]
    for token in _TOKEN.finditer(number_format):
        last = found[-1]
        if token["end"]:
            found.append(_Section())
        elif token["sign"]:
            last.sign, last.limit = token["sign"], int(token["limit"])
        elif token["places"]:
            last.tokens.append(None)
            last.is_zero.append(token["places"] not in "#?" or last.zero_count > 0)
            last.zero_count += last.is_zero[-1]
            last.length += 1
        elif token["other"]:
            last.is_plain = False
        else:
            last.add(token["quoted"] or token["escaped"] or token["symbol"] or token["plain"] or "")
    return found
