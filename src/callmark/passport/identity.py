"""The SIP header `Identity` (RFC 8224, section 4): a token and its parameters."""

import re
from dataclasses import dataclass

from callmark.passport.claims import Kind
from callmark.passport.errors import InvalidPassport
from callmark.passport.tokens import MOST_CHARACTERS, Passport, read_token

_WORD = r"[A-Za-z0-9.!%*_+`'~-]+"
_QUOTED = r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*)"'
_PARAMETER = re.compile(
    rf"\s*;\s*({_WORD})(?:\s*=\s*(?:<([^<>\s]*)>|{_QUOTED}|({_WORD}|\[[0-9A-Fa-f:.]+\])))?", re.ASCII
)
"""RFC 3261, section 25.1: a `generic-param` may have no value, or a token, a host, or a text in quotes."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_END = re.compile(r"\s*\Z")
_DIGEST = re.compile(r"\s*([A-Za-z0-9_.-]+)", re.ASCII)

_WITH_VALUES = {"info", "alg", "ppt"}
_MOST_PARAMETERS = 16
"""Far more than there are: `info`, `alg`, `ppt` and what others may add (RFC 8224, section 4)."""


@dataclass(frozen=True, slots=True)
class IdentityHeader:
    """A value of the header: the token, and what its parameters say of it."""

    token: str
    info: str
    kind: Kind

    def __str__(self) -> str:
        kind = f';ppt="{self.kind}"' if self.kind else ""
        return f"{self.token};info=<{self.info}>;alg=ES256{kind}"


def read_identity(value: str) -> Passport:
    """The token in a value of the header. Raises InvalidPassport, also when the parameters contradict the token."""
    header = _read_header(value)
    passport = read_token(header.token)
    if header.info != passport.x5u:
        raise InvalidPassport("the parameter info is not the x5u of the token")
    if header.kind is not passport.kind:
        raise InvalidPassport("the parameter ppt is not the ppt of the token")
    return passport


def _read_header(value: str) -> IdentityHeader:
    if len(value) > MOST_CHARACTERS * 2:
        raise InvalidPassport("the header is too long")
    digest = _DIGEST.match(value)
    if digest is None:
        raise InvalidPassport("the header does not begin with a token")
    parameters = _parameters(value, digest.end())
    if parameters.get("alg", "ES256") not in {"ES256", "es256"}:
        raise InvalidPassport("the parameter alg is not ES256")
    if "info" not in parameters:
        raise InvalidPassport("the header has no parameter info")
    try:
        kind = Kind(parameters.get("ppt", ""))
    except ValueError:
        raise InvalidPassport("the parameter ppt is not one that is known here") from None
    return IdentityHeader(digest[1], parameters["info"], kind)


def _parameters(value: str, at: int) -> dict[str, str]:
    """Tokens in lower case: like names, they are the same in either (RFC 3261, section 7.3.1), texts in quotes not."""
    found: dict[str, str] = {}
    while not _END.match(value, at):
        one = _PARAMETER.match(value, at)
        if one is None:
            raise InvalidPassport("the parameters of the header cannot be read")
        name, address, quoted, token = one.groups()
        name = name.lower()
        if len(found) == _MOST_PARAMETERS:
            raise InvalidPassport(f"the header has more than {_MOST_PARAMETERS} parameters")
        if name in found:
            raise InvalidPassport(f"the parameter {name} appears twice")
        if address is None and quoted is None and token is None and name in _WITH_VALUES:
            raise InvalidPassport(f"the parameter {name} has no value")
        found[name] = address or _ESCAPED.sub(r"\1", quoted or "") or (token or "").lower()
        at = one.end()
    return found
