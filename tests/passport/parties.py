"""A test's root, a business' certificate, and the call they speak about."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from callmark.passport import (
    CallParties,
    ClaimConstraints,
    NumberRange,
    RichCallData,
    Signer,
    TnAuthList,
    issue,
    make_key,
    make_root,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CALLER, CALLEE = "12025551000", "12025551001"
ORIGID = "123e4567-e89b-12d3-a456-426655440000"
X5U = "https://brand.example/acme.pem"
ICON = "https://brand.example/acme-64x64.png"
PNG = b"\x89PNG of Acme"
CALL = CallParties.of(CALLER, CALLEE)


class Network(Struct, frozen=True):
    """A root and one business with a certificate for `CALLER`."""

    root_key: ec.EllipticCurvePrivateKey
    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def signer(self) -> Signer:
        return Signer(self.key, X5U)

    @property
    def chain(self) -> bytes:
        return pem(self.certificate)

    def certificate_for(
        self,
        *numbers: str,
        constraints: ClaimConstraints | None = None,
        ranges: tuple[NumberRange, ...] = (),
        codes: tuple[str, ...] = (),
        now: datetime = NOW,
    ) -> bytes:
        """Another certificate of the business' key, as PEM."""
        allowed = TnAuthList.of(numbers, ranges, codes)
        return pem(issue("acme", self.key.public_key(), self.root, self.root_key, allowed, constraints, now=now))

    def branded(
        self, *, at: datetime = NOW, name: str = "Acme Bank", icon: str | None = ICON, reason: str | None = "Your order"
    ) -> str:
        """An `Identity` header with name, icon and reason."""
        rcd = RichCallData(name, icon)
        return self.signer.rich_call_data(CALLER, [CALLEE], rcd, reason, contents={ICON: PNG}, now=at)


def make_network() -> Network:
    root_key, key = make_key(), make_key()
    root = make_root("Test root", root_key, now=NOW - timedelta(days=1))
    return Network(
        root_key, root, key, issue("acme", key.public_key(), root, root_key, TnAuthList.of([CALLER]), now=NOW)
    )


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
