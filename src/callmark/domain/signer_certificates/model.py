"""Roots and signing certificates."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from msgspec import Struct

from callmark.domain.ids import AccountId, SignerCertificateId, TrustRootId
from callmark.passport.authority import ClaimConstraints, TnAuthList
from callmark.passport.claims import Claims, Kind
from callmark.passport.digests import ICON, digest
from callmark.passport.encoding import signed_form
from callmark.passport.errors import InvalidPassport
from callmark.passport.verifying import Signer

LIFE = timedelta(days=30)
RENEWED_BEFORE = timedelta(days=10)
"""How long before its end one of ours is replaced."""
KEPT_AFTER = timedelta(days=30)
"""How long a certificate can still be got after its end, for those who look at an old call."""
ICON_CLAIM = "rcdi"
SERIAL = re.compile(r"[1-9a-f][0-9a-f]{0,39}", re.ASCII)
"""Hexadecimal digits of at most 20 bytes, which is how long a serial number may be (RFC 5280, section 4.1.2.2)."""
ADDRESS = re.compile(SERIAL.pattern + "(?:-[0-9a-f]{16})?", re.ASCII)
"""A serial number, or one that another file has here, with the beginning of the SHA-256 of this file."""


class TrustRoot(Struct, frozen=True):
    """A root whose certificates count. `is_own`: the installation has its key, and issues accounts' certificates."""

    id: TrustRootId
    name: str
    certificate: x509.Certificate
    is_own: bool
    provider_code: str | None
    added_at: datetime


class StoredCertificate(Struct, frozen=True, kw_only=True):
    """A signing certificate as it is stored. Without an account it is the operator's.

    `chain` is the PEM file that verifiers get: the certificate, then those that issued it, without the root. What is at
    an address never changes, and `serial` is the address: two authorities may use one serial number (`ADDRESS`).
    """

    id: SignerCertificateId
    account_id: AccountId | None
    serial: str
    chain: str
    is_imported: bool
    lot_start: str
    not_before: datetime
    not_after: datetime
    created_at: datetime
    retired_at: datetime | None = None


class SigningCertificate(Struct, frozen=True):
    """A certificate in use: what it allows, and the key to sign with."""

    stored: StoredCertificate
    certificate: x509.Certificate
    numbers: TnAuthList
    constraints: Sequence[ClaimConstraints]
    signer: Signer

    def permits_icon(self, png: bytes) -> bool:
        """Whether a call may name this icon."""
        claim = icon_claim(png)
        limits = [one.permitted[ICON_CLAIM] for one in self.constraints if ICON_CLAIM in one.permitted]
        return all(claim in one for one in limits)

    def permits(self, claims: Claims) -> bool:
        """Whether verifiers take these claims from its holder."""
        try:
            for limits in self.constraints:
                limits.check(claims.as_json())
        except InvalidPassport:
            return False
        return True


class ChosenSigner(NamedTuple):
    """Who signs, and the claims that the certificate permits."""

    signer: Signer
    claims: Claims

    def sign(self, kind: Kind) -> str:
        """The `Identity` header. Raises InvalidPassport."""
        return self.signer.sign(self.claims, kind)


def icon_claim(png: bytes) -> str:
    """The claim `rcdi` of a call with this icon, as certificates permit it: a digest instead of names."""
    return signed_form({ICON: digest(png)}).decode()


def is_in_time(certificate: StoredCertificate, now: datetime) -> bool:
    """Whether it counts at this instant of the real clock."""
    return certificate.not_before <= now <= certificate.not_after
