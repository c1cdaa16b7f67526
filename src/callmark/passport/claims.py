"""What a token says: RFC 8225 (`orig`, `dest`, `iat`), RFC 8588 (`shaken`) and RFC 9795 (`rcd`, `rcdi`, `crn`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from callmark.passport.digests import ICON, is_digest
from callmark.passport.encoding import as_array, as_object
from callmark.passport.errors import InvalidPassport
from callmark.passport.numbers import canonical_number, is_canonical

LATEST = 253_402_300_800  # the year 10000; also keeps `iat` within what clocks and databases hold
_KNOWN = {"orig", "dest", "iat", "attest", "origid", "rcd", "rcdi", "crn", "iss"}
_KNOWN_RCD = {"nam", "apn", "icn", "jcd", "jcl"}
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")


class Kind(StrEnum):
    """The `ppt` of a token; the base form of RFC 8225 has none."""

    BASE = ""
    SHAKEN = "shaken"
    RCD = "rcd"


class Attestation(StrEnum):
    """How much the signer knows of the caller (RFC 8588, section 4)."""

    FULL = "A"
    PARTIAL = "B"
    GATEWAY = "C"


@dataclass(frozen=True, slots=True)
class Party:
    """Who calls, or who is called: telephone numbers in canonical form, URIs, or both."""

    numbers: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()

    @classmethod
    def of(cls, *numbers: str) -> Self:
        """The party with these telephone numbers, in any spelling. Raises ValueError."""
        return cls(tuple(canonical_number(one) for one in numbers))

    def __contains__(self, number: str) -> bool:
        return number in self.numbers


@dataclass(frozen=True, slots=True)
class RichCallData:
    """The claim `rcd`: `nam`, `icn` (an address), `apn`, `jcd` (a jCard) and `jcl` (the address of one)."""

    name: str
    icon: str | None = None
    alternate_name: str | None = None
    jcard: Any = None
    jcard_url: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """The claim as it is signed."""
        named = {
            "nam": self.name,
            "icn": self.icon,
            "apn": self.alternate_name,
            "jcd": self.jcard,
            "jcl": self.jcard_url,
        }
        return {**self.others, **{key: value for key, value in named.items() if value is not None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """A token's claims: `issued_at` is `iat` in epoch seconds, `digests` `rcdi`, `reason` `crn`, `issuer` `iss`."""

    orig: Party
    dest: Party
    issued_at: int
    attest: Attestation | None = None
    origid: str | None = None
    rcd: RichCallData | None = None
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    issuer: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """The claims as they are signed."""
        values: dict[str, Any] = {
            **self.others,
            "orig": _orig_json(self.orig),
            "dest": _dest_json(self.dest),
            "iat": self.issued_at,
        }
        optional = {
            "attest": self.attest and self.attest.value,
            "origid": self.origid,
            "rcd": self.rcd and self.rcd.as_json(),
            "rcdi": dict(self.digests) or None,
            "crn": self.reason,
            "iss": self.issuer,
        }
        return values | {key: value for key, value in optional.items() if value is not None}


def read_claims(kind: Kind, values: Mapping[str, Any]) -> Claims:
    """The claims of a token of this kind. Raises InvalidPassport where a rule of the three RFCs is broken."""
    claims = Claims(
        orig=_orig(values.get("orig")),
        dest=_dest(values.get("dest")),
        issued_at=_issued_at(values.get("iat")),
        attest=_attestation(values["attest"]) if "attest" in values else None,
        origid=_uuid(values["origid"]) if "origid" in values else None,
        rcd=_rich_call_data(values["rcd"]) if "rcd" in values else None,
        digests=_digests(values["rcdi"]) if "rcdi" in values else MappingProxyType({}),
        reason=_text(values["crn"], "crn") if "crn" in values else None,
        issuer=_text(values["iss"], "iss") if "iss" in values else None,
        others=MappingProxyType({key: value for key, value in values.items() if key not in _KNOWN}),
    )
    check_claims(kind, claims)
    return claims


def check_claims(kind: Kind, claims: Claims) -> None:
    """Whether claims fit together for a token of this kind. Raises InvalidPassport."""
    if kind is Kind.SHAKEN:
        _check_shaken(claims)
    if kind is Kind.RCD and claims.rcd is None and claims.reason is None:
        raise InvalidPassport("a token of the kind rcd needs the claim rcd or crn")  # RFC 9795, section 8
    if claims.digests and claims.rcd is None:
        raise InvalidPassport("the claim rcdi stands without the claim rcd")
    if claims.rcd is not None and claims.rcd.icon is not None and ICON not in claims.digests:
        raise InvalidPassport("the claim rcdi has no digest of /icn, which is content elsewhere")


