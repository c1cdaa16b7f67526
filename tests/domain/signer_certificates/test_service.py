"""With what a call is signed: issued when needed, and again when numbers, logos or names change."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from tests.domain.numbers.staging import make_business, phones, run_jobs
from tests.domain.signer_certificates.staging import at, logo_of, make_signing_business, prove, public, signer_of
from tests.support.actors import ALICE, OPERATOR
from tests.support.audit_log import log_of
from tests.support.factories import make_label
from tests.support.fake_clock import FakeClock
from tests.support.waiting import one_after_the_other

from callmark.domain.accounts import service as accounts
from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.brand_icons.model import BrandIcon
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import logo as drawn_logo, service as labels
from callmark.domain.labels.model import LabelChange
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.domain.signer_certificates.jobs import keep_certificates
from callmark.domain.signer_certificates.model import StoredCertificate
from callmark.kit import patience
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.phone import PhoneNumber
from callmark.passport import (
    Attestation,
    CallParties,
    PassportError,
    RichCallData,
    Signer,
    Verified,
    read_identity,
    verify,
)
from callmark.passport.certificates import read_authority, read_chain
from callmark.passport.claims import Claims, Kind, Party
from callmark.passport.digests import make_digests

CALLEE = "12025550199"
ORIGID = "6a1f1b1e-7d0c-4a51-8f0f-0d6f8c9b2b11"


async def in_use(deps: Deps, account_id: AccountId) -> list[StoredCertificate]:
    return [one for one in await signer_certificates.list_certificates(deps, account_id) if one.retired_at is None]


async def icon_of(deps: Deps, sha256: bytes) -> BrandIcon:
    icon = await brand_icons.icon_of(deps, sha256)
    assert icon is not None
    return icon


async def signer(
    deps: Deps, account_id: AccountId, caller: PhoneNumber, kind: Kind = Kind.RCD, icon: BrandIcon | None = None
) -> Signer:
    found = await signer_of(deps, account_id, caller, kind, icon)
    assert found is not None
    return found


async def show(deps: Deps, account_id: AccountId, caller: PhoneNumber, icon: BrandIcon) -> dict[str, bool | None]:
    """A call is signed with this icon and verified as another provider does; what of it is trusted."""
    with_it = await signer(deps, account_id, caller, icon=icon)
    header = with_it.rich_call_data(
        caller, [CALLEE], RichCallData("Acme", icon.url), contents={icon.url: icon.png}, now=deps.real_clock.now()
    )
    verified = await verify_there(deps, header, caller)
    return verified.trusts({icon.url: icon.png})


async def verify_there(deps: Deps, header: str, caller: PhoneNumber) -> Verified:
    address = read_identity(header).x5u
    chain = await signer_certificates.chain_pem(deps, address.rpartition("/")[2].removesuffix(".pem"))
    trusted = await roots.trusted_roots(deps)
    return verify(header, CallParties.of(caller, CALLEE), chain.encode(), trusted, now=deps.real_clock.now())


async def test_a_certificate_is_issued_when_a_call_first_needs_it_and_then_used_again(deps: Deps) -> None:
    business, (first, *_) = await make_signing_business(deps)
    here, there = public(deps), public(deps)
    signers = await asyncio.gather(*(signer_of(one, business.account_id, first) for one in (here, there, here, there)))
    (stored,) = await in_use(deps, business.account_id)
    assert {one and one.x5u for one in signers} == {f"https://calls.example/stir/v1/certs/{stored.serial}.pem"}
    allowed, _ = read_authority(read_chain(stored.chain.encode())[0])
    assert allowed.provider_codes == ("TEST",)
    assert all(one.count == 3 for one in allowed.ranges)
    assert len(await signer_certificates.list_certificates(deps, business.account_id)) == 1


async def test_what_is_signed_with_it_counts_for_those_who_trust_the_root(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    here = public(deps)
    assert await show(here, business.account_id, number, await icon_of(here, await logo_of(deps, business))) == {
        "/icn": True
    }
    stranger = phones(1)[0]
    assert await signer_of(here, business.account_id, stranger) is None
    with_code = await signer(here, business.account_id, stranger, Kind.SHAKEN)
    header = with_code.shaken(stranger, [CALLEE], Attestation.PARTIAL, ORIGID, now=here.real_clock.now())
    assert (await verify_there(here, header, stranger)).claims.attest is Attestation.PARTIAL


async def test_a_number_that_is_proven_now_can_be_signed_for_at_once(deps: Deps) -> None:
    business, (first, *_) = await make_signing_business(deps)
    here = public(deps)
    before = await signer(here, business.account_id, first)
    more = phones(2)
    await business.publish(*more)
    await run_jobs(deps)
    assert await signer_of(here, business.account_id, more[0]) is None
    await prove(deps, business, more)
    after = await signer(here, business.account_id, more[0])
    assert after.x5u != before.x5u
    (stored,) = await in_use(deps, business.account_id)
    assert after.x5u.endswith(f"/{stored.serial}.pem")
    old = before.x5u.rpartition("/")[2].removesuffix(".pem")
    assert await signer_certificates.chain_pem(deps, old)  # for who still checks a call that was signed before


async def test_another_accounts_number_is_not_signed_for(deps: Deps) -> None:
    business, _ = await make_signing_business(deps)
    other, theirs = await make_business(deps), phones(1)
    await prove(deps, other, theirs)
    assert await signer_of(public(deps), business.account_id, theirs[0]) is None


async def test_a_new_logo_is_permitted_at_once_and_the_old_one_for_the_records_that_still_show_it(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    here = public(deps)
    old = await icon_of(here, await logo_of(deps, business))
    assert await show(here, business.account_id, number, old) == {"/icn": True}
    (label,) = await labels.list_labels(deps, business.account_id)
    change = LabelChange(logo_png=drawn_logo.initial_logo("N"))
    changed = await labels.update_label(deps, business.account_id, label.id, change, by=ALICE)
    for icon in (await icon_of(here, changed.logo_sha256), old):
        assert await show(here, business.account_id, number, icon) == {"/icn": True}
    await keep_certificates(here)
    assert await show(public(deps), business.account_id, number, old) == {"/icn": True}


async def test_with_very_many_logos_the_certificate_leaves_icons_open(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    here = public(deps)
    await signer(here, business.account_id, number, icon=await icon_of(here, await logo_of(deps, business)))
    (label,) = await labels.list_labels(deps, business.account_id)
    logos = [LabelChange(logo_png=drawn_logo.initial_logo(letter)) for letter in "NO"]
    changed = [await labels.update_label(deps, business.account_id, label.id, one, by=ALICE) for one in logos]
    async with deps.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO logo SELECT sha256(n::text::bytea), png FROM logo, generate_series(1, 100) n"
            " WHERE sha256 = $1",
            changed[-1].logo_sha256,
        )
        await tx.execute(
            "INSERT INTO label (id, account_id, label_type, name, category, sub_category, logo_sha256, is_default,"
            " created_by_email, created_at) SELECT gen_random_uuid(), account_id, label_type, n::text, category,"
            " sub_category, sha256(n::text::bytea), false, created_by_email, created_at"
            " FROM label, generate_series(1, 100) n WHERE account_id = $1",
            business.account_id,
        )
    urls: set[str] = set()
    for icon in [await icon_of(here, one.logo_sha256) for one in changed]:
        assert await show(here, business.account_id, number, icon) == {"/icn": True}
        urls.add((await signer(here, business.account_id, number, icon=icon)).x5u)
    assert len(urls) == 1
    (stored,) = await in_use(deps, business.account_id)
    await keep_certificates(here)
    assert await in_use(deps, business.account_id) == [stored]


async def test_a_new_logo_is_also_permitted_in_a_call_that_is_only_attested(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    here, stranger = public(deps), phones(1)[0]
    await signer(here, business.account_id, number)
    (label,) = await labels.list_labels(deps, business.account_id)
    change = LabelChange(logo_png=drawn_logo.initial_logo("N"))
    changed = await labels.update_label(deps, business.account_id, label.id, change, by=ALICE)
    icon = await icon_of(here, changed.logo_sha256)
    for caller in (stranger, number):
        with_code = await signer(here, business.account_id, caller, Kind.SHAKEN, icon)
        rcd = RichCallData("Acme", icon.url)
        now = here.real_clock.now()
        claims = Claims(
            orig=Party.of(caller),
            dest=Party.of(CALLEE),
            issued_at=int(now.timestamp()),
            attest=Attestation.PARTIAL,
            origid=ORIGID,
            rcd=rcd,
            digests=make_digests(rcd.as_json(), {icon.url: icon.png}),
        )
        assert (await verify_there(here, with_code.sign(claims, Kind.SHAKEN), caller)).claims.rcd == rcd


async def test_a_logo_that_was_never_the_accounts_is_not_permitted_by_what_was_issued(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    here = public(deps)
    mine = await icon_of(here, await logo_of(deps, business))
    other = await accounts.create_account(deps, "Other", by=SYSTEM)
    label = await make_label(deps, other.id)
    await labels.update_label(deps, other.id, label.id, LabelChange(logo_png=drawn_logo.initial_logo("O")), by=ALICE)
    theirs = await icon_of(here, (await labels.get_label(deps, other.id, label.id)).logo_sha256)
    with_mine = await signer(here, business.account_id, number, icon=mine)
    rcd = RichCallData("Acme", theirs.url)
    header = with_mine.rich_call_data(
        number, [CALLEE], rcd, contents={theirs.url: theirs.png}, now=here.real_clock.now()
    )
    with pytest.raises(PassportError, match="does not allow this value of the claim rcdi"):
        await verify_there(here, header, number)


async def test_the_sweep_renews_what_no_call_asks_for(deps: Deps) -> None:
    business, numbers = await make_signing_business(deps)
    here = public(deps)
    await signer(here, business.account_id, numbers[0])
    (before,) = await in_use(deps, business.account_id)
    await keep_certificates(here)
    assert await in_use(deps, business.account_id) == [before]
    await business.delist(numbers[2])
    await run_jobs(deps)
    await keep_certificates(here)
    (after,) = await in_use(deps, business.account_id)
    allowed, _ = read_authority(read_chain(after.chain.encode())[0])
    assert [allowed.covers(number) for number in numbers] == [True, True, False]
    await accounts.update_account(deps, business.account_id, by=ALICE, name="Acme " + "\N{EURO SIGN}" * 90)
    await keep_certificates(here)
    (named,) = await in_use(deps, business.account_id)
    assert named.serial != after.serial
    assert roots.name_of(read_chain(named.chain.encode())[0]) == "Acme " + "\N{EURO SIGN}" * 19
    await keep_certificates(here)
    assert await in_use(deps, business.account_id) == [named]


async def test_a_certificate_is_replaced_before_it_ends_and_forgotten_long_after(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    now = FakeClock(deps.real_clock.now())
    later = at(deps, now)
    await signer(later, business.account_id, number)
    (first,) = await in_use(deps, business.account_id)
    now.advance(timedelta(days=19))
    await keep_certificates(later)
    assert await in_use(deps, business.account_id) == [first]
    now.advance(timedelta(days=2))
    await keep_certificates(later)
    (second,) = await in_use(deps, business.account_id)
    assert second.not_after > first.not_after
    assert await signer_certificates.chain_pem(deps, first.serial)
    now.advance(timedelta(days=40))
    await keep_certificates(later)
    with pytest.raises(NotFound):
        await signer_certificates.chain_pem(deps, first.serial)


async def test_nothing_is_signed_with_a_certificate_whose_time_is_over(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    now = FakeClock(deps.real_clock.now())
    later = at(deps, now)
    before = await signer(later, business.account_id, number)
    now.advance(timedelta(days=31))  # no worker ran meanwhile
    assert (await signer(later, business.account_id, number)).x5u != before.x5u


async def test_a_certificate_ends_with_its_root_and_is_not_replaced_again_and_again(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    ends = (await roots.own_root(deps)).certificate.not_valid_after_utc
    late = at(deps, FakeClock(ends - timedelta(days=5)))
    await signer(late, business.account_id, number)
    (made,) = await in_use(deps, business.account_id)
    assert made.not_after == ends
    await keep_certificates(late)
    assert await in_use(deps, business.account_id) == [made]


@pytest.mark.parametrize("worker_runs", [False, True])
async def test_a_certificate_of_a_clock_that_was_ahead_is_replaced_when_the_clock_is_right(
    deps: Deps, *, worker_runs: bool
) -> None:
    business, (number, *_) = await make_signing_business(deps)
    now = deps.real_clock.now()
    ahead = at(deps, FakeClock(now + timedelta(days=25)))
    assert await signer_of(ahead, business.account_id, number)
    right = at(deps, FakeClock(now))
    if worker_runs:
        await keep_certificates(right)
        assert len(await in_use(deps, business.account_id)) == 1
    assert await signer_of(right, business.account_id, number)


async def test_without_a_root_of_its_own_nothing_is_issued(deps: Deps) -> None:
    business, numbers = await make_business(deps), phones(1)
    await prove(deps, business, numbers)
    assert await signer_of(public(deps), business.account_id, numbers[0]) is None
    with pytest.raises(Conflict, match="no root of its own"):
        await signer_certificates.issue_certificates(deps, business.account_id, by=OPERATOR)
    await roots.create_root(deps, "Test root", None, by=SYSTEM)
    assert await signer_of(public(deps), business.account_id, numbers[0])
    assert await signer_of(public(deps), business.account_id, numbers[0], Kind.SHAKEN)


async def test_an_account_without_proven_numbers_signs_with_the_code_or_not_at_all(deps: Deps) -> None:
    root = await roots.create_root(deps, "Test root", None, by=SYSTEM)
    business, here = await make_business(deps), public(deps)
    with pytest.raises(Conflict, match="no number that is proven"):
        await signer_certificates.issue_certificates(here, business.account_id, by=OPERATOR)
    assert await signer_of(here, business.account_id, phones(1)[0], Kind.SHAKEN) is None
    await roots.remove_root(deps, root.id, by=OPERATOR)
    await roots.create_root(deps, "Another", "test", by=SYSTEM)
    here = public(deps)
    assert await signer_of(here, business.account_id, phones(1)[0], Kind.SHAKEN)
    assert await signer_of(here, business.account_id, phones(1)[0], Kind.RCD) is None


async def test_issuing_anew_replaces_key_and_certificate_and_is_in_the_audit_log(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    here = public(deps)
    before = await signer(here, business.account_id, number)
    (made,) = await signer_certificates.issue_certificates(here, business.account_id, by=OPERATOR)
    after = await signer(here, business.account_id, number)
    assert after.x5u == signer_certificates.url_of(here, made)
    assert after.key.public_key() != before.key.public_key()
    async with deps.db.connection() as tx:
        kept = await tx.fetch(
            "SELECT sealed_key IS NULL AS is_gone, retired_at IS NULL AS is_in_use FROM signer_certificate"
        )
    assert Counter((row["is_gone"], row["is_in_use"]) for row in kept) == {(True, False): 1, (False, True): 1}
    (entry,) = [one for one in await log_of(deps, business.account_id) if one.action == "certificate.issued"]
    assert entry.details["serial"] == made.serial


async def test_a_removed_root_signs_nothing_more(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    await signer(public(deps), business.account_id, number)
    await roots.remove_root(deps, (await roots.own_root(deps)).id, by=OPERATOR)
    assert await in_use(deps, business.account_id) == []
    assert await signer_of(public(deps), business.account_id, number) is None


async def test_who_signs_while_the_secret_key_is_replaced_waits_for_a_certificate_but_not_too_long(deps: Deps) -> None:
    business, (number, *_) = await make_signing_business(deps)
    async with deps.db.transaction() as replacing:
        await replacing.execute("SELECT FROM installation FOR UPDATE")
        with patience.of(each_s=0.3):
            assert await signer_of(deps, business.account_id, number) is None  # the operator has none either
    assert await signer_of(deps, business.account_id, number) is not None


async def test_without_an_own_root_nobody_waits_for_who_replaces_the_secret_key(deps: Deps) -> None:
    business = await make_business(deps)
    async with deps.db.transaction() as replacing, asyncio.timeout(60):
        await replacing.execute("SELECT FROM installation FOR UPDATE")
        assert not await signer_certificates.renew(deps, business.account_id)


async def test_a_root_that_is_removed_while_it_issues_takes_what_it_issues_with_it(deps: Deps) -> None:
    business, _ = await make_signing_business(deps)
    own = await roots.own_root(deps)
    await one_after_the_other(
        deps.db,
        ["LOCK TABLE audit_entry IN SHARE MODE"],  # the last that both write
        signer_certificates.renew(public(deps), business.account_id),
        roots.remove_root(deps, own.id, by=OPERATOR),
    )
    assert await in_use(deps, business.account_id) == []
    assert len(await signer_certificates.list_certificates(deps, business.account_id)) == 1


async def test_ten_thousand_scattered_numbers_are_in_certificates_that_every_verifier_reads(deps: Deps) -> None:
    business, _ = await make_signing_business(deps, 1)
    numbers = phones(20_000)[::2]
    await prove(deps, business, numbers)
    here = public(deps)
    for number in (numbers[0], numbers[5000], numbers[-1]):
        found = await signer(here, business.account_id, number)
        header = found.rich_call_data(number, [CALLEE], RichCallData("Acme"), now=here.real_clock.now())
        assert (await verify_there(here, header, number)).certificate.numbers.covers(number)
    assert len(await in_use(deps, business.account_id)) > 10
