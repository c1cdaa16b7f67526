"""Proofs of numbers and the spoof protection by the management API."""

import base64
from collections.abc import AsyncGenerator

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.actors import OPERATOR
from tests.support.factories import phone
from tests.support.listed_number import Listed, make_listed
from tests.surfaces.api.management.managing import Manager, managing

from callmark.domain.deps import Deps
from callmark.domain.ids import ProofRequestId
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.proofs.codes import code_of
from callmark.domain.numbers.proofs.model import LARGEST_LETTER_BYTES
from callmark.kit.ids import parse_uuid
from callmark.kit.settings import Secret

PDF = b"%PDF-1.7"
LETTER = base64.b64encode(PDF).decode()


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Manager]:
    async with managing(deps) as made:
        yield made


@pytest.fixture
async def listed(alice: Manager) -> Listed:
    return await make_listed(alice.deps, account_id=alice.account_id)


async def test_a_proof_is_asked_for_with_a_letter_and_decided(alice: Manager, listed: Listed) -> None:
    body = {"phone_numbers": [f"+{listed.number}"], "letter": LETTER, "letter_name": "Letter of May.pdf"}
    made = await alice.create("number_proofs", body)
    assert (made["state"], made["number_count"], made["letter_name"]) == ("waiting", 1, "Letter of May.pdf")
    assert await alice.get(f"number_proofs/{made['id']}") == made
    assert (await alice.get("number_proofs"))["number_proofs"] == [made]
    shown = (await alice.get(f"numbers/{listed.number}"))["proof"]
    assert (shown["state"], shown["way"], shown["request_id"]) == ("waiting", "letter", made["id"])
    request_id = ProofRequestId(parse_uuid(made["id"]) or pytest.fail("no id"))
    assert (await proofs.read_letter(alice.deps, request_id)).content == PDF
    await proofs.refuse(alice.deps, request_id, "The letter names another company", by=OPERATOR)
    decided = await alice.get(f"number_proofs/{made['id']}")
    assert (decided["state"], decided["why"], decided["waiting_count"]) == (
        "refused",
        "The letter names another company",
        0,
    )
    (row,) = (await alice.get("numbers?proof=refused"))["numbers"]
    assert (await alice.get("numbers?proof=waiting"))["numbers"] == []
    assert await alice.refusal("GET", "numbers?proof=maybe") == (400, "proof")
    assert (row["proof"]["state"], row["proof"]["why"]) == ("refused", "The letter names another company")
    assert await alice.refusal("DELETE", f"number_proofs/{made['id']}") == (409, "")
    assert await alice.actions() == ["numbers.proof_requested"]


async def test_a_request_that_waits_is_taken_back(alice: Manager, listed: Listed) -> None:
    made = await alice.create("number_proofs", {"phone_numbers": [listed.number]})
    assert await alice.delete(f"number_proofs/{made['id']}") == made
    assert (await alice.get(f"numbers/{listed.number}"))["proof"]["state"] == "unproven"
    assert await alice.refusal("GET", f"number_proofs/{made['id']}") == (404, "")
    assert await alice.actions() == ["numbers.proof_requested", "numbers.proof_withdrawn"]


