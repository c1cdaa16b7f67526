"""Who signed the certificates of a file, from the trusted roots down."""

from collections.abc import Iterable, Sequence
from functools import partial

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import PublicKeyAlgorithmOID, SignatureAlgorithmOID

from callmark.passport.errors import PassportError, Reason

_MOST_SIGNATURES = 12
"""Of certificates, that are checked for one file. Half as many are enough for one whose authorities were renewed."""
SIGNED_WITH = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
}
_ISSUERS_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What comes of a certificate whose version, key or extensions are wrong; most of it is read only when asked for."""


def issuing_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey | None:
    """Its key, where that is of a kind that may sign certificates; nothing is read of a key of another algorithm."""
    if certificate.public_key_algorithm_oid != PublicKeyAlgorithmOID.EC_PUBLIC_KEY:
        return None
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _ISSUERS_CURVES) else None


def issuers_of(
    chain: Iterable[x509.Certificate], roots: Sequence[x509.Certificate]
) -> dict[x509.Certificate, list[x509.Certificate]]:
    """Who signed each certificate of a file, of the roots and those to which a way leads down from one.

    The file comes from anyone, and some keys take a process for a second. So the search begins with the roots: it
    computes with their keys, and with those that they vouch for, of few kinds. What is signed in another way is left
    out: it must not end a search that finds another way. One key signed a certificate, and many may be of its issuer's
    name: first is the one that it names. Raises PassportError for a file that needs too many checks.
    """
    found: dict[x509.Certificate, list[x509.Certificate]] = {}
    signed_by: dict[x509.Certificate, ec.EllipticCurvePublicKey] = {}
    ours = [one for one in dict.fromkeys(chain) if one.signature_algorithm_oid in SIGNED_WITH and one not in roots]
    above, searched, signatures = list(roots), set[x509.Certificate](), 0
    while above:
        able = [(issuer, key) for issuer in above if (key := issuing_key(issuer))]
        pairs = [(one, *other) for one in ours for other in sorted(able, key=partial(_is_named_another, one))]
        below: dict[x509.Certificate, None] = {}
        for certificate, issuer, key in pairs:
            if issuer is certificate or signed_by.get(certificate, key) != key:  # it has but one signature
                continue
            signed = _signed(certificate, issuer)
            signatures += signed is not None
            if signatures > _MOST_SIGNATURES:
                raise PassportError(
                    Reason.UNSUPPORTED_CREDENTIAL, f"the file needs more than {_MOST_SIGNATURES} checks of signatures"
                )
            if signed:
                below[certificate], signed_by[certificate] = None, key
                found.setdefault(certificate, []).append(issuer)
        above = [one for one in below if one not in searched]
        searched |= below.keys()
    return found


def is_issued_by(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    """Whether the key of `by` signed it, which it names as its issuer."""
    return _signed(certificate, by) is True


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool | None:
    """Whether the issuer signed it; None where it names another issuer, which takes no arithmetic to see."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (TypeError, *UNREADABLE):
        return None
    return True


def _is_named_another(certificate: x509.Certificate, issuer: tuple[x509.Certificate, object]) -> bool:
    """Whether it does not name this issuer's key; that is a hint, which either may leave out."""
    try:
        key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        return key != issuer[0].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, *UNREADABLE):
        return True
