"""An account whose numbers are proven, and certificates as a network's authority gives them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from msgspec import Struct
from msgspec.structs import replace
from tests.domain.numbers.staging import Business, make_business, phones, run_jobs
from tests.support.actors import OPERATOR

from callmark.domain.brand_icons.model import BrandIcon
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.kit.phone import PhoneNumber
from callmark.kit.short_memory import ShortMemory
from callmark.passport import (
    ClaimConstraints,
    Claims,
    Kind,
    Party,
    RichCallData,
    Signer,
    TnAuthList,
    issue,
    make_digests,
    make_issuer,
    make_key,
    make_root,
)


def public(deps: Deps) -> Deps:
    """As another process of the same installation, behind TLS."""
    return replace(deps, public_url="https://calls.example", memory=ShortMemory())


def at(deps: Deps, real_clock: object) -> Deps:
    """As another process, whose machine's clock is this one."""
    return replace(public(deps), real_clock=real_clock)


async def prove(deps: Deps, business: Business, numbers: Sequence[PhoneNumber]) -> None:
    """Lists the numbers, and records that they are proven."""
    await business.publish(*numbers)
    await run_jobs(deps)
    await proofs.prove_numbers(deps, business.account_id, numbers, by=OPERATOR)


async def make_signing_business(deps: Deps, count: int = 3) -> tuple[Business, list[PhoneNumber]]:
    """An account with a root to issue its certificate, and proven numbers that follow each other."""
    await roots.create_root(deps, "Test root", "TEST", by=SYSTEM)
    business, numbers = await make_business(deps), phones(count)
    await prove(deps, business, numbers)
    return business, numbers


async def logo_of(deps: Deps, business: Business) -> bytes:
    """The logo of the account's only label."""
    (label,) = await labels.list_labels(deps, business.account_id)
    return label.logo_sha256


class Authority(Struct, frozen=True):
    """A certification authority: its root, and one between it and the signers."""

    root: x509.Certificate
    issuer: x509.Certificate
    issuer_key: ec.EllipticCurvePrivateKey

    def issue(
        self, numbers: TnAuthList, constraints: ClaimConstraints | None = None, *, now: datetime, days: int = 30
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A signer's certificate and its key."""
        key = make_key()
        made = issue("Acme", key.public_key(), self.issuer, self.issuer_key, numbers, constraints, now=now, days=days)
        return made, key


def make_authority(now: datetime, numbers: TnAuthList | None = None) -> Authority:
    """One that nobody trusts yet; with `numbers` it may pass on these alone."""
    root_key, issuer_key = make_key(), make_key()
    root = make_root("STI-CA root", root_key, now=now - timedelta(days=100))
    return Authority(root, make_issuer("STI-CA", issuer_key.public_key(), root, root_key, numbers, now=now), issuer_key)


def pem(*certificates: x509.Certificate) -> bytes:
    """A PEM file."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    """A key's PEM file."""
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)


async def signer_of(
    deps: Deps, account_id: AccountId, caller: PhoneNumber, kind: Kind = Kind.RCD, icon: BrandIcon | None = None
) -> Signer | None:
    """Who signs a call of the account that shows a name and the icon."""
    rcd = RichCallData("Acme", icon.url if icon else None)
    digests = make_digests(rcd.as_json(), {icon.url: icon.png} if icon else {})
    claims = Claims(orig=Party.of(caller), dest=Party.of("12025550199"), issued_at=0, rcd=rcd, digests=digests)
    chosen = await signer_certificates.signer_of(deps, account_id, caller, kind, [claims], icon)
    return chosen.signer if chosen else None
