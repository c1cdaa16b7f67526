"""Tokens: signed, written and read in the full form (RFC 8225). The compact form is read only to be refused."""

from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from callmark.passport.claims import Claims, Kind, check_claims, read_claims
from callmark.passport.encoding import from_base64url, read_object, signed_form, to_base64url
from callmark.passport.errors import InvalidPassport

_HALF, _SIGNATURE = 32, 64  # bytes of an ES256 signature
_ES256 = ec.ECDSA(hashes.SHA256())
MOST_CHARACTERS = 24 * 1024
"""Of a token: what its parts can be at most, encoded."""


@dataclass(frozen=True, slots=True)
class Passport:
    """A token that was read: its kind, its claims, the address of its certificate, and what was signed.

    Nothing is verified by reading it; see `callmark.passport.verify`.
    """

    kind: Kind
    x5u: str
    claims: Claims
    token: str
    signed: bytes
    signature: bytes

    def check_signature(self, key: ec.EllipticCurvePublicKey) -> None:
        """Raises InvalidPassport when the token was not signed by the holder of this key."""
        half = int.from_bytes(self.signature[:_HALF]), int.from_bytes(self.signature[_HALF:])
        try:
            key.verify(encode_dss_signature(*half), self.signed, _ES256)
        except (InvalidSignature, ValueError) as exc:
            raise InvalidPassport("the signature does not match") from exc


def sign_token(claims: Claims, kind: Kind, x5u: str, key: ec.EllipticCurvePrivateKey) -> str:
    """The token in the full form. Raises InvalidPassport for claims that do not fit together or a wrong curve."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise InvalidPassport("tokens are signed with a key on the curve P-256")
    header = {"alg": "ES256", "typ": "passport", "x5u": x5u} | ({"ppt": kind.value} if kind else {})
    values = claims.as_json()
    try:
        signed = f"{to_base64url(signed_form(header))}.{to_base64url(signed_form(values))}"
    except ValueError as exc:
        raise InvalidPassport(f"the claims cannot be written as JSON: {exc}") from exc
    check_claims(kind, read_claims(kind, values))  # what we sign, every reader of this library takes
    numbers = decode_dss_signature(key.sign(signed.encode(), _ES256))
    return f"{signed}.{to_base64url(b''.join(one.to_bytes(_HALF) for one in numbers))}"


def read_token(token: str) -> Passport:
    """The parts of a token in the full form, each by its rules. Raises InvalidPassport. Verifies no signature."""
    if len(token) > MOST_CHARACTERS:
        raise InvalidPassport("the token is too long")
    try:
        header_text, claims_text, signature_text = token.split(".")
    except ValueError:
        raise InvalidPassport("the token does not have three parts") from None
    if not header_text or not claims_text:
        raise InvalidPassport("the token has the compact form; the full form is needed")
    header = read_object(from_base64url(header_text, "header"), "header")
    values = read_object(from_base64url(claims_text, "claims"), "claims")
    signature = from_base64url(signature_text, "signature")
    if len(signature) != _SIGNATURE:
        raise InvalidPassport("the signature does not have 64 bytes")
    kind, x5u = _read_header(header)
    return Passport(kind, x5u, read_claims(kind, values), token, f"{header_text}.{claims_text}".encode(), signature)


def _read_header(header: dict[str, Any]) -> tuple[Kind, str]:
    if header.get("alg") != "ES256":
        raise InvalidPassport("the token is not signed with ES256")
    if header.get("typ") != "passport":
        raise InvalidPassport("the token's typ is not passport")
    if "crit" in header:  # what it lists must be understood (RFC 7515, section 4.1.11), and PASSporT defines nothing
        raise InvalidPassport("the token has critical header parameters, which are not understood")
    x5u = header.get("x5u")
    if not isinstance(x5u, str) or not x5u or not x5u.isascii() or not x5u.isprintable():
        raise InvalidPassport("the token's header has no x5u")
    try:
        return (Kind(header["ppt"] or "none") if "ppt" in header else Kind.BASE), x5u
    except ValueError:
        raise InvalidPassport("the token's ppt is not one that is known here") from None