async def test_a_repeated_request_is_made_once(alice: Manager, listed: Listed) -> None:
    body = {"phone_numbers": [listed.number], "letter": LETTER}
    answers = [await alice.ask("POST", "number_proofs", body, Idempotency_Key="one") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert len((await alice.get("number_proofs"))["number_proofs"]) == 1


async def test_what_cannot_be_asked_for_is_refused_by_its_field(alice: Manager, listed: Listed) -> None:
    theirs = await make_listed(alice.deps)
    large = base64.b64encode(PDF + b" " * LARGEST_LETTER_BYTES).decode()
    refused: list[tuple[dict[str, object], str]] = [
        ({"phone_numbers": []}, "phone_numbers"),
        ({"phone_numbers": ["0123"]}, "phone_numbers"),
        ({"phone_numbers": [theirs.number]}, "phone_numbers"),
        ({"phone_numbers": [phone()]}, "phone_numbers"),
        ({"phone_numbers": [listed.number], "letter": "not base64!"}, "letter"),
        ({"phone_numbers": [listed.number], "letter": base64.b64encode(b"<html>").decode()}, "letter"),
        ({"phone_numbers": [listed.number], "letter": large}, "letter"),
        ({"phone_numbers": listed.number}, "phone_numbers"),
        ({}, "phone_numbers"),
    ]
    for body, field in refused:
        assert await alice.refusal("POST", "number_proofs", body) == (400, field), field
    assert await alice.actions() == []


async def test_requests_come_in_pages(alice: Manager) -> None:
    made: list[str] = []
    for _ in range(3):
        one = await make_listed(alice.deps, account_id=alice.account_id, name=phone())
        made.append((await alice.create("number_proofs", {"phone_numbers": [one.number]}))["id"])
    first = await alice.get("number_proofs?limit=2")
    rest = await alice.get(f"number_proofs?limit=2&after={first['next_after']}")
    assert [one["id"] for one in (*first["number_proofs"], *rest["number_proofs"])] == made[::-1]
    assert rest["next_after"] is None


async def test_a_code_proves_a_number(deps: Deps) -> None:
    secret = Secret("whsec_MDEyMzQ1Njc4OQ==")
    hook = {"number_code_url": "https://codes.example.com/send", "number_code_secret": secret}
    sending = replace(deps, settings=msgspec.structs.replace(deps.settings, **hook))
    async with managing(sending) as alice:
        listed = await make_listed(sending, account_id=alice.account_id)
        number = f"numbers/{listed.number}"
        assert await alice.refusal("GET", f"{number}/code") == (404, "")
        assert await alice.refusal("POST", f"{number}/prove", {"code": "123456"}) == (409, "")
        asked = await alice.post(f"{number}/code", {"channel": "call"})
        assert (asked["channel"], asked["tries_left"], asked["sent_at"]) == ("call", 5, None)
        assert await alice.get(f"{number}/code") == asked
        async with deps.db.connection() as tx:
            code_id = await tx.fetchval("SELECT id FROM number_code WHERE phone_number = $1", listed.number)
        code = code_of(deps.settings.secret_key or pytest.fail("no key"), code_id)
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        assert await alice.refusal("POST", f"{number}/prove", {"code": wrong}) == (400, "code")
        assert await alice.refusal("POST", f"{number}/prove", {"code": "12345"}) == (400, "code")
        assert (await alice.get(f"{number}/code"))["tries_left"] == 4
        proven = await alice.post(f"{number}/prove", {"code": code})
        assert (proven["proof"]["state"], proven["proof"]["way"]) == ("proven", "call")
        assert await alice.refusal("POST", f"{number}/code", {"channel": "sms"}) == (409, "")
        assert await alice.refusal("POST", f"{number}/code", {"channel": "fax"}) == (400, "channel")
        assert await alice.actions() == ["numbers.code_sent", "numbers.proven"]


async def test_too_many_codes_say_when_the_next_can_be_asked_for(deps: Deps) -> None:
    secret = Secret("whsec_MDEyMzQ1Njc4OQ==")
    hook = {"number_code_url": "https://codes.example.com/send", "number_code_secret": secret}
    sending = replace(deps, settings=msgspec.structs.replace(deps.settings, **hook))
    async with managing(sending) as alice:
        listed = await make_listed(sending, account_id=alice.account_id)
        path = f"numbers/{listed.number}/code"
        for _ in range(5):
            await alice.post(path, {"channel": "sms"})
        answer = await alice.ask("POST", path, {"channel": "sms"})
        assert (answer.status_code, answer.json()["slug"]) == (429, "too-many-requests")
        assert 86_000 < int(answer.headers["retry-after"]) <= 86_400


async def test_the_spoof_protection_is_off_and_can_be_turned_on(alice: Manager) -> None:
    assert await alice.get("spoof_protection") == {"announced_calls_only": False}
    for on in (True, False):
        assert await alice.patch("spoof_protection", {"announced_calls_only": on}) == {"announced_calls_only": on}
        assert await alice.get("spoof_protection") == {"announced_calls_only": on}
    for body in ({}, {"announced_calls_only": "yes"}, {"announced_calls_only": None}):
        assert await alice.refusal("PATCH", "spoof_protection", body) == (400, "announced_calls_only")
    assert await alice.actions() == ["account.changed", "account.changed"]
