"""Certificates that issue others for some of their own numbers (RFC 9060): nobody passes on more than they have."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from tests.passport.parties import CALL, CALLER, NOW, Network, pem

from callmark.passport import NumberRange, PassportError, Reason, TnAuthList, issue, make_issuer, make_key, verify
from callmark.passport.authority import ADDRESS_OF_TN_AUTH_LIST

MINE, OTHERS = TnAuthList.of([CALLER]), TnAuthList.of(["12025559999"])
MANY = TnAuthList.of(ranges=[NumberRange("12025550000", 2000)])
CODE, OTHER_CODE = TnAuthList.of(codes=["709J"]), TnAuthList.of([CALLER], codes=["1234"])


def delegated(network: Network, *lists: TnAuthList | None) -> bytes:
    """The chain of the business' key: issuers below the root with these TNAuthLists; the last is the signer's own."""
    *above, numbers = lists
    issuer, issuer_key, chain = network.root, network.root_key, list[x509.Certificate]()
    for one in above:
        key = make_key()
        issuer = make_issuer("delegate", key.public_key(), issuer, issuer_key, one, now=NOW)
        issuer_key = key
        chain.insert(0, issuer)
    assert numbers
    return pem(issue("acme", network.key.public_key(), issuer, issuer_key, numbers, now=NOW), *chain)


def refusal(network: Network, chain: bytes) -> str:
    with pytest.raises(PassportError) as caught:
        verify(network.branded(), CALL, chain, [network.root], now=NOW)
    assert caught.value.reason is Reason.UNSUPPORTED_CREDENTIAL
    return caught.value.detail


@pytest.mark.parametrize(
    "lists", [(MINE, MINE), (MANY, MANY, MINE), (None, MANY, MINE), (CODE, MINE), (CODE, MANY, MINE)]
)
def test_a_delegate_passes_on_numbers_of_its_own(network: Network, lists: tuple[TnAuthList | None, ...]) -> None:
    assert verify(network.branded(), CALL, delegated(network, *lists), [network.root], now=NOW)


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ((OTHERS, MINE), "its issuer's does not"),
        ((OTHERS, MANY, MINE), "its issuer's does not"),
        ((MINE, MANY), "its issuer's does not"),
        ((MINE, OTHER_CODE), "its issuer's does not"),
        ((CODE, OTHER_CODE), "its issuer's does not"),
        ((MANY, None, MINE), "has no TNAuthList"),
    ],
)
def test_a_delegate_cannot_pass_on_what_it_does_not_have(
    network: Network, lists: tuple[TnAuthList | None, ...], said: str
) -> None:
    assert said in refusal(network, delegated(network, *lists))


def test_a_delegate_whose_numbers_are_listed_elsewhere_does_not_count(network: Network) -> None:
    key = make_key()
    elsewhere = x509.AccessDescription(ADDRESS_OF_TN_AUTH_LIST, x509.UniformResourceIdentifier("https://ca.example/"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "delegate")]))
        .issuer_name(network.root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.AuthorityInformationAccess([elsewhere]), critical=False)
    )
    delegate = builder.sign(network.root_key, hashes.SHA256())
    leaf = issue("acme", network.key.public_key(), delegate, key, MINE, now=NOW)
    assert "by an address" in refusal(network, pem(leaf, delegate))


def listed(text: str) -> TnAuthList:
    """`0100+9` is nine numbers from 0100."""
    words = text.split()
    ranges = [word.partition("+") for word in words if "+" in word]
    return TnAuthList.of(
        [word for word in words if "+" not in word], [NumberRange(start, int(count)) for start, _, count in ranges]
    )


@pytest.mark.parametrize(
    ("had", "wanted", "covered"),
    [
        ("10 11 12 13", "10+4", True),
        ("10 11 13 14", "10+4", False),
        ("0100+9", "0100 0108", True),
        ("0100+9", "0099", False),
        ("0100+9", "0109", False),
        ("0100+9", "100", False),
        ("100+9", "0100", False),
        ("0150+50 0100+60", "0101+99", True),
        ("0100+40 0150+50", "0130+30", False),
        ("9990+10", "9995+999", True),  # no number has a fifth digit because of a count
        ("9990+999", "10000", False),
        ("*77 5", "*77", True),
        ("77 5", "*77", False),
    ],
)
def test_a_list_covers_another_one_however_its_numbers_are_spread(had: str, wanted: str, *, covered: bool) -> None:
    assert listed(had).covers_all(listed(wanted)) is covered
