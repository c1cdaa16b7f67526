"""`POST /stir/v1/signing`: who may sign which number, what the headers say, and what is refused."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.cases import each
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.openapi import UNDOCUMENTED
from tests.surfaces.stir.staging import Network, claims_of, count, headers_of, make_edge, network, not_refused

from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signed_calls.service import calls_on_network
from callmark.kit.phone import PhoneNumber
from callmark.passport import Attestation, Kind, read_identity

OTHER = PhoneNumber("918040009999")


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        yield made


async def test_an_announced_call_of_a_proven_number_is_attested_in_full_and_branded(there: Network) -> None:
    receiver = phone()
    record = await there.announce(receiver)
    asked = there.signing(receiver)
    answer = await there.post("signing", asked, **{"X-RequestID": "call-1@proxy.example"})
    signed = answer.json()["signingResponse"]
    assert answer.headers["X-RequestID"] == "call-1@proxy.example"
    assert signed["identityHeader"] == signed["identity"]
    shaken, branded = map(read_identity, headers_of(signed))
    assert (shaken.kind, shaken.claims.attest) == (Kind.SHAKEN, Attestation.FULL)
    assert (shaken.claims.origid, shaken.claims.issued_at) == (
        asked["signingRequest"]["origid"],
        asked["signingRequest"]["iat"],
    )
    assert (shaken.claims.orig.numbers, shaken.claims.dest.numbers) == ((there.caller,), (receiver,))
    assert (branded.kind, branded.claims.reason) == (Kind.RCD, "Your parcel arrives today")
    assert branded.claims.rcd
    assert (branded.claims.rcd.name, branded.claims.digests.keys()) == ("Acme Deliveries", {"/icn"})
    icon = await there.client.get(branded.claims.rcd.icon or "")
    assert icon.headers["Content-Type"] == "image/png"
    (kept,), _ = await calls_on_network(there.deps, record.key.id)
    assert (kept.attest, kept.account_id, str(kept.origid)) == (
        Attestation.FULL,
        there.cast.account.id,
        shaken.claims.origid,
    )


async def test_without_a_record_a_proven_number_shows_what_it_is_listed_with(there: Network) -> None:
    signed = await there.sign(phone(), token=there.trunk)
    (branded,) = signed["identityHeaders"]
    rcd = claims_of(branded).rcd
    assert rcd
    assert rcd.name == "Acme Deliveries"


async def test_either_side_may_be_one_number_or_a_list(there: Network) -> None:
    receiver = phone()
    asked = there.signing(receiver, orig={"tn": [there.caller]}, dest={"tn": receiver})
    headers, beside = {"Authorization": f"Bearer {there.operator}"}, {UNDOCUMENTED: True}
    answer = await there.client.post("/stir/v1/signing", json=asked, headers=headers, extensions=beside)
    claims = claims_of(answer.json()["signingResponse"]["identity"])
    assert (claims.orig.numbers, claims.dest.numbers) == ((there.caller,), (receiver,))


async def test_an_announced_number_is_attested_in_part_and_named_inside_the_one_token(there: Network) -> None:
    receiver = phone()
    await there.announce(receiver, caller=OTHER)
    signed = await there.sign(receiver, OTHER, there.trunk)
    assert signed["identityHeaders"] == []
    claims = claims_of(signed["identity"])
    assert (claims.attest, claims.reason) == (Attestation.PARTIAL, "Your parcel arrives today")
    assert claims.rcd
    assert claims.rcd.name == "Acme Deliveries"


async def test_a_listed_number_that_is_not_proven_is_attested_in_part_and_shows_nothing(deps: Deps) -> None:
    async with network(deps) as there:
        await proofs.refuse_numbers(there.deps, there.cast.account.id, [there.caller], "sold", by=SYSTEM)
        signed = await there.sign(phone())
        assert (signed["identityHeaders"], claims_of(signed["identity"]).rcd) == ([], None)
        assert claims_of(signed["identity"]).attest is Attestation.PARTIAL


async def test_an_edge_that_knows_less_says_less(there: Network) -> None:
    assert claims_of((await there.sign(phone(), attest="C"))["identity"]).attest is Attestation.GATEWAY


async def test_a_name_is_signed_only_where_the_edge_knows_the_business(there: Network) -> None:
    async def check(case: tuple[str, str, str, bool]) -> None:
        kind, edge, attest, is_named = case
        receiver, number = phone(), there.caller if kind == "proven" else OTHER
        await there.announce(receiver, caller=number)
        signed = await there.sign(receiver, number, there.trunk if edge == "trunk" else None, attest=attest)
        names = [claims_of(token).rcd for token in (signed["identity"], *signed["identityHeaders"])]
        assert any(names) is is_named

    named = [("operator", "A", True), ("operator", "B", False), ("operator", "C", False)]
    named += [("trunk", "B", True), ("trunk", "C", False)]
    await each([(kind, *one) for kind in ("proven", "announced") for one in named], check)


async def test_a_call_to_several_shows_what_the_number_is_listed_with(there: Network) -> None:
    one, other = phone(), phone()
    await there.announce(one)
    signed = await there.sign(one, dest={"tn": [one, f"+{other}"]})
    claims = claims_of(signed["identityHeaders"][0])
    assert (claims.dest.numbers, claims.reason) == ((one, other), None)


async def test_a_number_that_is_neither_listed_nor_announced_is_refused(there: Network, clock: FakeClock) -> None:
    receiver = phone()
    answer = await there.post("signing", there.signing(receiver, OTHER))
    assert (answer.status_code, answer.json()) == (
        403,
        {
            "requestError": {
                "policyException": {
                    "messageId": "POL4030",
                    "text": "Error: Not authorised: %1.",
                    "variables": ["originating number not authorised"],
                }
            }
        },
    )
    await there.announce(receiver, caller=OTHER)
    await there.sign(receiver, OTHER)
    clock.advance(timedelta(hours=2))  # the record's window has ended
    assert (await there.post("signing", there.signing(receiver, OTHER))).status_code == 403
    assert await count(there.deps, "signed_call") == 1


async def test_an_edge_of_another_account_is_refused_and_the_account_hears_of_it_once(there: Network) -> None:
    stranger, receiver = await make_cast(there.deps), phone()
    edge = await make_edge(there.deps, stranger.account.id)
    asked = there.signing(receiver)
    for _ in range(2):
        assert (await there.post("signing", asked, edge)).status_code == 403
    ((event,), _) = await events.events_after(there.deps, there.cast.account.id, 0, 10)
    assert '"cause":"foreign_signing_request"' in event.body
    assert await events.events_after(there.deps, stranger.account.id, 0, 10) == ([], 0)


async def test_an_edge_signs_an_announced_call_of_its_own_account_only(there: Network) -> None:
    stranger, receiver = await make_cast(there.deps), phone()
    edge = await make_edge(there.deps, stranger.account.id)
    await there.announce(receiver, caller=OTHER)
    assert (await there.post("signing", there.signing(receiver, OTHER), edge)).status_code == 403
    await there.sign(receiver, OTHER)


async def test_without_a_certificate_nothing_is_signed(deps: Deps) -> None:
    async with network(deps, provider_code=None) as there:
        receiver = phone()
        await there.announce(receiver, caller=OTHER)
        answer = await there.post("signing", there.signing(receiver, OTHER))
        assert answer.status_code == 403
        assert "has no certificate" in answer.text
        await there.sign(receiver)


async def test_the_same_request_again_is_one_call(there: Network) -> None:
    asked = there.signing(phone())
    answers = await asyncio.gather(*(there.post("signing", asked) for _ in range(3)))
    assert {one.status_code for one in answers} == {200}
    assert await count(there.deps, "signed_call") == 1


_WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"attest": "D"}, "SVC4005", "attest must be"),
    ({"attest": 7}, "SVC4005", "signingRequest.attest"),
    ({"orig": {"tn": ["1202555100", "1202555101"]}}, "SVC4005", "orig must be one number"),
    ({"orig": {"tn": "anonymous"}}, "SVC4005", "orig must be a telephone number"),
    ({"orig": {"uri": "sip:acme@example.com"}}, "SVC4001", "orig.tn"),
    ({"dest": {"tn": []}}, "SVC4005", "dest must have 1 to 10"),
    ({"dest": {"tn": ["12025551000"] * 11}}, "SVC4005", "dest must have 1 to 10"),
    ({"dest": {"tn": ["0"]}}, "SVC4005", "dest must be a telephone number"),
    ({"iat": "now"}, "SVC4005", "signingRequest.iat"),
    ({"iat": -1}, "SVC4005", "epoch"),
    ({"iat": 10**18}, "SVC4005", "epoch"),
    ({"iat": 1_700_000_000}, "SVC4005", "iat must be within 60 s"),
    ({"origid": "call-1"}, "SVC4005", "origid must be a UUID"),
]


async def test_a_wrong_value_is_named(there: Network) -> None:
    found: list[str] = []
    for changed, message_id, said in _WRONG:
        answer = await there.post("signing", there.signing(phone(), **changed))
        found += not_refused(changed, answer, message_id, said)
    assert found == []


async def test_what_is_missing_is_named(there: Network) -> None:
    found: list[str] = []
    for name in ("attest", "orig", "dest", "iat", "origid"):
        asked = there.signing(phone())
        del asked["signingRequest"][name]
        answer = await there.post("signing", asked)
        told = answer.json().get("requestError", {}).get("serviceException", {})
        if (answer.status_code, told.get("messageId"), told.get("variables")) != (400, "SVC4001", [name]):
            found.append(f"without {name}: {answer.status_code} {answer.text}")
    assert found == []


_WHOLE: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"", {}, 400, "SVC4000"),
    (b"{", {}, 400, "SVC4006"),
    (b"\xff", {}, 400, "SVC4005"),
    (b"[" * 100_000, {}, 413, "POL4130"),
    (b"{}", {}, 400, "SVC4001"),
    (b"{}", {"Content-Type": "text/plain"}, 415, "SVC4004"),
    (b"{}", {"Content-Encoding": "gzip"}, 415, "SVC4004"),
    (b"{}", {"Accept": "text/html"}, 406, "SVC4002"),
    (b"{}", {"Authorization": "Bearer cmedge_wrong"}, 401, "POL4010"),
    (b"{}", {"Authorization": ""}, 401, "POL4010"),
]


async def test_a_request_as_a_whole_is_judged_first(there: Network) -> None:
    found: list[str] = []
    for body, headers, status, message_id in _WHOLE:
        sent = {"Authorization": f"Bearer {there.operator}", "Content-Type": "application/json"} | headers
        answer = await there.client.post("/stir/v1/signing", content=body, headers=sent)
        kind = "serviceException" if message_id.startswith("SVC") else "policyException"
        told = {name: one["messageId"] for name, one in answer.json().get("requestError", {}).items()}
        if (answer.status_code, told) != (status, {kind: message_id}):
            found.append(f"{body[:20]} {headers} is to be {status} {message_id}: {answer.status_code} {answer.text}")
    assert found == []


async def test_only_a_post_is_answered_and_strange_request_ids_are_not_echoed(there: Network) -> None:
    answer = await there.client.get("/stir/v1/signing", headers={"X-RequestID": "a b"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "X-RequestID" not in answer.headers


async def test_unknown_fields_are_ignored(there: Network) -> None:
    asked = there.signing(phone(), rph={"auth": ["ets.0"]})
    assert (await there.post("signing", asked | {"more": [1]})).status_code == 200


async def test_any_name_that_may_be_pushed_is_signed_as_it_is(there: Network) -> None:
    for name in ('The "Acme" Co', "D'Arcy & Söhne, 東京", "A" * 39, "ä" * 40, "Acme\\Bank; info=<x>"):
        receiver = phone()
        await there.announce(receiver, label_name=name)
        signed = await there.sign(receiver)
        claims = claims_of(signed["identityHeaders"][0])
        assert claims.rcd, name
        assert claims.rcd.name == name
        assert all(one.isascii() and one.isprintable() for one in headers_of(signed)), name
