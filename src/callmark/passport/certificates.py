"""STIR certificates (RFC 8226): made, read, and checked up to a trusted root."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import (
    ExtensionOID,
    NameOID,
    ObjectIdentifier,
)

from callmark.passport import authority
from callmark.passport.authority import ClaimConstraints, TnAuthList
from callmark.passport.errors import PassportError, Reason
from callmark.passport.issuers import SIGNED_WITH, UNREADABLE, issuers_of, issuing_key

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

MOST_BYTES = 64 * 1024
"""Of the file with a certificate and those that issued it."""
_MOST_CERTIFICATES = 5
_UNDERSTOOD = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    ExtensionOID.CERTIFICATE_POLICIES,  # no policy is demanded here, so they restrict nothing (RFC 5280, 6.1.1)
    authority.TN_AUTH_LIST,
    authority.CLAIM_CONSTRAINTS,
    authority.ENHANCED_CLAIM_CONSTRAINTS,
}


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    """A certificate that counts: the key that signs, and what its holder may sign.

    It counts until `valid_until`, when the first certificate on its way to the root expires.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePublicKey
    numbers: TnAuthList
    constraints: tuple[ClaimConstraints, ...]
    valid_until: datetime


def make_key() -> ec.EllipticCurvePrivateKey:
    """A new key on P-256, the curve of ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(name: str, key: ec.EllipticCurvePrivateKey, *, now: datetime, days: int = 3650) -> x509.Certificate:
    """A root that signs itself, for tests and networks of one's own."""
    subject = _name(name)
    return _builder(subject, subject, key.public_key(), key.public_key(), now, days, ca=True).sign(key, hashes.SHA256())


def make_issuer(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    numbers: TnAuthList | None = None,
    *,
    now: datetime,
    days: int = 365,
) -> x509.Certificate:
    """A certificate between the root and the signers: its holder may issue theirs.

    With `numbers` it is a delegate's (RFC 9060), which may pass on these alone. Raises ValueError for an empty list.
    """
    builder = _builder(_name(name), issuer.subject, key, issuer_key.public_key(), now, days, ca=True)
    if numbers is not None:
        builder = _with(builder, authority.TN_AUTH_LIST, numbers.encode())
    return builder.sign(issuer_key, hashes.SHA256())


def issue(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    numbers: TnAuthList,
    constraints: ClaimConstraints | None = None,
    *,
    now: datetime,
    days: int = 30,
) -> x509.Certificate:
    """A signer's certificate for these numbers, valid from five minutes ago. Raises ValueError for an empty list."""
    builder = _builder(_name(name), issuer.subject, key, issuer_key.public_key(), now, days, ca=False)
    builder = _with(builder, authority.TN_AUTH_LIST, numbers.encode())
    if constraints is not None:
        builder = _with(builder, authority.ENHANCED_CLAIM_CONSTRAINTS, constraints.encode())
    return builder.sign(issuer_key, hashes.SHA256())


def read_chain(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file, the signer's first. Raises PassportError."""
    if len(pem) > MOST_BYTES:
        raise PassportError(Reason.BAD_IDENTITY_INFO, f"the certificate's file is longer than {MOST_BYTES} bytes")
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except UNREADABLE as exc:
        raise PassportError(Reason.BAD_IDENTITY_INFO, "there is no certificate in PEM") from exc
    if len(chain) > _MOST_CERTIFICATES:
        raise PassportError(Reason.BAD_IDENTITY_INFO, f"there are more than {_MOST_CERTIFICATES} certificates")
    return chain


def check_chain(
    chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], *, now: datetime
) -> SignerCertificate:
    """The signer's certificate, when a way leads from it to one of `roots` on which everything counts at `now`.

    `chain` begins with the signer's certificate; those that issued it may follow in any order. Raises PassportError
    with the reason `UNSUPPORTED_CREDENTIAL`.
    """
    trusted, signer = list(roots), chain[0]
    if signer in trusted:
        raise _unsupported("the signer's certificate is itself a root")
    fault = _leads_nowhere(chain)
    for number, path in enumerate(_paths([signer], trusted, issuers_of(chain, trusted))):
        try:
            return _checked(path, now)
        except PassportError as exc:
            fault = fault if number else exc
    raise fault


def check_root(certificate: x509.Certificate) -> None:
    """Raises PassportError where nothing below this root can count, at any time."""
    if issuing_key(certificate) is None:
        raise _unsupported("its key is not on the curve P-256, P-384 or P-521")
    _check_one(certificate, 1, certificate.not_valid_before_utc)


def _leads_nowhere(chain: Iterable[x509.Certificate]) -> PassportError:
    why = "the certificate does not lead to a trusted root"
    if any(one.signature_algorithm_oid not in SIGNED_WITH for one in chain):
        why += "; only those that are signed with ECDSA and SHA-256, SHA-384 or SHA-512 count"
    return _unsupported(why)


def _checked(path: Sequence[x509.Certificate], now: datetime) -> SignerCertificate:
    """The first certificate of a path to a root, when everything on it counts."""
    signer = path[0]
    for depth, certificate in enumerate(path):
        _check_one(certificate, depth, now)
    key = issuing_key(signer)
    if key is None or not isinstance(key.curve, ec.SECP256R1):
        raise _unsupported("the signer's key is not on the curve P-256")
    try:
        limits = tuple(found for one in path for found in _limits(one))
        return SignerCertificate(signer, key, _delegated(path), limits, min(one.not_valid_after_utc for one in path))
    except UNREADABLE as exc:
        raise _unsupported(f"an extension cannot be read: {exc}") from exc


