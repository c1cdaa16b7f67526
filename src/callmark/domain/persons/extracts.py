"""Reduces a row about several people to what it says about one of them, for an export. Pure.

Lists are cut to the entries with the number, and long texts to the words around it. Digits that may be another person's
number become zeros. In doubt the person's own digits do too: the person knows them.
"""

import re
from collections.abc import Mapping
from typing import cast

from callmark.domain.persons.masking import ALSO_THEIRS, CALLER_FIRST, OF_BUSINESS, NumberMask
from callmark.domain.persons.spellings import BETWEEN, THOUSANDS, decode, in_ascii, read_json, whole_of
from callmark.domain.persons.table_queries import SearchedTable
from callmark.instants import LAST_MS

AROUND = 100
"""Characters of a longer text that are shown before the number, and after it."""
_SAYS_WHAT = frozenset({"action", "event_type", "state"})
"""Columns that say in a word of what kind a row is."""
_FIXED = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9])(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9](?::[0-5][0-9]){2}(?:\.[0-9]{1,9})?)?(?![0-9])"
)
"""Ids, days and instants."""
_DIGITS = re.compile(rf"[0-9](?:(?:{BETWEEN}|{THOUSANDS}(?=[0-9]{{2,3}}(?![0-9])))[0-9]){{6,}}")
_FEWEST = 7
"""Digits of a phone number."""
_FIRST_MS = 10**12
"""Whole numbers from here to the last instant there is are instants, in milliseconds."""


def of_row(table: SearchedTable, whole: Mapping[str, object], masks: Mapping[str, NumberMask]) -> dict[str, object]:
    """Of the row (by its columns) its ids, instants and figures, and what columns with the number say of it.

    `masks` find it in those columns.
    """
    shown = dict[str, object]()
    for name, value in whole.items():
        if name in masks:
            shown[name] = of_json(value, masks[name])
        elif name not in table.columns or name in _SAYS_WHAT:
            shown[name] = value
    return shown


def of_json(value: object, mask: NumberMask) -> object:
    """What JSON that has the number says of it."""
    match value:
        case dict():
            return _of_object(cast("dict[str, object]", value), mask)
        case list():
            return [of_json(one, mask) for one in cast("list[object]", value) if mask.walked(one) != one]
        case _:
            return _alone(value, mask)


def of_sent(text: str, mask: NumberMask, first_member: str) -> object:
    """The same of JSON as it was sent, of a long list of objects that begin with that member in pieces."""
    if not first_member:
        return read_json(text, lambda whole: of_json(decode(whole), mask))
    lists = (of_json(decode(one), mask) for _, one in mask.pieces(text, first_member))
    return [one for some in lists for one in cast("list[object]", some)]


def of_text(text: str, mask: NumberMask) -> str:
    """What a text says around the number; all of it when it is short or does not have it."""
    own = mask.places(text)
    alone = _without_others(text, mask)
    if not own or len(alone) <= 2 * AROUND:
        return alone
    parts: list[tuple[int, int]] = []
    for start, end in own:
        since, until = max(start - AROUND, 0), min(end + AROUND, len(alone))
        if parts and since <= parts[-1][1]:
            since, _ = parts.pop()
        parts.append((since, until))
    return " … ".join(alone[since:until] for since, until in parts)


def _of_object(found: dict[str, object], mask: NumberMask) -> dict[str, object]:
    is_theirs, shown = mask.is_theirs(found), dict[str, object]()
    for key, value in found.items():
        if key in OF_BUSINESS or (is_theirs and key == ALSO_THEIRS):
            shown[key] = value
        elif key == CALLER_FIRST and isinstance(value, list):
            caller_first = cast("list[object]", value)
            shown[key] = [*caller_first[:1], *(_alone(one, mask) for one in caller_first[1:])]
        elif is_theirs or not _has_objects(value):
            shown[_without_others(key, mask)] = _alone(value, mask)
        elif mask.walked(value) != value:
            shown[_without_others(key, mask)] = of_json(value, mask)
    return shown


def _has_objects(value: object) -> bool:
    """Whether it may be about other persons: an object, or a list of them."""
    if isinstance(value, list):
        return any(isinstance(one, dict | list) for one in cast("list[object]", value))
    return isinstance(value, dict)


def _alone(value: object, mask: NumberMask) -> object:
    """All that JSON says, without other numbers."""
    match value:
        case dict():
            members = cast("dict[str, object]", value).items()
            return {_without_others(key, mask): _alone(one, mask) for key, one in members}
        case list():
            return [_alone(one, mask) for one in cast("list[object]", value)]
        case str():
            return of_text(value, mask)
        case int() | float() if not isinstance(value, bool) and _may_be_other(value, mask):
            return 0
        case _:
            return value


def _may_be_other(value: float, mask: NumberMask) -> bool:
    is_long = 10 ** (_FEWEST - 1) <= abs(value) < _FIRST_MS or abs(value) > LAST_MS
    return is_long and not mask.places(whole_of(value), only_sure=True)


def _without_others(text: str, mask: NumberMask) -> str:
    """The text with zeros for the digits of what may be other numbers."""
    plain, shown = in_ascii(text), list(text)
    places = [*mask.places(text, only_sure=True), *(fixed.span() for fixed in _FIXED.finditer(plain))]
    stays = {at for start, end in places for at in range(start, end)}
    for found in _DIGITS.finditer(plain):
        others = [at for at in range(*found.span()) if plain[at].isdigit() and at not in stays]
        if len(others) >= _FEWEST:
            for at in others:
                shown[at] = "0"
    return "".join(shown)
