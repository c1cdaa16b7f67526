"""`POST /stir/v1/verification`: what counts, what does not with each code, and that a token counts once.

What else is wrong inside a token is in `tests/passport`.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import structs
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.surfaces.stir.staging import Network, claims, claims_of, count, headers_of, make_edge, network, own_signer

from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signed_calls import jobs
from callmark.domain.signed_calls.service import calls_on_network
from callmark.domain.signer_certificates import roots
from callmark.domain.signer_certificates.service import retire_certificate
from callmark.kit.clock import SystemClock
from callmark.passport import (
    Attestation,
    Kind,
    Reason,
    RichCallData,
    make_key,
    read_call_info,
    read_identity,
)
from callmark.passport.encoding import to_base64url
from callmark.passport.tokens import sign_token

ORIGID = "123e4567-e89b-12d3-a456-426655440000"


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        yield made


async def test_a_call_that_was_signed_here_shows_its_name_icon_and_reason(there: Network) -> None:
    receiver = phone()
    record = await there.announce(
        receiver, call_reason="Your parcel arrives today, and the courier rings at the gate twice"
    )
    signed = await there.sign(receiver)
    told = await there.verify(headers_of(signed), receiver)
    branded = claims_of(signed["identityHeaders"][0])
    assert branded.rcd
    assert (told["verstat"], told["verstatValue"]) == ("TN-Validation-Passed", "TN-Validation-Passed")
    assert not told.keys() & {"reasoncode", "reasontext", "reasondesc"}
    assert (told["displayName"], told["rcd"], told["crn"]) == (
        "Acme Deliveries",
        branded.rcd.as_json(),
        "Your parcel arrives today, and the courier rings at the gate twice",
    )
    (line,) = read_call_info(told["callInfo"])
    assert (line.address, line.purpose, line.verified, line.integrity) == (
        branded.rcd.icon,
        "icon",
        True,
        branded.digests["/icn"],
    )
    assert line.reason
    assert (len(line.reason), line.reason[-1]) == (64, "…")
    results = [one["verifyResult"] for one in told["verifyResults"]]
    assert [(one["ppt"], one["status"]) for one in results] == [("shaken", "pass"), ("rcd", "pass")]
    assert results[0]["validClaims"]["origid"] == claims_of(signed["identity"]).origid
    (_, (kept,)) = await calls_on_network(there.deps, record.key.id)
    assert (kept.verstat.value, kept.name, kept.account_id) == (
        "TN-Validation-Passed",
        "Acme Deliveries",
        there.cast.account.id,
    )
    assert await events.events_after(there.deps, there.cast.account.id, 0, 10) == ([], 0)


async def test_the_name_inside_the_one_token_of_an_announced_number_shows(there: Network) -> None:
    receiver, other = phone(), phone()
    await there.announce(receiver, caller=other)
    signed = await there.sign(receiver, other)
    told = await there.verify(headers_of(signed), receiver, other)
    assert (told["verstat"], told["displayName"]) == ("TN-Validation-Passed", "Acme Deliveries")


async def test_both_spellings_of_the_question_are_read(there: Network) -> None:
    receiver = phone()
    header = (await there.sign(receiver))["identity"]
    party = {"from": {"tn": f"+{there.caller}"}, "to": {"tn": [receiver]}}
    answer = await there.post("verification", {"verificationRequest": {"identityHeader": header} | party})
    assert answer.json()["verificationResponse"]["verstat"] == "TN-Validation-Passed"
    answer = await there.post("verification", {"verificationRequest": {"identity": ""} | party})
    told = answer.json()["verificationResponse"]
    assert (told["verstat"], told["reasoncode"], told["reasontext"]) == ("No-TN-Validation", 428, "Use Identity Header")
    answer = await there.post("verification", {"verificationRequest": {"identityHeaders": [header] * 11} | party})
    assert answer.status_code == 200, "one header eleven times is one"
    answer = await there.post("verification", {"verificationRequest": {"identity": header, "to": {"tn": [receiver]}}})
    assert answer.json()["requestError"]["serviceException"]["variables"] == ["from"]


async def test_an_icon_that_is_not_the_signed_one_does_not_show_and_the_name_does(there: Network) -> None:
    receiver = phone()
    icon = "https://calls.example/brand/" + "0" * 64 + "-128x128.png"
    header = (await own_signer(there)).rich_call_data(
        there.caller, [receiver], RichCallData("Acme", icon), contents={icon: b"PNG"}, now=datetime.now().astimezone()
    )
    told = await there.verify([header], receiver)
    # The certificate permits the account's own icons alone, so the token as a whole does not count.
    assert (told["verstat"], told["reasoncode"]) == ("TN-Validation-Failed", 438)
    assert "displayName" not in told


# attacks --------------------------------------------------------------------------------------------------------------


async def refused(there: Network, header: str, receiver: str, caller: str | None = None) -> tuple[int, str]:
    told = await there.verify([header], receiver, caller)
    assert told["verstat"] == "TN-Validation-Failed"
    assert not told.keys() & {"displayName", "rcd", "crn", "callInfo"}
    (result,) = told["verifyResults"]
    assert result["verifyResult"]["status"] == "fail"
    assert (told["reasoncode"], told["reasondesc"]) == (
        result["verifyResult"]["reasonCode"],
        result["verifyResult"]["reasonDescription"],
    )
    return told["reasoncode"], told["reasondesc"]


async def test_a_token_about_another_call_does_not_count(there: Network) -> None:
    receiver = phone()
    header = (await there.sign(receiver))["identityHeaders"][0]
    assert await refused(there, header, phone()) == (438, "the token is about a call to someone else")
    assert await refused(there, header, receiver, phone()) == (438, "the token is about another caller")


async def test_a_token_of_another_minute_does_not_count(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    for seconds in (-61, 120, -3600):
        old = claims(there, receiver, reason="x")
        header = signer.sign(replace(old, issued_at=old.issued_at + seconds), Kind.RCD)
        assert (await refused(there, header, receiver))[0] == 403, seconds


async def test_a_root_that_is_no_longer_trusted_does_not_count(there: Network) -> None:
    receiver = phone()
    header = (await there.sign(receiver))["identity"]
    (root,) = await roots.list_roots(there.deps)
    await roots.remove_root(there.deps, root.id, by=SYSTEM)
    assert await refused(there, header, receiver) == (437, "the certificate does not lead to a trusted root")


async def test_a_third_party_alone_vouches_for_nobody(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    header = signer.sign(claims(there, receiver, rcd=RichCallData("Acme"), issuer="Names Inc"), Kind.RCD)
    told = await there.verify([header], receiver)
    assert told["verstat"] == "TN-Validation-Failed"
    assert "displayName" not in told


async def test_a_token_with_an_address_of_plain_http_does_not_count(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    token = sign_token(claims(there, receiver, reason="x"), Kind.RCD, "http://calls.example/x.pem", signer.key)
    assert await refused(there, f'{token};info=<http://calls.example/x.pem>;ppt="rcd"', receiver) == (
        438,
        "x5u is not an https address",
    )


async def test_a_call_that_was_on_its_way_when_its_certificate_was_retired_counts(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    serial = signer.x5u.rpartition("/")[2].removesuffix(".pem")
    await retire_certificate(there.deps, serial, by=SYSTEM)
    on_its_way = signer.sign(claims(there, receiver, rcd=RichCallData("Acme")), Kind.RCD)
    assert (await there.verify([on_its_way], receiver))["verstat"] == "TN-Validation-Passed"


async def test_a_call_that_is_signed_long_after_its_certificate_was_retired_does_not_count(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    serial = signer.x5u.rpartition("/")[2].removesuffix(".pem")
    earlier = there.deps.real_clock.now() - timedelta(minutes=3)
    await retire_certificate(structs.replace(there.deps, real_clock=FakeClock(earlier)), serial, by=SYSTEM)
    stolen = signer.sign(claims(there, receiver, rcd=RichCallData("Acme")), Kind.RCD)
    assert (await refused(there, stolen, receiver))[0] == Reason.BAD_IDENTITY_INFO.code


async def test_a_certificate_of_ours_that_is_not_there_is_bad_identity_info(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    for path in ("/stir/v1/certs/ffff.pem", "/console", "/stir/v1/certs/../../etc/passwd"):
        x5u = "https://calls.example" + path
        header = replace(signer, x5u=x5u).sign(claims(there, receiver, reason="x"), Kind.RCD)
        code, why = await refused(there, header, receiver)
        assert code == 436
        assert "there is no certificate at the token's x5u" in why


# once -----------------------------------------------------------------------------------------------------------------


async def test_a_token_counts_once_over_all_edges(there: Network) -> None:
    receiver = phone()
    headers = headers_of(await there.sign(receiver))
    assert (await there.verify(headers, receiver))["displayName"] == "Acme Deliveries"
    for token in (there.operator, await make_edge(there.deps, None)):
        told = await there.verify(headers, receiver, token=token, request_id="other")
        assert (told["verstat"], told["reasoncode"]) == ("TN-Validation-Failed", 403)
        assert told["reasondesc"] == "the token has counted for a call before"
        assert "displayName" not in told


@pytest.mark.parametrize("request_ids", [("leg-1", "leg-2"), ("fork", "fork")])
async def test_a_token_for_several_receivers_counts_once_for_each(there: Network, request_ids: tuple[str, str]) -> None:
    receivers = [phone(), phone()]
    headers = headers_of(await there.sign("", dest={"tn": receivers}))
    for receiver, request_id in zip(receivers, request_ids, strict=True):
        told = await there.verify(headers, receiver, request_id=request_id)
        assert (told["verstat"], told["displayName"]) == ("TN-Validation-Passed", "Acme Deliveries")
    assert await count(there.deps, "verified_call") == 2
    assert (await there.verify(headers, receivers[1], request_id="other"))["reasoncode"] == 403


async def test_of_many_at_once_one_counts(there: Network) -> None:
    receiver = phone()
    headers = headers_of(await there.sign(receiver))
    told = await asyncio.gather(*(there.verify(headers, receiver, request_id=f"r{n}") for n in range(12)))
    assert sorted(one["verstat"] for one in told) == ["TN-Validation-Failed"] * 11 + ["TN-Validation-Passed"]


async def test_the_twin_of_a_signature_is_the_same_signature(there: Network) -> None:
    receiver = phone()
    header = (await there.sign(receiver))["identity"]
    await there.verify([header], receiver)
    passport = read_identity(header)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = passport.signature[:32] + (order - int.from_bytes(passport.signature[32:])).to_bytes(32)
    token = passport.token.rpartition(".")[0] + "." + to_base64url(twin)
    code, why = await refused(there, header.replace(passport.token, token), receiver)
    assert (code, why) == (403, "the token has counted for a call before")


async def test_the_same_request_again_has_the_same_answer_and_is_one_call(there: Network) -> None:
    receiver = phone()
    await there.announce(receiver)
    headers = headers_of(await there.sign(receiver))
    first = await there.verify(headers, receiver, request_id="attempt-1")
    assert first["verstat"] == "TN-Validation-Passed"
    assert [await there.verify(headers, receiver, request_id="attempt-1") for _ in range(2)] == [first, first]
    assert await count(there.deps, "verified_call") == 1
    told = await there.verify(headers, receiver, token=there.trunk, request_id="attempt-1")
    assert told["verstat"] == "TN-Validation-Failed", "another edge's request of the same name is another request"


async def test_a_request_is_sent_again_whose_first_try_ended_once_its_tokens_were_counted(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    header = signer.sign(claims(there, receiver, attest=Attestation.FULL, origid=ORIGID), Kind.SHAKEN)
    first = await there.verify([header], receiver, request_id="attempt-1")
    async with there.deps.db.connection() as tx:  # as if nothing had been written after the tokens
        kept = await tx.fetchval("DELETE FROM verified_call RETURNING id")
        await tx.execute("DELETE FROM event")
        await tx.execute("DELETE FROM possible_spoof")
    assert await there.verify([header], receiver, request_id="attempt-1") == first
    async with there.deps.db.connection() as tx:
        assert [row["id"] for row in await tx.fetch("SELECT id FROM verified_call")] == [kept]
        assert await tx.fetchval("SELECT count(*) FROM possible_spoof") == 1


async def test_tokens_are_forgotten_when_they_are_stale_anyway(there: Network) -> None:
    receiver = phone()
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    await jobs.forget_counted_tokens(there.deps)
    assert await count(there.deps, "counted_token") == 2
    later = structs.replace(there.deps, real_clock=FakeClock(SystemClock().now() + timedelta(seconds=125)))
    await jobs.forget_counted_tokens(later)
    assert await count(there.deps, "counted_token") == 0


# alarms ---------------------------------------------------------------------------------------------------------------


async def test_a_signature_for_a_listed_number_that_was_not_made_here_is_told_once(there: Network) -> None:
    receiver, signer = phone(), await own_signer(there)
    shaken = claims(there, receiver, attest=Attestation.FULL, origid=ORIGID)
    header = signer.sign(shaken, Kind.SHAKEN)
    assert (await there.verify([header], receiver))["verstat"] == "TN-Validation-Passed"
    forged = replace(signer, key=make_key()).sign(shaken, Kind.SHAKEN)
    await refused(there, forged, receiver)
    ((event,), _) = await events.events_after(there.deps, there.cast.account.id, 0, 10)
    assert '"cause":"foreign_signature"' in event.body


@pytest.mark.parametrize("issued_at", [None, 0, 253_402_300_799])
async def test_a_name_that_was_not_signed_here_is_told_though_its_token_names_no_signing(
    there: Network, issued_at: int | None
) -> None:
    receiver, signer = phone(), replace(await own_signer(there), key=make_key())
    named = claims(there, receiver, rcd=RichCallData("Acme Deliveries"))
    if issued_at is not None:
        named = replace(named, issued_at=issued_at)
    await refused(there, signer.sign(named, Kind.RCD), receiver)
    ((event,), _) = await events.events_after(there.deps, there.cast.account.id, 0, 10)
    assert '"cause":"foreign_signature"' in event.body


async def test_a_replayed_call_and_one_without_a_token_are_no_alarm(there: Network) -> None:
    receiver = phone()
    await there.announce(receiver)
    headers = headers_of(await there.sign(receiver))
    for _ in range(2):
        await there.verify(headers, receiver)
        await there.verify(headers[1:], receiver)
    await there.verify([], receiver)
    assert await events.events_after(there.deps, there.cast.account.id, 0, 10) == ([], 0)


@pytest.mark.parametrize("first", [0, 1])
async def test_a_call_that_was_signed_here_and_then_forwarded_fails_and_is_no_alarm(there: Network, first: int) -> None:
    called = phone()
    await there.announce(called)
    headers = headers_of(await there.sign(called))[first:]
    verdicts = [await there.verify(headers, receiver) for receiver in (called, phone())]
    assert [one["verstat"] for one in verdicts] == ["TN-Validation-Passed", "TN-Validation-Failed"]
    assert await events.events_after(there.deps, there.cast.account.id, 0, 10) == ([], 0)


async def test_old_calls_are_dropped_with_records(there: Network, clock: FakeClock) -> None:
    receiver = phone()
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    clock.advance(timedelta(days=there.deps.settings.retention_days, seconds=-1))
    await PERIODIC["old_signed_calls"].run(there.deps)
    assert (await count(there.deps, "signed_call"), await count(there.deps, "verified_call")) == (1, 1)
    clock.advance(timedelta(seconds=2))
    await PERIODIC["old_signed_calls"].run(there.deps)
    assert (await count(there.deps, "signed_call"), await count(there.deps, "verified_call")) == (0, 0)
