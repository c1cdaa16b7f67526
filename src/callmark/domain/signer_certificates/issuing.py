"""Certificates of our own root: what an account's should say, and making those that do not say it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from callmark.domain.accounts.model import Account
from callmark.domain.ids import AccountId, SignerCertificateId
from callmark.domain.signer_certificates.lots import lots_of
from callmark.domain.signer_certificates.model import (
    ICON_CLAIM,
    LIFE,
    RENEWED_BEFORE,
    SigningCertificate,
    StoredCertificate,
    TrustRoot,
    icon_claim,
)
from callmark.domain.signer_certificates.roots import LONGEST_NAME, name_of
from callmark.kit.ids import new_id
from callmark.passport.authority import ClaimConstraints, TnAuthList
from callmark.passport.certificates import issue, make_key
from callmark.passport.issuers import is_issued_by

MOST_ICONS = 100
"""An account with more logos has certificates that leave icons open: else they would be too long."""
OLD_ICONS_KEPT = timedelta(days=2)
"""A record can show a logo for a day after its label has another: a certificate permits it for that time."""
EXCLUDED_CLAIMS = ("div", "rph", "sph")
"""Claims of other kinds of token, which no account's certificate is for."""


class IssuedFacts(Struct, frozen=True):
    """What an account's certificates should say; `icons` are the claims that they permit."""

    account: Account
    numbers: Collection[str]
    icons: frozenset[str]


class Renewal(Struct, frozen=True):
    """What is to change: certificates that sign nothing more, and new ones with their keys."""

    outdated: list[SignerCertificateId]
    made: list[tuple[StoredCertificate, ec.EllipticCurvePrivateKey]]


def renewal_of(
    facts: IssuedFacts,
    current: Sequence[SigningCertificate],
    root: TrustRoot,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    replace_all: bool = False,
) -> Renewal:
    """What makes `current` say what they should. Nothing, when they do; with `replace_all` all are replaced.

    The content of the certificates is compared, not a note about it: what is signed is what counts.
    """
    young = [one for one in current if now - one.stored.created_at < OLD_ICONS_KEPT]
    kept_icons = frozenset(claim for one in young for claim in _icons(one))
    left = {one.stored.lot_start: one for one in current}
    made: list[tuple[StoredCertificate, ec.EllipticCurvePrivateKey]] = []
    for start, numbers in lots_of(facts.numbers, sorted(left), root.provider_code):
        there = left.get(start)
        if there is not None and not replace_all and _is_right(there, facts, numbers, root, now):
            del left[start]
        else:
            made.append(_make(facts, numbers, _permitted(facts.icons, kept_icons), root, root_key, start, now))
    kept = {one.stored.id for one in current} - {one.stored.id for one in left.values()}
    return Renewal([one.stored.id for one in current if one.stored.id not in kept], made)


def subject_of(account: Account) -> str:
    """The account's name, as long as a certificate may have it."""
    return account.name.encode()[:LONGEST_NAME].decode(errors="ignore").strip() or str(account.id)


def _is_right(one: SigningCertificate, facts: IssuedFacts, numbers: TnAuthList, root: TrustRoot, now: datetime) -> bool:
    icons = _icons(one)
    wanted = facts.icons if len(facts.icons) <= MOST_ICONS else frozenset[str]()
    is_young = now - one.stored.created_at < OLD_ICONS_KEPT
    return (
        one.numbers == numbers
        and (wanted == icons or (wanted < icons and bool(wanted) and is_young))
        and name_of(one.certificate) == subject_of(facts.account)
        and one.stored.not_before <= now  # a clock that was ahead issues what does not count yet
        and (
            one.stored.not_after - now > RENEWED_BEFORE or one.stored.not_after >= root.certificate.not_valid_after_utc
        )
        and is_issued_by(one.certificate, root.certificate)
    )


def _permitted(icons: frozenset[str], kept: frozenset[str]) -> frozenset[str]:
    """Empty: every icon is."""
    if not icons or len(icons) > MOST_ICONS:
        return frozenset()
    return icons | kept if len(icons | kept) <= MOST_ICONS else icons


def _icons(one: SigningCertificate) -> frozenset[str]:
    return frozenset(claim for limits in one.constraints for claim in limits.permitted.get(ICON_CLAIM, ()))


def _make(
    facts: IssuedFacts,
    numbers: TnAuthList,
    icons: frozenset[str],
    root: TrustRoot,
    root_key: ec.EllipticCurvePrivateKey,
    start: str,
    now: datetime,
) -> tuple[StoredCertificate, ec.EllipticCurvePrivateKey]:
    key = make_key()
    permitted = {ICON_CLAIM: tuple(sorted(icons))} if icons else {}
    limits = ClaimConstraints(permitted=permitted, must_exclude=EXCLUDED_CLAIMS)
    name = subject_of(facts.account)
    made = issue(name, key.public_key(), root.certificate, root_key, numbers, limits, now=now, days=LIFE.days)
    ends = min(made.not_valid_after_utc, root.certificate.not_valid_after_utc)
    return stored_of(facts.account.id, [made], ends, start, now, is_imported=False), key


def stored_of(
    account_id: AccountId | None,
    chain: Sequence[x509.Certificate],
    ends: datetime,
    start: str,
    now: datetime,
    *,
    is_imported: bool,
) -> StoredCertificate:
    """A new row for the first certificate of a chain, which counts until the first one on the way to the root ends."""
    return StoredCertificate(
        id=SignerCertificateId(new_id()),
        account_id=account_id,
        serial=f"{chain[0].serial_number:x}",
        chain="".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        is_imported=is_imported,
        lot_start=start,
        not_before=chain[0].not_valid_before_utc,
        not_after=ends,
        created_at=now,
    )


def icons_of(pngs: Collection[bytes]) -> frozenset[str]:
    """The claims that permit these icons."""
    return frozenset(map(icon_claim, pngs))