def _paths(
    path: list[x509.Certificate],
    roots: Sequence[x509.Certificate],
    issuers: Mapping[x509.Certificate, Sequence[x509.Certificate]],
) -> Generator[list[x509.Certificate]]:
    """Every way from the end of `path` to a root: an issuer that was renewed with its key has two certificates.

    Each step uses up one certificate, so a circle ends; and a file has few of them, so the search does too.
    """
    if path[-1] in roots:
        yield path
        return
    for one in issuers.get(path[-1], ()):
        if one not in path:
            yield from _paths([*path, one], roots, issuers)


def _check_one(certificate: x509.Certificate, depth: int, now: datetime) -> None:
    """Time, the right to issue, and critical extensions; `depth` counts from the signer, who is 0."""
    if now < certificate.not_valid_before_utc:
        raise _unsupported("a certificate is not valid yet")
    if now > certificate.not_valid_after_utc:
        raise _unsupported("a certificate has expired")
    try:
        for one in certificate.extensions:
            if one.critical and one.oid not in _UNDERSTOOD:
                raise _unsupported(f"a certificate has the critical extension {one.oid.dotted_string}")
        basic, usage = _extension(certificate, x509.BasicConstraints), _extension(certificate, x509.KeyUsage)
    except UNREADABLE as exc:
        raise _unsupported(f"an extension cannot be read: {exc}") from exc
    if depth == 0:
        if (basic is not None and basic.ca) or (usage is not None and not usage.digital_signature):
            raise _unsupported("the signer's certificate is not one that signs tokens")
        return
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        raise _unsupported("a certificate was issued by one that may not issue any")
    if basic.path_length is not None and depth - 1 > basic.path_length:
        raise _unsupported("a certificate was issued further down than its root allows")


def may_issue(certificate: x509.Certificate) -> bool:
    """Whether it says that its holder may issue others. Raises one of `UNREADABLE`."""
    basic = _extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _numbers(signer: x509.Certificate) -> TnAuthList:
    found = _scope(signer)
    if found is None:
        raise _unsupported("the signer's certificate has no TNAuthList")
    return found


def _delegated(path: Sequence[x509.Certificate]) -> TnAuthList:
    """The signer's numbers, where nobody on the way passed on more than they had (RFC 9060, section 4).

    Below a certificate with a TNAuthList each has one. RFC 9060 knows no delegate without it, and to pass the list
    above on to one would give it numbers that nobody wrote down.
    """
    numbers = below = _numbers(path[0])
    for certificate in path[1:]:
        scope = _scope(certificate)
        if scope and not below:
            raise _unsupported("a certificate has no TNAuthList, but its issuer has one")
        if scope and below and not scope.may_pass_on(below):
            raise _unsupported("a certificate lists numbers or codes that its issuer's does not")
        below = scope
    return numbers


def _scope(certificate: x509.Certificate) -> TnAuthList | None:
    """Its TNAuthList. One that stands elsewhere (RFC 8226, section 10.1) is not read, and cannot be ignored."""
    found = _raw(certificate, authority.TN_AUTH_LIST)
    if found is not None:
        return TnAuthList.decode(found)
    addresses = _extension(certificate, x509.AuthorityInformationAccess)
    if addresses and any(one.access_method == authority.ADDRESS_OF_TN_AUTH_LIST for one in addresses):
        raise _unsupported("a certificate gives its TNAuthList by an address, which is not supported")
    return None


def _limits(certificate: x509.Certificate) -> list[ClaimConstraints]:
    """The claim constraints of one certificate: RFC 9118, section 4, allows either extension, not both."""
    older = _raw(certificate, authority.CLAIM_CONSTRAINTS)
    enhanced = _raw(certificate, authority.ENHANCED_CLAIM_CONSTRAINTS)
    if older is not None and enhanced is not None:
        raise _unsupported("a certificate has claim constraints of both kinds")
    if enhanced is not None:
        return [ClaimConstraints.decode(enhanced)]
    return [ClaimConstraints.decode(older, enhanced=False)] if older is not None else []


def _raw(certificate: x509.Certificate, oid: ObjectIdentifier) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_oid(oid).value.public_bytes()
    except x509.ExtensionNotFound:
        return None


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    *,
    ca: bool,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .add_extension(usage, critical=True)
    )


def _with(builder: x509.CertificateBuilder, oid: ObjectIdentifier, value: bytes) -> x509.CertificateBuilder:
    return builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _unsupported(detail: str) -> PassportError:
    return PassportError(Reason.UNSUPPORTED_CREDENTIAL, detail)


def read_authority(certificate: x509.Certificate) -> tuple[TnAuthList, tuple[ClaimConstraints, ...]]:
    """What a certificate says that its holder may sign, regardless of its issuer. Raises PassportError."""
    try:
        return _numbers(certificate), tuple(_limits(certificate))
    except UNREADABLE as exc:
        raise _unsupported(f"an extension cannot be read: {exc}") from exc
