"""Proofs of numbers in the console: letters, codes, what the operator decides, and who may do what."""

from collections.abc import AsyncGenerator

import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.numbers.staging import phones
from tests.support.actors import ALICE, OPERATOR
from tests.surfaces.console.browser import (
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_business,
    shown_number,
    text_of,
    visitors,
)
from tests.surfaces.console.listing import NUMBERS, list_in, make_set

from callmark.domain.deps import Deps
from callmark.domain.numbers.proofs import codes as proof_codes, service as proofs
from callmark.domain.numbers.proofs.model import LARGEST_LETTER_BYTES, CodeChannel, ProofState, read_letter
from callmark.domain.policy.model import SYSTEM
from callmark.domain.structure import service as structure
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.settings import Secret
from callmark.surfaces.console import proof_reviews
from callmark.surfaces.console.number_proofs import LARGEST_BYTES

PROOFS, REVIEWS = f"{NUMBERS}/proofs", "/console/operator/proofs"
PDF = b"%PDF-1.7\n<script>alert(1)</script>"
LETTER = ("Letter of May.pdf", PDF, "text/html")


@pytest.fixture
async def number(deps: Deps, business: Business) -> PhoneNumber:
    (one,) = phones(1)
    await list_in(deps, business, await make_set(deps, business), one)
    return one


async def state(deps: Deps, number: PhoneNumber) -> ProofState:
    return (await proofs.proofs_of(deps, [number]))[number].state


