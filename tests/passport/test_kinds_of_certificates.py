"""Which keys, signatures and extensions certificates on the way to a root may have, and how little others cost."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID
from tests.passport.parties import CALL, CALLER, NOW, Network, pem
from tests.support.native_calls import native_calls

from callmark.passport import (
    PassportError,
    Reason,
    TnAuthList,
    check_chain,
    issue,
    make_issuer,
    make_key,
    make_root,
    verify,
)
from callmark.passport.authority import TN_AUTH_LIST

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
SHA224, SHA256, SHA384, SHA512 = hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
CHECK = "verify_directly_issued_by"


class Holder(NamedTuple):
    """An authority: its certificate and its key."""

    certificate: x509.Certificate
    key: Key


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def authority(
    name: str,
    key: Key,
    above: Holder | None = None,
    signed_with: Hash = SHA256,
    *extensions: x509.Extension[x509.ExtensionType],
) -> Holder:
    """An authority below another, or one that signs itself."""
    issuer, issuer_key = (above.certificate.subject, above.key) if above else (named(name), key)
    builder = x509.CertificateBuilder(
        issuer, named(name), key.public_key(), x509.random_serial_number(), NOW, NOW + timedelta(days=9)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    for one in extensions:
        builder = builder.add_extension(one.value, critical=one.critical)
    return Holder(builder.sign(issuer_key, signed_with), key)


def below(holder: Holder, network: Network) -> x509.Certificate:
    """The certificate of the business, issued by an authority with a key on any curve."""
    assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
    allowed = TnAuthList.of([CALLER])
    return issue("acme", network.key.public_key(), holder.certificate, holder.key, allowed, now=NOW)


def refusal(network: Network, chain: bytes, root: x509.Certificate | None = None) -> str:
    with pytest.raises(PassportError) as caught:
        verify(network.branded(), CALL, chain, [root or network.root], now=NOW)
    assert caught.value.reason is Reason.UNSUPPORTED_CREDENTIAL
    return caught.value.detail


# what counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curve", "signed_with"),
    [(ec.SECP256R1(), SHA256), (ec.SECP384R1(), SHA384), (ec.SECP521R1(), SHA384), (ec.SECP521R1(), SHA512)],
)
def test_authorities_may_have_longer_keys_and_digests_than_signers(
    network: Network, curve: ec.EllipticCurve, signed_with: Hash
) -> None:
    root = authority("root", ec.generate_private_key(curve), None, signed_with)
    between = authority("between", ec.generate_private_key(curve), root, signed_with)
    chain = pem(below(between, network), between.certificate)
    assert verify(network.branded(), CALL, chain, [root.certificate], now=NOW).claims.rcd


def test_an_issuer_counts_by_its_certificate_of_a_trusted_root_whatever_signed_another(network: Network) -> None:
    key = make_key()
    between = make_issuer("between", key.public_key(), network.root, network.root_key, now=NOW)
    leaf = below(Holder(between, key), network)
    for other, signed_with in ((rsa.generate_private_key(65537, 2048), SHA256), (make_key(), SHA384)):
        crossed = authority("between", key, authority("elsewhere", other), signed_with).certificate
        for file in ([leaf, crossed, between], [leaf, between, crossed]):
            assert verify(network.branded(), CALL, pem(*file), [network.root], now=NOW).claims.rcd
        assert "trusted root" in refusal(network, pem(leaf, crossed))


POLICIES = x509.CertificatePolicies(
    [
        x509.PolicyInformation(
            x509.ObjectIdentifier("2.16.840.1.114569.1.1.1"),
            ["https://policies.example", x509.UserNotice(None, "For calls alone")],
        )
    ]
)


def test_policies_restrict_nothing_where_none_is_demanded(network: Network) -> None:
    critical = x509.Extension(ExtensionOID.CERTIFICATE_POLICIES, critical=True, value=POLICIES)
    root = Holder(network.root, network.root_key)
    between = authority("between", make_key(), root, SHA256, critical)
    builder = x509.CertificateBuilder(
        between.certificate.subject, named("acme"), network.key.public_key(), 1, NOW, NOW + timedelta(days=9)
    )
    numbers = x509.UnrecognizedExtension(TN_AUTH_LIST, TnAuthList.of([CALLER]).encode())
    builder = builder.add_extension(numbers, critical=False).add_extension(POLICIES, critical=True)
    assert isinstance(between.key, ec.EllipticCurvePrivateKey)
    leaf = builder.sign(between.key, SHA256)
    assert verify(network.branded(), CALL, pem(leaf, between.certificate), [network.root], now=NOW).claims.rcd


@pytest.mark.parametrize(
    "rule",
    [
        x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None),
        x509.InhibitAnyPolicy(0),
        x509.NameConstraints([x509.DNSName("example")], None),
    ],
)
def test_an_authority_with_critical_rules_that_are_not_applied_does_not_count(
    network: Network, rule: x509.ExtensionType
) -> None:
    critical = x509.Extension(rule.oid, critical=True, value=rule)
    between = authority("between", make_key(), Holder(network.root, network.root_key), SHA256, critical)
    said = refusal(network, pem(below(between, network), between.certificate))
    assert said == f"a certificate has the critical extension {rule.oid.dotted_string}"


# what does not --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "signed_with"),
    [
        (ec.generate_private_key(ec.SECP256K1()), SHA256),
        (ec.generate_private_key(ec.BrainpoolP256R1()), SHA256),
        (make_key(), SHA224),
    ],
    ids=["secp256k1", "brainpool", "sha-224"],
)
def test_an_authority_with_another_kind_of_key_or_signature_leads_nowhere(
    network: Network, key: ec.EllipticCurvePrivateKey, signed_with: Hash
) -> None:
    between = authority("between", key, Holder(network.root, network.root_key), signed_with)
    assert "trusted root" in refusal(network, pem(below(between, network), between.certificate))
    root = authority("root", key).certificate
    if signed_with is SHA256:
        assert "trusted root" in refusal(network, pem(below(Holder(root, key), network)), root)


def test_a_chain_that_rsa_signed_leads_nowhere_and_says_why(network: Network) -> None:
    between = authority("between", rsa.generate_private_key(65537, 2048), Holder(network.root, network.root_key))
    numbers = x509.UnrecognizedExtension(TN_AUTH_LIST, TnAuthList.of([CALLER]).encode())
    builder = x509.CertificateBuilder(
        between.certificate.subject, named("acme"), network.key.public_key(), 1, NOW, NOW + timedelta(days=9)
    )
    leaf = builder.add_extension(numbers, critical=False).sign(between.key, SHA256)
    assert refusal(network, pem(leaf, between.certificate)) == (
        "the certificate does not lead to a trusted root; only those that are signed with ECDSA and SHA-256, SHA-384 "
        "or SHA-512 count"
    )


@pytest.mark.parametrize(("make", "compared"), [(partial(rsa.generate_private_key, 65537, 2048), 0), (make_key, 5)])
def test_nothing_is_computed_with_a_key_that_no_root_vouches_for(
    network: Network, make: Callable[[], Key], compared: int
) -> None:
    key = make()
    ring = [authority("X", key).certificate for _ in range(5)]
    with native_calls(CHECK) as checks:
        assert "trusted root" in refusal(network, pem(*ring))
    assert len(checks) == compared  # each with the root, whose name is another


def test_a_file_that_takes_many_checks_of_signatures_is_refused(network: Network) -> None:
    key = make_key()
    mine = [authority("between", key, Holder(network.root, network.root_key)).certificate for _ in range(4)]
    chain = [below(Holder(mine[0], key), network), *mine]
    assert check_chain(chain, [network.root], now=NOW).numbers.covers(CALLER)
    others = [make_root("Test root", make_key(), now=NOW) for _ in range(3)]
    with pytest.raises(PassportError, match="more than 12 checks"):
        check_chain(chain, [*others, network.root], now=NOW)


def test_many_roots_of_one_name_take_no_more_checks_than_one(network: Network) -> None:
    roots = [make_root("Test root", make_key(), now=NOW) for _ in range(20)]
    roots.insert(10, network.root)
    key = make_key()
    between = make_issuer("between", key.public_key(), network.root, network.root_key, now=NOW)
    for chain in (
        [below(Holder(network.root, network.root_key), network)],
        [below(Holder(between, key), network), between],
    ):
        assert check_chain(chain, roots, now=NOW).numbers.covers(CALLER)
