"""Certificates of a network's own authority, good ones and those that cannot be used; trusted roots."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import Struct
from tests.domain.numbers.staging import phones
from tests.domain.signer_certificates.staging import (
    Authority,
    at,
    key_pem,
    make_authority,
    make_signing_business,
    pem,
    public,
    signer_of,
)
from tests.support.actors import OPERATOR
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, TrustRootId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.domain.signer_certificates.jobs import keep_certificates
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.passport import CallParties, NumberRange, RichCallData, TnAuthList, make_key, make_root, verify
from callmark.passport.authority import TN_AUTH_LIST
from callmark.passport.claims import Kind

NUMBER = "12025551000"


@pytest.fixture
def authority(deps: Deps) -> Authority:
    return make_authority(deps.real_clock.now())


async def account_of(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


async def test_an_imported_certificate_signs_and_counts_for_those_who_trust_its_root(
    deps: Deps, authority: Authority
) -> None:
    here, now = public(deps), deps.real_clock.now()
    account_id = await account_of(deps)
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=now)
    file = pem(leaf, authority.issuer, authority.root)
    stored = await signer_certificates.import_certificate(here, account_id, file, key_pem(key), by=OPERATOR)
    assert stored.chain.encode() == pem(leaf, authority.issuer)
    number = PhoneNumber(NUMBER)
    signer = await signer_of(here, account_id, number)
    assert signer
    header = signer.rich_call_data(number, ["12025550199"], RichCallData("Acme"), now=now)
    assert await roots.trusted_roots(here) == []
    await roots.add_roots(here, pem(authority.root), by=OPERATOR)
    trusted = await roots.trusted_roots(here)
    verified = verify(header, CallParties.of(NUMBER, "12025550199"), stored.chain.encode(), trusted, now=now)
    assert verified.claims.rcd


async def test_a_certificate_counts_until_the_first_on_its_way_to_the_root_ends(deps: Deps) -> None:
    """And it is reported in time: ours signs again then, where there is one."""
    business, (number, *_) = await make_signing_business(deps)
    clock = FakeClock(deps.real_clock.now())
    here, authority = at(deps, clock), make_authority(clock.now())
    leaf, key = authority.issue(TnAuthList.of([number]), now=clock.now(), days=3000)
    file = pem(leaf, authority.issuer, authority.root)
    stored = await signer_certificates.import_certificate(here, business.account_id, file, key_pem(key), by=OPERATOR)
    assert stored.not_after == authority.issuer.not_valid_after_utc
    clock.advance(stored.not_after - clock.now() - timedelta(days=13))
    async with deps.db.connection() as tx:
        found = await signer_certificates.check(tx, deps.settings, here.public_url, clock.now())
    assert not found.ok
    clock.advance(timedelta(days=14))
    signer = await signer_of(here, business.account_id, number)
    assert signer
    assert signer.x5u != signer_certificates.url_of(here, stored)


async def test_a_successor_takes_its_predecessors_place_and_ours_takes_over_when_there_is_none(
    deps: Deps, authority: Authority
) -> None:
    business, (number, *_) = await make_signing_business(deps)
    clock = FakeClock(deps.real_clock.now())
    here = at(deps, clock)
    urls: list[str] = []
    for days in (10, 20):
        leaf, key = authority.issue(TnAuthList.of([number]), now=clock.now(), days=days)
        file = pem(leaf, authority.issuer)
        stored = await signer_certificates.import_certificate(
            here, business.account_id, file, key_pem(key), by=OPERATOR
        )
        signer = await signer_of(here, business.account_id, number)
        assert signer
        assert signer.x5u == signer_certificates.url_of(here, stored)
        urls.append(signer.x5u)
    states = await signer_certificates.list_certificates(here, business.account_id)
    assert [one.retired_at is None for one in states] == [True, False]
    clock.advance(timedelta(days=15))
    await keep_certificates(here)
    signer = await signer_of(at(deps, clock), business.account_id, number)
    assert signer
    assert signer.x5u == urls[1]  # never renewed by us
    clock.advance(timedelta(days=6))
    await keep_certificates(here)
    signer = await signer_of(at(deps, clock), business.account_id, number)
    assert signer
    assert signer.x5u not in urls


async def test_a_certificate_for_a_range_stays_until_one_is_for_all_of_it(deps: Deps, authority: Authority) -> None:
    here, account_id, now = public(deps), await account_of(deps), deps.real_clock.now()
    wide = NumberRange(NUMBER, 100)
    for allowed, in_use in [
        (TnAuthList.of(ranges=[wide]), 1),
        (TnAuthList.of([wide.start, "12025551099"]), 2),
        (TnAuthList.of(ranges=[NumberRange(NUMBER, 2), NumberRange("12025551098", 2)]), 2),
        (TnAuthList.of(ranges=[NumberRange("12025550999", 101)]), 1),
    ]:
        leaf, key = authority.issue(allowed, now=now)
        await signer_certificates.import_certificate(here, account_id, pem(leaf), key_pem(key), by=OPERATOR)
        assert await signer_of(here, account_id, PhoneNumber("12025551050"))
        every = await signer_certificates.list_certificates(here, account_id)
        assert sum(one.retired_at is None for one in every) == in_use


async def test_the_operators_certificate_attests_calls_of_every_account(deps: Deps, authority: Authority) -> None:
    here, account_id = public(deps), await account_of(deps)
    leaf, key = authority.issue(TnAuthList.of(codes=["709J"]), now=deps.real_clock.now())
    stored = await signer_certificates.import_certificate(here, None, pem(leaf), key_pem(key), by=OPERATOR)
    signer = await signer_of(here, account_id, phones(1)[0], Kind.SHAKEN)
    assert signer
    assert signer.x5u.endswith(f"/{stored.serial}.pem")
    assert await signer_of(here, account_id, phones(1)[0], Kind.RCD) is None


class Files(Struct):
    """What someone brings."""

    certificate: bytes
    key: bytes


def _signed(builder: x509.CertificateBuilder, authority: Authority) -> x509.Certificate:
    return builder.sign(authority.issuer_key, hashes.SHA256())


def _builder(
    authority: Authority, deps: Deps, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    now = deps.real_clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(authority.issuer.subject)
        .issuer_name(authority.issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
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


def an_issuer(authority: Authority, deps: Deps) -> Files:  # noqa: ARG001 - one of many
    return Files(pem(authority.issuer), key_pem(authority.issuer_key))


def strangers_chain(authority: Authority, deps: Deps) -> Files:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    return Files(pem(leaf, make_authority(deps.real_clock.now()).issuer), key_pem(key))


def beyond_its_issuer(authority: Authority, deps: Deps) -> Files:  # noqa: ARG001 - one of many
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


def nothing(authority: Authority, deps: Deps) -> Files:  # noqa: ARG001 - one of many
    return Files(b"", b"")


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


@pytest.mark.parametrize(
    ("made", "field", "said"),
    [
        (other_key, "key", "not the one of this certificate"),
        (expired, "certificate", "expired on"),
        (not_yet_valid, "certificate", "valid from"),
        (without_numbers, "certificate", "no TNAuthList"),
        (with_broken_numbers, "certificate", "cannot be read"),
        (wrong_curve, "certificate", "P-256"),
        (rsa_key, "certificate", "P-256"),
        (an_issuer, "certificate", "put the signer's first"),
        (strangers_chain, "certificate", "do not lead to it"),
        (beyond_its_issuer, "certificate", "its issuer.s does not"),
        (too_many, "certificate", "more than 5"),
        (huge, "certificate", "longer than"),
        (nothing, "certificate", "no certificate in PEM"),
        (cut, "certificate", "no certificate in PEM"),
        (no_key, "key", "no private key in PEM"),
        (huge_key, "key", "larger than"),
        (locked_key, "key", "password"),
    ],
)
async def test_what_cannot_sign_is_refused_with_its_reason(
    deps: Deps, authority: Authority, made: Callable[[Authority, Deps], Files], field: str, said: str
) -> None:
    files = made(authority, deps)
    with pytest.raises(InvalidInput, match=said) as refused:
        await signer_certificates.import_certificate(deps, None, files.certificate, files.key, by=OPERATOR)
    assert refused.value.field == field
    assert await signer_certificates.list_certificates(deps) == []


async def test_a_certificate_is_imported_once_and_for_an_account_that_is_there(
    deps: Deps, authority: Authority
) -> None:
    leaf, key = authority.issue(TnAuthList.of(["1"], [NumberRange(NUMBER, 100)]), now=deps.real_clock.now())
    with pytest.raises(NotFound):
        await signer_certificates.import_certificate(deps, AccountId(new_id()), pem(leaf), key_pem(key), by=OPERATOR)
    await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=OPERATOR)
    with pytest.raises(Conflict, match="here already"):
        await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=OPERATOR)


async def test_a_retired_certificate_signs_nothing_more_and_can_still_be_got(deps: Deps, authority: Authority) -> None:
    here, account_id = public(deps), await account_of(deps)
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    stored = await signer_certificates.import_certificate(here, account_id, pem(leaf), key_pem(key), by=OPERATOR)
    assert await signer_of(here, account_id, PhoneNumber(NUMBER))
    for _ in range(2):
        await signer_certificates.retire_certificate(here, stored.serial, by=OPERATOR)
        assert await signer_of(here, account_id, PhoneNumber(NUMBER)) is None
    assert await signer_certificates.chain_pem(deps, stored.serial) == stored.chain
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM signer_certificate WHERE sealed_key IS NOT NULL") == 0
    log = [one.action for one in await log_of(deps, account_id)]
    assert log == ["certificate.retired", "certificate.imported"]
    with pytest.raises(NotFound):
        await signer_certificates.retire_certificate(here, "0", by=OPERATOR)


async def test_what_ends_soon_or_cannot_be_got_is_told(deps: Deps, authority: Authority) -> None:
    now = deps.real_clock.now()

    async def look(url: str, days: int = 0) -> tuple[bool, str]:
        async with deps.db.connection() as tx:
            found = await signer_certificates.check(tx, deps.settings, url, now + timedelta(days=days))
        return found.ok, found.advice

    assert await look("http://calls.example") == (True, "")
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=now)
    await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=OPERATOR)
    assert await look("https://calls.example", 15) == (True, "")
    ok, advice = await look("https://calls.example", 17)
    assert not ok
    assert "Import the successor" in advice
    assert await look("http://calls.example") == (False, "Set CALLMARK_PUBLIC_URL to an https:// address.")


async def test_roots_are_trusted_listed_and_removed(deps: Deps, authority: Authority) -> None:
    other = make_authority(deps.real_clock.now()).root
    added = await roots.add_roots(deps, pem(authority.root, other), by=OPERATOR)
    assert [(one.name, one.is_own) for one in added] == [("STI-CA root", False)] * 2
    assert await roots.add_roots(deps, pem(other), by=OPERATOR) == []
    assert await roots.trusted_roots(deps) == [authority.root, other]
    await roots.remove_root(deps, added[0].id, by=OPERATOR)
    assert await roots.trusted_roots(deps) == [other]
    with pytest.raises(NotFound):
        await roots.remove_root(deps, TrustRootId(added[0].id), by=OPERATOR)


async def test_what_cannot_be_a_root_is_refused_and_nothing_of_its_file_is_trusted(
    deps: Deps, authority: Authority
) -> None:
    now = deps.real_clock.now()
    leaf, _ = authority.issue(TnAuthList.of([NUMBER]), now=now)
    old = make_root("Old", make_key(), now=now - timedelta(days=4000))
    odd = make_root("Odd", ec.generate_private_key(ec.SECP256K1()), now=now)
    for file, said in (
        (pem(authority.root, leaf), "may not issue"),
        (pem(authority.root, odd), "not on the curve P-256, P-384 or P-521"),
        (pem(authority.root, old), "expired"),
        (b"no PEM", "no certificate"),
        (b"x" * 2_000_000, "larger than"),
        (pem(authority.root) * 201, "more than 200"),
    ):
        with pytest.raises(InvalidInput, match=said):
            await roots.add_roots(deps, file, by=OPERATOR)
    assert await roots.list_roots(deps) == []


async def test_there_is_one_root_of_its_own_and_its_key_is_stored_encrypted(deps: Deps) -> None:
    root = await roots.create_root(deps, "Test root", "t3st", by=OPERATOR)
    assert root.provider_code == "T3ST"
    with pytest.raises(Conflict):
        await roots.create_root(deps, "Another", None, by=OPERATOR)
    for name, code in (("", None), ("x" * 65, None), ("Root", ""), ("Root", "A B"), ("Root", "A" * 17)):
        with pytest.raises(InvalidInput):
            await roots.create_root(deps, name, code, by=OPERATOR)
    async with deps.db.connection() as tx:
        sealed = await tx.fetchval("SELECT sealed_key FROM trust_root")
    assert len(sealed) > 100
    assert b"\x2a\x86\x48\xce\x3d" not in sealed  # how a key in the open begins
