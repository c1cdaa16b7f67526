"""Looks for a name in any spelling of case, whatever the locale of the database.

PostgreSQL's own `lower` and `ILIKE` know the letters of a locale: in C, that of embedded databases, those from A to Z.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from callmark.record_rules.same_names import in_small

_LAST_WITH_ANOTHER = 0x2FA1D
_BLOCK = 256
_LONGEST = 100
"""How much of a text is looked for: more than this costs PostgreSQL seconds, and hardly a name is longer."""
_SPACE = "(?: |\N{NO-BREAK SPACE})+"


def in_any_case(text: str) -> str:
    """A regular expression of PostgreSQL for a part of a name; `in_small` says which texts are the same.

    Empty for nothing but white space. Of a long text it is the beginning.
    """
    return "".join(map(_any_of, _parts().findall(" ".join(in_small(text).split())[:_LONGEST])))


def _any_of(part: str) -> str:
    """The ways to write a part: alternatives, not a set of characters, which holds in databases of UTF-8 alone."""
    others = {form for one in _spellings().get(part, "") for form in _forms(one)}
    if len(part) > 1:
        one_by_one = "".join(map(_any_of, part))
        return f"(?:{'|'.join([one_by_one, *sorted(others)])})"
    if part == " ":
        return _SPACE
    own = {rf"\{part}"} if part.isascii() and not part.isalnum() else _forms(part)
    ways = sorted(others | own)
    if part.isalnum() and all(map(str.isascii, ways)):
        return f"[{''.join(ways)}]"
    return f"(?:{'|'.join(ways)})" if len(ways) > 1 else ways[0]


def _forms(one: str) -> set[str]:
    return {one, unicodedata.normalize("NFC", one), unicodedata.normalize("NFD", one)}


@cache
def _spellings() -> Mapping[str, str]:
    """The other characters that are the same as a text: `É` as `é`, `ß` as `ss`."""
    found: dict[str, str] = {}
    for start in range(0, _LAST_WITH_ANOTHER + 1, _BLOCK):
        block = [chr(code) for code in range(start, start + _BLOCK)]
        if in_small(together := "\n".join(block)) == together:  # as nearly all are
            continue
        for one in block:
            if (same := in_small(one)) != one and not one.isspace():
                found[same] = found.get(same, "") + one
    return found


@cache
def _parts() -> re.Pattern[str]:
    many = sorted((one for one in _spellings() if len(one) > 1), key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, many), "."]), re.DOTALL)