def _check_shaken(claims: Claims) -> None:
    if claims.attest is None or claims.origid is None:
        raise InvalidPassport("a token of the kind shaken needs the claims attest and origid")
    if not claims.orig.numbers or not claims.dest.numbers or claims.dest.uris:
        raise InvalidPassport("a token of the kind shaken is from a telephone number to telephone numbers")


# one claim each -------------------------------------------------------------------------------------------------------


def _orig(value: object) -> Party:
    named = as_object(value)
    if named is None or len(named) != 1:
        raise InvalidPassport("the claim orig has to name the caller, by one tn or one uri")
    [(key, one)] = named.items()
    return _party({key: [one]}, "orig")


def _dest(value: object) -> Party:
    named = {key: as_array(one) or [] for key, one in (as_object(value) or {}).items()}
    if not named or not all(named.values()):
        raise InvalidPassport("the claim dest has to name who is called, by lists tn or uri")
    return _party(named, "dest")


def _party(value: Mapping[str, Sequence[object]], claim: str) -> Party:
    if not value.keys() <= {"tn", "uri"}:
        raise InvalidPassport(f"the claim {claim} has something other than tn and uri")
    numbers, uris = value.get("tn", ()), value.get("uri", ())
    if not all(is_canonical(one) for one in numbers):
        raise InvalidPassport(f"the claim {claim} has a number that is not digits alone")
    return Party(tuple(map(str, numbers)), tuple(_text(one, claim) for one in uris))


def _orig_json(party: Party) -> dict[str, str]:
    if len(party.numbers) + len(party.uris) != 1:
        raise InvalidPassport("a call comes from one number or one URI")
    return {"tn": party.numbers[0]} if party.numbers else {"uri": party.uris[0]}


def _dest_json(party: Party) -> dict[str, list[str]]:
    if not party.numbers and not party.uris:
        raise InvalidPassport("a call goes to at least one number or URI")
    named = {"tn": list(party.numbers), "uri": list(party.uris)}
    return {key: values for key, values in named.items() if values}


def _issued_at(value: object) -> int:
    """A NumericDate may have a fraction (RFC 7519, section 2), which says nothing here."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise InvalidPassport("the claim iat has to be an instant in epoch seconds")
    return int(value)


def _attestation(value: object) -> Attestation:
    try:
        return Attestation(_text(value, "attest"))
    except ValueError:
        raise InvalidPassport("the claim attest has to be A, B or C") from None


def _uuid(value: object) -> str:
    text = _text(value, "origid")
    try:
        if str(UUID(text)) == text.lower():
            return text
    except ValueError:
        pass
    raise InvalidPassport("the claim origid has to be a UUID")


def _rich_call_data(value: object) -> RichCallData:
    named = as_object(value)
    if named is None:
        raise InvalidPassport("the claim rcd has to be an object")
    if "nam" not in named:
        raise InvalidPassport("the claim rcd has no nam")
    if "jcd" in named and "jcl" in named:
        raise InvalidPassport("the claim rcd has both jcd and jcl")
    if "jcd" in named and as_array(named["jcd"]) is None:
        raise InvalidPassport("the claim jcd has to be a jCard, which is an array")
    return RichCallData(
        name=_text(named["nam"], "nam"),
        icon=_https(named["icn"], "icn") if "icn" in named else None,
        alternate_name=_text(named["apn"], "apn") if "apn" in named else None,
        jcard=named.get("jcd"),
        jcard_url=_https(named["jcl"], "jcl") if "jcl" in named else None,
        others=MappingProxyType({key: one for key, one in named.items() if key not in _KNOWN_RCD}),
    )


def _digests(value: object) -> Mapping[str, str]:
    named = as_object(value)
    if not named:
        raise InvalidPassport("the claim rcdi has to be an object of digests")
    for pointer, digest in named.items():
        if not pointer.startswith("/") or not is_digest(digest):
            raise InvalidPassport("the claim rcdi holds JSON pointers with digests such as sha256-…")
    return MappingProxyType(named)


def _text(value: object, claim: str) -> str:
    if not isinstance(value, str) or _NOT_TEXT.search(value):
        raise InvalidPassport(f"the claim {claim} has to be a text without control characters")
    return value


def _https(value: object, claim: str) -> str:
    text = _text(value, claim)
    try:
        parts = urlsplit(text if text.isascii() else "")  # which takes the square of the marks in a host
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"https", "http"} or not parts.hostname or any(one in text for one in ' <>"'):
        raise InvalidPassport(f"the claim {claim} has to be an https address")
    return text
