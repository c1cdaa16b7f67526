"""What a STIR certificate allows its holder: numbers (RFC 8226, section 9) and claims (section 8; RFC 9118)."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from cryptography.x509.oid import ObjectIdentifier

from callmark.passport import der
from callmark.passport.encoding import signed_form
from callmark.passport.errors import InvalidPassport
from callmark.passport.numbers import canonical_number, is_canonical

TN_AUTH_LIST = ObjectIdentifier("1.3.6.1.5.5.7.1.26")
CLAIM_CONSTRAINTS = ObjectIdentifier("1.3.6.1.5.5.7.1.27")
ENHANCED_CLAIM_CONSTRAINTS = ObjectIdentifier("1.3.6.1.5.5.7.1.33")
ADDRESS_OF_TN_AUTH_LIST = ObjectIdentifier("1.3.6.1.5.5.7.48.14")
_CODE, _RANGE, _NUMBER = der.explicit(0), der.explicit(1), der.explicit(2)
_MUST, _PERMITTED, _EXCLUDED = der.explicit(0), der.explicit(1), der.explicit(2)
_LEAST_COUNT = 2


class Run(NamedTuple):
    """Numbers of one length without a gap, from `first` up to the one before `end`."""

    length: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class NumberRange:
    """`count` numbers that follow each other, from `start`; all have its length."""

    start: str
    count: int

    def __contains__(self, number: str) -> bool:
        if len(number) != len(self.start) or not number.isdigit():
            return False
        return 0 <= int(number) - int(self.start) < self.count

    @property
    def run(self) -> Run:
        """The same numbers; a count beyond the last number of that length adds none."""
        length, first = len(self.start), int(self.start)
        return Run(length, first, min(first + self.count, 10**length))


@dataclass(frozen=True, slots=True)
class TnAuthList:
    """The numbers and service provider codes that a certificate covers."""

    numbers: frozenset[str] = frozenset()
    ranges: tuple[NumberRange, ...] = ()
    provider_codes: tuple[str, ...] = ()

    @classmethod
    def of(cls, numbers: Iterable[str] = (), ranges: Iterable[NumberRange] = (), codes: Iterable[str] = ()) -> Self:
        """The list with these numbers, in any spelling. Raises ValueError."""
        return cls(frozenset(map(canonical_number, numbers)), tuple(ranges), tuple(codes))

    def covers(self, number: str) -> bool:
        """Whether `number` is one of the list's numbers. Provider codes name none."""
        return number in self.numbers or any(number in one for one in self.ranges)

    def covers_all(self, other: Self) -> bool:
        """Whether each number of the other list is one of this list's, however they are spread over ranges."""
        if any(not number.isdigit() and number not in self.numbers for number in other.numbers):
            return False
        runs = self.runs()
        for one in other.runs():
            at = bisect_right(runs, (one.length, one.first), key=lambda run: (run.length, run.first)) - 1
            if at < 0 or runs[at].length != one.length or runs[at].end < one.end:
                return False
        return True

    def may_pass_on(self, other: Self) -> bool:
        """Whether who has this list may give another one the other list (RFC 9060, section 4: it is encompassed).

        Which numbers belong to a provider's code is in the networks' databases alone. So a list with a code may pass on
        any number, but no other code.
        """
        if not set(other.provider_codes) <= set(self.provider_codes):
            return False
        return bool(self.provider_codes) or self.covers_all(other)

    def runs(self) -> list[Run]:
        """Its numbers that are digits, in order; what follows each other is one run."""
        single = [Run(len(one), int(one), int(one) + 1) for one in self.numbers if one.isdigit()]
        runs: list[Run] = []
        for one in sorted([*single, *(each.run for each in self.ranges)]):
            if runs and runs[-1].length == one.length and one.first <= runs[-1].end:
                runs[-1] = runs[-1]._replace(end=max(one.end, runs[-1].end))
            else:
                runs.append(one)
        return runs

    def encode(self) -> bytes:
        """The extension's value. Raises ValueError for an empty list."""
        entries = [der.write(_CODE, der.write(der.IA5, code.encode("ascii"))) for code in self.provider_codes]
        entries += [der.write(_RANGE, _encode_range(one)) for one in self.ranges]
        entries += [der.write(_NUMBER, der.write(der.IA5, one.encode("ascii"))) for one in sorted(self.numbers)]
        if not entries:
            raise ValueError("a list without a number or a code allows nothing")
        return der.write(der.SEQUENCE, *entries)

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The list in an extension's value. Raises der.DerError."""
        numbers: set[str] = set()
        ranges: list[NumberRange] = []
        codes: list[str] = []
        for tag, content in der.read_all(der.read_one(value, der.SEQUENCE)):
            if tag == _CODE:
                codes.append(_ia5(content))
            elif tag == _RANGE:
                ranges.append(_decode_range(content))
            elif tag == _NUMBER:
                numbers.add(_number(_ia5(content)))
            else:
                raise der.DerError("an entry of a TNAuthList is of a kind that is not known")
        if not numbers and not ranges and not codes:
            raise der.DerError("a TNAuthList is empty")
        return cls(frozenset(numbers), tuple(ranges), tuple(codes))