async def test_a_list_says_that_there_is_more_if_there_is(
    deps: Deps, business: Business, number: PhoneNumber, olive: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await proofs.request_proof(deps, business.account.id, [number], None, by=ALICE)
    monkeypatch.setattr(proof_reviews, "_MOST", 1)
    assert "There are more" not in text_of(await olive.get(REVIEWS))
    (other,) = phones(1)
    await list_in(deps, business, await make_set(deps, business, name="Other"), other)
    await proofs.request_proof(deps, business.account.id, [other], None, by=ALICE)
    page = await olive.get(REVIEWS)
    assert "There are more" in text_of(page)
    assert shown_number(number) in text_of(page)
    assert shown_number(other) not in text_of(page)


async def test_a_letter_is_sent_read_and_approved(
    deps: Deps, business: Business, browse: Visitors, number: PhoneNumber, olive: Browser
) -> None:
    alice = await browse.as_member(business.admin)
    shown = await alice.get(f"{NUMBERS}/{number}")
    assert "Unproven" in text_of(shown)
    assert f"{PROOFS}/new?number={number}" in shown.text
    assert number in (await alice.get(f"{PROOFS}/new", number=number)).text
    sent = await alice.post(f"{PROOFS}/new", {"numbers": f"+{number}"}, letter=LETTER)
    assert "The operator will review the proof of 1 number." in text_of(await alice.follow(sent))
    assert "Proof in review" in text_of(await alice.get(f"{NUMBERS}/{number}"))
    (request,) = await proofs.list_waiting(deps)
    reviews = text_of(await olive.get(REVIEWS))
    assert "Letter of May.pdf" in reviews
    assert shown_number(number) in reviews
    letter = await olive.get(f"{REVIEWS}/{request.id}/letter")
    assert letter.content == PDF
    assert letter.headers["content-type"] == "application/pdf"
    assert letter.headers["content-disposition"] == f'attachment; filename="letter-{request.id}.pdf"'
    assert letter.headers["x-content-type-options"] == "nosniff"
    asked = text_of(await olive.get(f"{REVIEWS}/{request.id}/approve"))
    assert "Approve 1 number of Acme? The letter is Letter of May.pdf." in asked
    approved = await olive.follow(await olive.post(f"{REVIEWS}/{request.id}/approve"))
    assert "Approved: numbers of Acme" in text_of(approved)
    assert "No requests to review" in text_of(approved)
    told = text_of(await alice.get(f"{NUMBERS}/{number}"))
    assert "Proven with a letter of authorisation" in told
    assert "Send a letter" not in told
    assert "Approved" in text_of(await alice.get(PROOFS))
    assert number in (await alice.get(NUMBERS, proof="proven")).text
    assert "No matches" in text_of(await alice.get(NUMBERS, proof="unproven"))
    assert number in (await alice.get(NUMBERS, proof="rubbish")).text
    assert (await alice.get(f"{NUMBERS}/export")).text.splitlines()[1].endswith(",proven")
    again = await olive.follow(await olive.post(f"{REVIEWS}/{request.id}/approve"))
    assert "decided already" in text_of(again)
    assert "This request was decided already." in text_of(await olive.get(f"{REVIEWS}/{request.id}/approve"))


async def test_the_operator_reads_every_number_of_a_request(
    deps: Deps, business: Business, browse: Visitors, olive: Browser
) -> None:
    listed = phones(12)
    await list_in(deps, business, await make_set(deps, business), *listed)
    request = await proofs.request_proof(deps, business.account.id, listed, None, by=ALICE)
    assert f'href="{REVIEWS}/{request.id}/numbers.csv"' in (await olive.get(REVIEWS)).text
    file = await olive.get(f"{REVIEWS}/{request.id}/numbers.csv")
    assert file.headers["content-type"].startswith("text/csv")
    assert file.text.splitlines() == ["phone_number,proof", *(f"{number},waiting" for number in sorted(listed))]
    assert "There is no letter." in text_of(await olive.get(f"{REVIEWS}/{request.id}/approve"))
    unknown = f"{REVIEWS}/{new_id()}"
    assert [(await olive.get(f"{unknown}/{what}")).status_code for what in ("numbers.csv", "approve")] == [404, 404]
    alice = await browse.as_member(business.admin)
    for what in ("numbers.csv", "approve"):
        assert (await alice.get(f"{REVIEWS}/{request.id}/{what}")).status_code == 404


async def test_a_refusal_says_why_beside_the_number(
    deps: Deps, business: Business, browse: Visitors, number: PhoneNumber, olive: Browser
) -> None:
    request = await proofs.request_proof(deps, business.account.id, [number], None, by=ALICE)
    empty = await olive.post(f"{REVIEWS}/{request.id}/refuse", {"reason": " "})
    assert (empty.status_code, errors_of(empty).keys()) == (422, {"reason"})
    assert "Refuse the proof of Acme" in text_of(await olive.get(f"{REVIEWS}/{request.id}/refuse"))
    await olive.post(f"{REVIEWS}/{request.id}/refuse", {"reason": "The letter names <b>another</b> company"})
    alice = await browse.as_member(business.admin)
    for path in (f"{NUMBERS}/{number}", PROOFS):
        shown = await alice.get(path)
        assert "The letter names &lt;b&gt;another&lt;/b&gt; company" in shown.text
    assert "Proof refused" in text_of(await alice.get(NUMBERS))
    assert (await olive.get(f"{REVIEWS}/{request.id}/letter")).status_code == 404


async def test_what_cannot_be_asked_for_is_said_beside_its_field(
    deps: Deps, business: Business, browse: Visitors, number: PhoneNumber
) -> None:
    foreign = await make_business(deps, "Borealis")
    (theirs,) = phones(1)
    await list_in(deps, foreign, await make_set(deps, foreign), theirs)
    alice = await browse.as_member(business.admin)
    for numbers, letter, field in (
        ("", LETTER, "numbers"),
        ("not a number", LETTER, "numbers"),
        (theirs, LETTER, "numbers"),
        (number, ("letter.pdf", b"<html>", "application/pdf"), "letter"),
        (number, ("letter.pdf", PDF + b" " * LARGEST_LETTER_BYTES, "application/pdf"), "letter"),
        (number, ("letter.pdf", PDF + b" " * 2 * LARGEST_LETTER_BYTES, "application/pdf"), "letter"),
    ):
        refused = await alice.post(f"{PROOFS}/new", {"numbers": numbers}, letter=letter)
        assert (refused.status_code, errors_of(refused).keys()) == (422, {field, "letter"}), (numbers, refused.text)
        assert numbers in refused.text
    assert await proofs.list_waiting(deps) == []


async def test_a_letter_that_a_refused_form_has_lost_is_to_be_chosen_again(
    business: Business, browse: Visitors, number: PhoneNumber
) -> None:
    alice, too_large = await browse.as_member(business.admin), ("letter.pdf", PDF + b" " * LARGEST_BYTES, "")
    for letter, said in (
        (LETTER, "The file Letter of May.pdf was not kept. Choose it again"),
        (too_large, "This file is too large: choose a smaller one"),
    ):
        refused = errors_of(await alice.post(f"{PROOFS}/new", {"numbers": f"{number}\nrubbish"}, letter=letter))
        assert refused.keys() == {"numbers", "letter"}
        assert refused["letter"] == said
    without = await alice.post(f"{PROOFS}/new", {"numbers": "rubbish"})
    assert errors_of(without).keys() == {"numbers"}


async def test_a_list_that_is_far_too_long_is_refused_unread(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    for numbers in ("no number\n" * 20_001, "no number," * 100_001):
        refused = await alice.post(f"{PROOFS}/new", {"numbers": numbers})
        assert refused.status_code == 422
        assert errors_of(refused) == {"numbers": "Ask for at most 10,000 numbers at once, one a line"}


async def test_chosen_numbers_go_into_the_form(business: Business, browse: Visitors, number: PhoneNumber) -> None:
    alice = await browse.as_member(business.admin)
    form = await alice.post(f"{NUMBERS}/chosen", {"do": "prove", "number": [number]})
    assert "Prove numbers" in text_of(form)
    assert number in form.text


async def test_a_request_is_taken_back(deps: Deps, business: Business, browse: Visitors, number: PhoneNumber) -> None:
    request = await proofs.request_proof(deps, business.account.id, [number], None, by=ALICE)
    alice = await browse.as_member(business.admin)
    assert "1 number will be unproven again" in text_of(await alice.get(f"{PROOFS}/{request.id}/withdraw"))
    done = await alice.follow(await alice.post(f"{PROOFS}/{request.id}/withdraw"))
    assert "The request was taken back." in text_of(done)
    assert await state(deps, number) is ProofState.UNPROVEN
    decided = await proofs.request_proof(deps, business.account.id, [number], None, by=ALICE)
    await proofs.approve(deps, decided.id, by=OPERATOR)
    late = await alice.follow(await alice.post(f"{PROOFS}/{decided.id}/withdraw"))
    assert "decided already" in text_of(late)


async def test_a_request_that_was_taken_back_or_decided_leads_the_operator_to_those_that_wait(
    deps: Deps, business: Business, number: PhoneNumber, olive: Browser
) -> None:
    of = deps, business.account.id
    taken_back = await proofs.request_proof(*of, [number], None, by=ALICE)
    await proofs.withdraw_request(*of, taken_back.id, by=ALICE)
    decided = await proofs.request_proof(*of, [number], None, by=ALICE)
    await proofs.approve(deps, decided.id, by=OPERATOR)
    for request in (taken_back, decided):
        for step in ("approve", "refuse"):
            path = f"{REVIEWS}/{request.id}/{step}"
            answers = [await olive.get(path)]
            if request is taken_back:
                answers += [await olive.post(path, {"reason": reason}) for reason in ("no letter", "")]
            for gone in answers:
                assert (gone.status_code, REVIEWS in links_of(gone)) == (404, True), path
                assert "Go to the" in text_of(gone), path


async def test_owners_ask_for_their_place_and_see_no_others(
    deps: Deps, business: Business, browse: Visitors, number: PhoneNumber
) -> None:
    elsewhere = await structure.create_process(
        deps, business.account.id, business.operation, name="First mile", by=SYSTEM
    )
    (theirs,) = phones(1)
    await list_in(deps, business, await make_set(deps, business, "Warehouse", elsewhere.id), theirs)
    hidden = await proofs.request_proof(deps, business.account.id, [theirs], None, by=ALICE)
    paul = await browse.as_member(business.process_owner)
    assert "No requests yet" in text_of(await paul.get(PROOFS))
    for path in (f"{PROOFS}/{hidden.id}/withdraw", f"{NUMBERS}/{theirs}"):
        assert (await paul.get(path)).status_code == 404
    assert (await paul.post(f"{PROOFS}/{hidden.id}/withdraw")).status_code == 404
    refused = await paul.post(f"{PROOFS}/new", {"numbers": theirs}, letter=LETTER)
    assert "numbers" in errors_of(refused)
    await paul.post(f"{PROOFS}/new", {"numbers": number}, letter=LETTER)
    assert shown_number(number) in text_of(await paul.get(PROOFS))


async def test_owners_find_the_buttons_of_what_they_may_do(
    deps: Deps, business: Business, browse: Visitors, number: PhoneNumber
) -> None:
    dora = await browse.as_member(business.department_owner)
    assert (await dora.get(PROOFS)).text.count(f'href="{PROOFS}/new"') == 2  # above the list, and in it while empty
    assert 'href="/console/feature-sets"' in (await dora.get(NUMBERS)).text.partition('id="results"')[0]
    await dora.post(f"{PROOFS}/new", {"numbers": number}, letter=LETTER)
    shown = await dora.get(PROOFS)
    assert f'href="{PROOFS}/new"' in shown.text
    (request,) = await proofs.list_waiting(deps)
    assert f'href="{PROOFS}/{request.id}/withdraw"' in shown.text


async def test_only_the_operator_decides_and_reads_letters(
    deps: Deps, business: Business, browse: Visitors, number: PhoneNumber
) -> None:
    letter = read_letter("letter.pdf", PDF)
    request = await proofs.request_proof(deps, business.account.id, [number], letter, by=ALICE)
    alice = await browse.as_member(business.admin)
    for path in ("", f"/{request.id}/letter", f"/{request.id}/refuse"):
        assert (await alice.get(f"{REVIEWS}{path}")).status_code == 404
    for path in ("approve", "refuse"):
        assert (await alice.post(f"{REVIEWS}/{request.id}/{path}", {"reason": "no"})).status_code == 404
    foreign = await make_business(deps, "Borealis")
    charlie = await browse.as_member(foreign.admin)
    assert (await charlie.get(f"{PROOFS}/{request.id}/withdraw")).status_code == 404
    assert (await charlie.post(f"{NUMBERS}/{number}/prove", {"code": "123456"})).status_code == 404
    assert await state(deps, number) is ProofState.WAITING


@pytest.fixture
async def sending(deps: Deps) -> AsyncGenerator[tuple[Deps, Visitors]]:
    """An installation that sends codes."""
    hook = {"number_code_url": "https://codes.example.com/", "number_code_secret": Secret("whsec_MDEyMzQ1Njc4OQ==")}
    there = replace(deps, settings=msgspec.structs.replace(deps.settings, **hook))
    async with visitors(there) as made:
        yield there, made


async def test_a_code_is_sent_and_typed(
    sending: tuple[Deps, Visitors], business: Business, number: PhoneNumber
) -> None:
    deps, browse = sending
    alice = await browse.as_member(business.admin)
    assert "Send a code by SMS" in text_of(await alice.get(f"{NUMBERS}/{number}"))
    wrong = await alice.follow(await alice.post(f"{NUMBERS}/{number}/code", {"channel": "fax"}))
    assert "Choose how the code is sent" in text_of(wrong)
    asked = await alice.follow(await alice.post(f"{NUMBERS}/{number}/code", {"channel": "sms"}))
    assert "A code is on its way." in text_of(asked)
    refused = await alice.post(f"{NUMBERS}/{number}/prove", {"code": "12345"})
    assert (refused.status_code, errors_of(refused)) == (422, {"code": "Code must have 6 digits"})
    async with deps.db.connection() as tx:
        code_id = await tx.fetchval("SELECT id FROM number_code WHERE phone_number = $1", number)
    code = proof_codes.code_of(deps.settings.secret_key or pytest.fail("no key"), code_id)
    guessed = await alice.post(f"{NUMBERS}/{number}/prove", {"code": f"{(int(code) + 1) % 10**6:06d}"})
    assert "4 tries left" in errors_of(guessed)["code"]
    proven = await alice.follow(await alice.post(f"{NUMBERS}/{number}/prove", {"code": code}))
    assert "is proven" in text_of(proven)
    assert "with a code by SMS" in text_of(proven)
    late = await alice.follow(await alice.post(f"{NUMBERS}/{number}/code", {"channel": "sms"}))
    assert "proven already" in text_of(late)


async def test_too_many_codes_are_refused(
    sending: tuple[Deps, Visitors], business: Business, number: PhoneNumber
) -> None:
    deps, browse = sending
    for _ in range(5):
        await proof_codes.send_code(deps, business.account.id, number, CodeChannel.CALL, by=ALICE)
    alice = await browse.as_member(business.admin)
    refused = await alice.follow(await alice.post(f"{NUMBERS}/{number}/code", {"channel": "call"}))
    assert "had all its codes of today" in text_of(refused)


async def test_without_a_hook_no_code_is_offered(business: Business, browse: Visitors, number: PhoneNumber) -> None:
    alice = await browse.as_member(business.admin)
    assert "Send a code" not in text_of(await alice.get(f"{NUMBERS}/{number}"))
    refused = await alice.follow(await alice.post(f"{NUMBERS}/{number}/code", {"channel": "sms"}))
    assert "sends no codes" in text_of(refused)


async def test_the_settings_have_the_switch_for_announced_calls(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    async def is_on() -> bool:
        async with deps.db.connection() as tx:
            sql = "SELECT announced_calls_only FROM client_account WHERE id = $1"
            return await tx.fetchval(sql, business.account.id)

    alice = await browse.as_member(business.admin)
    assert "Show our identity only in calls that we announced" in text_of(await alice.get("/console/settings"))
    await alice.post("/console/settings", {"name": "Acme", "announced_calls_only": "on"})
    assert await is_on()
    assert 'name="announced_calls_only"' in (await alice.get("/console/settings")).text
    await alice.post("/console/settings", {"name": "Acme"})
    assert not await is_on()

    await list_in(deps, business, await make_set(deps, business), *phones(1))
    switched = {"name": "Acme Ltd", "announced_calls_only": "on", "requires_code": ""}
    asked = await alice.follow(await alice.post("/console/settings", switched))
    assert "The other changes were saved." in text_of(asked)
    assert "From the next call, your listed number shows nothing unless a call record" in text_of(asked)
    assert not await is_on()
    await alice.post("/console/settings/announced-calls")
    assert await is_on()
    again = await alice.post("/console/settings", {"name": "Acme Ltd", "announced_calls_only": "on"})
    assert again.headers["location"] == "/console/settings"
