"""Tokens of other signers: their certificates and icons are fetched in little time, and hostile ones do no harm."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.domain.signer_certificates.staging import make_authority, pem
from tests.support.factories import phone
from tests.support.native_calls import native_calls
from tests.surfaces.stir.abroad import EDGE, PNG, Abroad, abroad

from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signed_calls import verification
from callmark.domain.signed_calls.foreign_files import MOST_AT_ONCE, MOST_ICON_BYTES, WITHIN_S, ForeignFiles
from callmark.domain.signed_calls.model import CallVerdict, VerificationRequest, Verstat
from callmark.domain.signed_calls.verification import verify_call
from callmark.domain.signer_certificates import roots
from callmark.passport import RichCallData, Signer, TnAuthList, issue, make_issuer, make_key, make_root


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Abroad]:
    async with abroad(deps) as made:
        yield made


async def test_a_foreign_call_shows_its_name_and_the_icon_that_was_signed(there: Abroad) -> None:
    there.host.files["/icon-64x64.png"] = PNG
    receiver = phone()
    verdict = await there.verify(there.header(receiver, icon="/icon-64x64.png"), receiver)
    assert (verdict.verstat, verdict.name, verdict.reason) == (Verstat.PASSED, "Acme Abroad", "Hello")
    assert (verdict.icon, verdict.integrity is not None) == (there.url + "/icon-64x64.png", True)


async def test_certificates_and_icons_are_fetched_once_for_many_calls_at_a_time(there: Abroad) -> None:
    there.host.files["/icon-64x64.png"] = PNG

    async def call() -> CallVerdict:
        receiver = phone()
        return await there.verify(there.header(receiver, icon="/icon-64x64.png"), receiver)

    verdicts = await asyncio.gather(*(call() for _ in range(8)))
    assert all(one.icon for one in verdicts)
    assert sorted(there.host.asked) == ["/acme.pem", "/icon-64x64.png"]


@pytest.mark.parametrize("content", [b"another logo", b"x" * (MOST_ICON_BYTES + 1), None])
async def test_an_icon_that_is_not_the_signed_one_takes_away_the_icon_alone(
    there: Abroad, content: bytes | None
) -> None:
    if content is not None:
        there.host.files["/icon-64x64.png"] = content
    receiver = phone()
    verdict = await there.verify(there.header(receiver, icon="/icon-64x64.png"), receiver)
    assert (verdict.verstat, verdict.name, verdict.icon, verdict.integrity) == (
        Verstat.PASSED,
        "Acme Abroad",
        None,
        None,
    )


async def test_a_host_that_never_answers_is_given_up_before_the_proxy_gives_up(
    there: Abroad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "WITHIN_S", WITHIN_S)
    there.host.files["/slow.pem"] = there.host.files["/acme.pem"]
    assert await there.refusal("/slow.pem") == (
        436,
        "there is no certificate at the token's x5u: no answer in time",
    )
    assert there.host.asked == ["/slow.pem"]


async def test_hosts_that_never_answer_keep_nobody_out(there: Abroad) -> None:
    deadline = asyncio.get_running_loop().time() + 120  # their places are not free again before the verification ends
    urls = [f"{there.url}/slow-{number}.png" for number in range(MOST_AT_ONCE)]
    silent = [asyncio.create_task(there.files.icon(url, deadline, bool)) for url in urls]
    await there.host.began.wait()
    receiver = phone()
    assert (await there.verify(there.header(receiver), receiver)).verstat is Verstat.PASSED
    there.host.let_go.set()
    assert await asyncio.gather(*silent) == [None] * MOST_AT_ONCE


async def test_a_failure_is_kept_for_a_moment(there: Abroad) -> None:
    for _ in range(3):
        code, why = await there.refusal("/nothing.pem")
        assert (code, why) == (436, "there is no certificate at the token's x5u: the answer was 404")
    assert there.host.asked == ["/nothing.pem"]


async def test_a_certificate_that_counted_outlasts_an_outage_of_its_host_by_an_hour(there: Abroad) -> None:
    async def call() -> Verstat:
        receiver = phone()
        return (await there.verify(there.header(receiver), receiver)).verstat

    assert await call() is Verstat.PASSED
    there.host.is_down = True
    for seconds in (301, 60, 3000):
        there.clock.now += seconds
        assert await call() is Verstat.PASSED
    assert there.host.asked == ["/acme.pem"] * 4
    there.clock.now += 300
    assert (await there.refusal("/acme.pem"))[1].endswith("the answer was 503")
    there.host.is_down = False
    there.clock.now += 11
    assert await call() is Verstat.PASSED
    del there.host.files["/acme.pem"]  # its owner has taken it away
    there.clock.now += 301
    assert (await there.refusal("/acme.pem"))[1].endswith("the answer was 404")
    there.host.is_down = True  # which does not bring it back
    there.clock.now += 11
    assert (await there.refusal("/acme.pem"))[1].endswith("the answer was 503")


async def test_what_took_the_place_of_a_certificate_and_does_not_count_ends_it(there: Abroad) -> None:
    receiver = phone()
    assert (await there.verify(there.header(receiver), receiver)).verstat is Verstat.PASSED
    there.host.files["/acme.pem"] = b"no certificate"
    there.clock.now += 301
    assert (await there.refusal("/acme.pem"))[0] != 200
    there.host.is_down = True
    there.clock.now += 301
    assert (await there.refusal("/acme.pem"))[1].endswith("the answer was 503")


async def test_a_call_names_three_certificates_at_most(there: Abroad) -> None:
    receiver, paths = phone(), [f"/{name}.pem" for name in "abcde"]
    there.host.files |= dict.fromkeys(paths, there.host.files["/acme.pem"])
    headers = [there.header(receiver, path) for path in [*paths, paths[0]]]
    asked = VerificationRequest(headers, there.caller, receiver, None)
    verdict = await verify_call(there.deps, there.files, EDGE, asked)
    problems = [one.error and one.error.detail for one in verdict.verdicts]
    assert problems == [None] * 3 + ["the call names more than 3 certificates"] * 2 + [None]
    assert sorted(there.host.asked) == paths[:3]


async def test_no_redirect_is_followed(there: Abroad) -> None:
    assert await there.refusal("/moved") == (436, "there is no certificate at the token's x5u: the answer was 302")
    assert there.host.asked == ["/moved"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", 436), (b"<html>", 436), (b"x" * 70_000, 436), (b"-----BEGIN CERTIFICATE-----\nMA==\n", 436)],
)
async def test_what_is_no_certificate_is_bad_identity_info(there: Abroad, content: bytes, code: int) -> None:
    assert (await there.refusal("/junk.pem", content))[0] == code


async def test_hostile_certificates_do_not_count(there: Abroad) -> None:
    now, numbers, key = datetime.now(UTC), TnAuthList.of([there.caller]), there.key.public_key()
    by = (there.authority.issuer, there.authority.issuer_key)
    expired = issue("Acme", key, *by, numbers, now=now - timedelta(days=31), days=30)
    early = issue("Acme", key, *by, numbers, now=now + timedelta(hours=1))
    curve = issue("Acme", ec.generate_private_key(ec.SECP384R1()).public_key(), *by, numbers, now=now)
    rogue_key = make_key()
    rogue_root = make_root("Rogue", rogue_key, now=now)
    rogue = issue("Acme", key, rogue_root, rogue_key, numbers, now=now)
    one_key, other_key = make_key(), make_key()
    one = make_issuer("One", one_key.public_key(), make_root("Other", other_key, now=now), other_key, now=now)
    other = make_issuer("Other", other_key.public_key(), make_root("One", one_key, now=now), one_key, now=now)
    circle = issue("Acme", key, one, one_key, numbers, now=now)
    no_ca = issue("Mallory", key, there.certificate, there.key, numbers, now=now)
    delegate = make_issuer("Delegate", one_key.public_key(), *by, TnAuthList.of([phone()]), now=now)
    beyond = issue("Big Bank", key, delegate, one_key, numbers, now=now)
    cases = {
        "/expired.pem": (pem(expired, there.authority.issuer), "expired"),
        "/early.pem": (pem(early, there.authority.issuer), "not valid yet"),
        "/curve.pem": (pem(curve, there.authority.issuer), "P-256"),
        "/rogue.pem": (pem(rogue, rogue_root), "does not lead to a trusted root"),
        "/circle.pem": (pem(circle, one, other), "does not lead to a trusted root"),
        "/no-ca.pem": (pem(no_ca, there.certificate, there.authority.issuer), "may not issue any"),
        "/beyond.pem": (pem(beyond, delegate, there.authority.issuer), "its issuer's does not"),
    }
    for path, (content, said) in cases.items():
        code, why = await there.refusal(path, content)
        assert code == 437
        assert said in why


async def test_a_file_that_does_not_count_is_worked_through_once(there: Abroad) -> None:
    now = datetime.now(UTC)
    elsewhere = make_authority(now)
    leaf = issue(
        "Acme",
        there.key.public_key(),
        elsewhere.issuer,
        elsewhere.issuer_key,
        TnAuthList.of([there.caller]),
        now=now,
    )
    there.host.files["/rogue.pem"] = pem(leaf, elsewhere.issuer)
    with native_calls("load_pem_x509_certificates") as read:
        for _ in range(3):
            assert await there.refusal("/rogue.pem") == (437, "the certificate does not lead to a trusted root")
        assert len(read) == 1
        there.clock.now += 10  # a certificate that is not valid yet may be valid by then
        await there.refusal("/rogue.pem")
    assert len(read) == 2
    await roots.add_roots(there.deps, pem(elsewhere.root), by=SYSTEM)
    receiver = phone()
    assert (await there.verify(there.header(receiver, "/rogue.pem"), receiver)).verstat is Verstat.PASSED


async def test_a_private_address_is_not_asked(there: Abroad, deps: Deps) -> None:
    receiver = phone()
    header = replace(Signer(there.key, "https://x.example"), x5u="https://127.0.0.1:1/acme.pem").rich_call_data(
        there.caller, [receiver], RichCallData("Acme"), now=datetime.now(UTC)
    )
    files = ForeignFiles(deps)  # no emulator: loopback is not allowed
    asked = VerificationRequest([header], there.caller, receiver, None)
    verdict = await verify_call(deps, files, EDGE, asked)
    await files.close()
    assert verdict.error
    assert (verdict.error.reason.code, "is not called" in verdict.error.detail) == (436, True)


async def test_http_is_for_the_emulator_alone(there: Abroad, deps: Deps) -> None:
    receiver = phone()
    files = ForeignFiles(deps)
    asked = VerificationRequest([there.header(receiver)], there.caller, receiver, None)
    verdict = await verify_call(deps, files, EDGE, asked)
    await files.close()
    assert verdict.error
    assert (verdict.error.reason.code, verdict.error.detail) == (438, "x5u is not an https address")
    assert not there.host.asked


async def test_a_cancelled_question_leaves_the_others_their_answer(there: Abroad) -> None:
    there.host.files["/slow.pem"] = there.host.files["/acme.pem"]
    receivers = [phone(), phone()]
    one, other = (asyncio.create_task(there.verify(there.header(to, "/slow.pem"), to)) for to in receivers)
    await there.host.began.wait()
    one.cancel()
    there.host.let_go.set()
    assert (await other).verstat is Verstat.PASSED
    with pytest.raises(asyncio.CancelledError):
        await one
