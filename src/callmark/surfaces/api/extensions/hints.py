"""Guesses for the dry run: the right name for a wrong one, and what to change in a bad value."""

import difflib
import re
from collections.abc import Iterable
from itertools import islice

from msgspec import UNSET, UnsetType

from callmark.kit.phone import parse_digits
from callmark.record_rules.fields import Fault, Faulty, NewRecord
from callmark.record_rules.words import text_hint
from callmark.surfaces.api.records import CANONICAL, V1, V2, Generation

MOST_UNKNOWN = 20
"""Unknown names reported of one record."""
_MOST_GUESSES = 200
"""Distinct names looked up for one body; guessing is slow, and a body can have a hundred thousand names."""
_LONGEST_SHOWN = 60
_ALIKE = 0.75
_SECONDS_BELOW = 100_000_000_000
"""Fewer milliseconds than this since 1970 lie before 1973; as seconds they are any instant up to the year 5138."""
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class NameHints:
    """The right names of one kind of object, and what is known or guessed to mean them."""

    def __init__(self, of_what: str, known: dict[str, str]) -> None:
        self.of_what = of_what
        self.right = frozenset(known.values())
        self._known = known
        self._guessed: dict[str, str | None] = {}

    @classmethod
    def of(cls, of_what: str, generation: Generation) -> "NameHints":
        """The names of a generation's record; those of the others are known to mean them."""
        known = {
            other.names[field]: right for other in (CANONICAL, V1, V2) for field, right in generation.names.items()
        }
        return cls(of_what, known)

    def nearest(self, name: str) -> str | None:
        """The right name that `name` was meant to be, None when nothing is near."""
        if name not in self._guessed:
            if len(self._guessed) >= _MOST_GUESSES or len(name) > _LONGEST_SHOWN:
                return None
            self._guessed[name] = self._guess(name)
        return self._guessed[name]

    def _guess(self, name: str) -> str | None:
        plain = _BEFORE_CAPITAL.sub("_", name).lower().replace("-", "_").replace(" ", "_")
        near = difflib.get_close_matches(plain, self._known, n=1, cutoff=_ALIKE)
        return self._known[near[0]] if near else None


def unknown_names(sent: Iterable[str], names: NameHints) -> list[tuple[str, str | None]]:
    """Names that are not read, up to `MOST_UNKNOWN`, shortened, each with the right one where there is a guess."""
    unknown = islice((name for name in sent if name not in names.right), MOST_UNKNOWN)
    return [(name[:_LONGEST_SHOWN], names.nearest(name)) for name in unknown]


def hint_for(generation: Generation, bad: Faulty, record: NewRecord) -> str | UnsetType:
    """What to change in the value, where that is known."""
    value: object = getattr(record, bad.field)
    if isinstance(value, str):
        return _text_hint(generation, bad.fault, value)
    if bad.fault is Fault.INVALID and isinstance(value, float):
        return "send whole milliseconds"
    if bad.fault is Fault.END_PAST and isinstance(value, int) and value < _SECONDS_BELOW:
        return "this looks like seconds; send milliseconds"
    return UNSET


def _text_hint(generation: Generation, fault: Fault, value: str) -> str | UnsetType:
    match fault:
        case Fault.PHONE:
            return _phone_hint(generation, value)
        case Fault.LABEL:
            return "list this client's labels with GET /clients/{clientAccountId}/labels"
        case Fault.INVALID if value.isascii() and value.isdigit():
            return "send a number, without quotes"
        case _:
            return text_hint(fault, value) or UNSET


def _phone_hint(generation: Generation, value: str) -> str | UnsetType:
    digits = parse_digits("".join(c for c in value if c.isascii() and c.isdigit()))
    return f"write {'+' if generation.plus else ''}{digits}" if digits else UNSET
