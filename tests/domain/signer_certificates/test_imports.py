"""Certificates of a network's own authority, which sign as long as they count."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
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
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import checks, roots, service as signer_certificates
from callmark.domain.signer_certificates.jobs import keep_certificates
from callmark.domain.signer_certificates.model import StoredCertificate
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.passport import CallParties, NumberRange, RichCallData, TnAuthList, verify
from callmark.passport.authority import TN_AUTH_LIST
from callmark.passport.claims import Kind

NUMBER = "12025551000"


@pytest.fixture
async def authority(deps: Deps) -> Authority:
    """One that is trusted, also if a file has no issuers."""
    made = make_authority(deps.real_clock.now())
    await roots.add_roots(deps, pem(made.root, made.issuer), by=SYSTEM)
    return made


async def account_of(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


async def test_an_imported_certificate_signs_and_counts_for_those_who_trust_its_root(deps: Deps) -> None:
    here, now = public(deps), deps.real_clock.now()
    account_id, authority = await account_of(deps), make_authority(now)
    await roots.add_roots(here, pem(authority.root), by=OPERATOR)
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=now)
    file = pem(leaf, authority.issuer, authority.root)
    stored = await signer_certificates.import_certificate(here, account_id, file, key_pem(key), by=OPERATOR)
    assert stored.chain.encode() == pem(leaf, authority.issuer)
    number = PhoneNumber(NUMBER)
    signer = await signer_of(here, account_id, number)
    assert signer
    header = signer.rich_call_data(number, ["12025550199"], RichCallData("Acme"), now=now)
    trusted = await roots.trusted_roots(here)
    verified = verify(header, CallParties.of(NUMBER, "12025550199"), stored.chain.encode(), trusted, now=now)
    assert verified.claims.rcd


async def test_a_certificate_counts_until_the_first_on_its_way_to_the_root_ends(deps: Deps) -> None:
    """And it is reported in time: ours signs again then, where there is one."""
    business, (number, *_) = await make_signing_business(deps)
    clock = FakeClock(deps.real_clock.now())
    here, authority = at(deps, clock), make_authority(clock.now())
    leaf, key = authority.issue(TnAuthList.of([number]), now=clock.now(), days=3000)
    await roots.add_roots(here, pem(authority.root), by=OPERATOR)
    file = pem(leaf, authority.issuer)
    stored = await signer_certificates.import_certificate(here, business.account_id, file, key_pem(key), by=OPERATOR)
    assert stored.not_after == authority.issuer.not_valid_after_utc
    clock.advance(stored.not_after - clock.now() - timedelta(days=13))
    async with deps.db.connection() as tx:
        found = await checks.check_signing(tx, deps.settings, here.public_url, clock.now())
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


async def test_a_certificate_is_imported_once_and_for_an_account_that_is_there(
    deps: Deps, authority: Authority
) -> None:
    leaf, key = authority.issue(TnAuthList.of(["1"], [NumberRange(NUMBER, 100)]), now=deps.real_clock.now())
    with pytest.raises(NotFound):
        await signer_certificates.import_certificate(deps, AccountId(new_id()), pem(leaf), key_pem(key), by=OPERATOR)
    await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=OPERATOR)
    with pytest.raises(Conflict, match="here already"):
        await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=OPERATOR)


async def bring(
    deps: Deps, owner: AccountId | None, key: ec.EllipticCurvePrivateKey, *file: x509.Certificate
) -> StoredCertificate:
    """Imports a certificate; what is at its address is its file."""
    stored = await signer_certificates.import_certificate(deps, owner, pem(*file), key_pem(key), by=OPERATOR)
    assert await signer_certificates.chain_pem(deps, stored.serial) == stored.chain
    return stored


async def test_a_certificate_comes_back_to_its_address(deps: Deps, authority: Authority) -> None:
    """Another file of it has another address, since verifiers may keep what is at one for ever."""
    here, account_id = public(deps), await account_of(deps)
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    first = await bring(here, None, key, leaf, leaf)
    assert first.chain.encode() == pem(leaf)
    with pytest.raises(Conflict, match=f"retire {first.serial}`"):
        await bring(here, account_id, key, leaf, authority.issuer)
    await signer_certificates.retire_certificate(here, first.serial, by=OPERATOR)
    files = [(leaf,), (leaf, authority.issuer)] * 2
    addresses = [(await bring(here, account_id, key, *file)).serial for file in files]
    assert addresses == [first.serial, addresses[1]] * 2
    assert addresses[1] != first.serial
    signer = await signer_of(here, account_id, PhoneNumber(NUMBER))
    assert signer
    assert signer.x5u.endswith(f"/{addresses[1]}.pem")
    assert signer.key.private_numbers() == key.private_numbers()
    listed = await signer_certificates.list_certificates(here)
    assert {(one.serial, one.account_id, one.retired_at is None) for one in listed} == {
        (addresses[0], account_id, False),
        (addresses[1], account_id, True),
    }


async def test_two_authorities_may_use_one_serial_number(deps: Deps, authority: Authority) -> None:
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=deps.real_clock.now())
    other = make_authority(deps.real_clock.now())
    await roots.add_roots(deps, pem(other.issuer), by=OPERATOR)
    namesake = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(other.issuer.subject)
        .public_key(key.public_key())
        .serial_number(leaf.serial_number)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(TN_AUTH_LIST, TnAuthList.of([NUMBER]).encode()), critical=False)
        .sign(other.issuer_key, hashes.SHA256())
    )
    first = await bring(deps, await account_of(deps), key, leaf)
    second = await bring(deps, None, key, namesake)
    assert second.serial.startswith(f"{first.serial}-")
    assert [one.retired_at for one in await signer_certificates.list_certificates(deps)] == [None, None]


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
            found = await checks.check_signing(tx, deps.settings, url, now + timedelta(days=days))
        return found.ok, found.advice

    assert await look("http://calls.example") == (True, "")
    leaf, key = authority.issue(TnAuthList.of([NUMBER]), now=now)
    await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=OPERATOR)
    assert await look("https://calls.example", 15) == (True, "")
    ok, advice = await look("https://calls.example", 17)
    assert not ok
    assert "Import the successor" in advice
    assert await look("http://calls.example") == (False, "Set CALLMARK_PUBLIC_URL to an https:// address.")
    for root in await roots.list_roots(deps):
        await roots.remove_root(deps, root.id, by=OPERATOR)
    ok, advice = await look("https://calls.example")
    assert not ok
    assert advice.startswith("Trust the root of their network")