@dataclass(frozen=True, slots=True)
class ClaimConstraints:
    """Claims that a token must have, may only have with certain values, and must not have (RFC 9118, section 3)."""

    must_include: tuple[str, ...] = ()
    permitted: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Each value as text; of a claim that is not a text, its signed JSON."""
    must_exclude: tuple[str, ...] = ()

    def check(self, claims: Mapping[str, Any]) -> None:
        """Raises InvalidPassport for claims, in their JSON form, outside the constraints."""
        for name in self.must_include:
            if name not in claims:
                raise InvalidPassport(f"the certificate demands the claim {name}, which is not there")
        for name in self.must_exclude:
            if name in claims:
                raise InvalidPassport(f"the certificate does not allow the claim {name}")
        for name, values in self.permitted.items():
            if name in claims and _as_text(claims[name]) not in values:
                raise InvalidPassport(f"the certificate does not allow this value of the claim {name}")

    def encode(self) -> bytes:
        """The value of the enhanced extension. Raises ValueError for constraints that constrain nothing."""
        parts: list[bytes] = []
        if self.must_include:
            parts.append(der.write(_MUST, _encode_names(self.must_include)))
        if self.permitted:
            parts.append(
                der.write(_PERMITTED, der.write(der.SEQUENCE, *map(_encode_permitted, self.permitted.items())))
            )
        if self.must_exclude:
            parts.append(der.write(_EXCLUDED, _encode_names(self.must_exclude)))
        if not parts:
            raise ValueError("constraints without a claim constrain nothing")
        return der.write(der.SEQUENCE, *parts)

    @classmethod
    def decode(cls, value: bytes, *, enhanced: bool = True) -> Self:
        """The constraints in an extension's value; the older extension has no `must_exclude`. Raises der.DerError."""
        found: dict[int, bytes] = {}
        latest = 0
        for tag, content in der.read_all(der.read_one(value, der.SEQUENCE)):
            if tag <= latest or tag not in (_MUST, _PERMITTED, *((_EXCLUDED,) if enhanced else ())):
                raise der.DerError("claim constraints have a part that does not belong there")
            found[tag] = der.read_one(content, der.SEQUENCE)
            latest = tag
        if not found:
            raise der.DerError("claim constraints are empty")
        return cls(
            _decode_names(found.get(_MUST)),
            MappingProxyType(dict(_decode_permitted(content) for _, content in _sequences(found.get(_PERMITTED, b"")))),
            _decode_names(found.get(_EXCLUDED)),
        )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else signed_form(value).decode()


def _encode_range(one: NumberRange) -> bytes:
    if one.count < _LEAST_COUNT or not one.start.isdigit() or len(str(int(one.start) + one.count - 1)) > len(one.start):
        raise ValueError(f"{one} is not a range of two or more numbers of one length")
    return der.write(der.SEQUENCE, der.write(der.IA5, one.start.encode("ascii")), der.write_integer(one.count))


def _decode_range(content: bytes) -> NumberRange:
    match list(der.read_all(der.read_one(content, der.SEQUENCE))):
        case [(der.IA5, start), (der.INTEGER, count)]:
            found = NumberRange(_number(der.read_text(start, der.IA5)), der.read_integer(count))
        case _:
            raise der.DerError("a range of numbers is not a number and a count")
    if found.count < _LEAST_COUNT or not found.start.isdigit():
        raise der.DerError("a range of numbers has fewer than two numbers, or does not begin with one")
    return found


def _number(text: str) -> str:
    if not is_canonical(text):
        raise der.DerError("a number in a certificate is not 1 to 15 digits")
    return text


def _ia5(content: bytes) -> str:
    return der.read_text(der.read_one(content, der.IA5), der.IA5)


def _encode_names(names: Iterable[str]) -> bytes:
    return der.write(der.SEQUENCE, *(der.write(der.IA5, name.encode("ascii")) for name in names))


def _decode_names(content: bytes | None) -> tuple[str, ...]:
    if content is None:
        return ()
    names = list(der.read_all(content))
    if not names or any(tag != der.IA5 for tag, _ in names):
        raise der.DerError("claim constraints do not hold names of claims")
    return tuple(der.read_text(name, der.IA5) for _, name in names)


def _encode_permitted(entry: tuple[str, tuple[str, ...]]) -> bytes:
    name, values = entry
    texts = der.write(der.SEQUENCE, *(der.write(der.UTF8, value.encode()) for value in values))
    return der.write(der.SEQUENCE, der.write(der.IA5, name.encode("ascii")), texts)


def _sequences(content: bytes) -> list[tuple[int, bytes]]:
    found = list(der.read_all(content))
    if any(tag != der.SEQUENCE for tag, _ in found):
        raise der.DerError("claim constraints do not hold permitted values")
    return found


def _decode_permitted(content: bytes) -> tuple[str, tuple[str, ...]]:
    match list(der.read_all(content)):
        case [(der.IA5, name), (der.SEQUENCE, values)]:
            texts = list(der.read_all(values))
        case _:
            raise der.DerError("claim constraints do not hold permitted values")
    if not texts or any(tag != der.UTF8 for tag, _ in texts):
        raise der.DerError("claim constraints do not hold permitted values")
    return der.read_text(name, der.IA5), tuple(der.read_text(value, der.UTF8) for _, value in texts)
