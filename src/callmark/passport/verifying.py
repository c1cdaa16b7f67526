"""Signs a call, and verifies one: everything of this package in the order that the RFCs demand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from callmark.passport.certificates import SignerCertificate, check_chain, read_chain
from callmark.passport.claims import Attestation, Claims, Kind, Party, RichCallData
from callmark.passport.digests import JCARD_URL, addresses, check_digests, make_digests
from callmark.passport.errors import InvalidPassport, PassportError, Reason
from callmark.passport.identity import IdentityHeader, read_identity
from callmark.passport.numbers import canonical_number
from callmark.passport.tokens import Passport, sign_token

FRESH_S = 60
"""How far `iat` may be from the verifier's clock, in seconds (RFC 8224, section 6.2.2)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the key, and the address where verifiers find its certificate."""

    key: ec.EllipticCurvePrivateKey
    x5u: str
    plain_http: bool = False
    """Allows `http` addresses of certificates and icons; for tests on one machine."""

    def shaken(self, orig: str, dest: Iterable[str], attest: Attestation, origid: str, *, now: datetime) -> str:
        """An `Identity` header that says how well the caller is known. Raises ValueError, InvalidPassport."""
        claims = replace(_call(orig, dest, now), attest=attest, origid=origid)
        return self.sign(claims, Kind.SHAKEN)

    def rich_call_data(
        self,
        orig: str,
        dest: Iterable[str],
        rcd: RichCallData,
        reason: str | None = None,
        *,
        contents: Mapping[str, bytes] = MappingProxyType({}),
        now: datetime,
    ) -> str:
        """An `Identity` header that says what to show: name, icon, reason.

        `contents` are the bytes behind each address in `rcd`, of which it signs the digests. Raises ValueError,
        InvalidPassport, and KeyError for an address whose content is not given.
        """
        digests = make_digests(rcd.as_json(), contents)
        return self.sign(replace(_call(orig, dest, now), rcd=rcd, digests=digests, reason=reason), Kind.RCD)

    def sign(self, claims: Claims, kind: Kind) -> str:
        """An `Identity` header with these claims. Raises InvalidPassport for claims that do not fit together."""
        _check_address(self.x5u, "x5u", plain_http=self.plain_http)
        for pointer, address in addresses(claims.rcd.as_json()) if claims.rcd else ():
            _check_address(address, pointer, plain_http=self.plain_http)
            if pointer == JCARD_URL and pointer not in claims.digests:
                raise InvalidPassport("the claim rcdi has no digest of /jcl, which is content elsewhere")
        return str(IdentityHeader(sign_token(claims, kind, self.x5u, self.key), self.x5u, kind))


@dataclass(frozen=True, slots=True)
class CallParties:
    """The call that a token has to be about, from its signalling: never from the token."""

    orig: str
    dest: str

    @classmethod
    def of(cls, orig: str, dest: str) -> "CallParties":
        """The call between two numbers in any spelling. Raises ValueError."""
        return cls(canonical_number(orig), canonical_number(dest))


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that counts for a call. What is at an address counts only where `trusts` says so."""

    passport: Passport
    certificate: SignerCertificate

    @property
    def claims(self) -> Claims:
        """What the token says about the call."""
        return self.passport.claims

    def trusts(self, contents: Mapping[str, bytes]) -> dict[str, bool | None]:
        """What of `rcd` has a digest that matches, by JSON pointer: see `digests.check_digests`."""
        rcd = self.claims.rcd
        return {} if rcd is None else check_digests(rcd.as_json(), self.claims.digests, contents)


def verify(
    identity: str | Passport,
    call: CallParties,
    chain: bytes,
    roots: Iterable[x509.Certificate],
    *,
    now: datetime,
    fresh_s: int = FRESH_S,
    plain_http: bool = False,
) -> Verified:
    """The token of an `Identity` header, when it counts for this call. Raises PassportError with the reason.

    `chain` is the PEM file at the token's `x5u` (`read_identity` gives it); getting it is the caller's part, and so are
    remembering tokens, since one may count once only, and the rule for third parties (`pick`).
    """
    passport = read_identity(identity) if isinstance(identity, str) else identity
    check_call(passport, call, now=now, fresh_s=fresh_s, plain_http=plain_http)
    return verify_signed(passport, call, check_chain(read_chain(chain), roots, now=now))


def check_call(
    passport: Passport, call: CallParties, *, now: datetime, fresh_s: int = FRESH_S, plain_http: bool = False
) -> None:
    """The checks of `verify` that need no certificate, so that none is fetched in vain. Raises PassportError."""
    _check_address(passport.x5u, "x5u", plain_http=plain_http)
    if abs(now.timestamp() - passport.claims.issued_at) > fresh_s:
        raise PassportError(Reason.STALE_DATE, f"the token was not signed within {fresh_s} s of now")
    if passport.claims.orig.numbers != (call.orig,):
        raise InvalidPassport("the token is about another caller")
    if call.dest not in passport.claims.dest:
        raise InvalidPassport("the token is about a call to someone else")


def verify_signed(passport: Passport, call: CallParties, certificate: SignerCertificate) -> Verified:
    """The checks of `verify` that remain when the certificate is known to count. Raises PassportError."""
    passport.check_signature(certificate.key)
    if not certificate.numbers.covers(call.orig) and not _speaks_for_a_provider(passport, certificate):
        raise PassportError(Reason.UNSUPPORTED_CREDENTIAL, "the certificate is not for the caller's number")
    for limits in certificate.constraints:
        limits.check(passport.claims.as_json())
    return Verified(passport, certificate)


def pick(verified: Iterable[Verified]) -> Verified | None:
    """The token that says what to show, of those that count for a call: the first with `rcd` or `crn`.

    A gateway (attestation C) knows by which way a call came, and not who calls (RFC 8588, section 4): its token shows
    nothing. What a third party says (`iss`) counts beside a token of the caller's own provider only (RFC 9795,
    section 12).
    """
    known = [one for one in verified if one.claims.attest is not Attestation.GATEWAY]
    first_party = any(one.claims.issuer is None for one in known)
    for one in known:
        if (one.claims.rcd is not None or one.claims.reason is not None) and (one.claims.issuer is None or first_party):
            return one
    return None


def _speaks_for_a_provider(passport: Passport, certificate: SignerCertificate) -> bool:
    """Providers sign `shaken` for all their customers' numbers; the certificate lists their code alone (RFC 8226)."""
    return passport.kind is Kind.SHAKEN and bool(certificate.numbers.provider_codes)


def _call(orig: str, dest: Iterable[str], now: datetime) -> Claims:
    return Claims(orig=Party.of(orig), dest=Party.of(*dest), issued_at=int(now.timestamp()))


def _check_address(address: str, what: str, *, plain_http: bool) -> None:
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ({"https", "http"} if plain_http else {"https"}) or not parts.hostname:
        raise InvalidPassport(f"{what} is not an https address")
