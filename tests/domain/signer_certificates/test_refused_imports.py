"""Certificates of a network's authority that cannot be used, each with its reason."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import Struct
from tests.domain.signer_certificates.staging import (
    Authority,
    key_pem,
    make_authority,
    pem,
)
from tests.support.actors import OPERATOR
from tests.support.cases import each

from callmark.domain.deps import Deps
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.kit.errors import InvalidInput
from callmark.passport import TnAuthList, make_key
from callmark.passport.authority import TN_AUTH_LIST

NUMBER = "12025551000"


@pytest.fixture
async def authority(deps: Deps) -> Authority:
    """One whose root is trusted."""
    made = make_authority(deps.real_clock.now())
    await roots.add_roots(deps, pem(made.root), by=OPERATOR)
    return made


class Files(Struct):
    """What someone brings."""

    certificate: bytes
    key: bytes


def _signed(builder: x509.CertificateBuilder, authority: Authority) -> x509.Certificate:
    return builder.sign(authority.issuer_key, hashes.SHA256())


def _builder(
    authority: Authority, deps: Deps, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, serial: int | None = None
) -> x509.CertificateBuilder:
    now = deps.real_clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(authority.issuer.subject)
        .issuer_name(authority.issuer.subject)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def other_key(authority: Authority, deps: Deps) -> Files:
    leaf, _ = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf), key_pem(make_key()))


def expired(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now() - timedelta(days=31))
    return Files(pem(leaf), key_pem(key))


def not_yet_valid(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now() + timedelta(days=1))
    return Files(pem(leaf), key_pem(key))


def without_numbers(authority: Authority, deps: Deps) -> Files:
    key = make_key()
    return Files(pem(_signed(_builder(authority, deps, key.public_key()), authority)), key_pem(key))


def with_broken_numbers(authority: Authority, deps: Deps) -> Files:
    key = make_key()
    broken = x509.UnrecognizedExtension(TN_AUTH_LIST, b"\x30\x80\x00")
    builder = _builder(authority, deps, key.public_key()).add_extension(broken, critical=False)
    return Files(pem(_signed(builder, authority)), key_pem(key))


def wrong_curve(authority: Authority, deps: Deps) -> Files:
    key = ec.generate_private_key(ec.SECP384R1())
    return Files(pem(_signed(_builder(authority, deps, key.public_key()), authority)), key_pem(key))


def rsa_key(authority: Authority, deps: Deps) -> Files:
    key = rsa.generate_private_key(65537, 2048)
    leaf = _signed(_builder(authority, deps, key.public_key()), authority)
    return Files(pem(leaf), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def an_issuer(authority: Authority, deps: Deps) -> Files:
    return Files(pem(authority.issuer), key_pem(authority.issuer_key))


def without_its_issuer(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf), key_pem(key))


def of_another_network(authority: Authority, deps: Deps) -> Files:
    other = make_authority(deps.real_clock.now())
    leaf, key = other.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf, other.issuer, other.root), key_pem(key))


def strangers_chain(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf, make_authority(deps.real_clock.now()).issuer), key_pem(key))


def beyond_its_issuer(authority: Authority, deps: Deps) -> Files:
    now = deps.real_clock.now()
    delegate = make_authority(now, TnAuthList.of(["12025559999"]))
    leaf, key = delegate.issue(TnAuthList.of([NUMBER]), now=now)
    return Files(pem(leaf, delegate.issuer), key_pem(key))


def too_many(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(*[leaf] * 6), key_pem(key))


def huge(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf) + b"#" * 70_000, key_pem(key))


def nothing(authority: Authority, deps: Deps) -> Files:
    return Files(b"", b"")


def serial_of_21_bytes(authority: Authority, deps: Deps) -> Files:
    """Two lengths (of two bytes each) and the number are changed; nobody comes to see that the signature is wrong."""
    key, long = make_key(), x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.1"), bytes(200))
    builder = _builder(authority, deps, key.public_key(), serial=1 << 158).add_extension(long, critical=False)
    made = _signed(builder, authority).public_bytes(Encoding.DER)
    whole, inner = (int.from_bytes(made[at : at + 2]) + 1 for at in (2, 6))
    number = made.index(b"\x02\x14\x40" + bytes(19))
    longer = b"\x02\x15" + made[number + 2 : number + 22] + b"\x01"
    parts = made[:2], whole.to_bytes(2), made[4:6], inner.to_bytes(2), made[8:number], longer, made[number + 22 :]
    return Files(pem_of(b"".join(parts)), key_pem(key))


def serial_of_zero(authority: Authority, deps: Deps) -> Files:
    key = make_key()
    made = _signed(_builder(authority, deps, key.public_key(), serial=1), authority).public_bytes(Encoding.DER)
    zero = made.replace(b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01\x00", 1)  # after the version
    return Files(pem_of(zero), key_pem(key))


def pem_of(der: bytes) -> bytes:
    return f"-----BEGIN CERTIFICATE-----\n{b64encode(der).decode()}\n-----END CERTIFICATE-----\n".encode()


def no_key(authority: Authority, deps: Deps) -> Files:
    leaf, _ = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf), pem(leaf))


def huge_key(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf), key_pem(key) + b"#" * 20_000)


def locked_key(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf), key_pem(key, b"secret"))


def cut(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf)[:200], key_pem(key))


Case = tuple[Callable[[Authority, Deps], Files], str, str]
REFUSED: list[Case] = [
    (other_key, "key", "not the one of this certificate"),
    (expired, "certificate", "expired on"),
    (not_yet_valid, "certificate", "valid from"),
    (without_numbers, "certificate", "no TNAuthList"),
    (with_broken_numbers, "certificate", "cannot be read"),
    (wrong_curve, "certificate", "P-256"),
    (rsa_key, "certificate", "P-256"),
    (an_issuer, "certificate", "put the signer's first"),
    (without_its_issuer, "certificate", "it was issued by 'STI-CA', which is neither in its file nor trusted"),
    (of_another_network, "certificate", "its root 'STI-CA root' is not trusted. Trust .* `callmark stir root add`"),
    (strangers_chain, "certificate", "do not lead to it"),
    (beyond_its_issuer, "certificate", "its issuer.s does not"),
    (too_many, "certificate", "more than 5"),
    (huge, "certificate", "longer than"),
    (nothing, "certificate", "no certificate in PEM"),
    (cut, "certificate", "no certificate in PEM"),
    (serial_of_21_bytes, "certificate", "serial number"),
    (serial_of_zero, "certificate", "serial number"),
    (no_key, "key", "no private key in PEM"),
    (huge_key, "key", "larger than"),
    (locked_key, "key", "password"),
]


@pytest.mark.filterwarnings("ignore:Parsed a serial")
async def test_what_cannot_sign_is_refused_with_its_reason(deps: Deps, authority: Authority) -> None:
    async def is_refused(case: Case) -> None:
        made, field, said = case
        files = made(authority, deps)
        with pytest.raises(InvalidInput, match=said) as refused:
            await signer_certificates.import_certificate(deps, None, files.certificate, files.key, by=OPERATOR)
        assert refused.value.field == field
        assert await signer_certificates.list_certificates(deps) == []

    await each(REFUSED, is_refused, name=lambda case: case[0].__name__)
