"""Takes a phone number out of texts, JSON and bytes. Pure.

Its digits are found with `+` or `00` before them; in what is kept as it was sent every way to write it.

Zeros stand where it was, as many as it had digits: no number begins with one, so that nobody takes them for a number.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.persons.spellings import Spellings, decode, read_json, whole_of
from callmark.kit.long_lists import joined, pieces
from callmark.kit.phone import PhoneNumber

OF_BUSINESS = frozenset({"business_number", "businessNumber", "caller_number", "callerNumber", "caller"})
"""Keys in JSON under which a number is the business's."""
CALLER_FIRST = "values"
"""The key of an uploaded row's values, of which the first is the caller's number."""
_OF_PERSON = frozenset({"client_number", "receiver_number", "receiver"})
ALSO_THEIRS = "alternate_number"


def shortened(number: str) -> str:
    """As subjects of the audit log say the number of a forgotten handset where an earlier version wrote them."""
    return f"{number[:4]}…{number[-4:]}"


class NumberMask(Struct, frozen=True, dict=True):
    """Finds one number and replaces it; with `keeps_business` not where JSON says that it is a business's.

    `spellings` are for what is kept as it was sent.
    """

    number: PhoneNumber
    keeps_business: bool = False
    spellings: Spellings | None = None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![0-9])(?:00)?{self.number}(?![0-9])|\A{shortened(self.number)}\Z")

    @cached_property
    def _bytes_pattern(self) -> re.Pattern[bytes]:
        return re.compile(self._pattern.pattern.encode())

    def reading(self, region: str) -> "NumberMask":
        """The mask for what was sent with this country of numbers without a code; empty: none."""
        return replace(self, spellings=Spellings(self.number, region))

    @property
    def zeros(self) -> str:
        """What stands in its place."""
        return "0" * len(self.number)

    def is_in(self, value: object) -> bool:
        """Whether a text, bytes, or a list of texts has the number."""
        match value:
            case str():
                return bool(self.places(value))
            case bytes():
                return self._bytes_pattern.search(value) is not None
            case list():
                return any(self.is_in(one) for one in cast("list[object]", value))
            case _:
                return False

    def places(self, text: str, *, only_sure: bool = False) -> list[tuple[int, int]]:
        """Where a text has the number: where each begins and ends. With `only_sure` not where it may be another one."""
        if self.spellings:
            return self.spellings.places(text, only_sure=only_sure)
        return [found.span() for found in self._pattern.finditer(text)]

    def plain(self, value: object) -> object:
        """A text, bytes or a list of texts without the number."""
        match value:
            case str():
                return self._without(value)
            case bytes():
                return self._bytes_pattern.sub(self.zeros.encode(), value)
            case list():
                return [self.plain(one) for one in cast("list[object]", value)]
            case _:
                return value

    def _without(self, text: str) -> str:
        kept_from, kept = 0, list[str]()
        for start, end in self.places(text):
            kept.append(text[kept_from:start])
            kept_from = end
        return self.zeros.join([*kept, text[kept_from:]])

    def json(self, text: str, first_member: str = "") -> str:
        """JSON without the number; the same text where it had none that goes. A long list is read in pieces."""
        if not self.spellings and not self.is_in(text):
            return text
        if not first_member:
            return read_json(text, self._changed) or text
        changed = {at: new for at, one in self.pieces(text, first_member) if (new := read_json(one, self._changed))}
        if not changed:
            return text
        return joined(changed.get(at, one) for at, one in enumerate(pieces(text, first_member)))

    def pieces(self, text: str, first_member: str) -> Iterator[tuple[int, str]]:
        """The pieces of a long list that may have the number, each with its place."""
        for at, one in enumerate(pieces(text, first_member)):
            if self.spellings is None or self.spellings.may_be_in(one):
                yield at, one

    def _changed(self, text: str) -> str:
        """JSON without the number; empty where it had none that goes."""
        before = decode(text)
        after = self.walked(before)
        return "" if after == before else msgspec.json.encode(after).decode()

    def is_theirs(self, found: Mapping[str, object]) -> bool:
        """Whether a JSON object says that it is about the person of the number."""
        return any(self._is_number(found.get(key)) for key in _OF_PERSON)

    def walked(self, value: object) -> object:
        """What JSON says, without the number; equal to what it said where it had none that goes."""
        match value:
            case Mapping():
                return self._of_mapping(cast("Mapping[str, object]", value))
            case Sequence() if not isinstance(value, str):
                return [self.walked(one) for one in cast("Sequence[object]", value)]
            case str():
                return self.plain(value)
            case int() | float() if not isinstance(value, bool) and self._is_number(whole_of(value)):
                return 0
            case _:
                return value

    def _is_number(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        return value == self.number or (self.spellings is not None and self.spellings.is_whole(value))

    def _of_mapping(self, found: Mapping[str, object]) -> dict[str, object]:
        """What a person answered goes with the number that says who it was."""
        is_theirs = self.is_theirs(found)
        walked: dict[str, object] = {}
        for key, value in found.items():
            if self.keeps_business and key in OF_BUSINESS:
                walked[key] = value
            elif self.keeps_business and key == CALLER_FIRST and isinstance(value, list):
                caller_first = cast("list[object]", value)
                walked[key] = [*caller_first[:1], *(self.walked(one) for one in caller_first[1:])]
            elif is_theirs and key == ALSO_THEIRS and isinstance(value, str):
                walked[key] = "0" * len(value)
            elif is_theirs and key == "responses":
                walked[key] = _without_answers(value)
            else:
                walked[str(self.plain(key))] = self.walked(value)
        return walked


def _without_answers(responses: object) -> object:
    if not isinstance(responses, list):
        return responses
    return [
        cast("dict[str, object]", one) | {"answer": ""} if isinstance(one, dict) else one
        for one in cast("list[object]", responses)
    ]
