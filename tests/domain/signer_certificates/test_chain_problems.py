"""What an operator learns of a certificate that does not count: one text for each cause."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from callmark.domain.signer_certificates.chain_problems import chain_problem
from callmark.passport import TnAuthList, issue, make_issuer, make_key

NOW = datetime(2026, 11, 30, tzinfo=UTC)
NUMBERS = TnAuthList.of(["12025551000"])
EC = make_key()
RSA = cast("ec.EllipticCurvePrivateKey", rsa.generate_private_key(65537, 2048))  # nothing is made to take one
BETWEEN, LEAF = make_key(), make_key()


def root(key: ec.EllipticCurvePrivateKey = EC, first: int = -50, days: int = 100) -> x509.Certificate:
    name, since = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Root")]), NOW + timedelta(days=first)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, since, since + timedelta(days=days))
    ca = x509.BasicConstraints(ca=True, path_length=None)
    return builder.add_extension(ca, critical=True).sign(key, hashes.SHA256())


def between(
    key: ec.EllipticCurvePrivateKey = EC, days: int = 365, own: ec.EllipticCurvePrivateKey = BETWEEN
) -> x509.Certificate:
    return make_issuer("Between", own.public_key(), root(key), key, now=NOW - timedelta(days=9), days=days)


LEAF_BELOW = issue("Acme", LEAF.public_key(), between(), BETWEEN, NUMBERS, now=NOW)
LEAF_BELOW_RSA = issue("Acme", LEAF.public_key(), between(own=RSA), RSA, NUMBERS, now=NOW)
DIRECT = issue("Acme", LEAF.public_key(), root(), EC, NUMBERS, now=NOW)
TRUST, SUCCESSOR, OTHER = "Trust the root", "Trust its successor", "Ask the authority for one"


@pytest.mark.parametrize(
    ("given", "trusted", "why", "advice"),
    [
        (
            [LEAF_BELOW, between()],
            [],
            "'Between' was issued by 'Root', which is neither in its file nor trusted",
            TRUST,
        ),
        ([LEAF_BELOW], [root()], "it was issued by 'Between', which is neither in its file nor trusted", TRUST),
        ([LEAF_BELOW, between(), root()], [], "its root 'Root' is not trusted", TRUST),
        ([LEAF_BELOW, between()], [root(days=40)], "the trusted root 'Root' ended on 2026-11-20", SUCCESSOR),
        ([DIRECT], [root(days=40)], "the trusted root 'Root' ended on 2026-11-20", SUCCESSOR),
        (
            [LEAF_BELOW, between()],
            [root(first=1)],
            "the trusted root 'Root' is valid from 2026-12-01 00:00 UTC on",
            "Wait",
        ),
        (
            [LEAF_BELOW, between(days=8)],
            [root()],
            "its issuer 'Between' ended on 2026-11-29",
            "Ask its authority for the",
        ),
        ([LEAF_BELOW, between(RSA)], [], "'Between' is not signed with ECDSA and SHA-256", OTHER),
        ([LEAF_BELOW, between(RSA), root(RSA)], [root(RSA)], "the key of the trusted root 'Root' is not on", OTHER),
        ([LEAF_BELOW_RSA, between(own=RSA)], [root()], "the key of its issuer 'Between' is not on the curve", OTHER),
    ],
)
def test_what_does_not_count_is_named_with_what_helps(
    given: list[x509.Certificate], trusted: list[x509.Certificate], why: str, advice: str
) -> None:
    served = [one for one in given if one.issuer != one.subject]
    found = chain_problem(served, trusted, NOW, given)
    assert found
    assert why in found.why
    assert found.advice.startswith(advice)


def test_a_renewed_root_beside_one_that_ended_counts() -> None:
    assert chain_problem([LEAF_BELOW, between()], [root(days=40), root()], NOW) is None
