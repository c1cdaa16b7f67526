"""Proofs of numbers: what waits, what the operator decides, and what ends a proof."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from tests.domain.numbers.staging import Business, make_business, phones, reviewing, run_jobs
from tests.support.actors import ALICE, BOB, OPERATOR, owner_of
from tests.support.factories import make_branch

from callmark.domain.deps import Deps
from callmark.domain.ids import ProofRequestId
from callmark.domain.numbers import reviews, search, service as numbers
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.proofs.model import (
    LARGEST_LETTER_BYTES,
    MOST_WAITING,
    ProofLetter,
    ProofRequest,
    ProofRequestState,
    ProofState,
    ProofWay,
    read_letter,
)
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

PDF = b"%PDF-1.7\n%letter of authorisation"
LETTER = read_letter("letter.pdf", PDF)


async def test_a_listed_number_is_unproven_until_the_operator_approves_its_letter(deps: Deps) -> None:
    acme = await make_business(deps)
    one, two = await _listed(acme, 2)
    assert await _proven(acme) == []
    request = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=ALICE)
    assert (request.state, request.number_count, request.examples) == (ProofRequestState.WAITING, 1, [one])
    assert (await _state(acme, one), await _state(acme, two)) == (ProofState.WAITING, ProofState.UNPROVEN)
    assert request.id in {waiting.id for waiting in await proofs.list_waiting(deps)}
    assert await proofs.read_letter(deps, request.id) == ProofLetter("letter.pdf", "application/pdf", PDF)
    assert await _proven(acme) == []
    decided = await proofs.approve(deps, request.id, by=OPERATOR)
    assert (decided.state, decided.reviewed_by_email) == (ProofRequestState.APPROVED, OPERATOR.email)
    assert await _proven(acme) == [one]
    details, _ = await search.get_number(deps, acme.account_id, WHOLE_ACCOUNT, one)
    proof = details.proof
    assert (proof.state, proof.way, proof.by_email) == (ProofState.PROVEN, ProofWay.LETTER, OPERATOR.email)
    assert proof.at == deps.clock.now()
    assert request.id not in {waiting.id for waiting in await proofs.list_waiting(deps)}


async def test_a_refused_request_says_why_at_each_number_and_may_be_made_again(deps: Deps) -> None:
    acme = await make_business(deps)
    one, two = await _listed(acme, 2)
    request = await proofs.request_proof(deps, acme.account_id, [one, two], None, by=ALICE)
    decided = await proofs.refuse(deps, request.id, " The letter names another company ", by=OPERATOR)
    assert (decided.state, decided.why) == (ProofRequestState.REFUSED, "The letter names another company")
    found = await proofs.proofs_of(deps, [one, two])
    assert {proof.why for proof in found.values()} == {"The letter names another company"}
    assert {proof.way for proof in found.values()} == {ProofWay.OPERATOR}
    again = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=BOB)
    assert (await _state(acme, one), await _state(acme, two)) == (ProofState.WAITING, ProofState.REFUSED)
    await proofs.approve(deps, again.id, by=OPERATOR)
    assert await _proven(acme) == [one]


async def test_a_request_is_decided_once(deps: Deps) -> None:
    acme = await make_business(deps)
    (one,) = await _listed(acme, 1)
    request = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=ALICE)
    results = await asyncio.gather(
        proofs.approve(deps, request.id, by=OPERATOR),
        proofs.refuse(deps, request.id, "no", by=OPERATOR),
        return_exceptions=True,
    )
    (decided,) = [result for result in results if isinstance(result, ProofRequest)]
    assert [type(result) for result in results if result is not decided] == [Conflict]
    assert decided.state.value == {"proven": "approved", "refused": "refused"}[await _state(acme, one)]
    with pytest.raises(Conflict):
        await proofs.withdraw_request(deps, acme.account_id, request.id, by=ALICE)
    with pytest.raises(NotFound):
        await proofs.approve(deps, ProofRequestId(new_id()), by=OPERATOR)
    with pytest.raises(InvalidInput):
        await proofs.refuse(deps, request.id, "  ", by=OPERATOR)


async def test_a_withdrawn_request_leaves_its_numbers_unproven(deps: Deps) -> None:
    acme = await make_business(deps)
    (one,) = await _listed(acme, 1)
    request = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=ALICE)
    await proofs.withdraw_request(deps, acme.account_id, request.id, by=ALICE)
    assert await _state(acme, one) is ProofState.UNPROVEN
    with pytest.raises(NotFound):
        await proofs.get_request_of_any_account(deps, request.id)


async def test_nobody_proves_what_the_account_does_not_hold(deps: Deps) -> None:
    acme, borealis = await make_business(deps), await make_business(deps)
    (ours,), (theirs,), (nobodys,) = await _listed(acme, 1), await _listed(borealis, 1), phones(1)
    for number in (theirs, nobodys):
        with pytest.raises(InvalidInput, match=f"not in this account: {number}"):
            await proofs.request_proof(deps, acme.account_id, [ours, number], LETTER, by=ALICE)
        with pytest.raises(InvalidInput, match="not in this account"):
            await proofs.prove_numbers(deps, acme.account_id, [ours, number], by=OPERATOR)
    assert await _state(acme, ours) is ProofState.UNPROVEN
    request = await proofs.request_proof(deps, borealis.account_id, [theirs], LETTER, by=ALICE)
    for use in (
        proofs.get_request(deps, acme.account_id, WHOLE_ACCOUNT, request.id),
        proofs.withdraw_request(deps, acme.account_id, request.id, by=ALICE),
    ):
        with pytest.raises(NotFound):
            await use
    assert await proofs.list_requests(deps, acme.account_id, WHOLE_ACCOUNT) == []


@pytest.mark.parametrize("count", [0, 10_001])
async def test_a_request_has_between_1_and_10_000_numbers(deps: Deps, count: int) -> None:
    acme = await make_business(deps)
    with pytest.raises(InvalidInput, match="between 1 and 10000"):
        await proofs.request_proof(deps, acme.account_id, phones(count), None, by=ALICE)


async def test_a_number_is_asked_for_once(deps: Deps) -> None:
    acme = await make_business(deps)
    one, two = await _listed(acme, 2)
    await proofs.prove_numbers(deps, acme.account_id, [two], by=OPERATOR)
    asked = [proofs.request_proof(deps, acme.account_id, [one, one], None, by=by) for by in (ALICE, BOB)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["InvalidInput", "ProofRequest"]
    with pytest.raises(InvalidInput, match="proven already"):
        await proofs.request_proof(deps, acme.account_id, [two], None, by=ALICE)


async def test_an_account_has_so_many_requests_waiting(deps: Deps) -> None:
    acme = await make_business(deps)
    many = await _listed(acme, MOST_WAITING + 1)
    made = [await proofs.request_proof(deps, acme.account_id, [one], None, by=ALICE) for one in many[:-1]]
    with pytest.raises(Conflict, match="20 proof requests"):
        await proofs.request_proof(deps, acme.account_id, [many[-1]], None, by=ALICE)
    await proofs.approve(deps, made[0].id, by=OPERATOR)
    await proofs.request_proof(deps, acme.account_id, [many[-1]], None, by=ALICE)


async def test_the_operator_proves_numbers_and_ends_a_proof(deps: Deps) -> None:
    acme = await make_business(deps)
    one, two = await _listed(acme, 2)
    request = await proofs.request_proof(deps, acme.account_id, [one, two], LETTER, by=ALICE)
    assert await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR) == 1
    assert await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR) == 0
    assert (await proofs.get_request_of_any_account(deps, request.id)).waiting_count == 1
    await proofs.refuse(deps, request.id, "Not yours", by=OPERATOR)
    assert await _proven(acme) == [one]
    await proofs.refuse_numbers(deps, acme.account_id, [one], "Sold in May", by=OPERATOR)
    assert await _proven(acme) == []
    assert (await proofs.proofs_of(deps, [one]))[one].why == "Sold in May"


async def test_only_what_is_listed_and_published_counts_as_proven(deps: Deps) -> None:
    acme = await make_business(deps)
    (one,) = phones(1)
    await acme.publish(one)
    await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR)
    assert await _proven(acme) == []  # pending
    await run_jobs(deps)
    assert await _proven(acme) == [one]
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE feature_set SET state = 'unpublished' WHERE id = $1", acme.feature_set_id)
    assert await _proven(acme) == []


async def test_delisting_ends_a_proof(deps: Deps) -> None:
    acme = await make_business(deps)
    (one,) = await _listed(acme, 1)
    await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR)
    await acme.delist(one)
    assert await _proven(acme) == []
    with pytest.raises(InvalidInput, match="being delisted"):
        await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR)
    await run_jobs(deps)
    await acme.publish(one)
    await run_jobs(deps)
    assert await _state(acme, one) is ProofState.UNPROVEN


async def test_another_feature_set_of_the_account_keeps_a_proof(deps: Deps) -> None:
    """A number that failed is taken into another set: it is the same account's still."""
    acme = await make_business(deps)
    (one,) = phones(1)
    asked = await numbers.publish(reviewing(deps), acme.account_id, acme.feature_set_id, [one], by=ALICE)
    await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR)
    assert asked.job_id
    await reviews.reject(deps, asked.job_id, "wrong label", by=OPERATOR)
    await run_jobs(deps)
    await acme.publish(one, to=await acme.another_set("Returns"))
    await run_jobs(deps)
    assert await _proven(acme) == [one]


async def test_a_number_that_changes_hands_loses_its_proof_and_its_place_in_a_request(deps: Deps) -> None:
    acme, borealis = await make_business(deps), await make_business(deps)
    one, two = phones(2)
    asked = await numbers.publish(reviewing(deps), acme.account_id, acme.feature_set_id, [one, two], by=ALICE)
    await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR)
    request = await proofs.request_proof(deps, acme.account_id, [two], LETTER, by=ALICE)
    assert asked.job_id
    await reviews.reject(deps, asked.job_id, "not yours", by=OPERATOR)
    await run_jobs(deps)
    await borealis.publish(one, two)
    await run_jobs(deps)
    with pytest.raises(NotFound):
        await proofs.approve(deps, request.id, by=OPERATOR)
    assert await _proven(borealis) == await _proven(acme) == []
    assert await _state(borealis, one) is await _state(borealis, two) is ProofState.UNPROVEN


async def _delist(acme: Business, number: PhoneNumber) -> None:
    await acme.delist(number)
    await run_jobs(acme.deps)


async def _prove(acme: Business, number: PhoneNumber) -> None:
    await proofs.prove_numbers(acme.deps, acme.account_id, [number], by=OPERATOR)


async def _end(acme: Business, number: PhoneNumber) -> None:
    await proofs.refuse_numbers(acme.deps, acme.account_id, [number], "Sold in May", by=OPERATOR)


@pytest.mark.parametrize("leave", [_delist, _prove, _end])
async def test_a_request_goes_with_the_last_number_that_waits_in_it(
    deps: Deps, leave: Callable[[Business, PhoneNumber], Awaitable[None]]
) -> None:
    acme, borealis = await make_business(deps), await make_business(deps)
    one, two, three = await _listed(acme, 3)
    (theirs,) = await _listed(borealis, 1)
    request = await proofs.request_proof(deps, acme.account_id, [one, two], LETTER, by=ALICE)
    other = await proofs.request_proof(deps, acme.account_id, [three], LETTER, by=ALICE)
    foreign = await proofs.request_proof(deps, borealis.account_id, [theirs], LETTER, by=ALICE)
    await leave(acme, one)
    assert (await proofs.get_request_of_any_account(deps, request.id)).waiting_count == 1
    await leave(acme, two)
    for use in (proofs.get_request_of_any_account(deps, request.id), proofs.approve(deps, request.id, by=OPERATOR)):
        with pytest.raises(NotFound):
            await use
    assert {one.id for one in await proofs.list_waiting(deps)} == {other.id, foreign.id}


async def test_a_decision_that_comes_after_the_last_number_has_left_is_refused(deps: Deps) -> None:
    """While somebody decides on the request its last number is proven: the request is not held up by that."""
    acme = await make_business(deps)
    (one,) = await _listed(acme, 1)
    request = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=ALICE)
    async with deps.db.transaction() as tx:
        await tx.fetch("SELECT FROM proof_request WHERE id = $1 FOR UPDATE", request.id)
        await proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR)
    for decide in (
        proofs.approve(deps, request.id, by=OPERATOR),
        proofs.refuse(deps, request.id, "no", by=OPERATOR),
    ):
        with pytest.raises(Conflict, match="no number of this proof request is left"):
            await decide
    await proofs.forget_old_requests(deps)
    assert await proofs.list_requests(deps, acme.account_id, WHOLE_ACCOUNT) == []
    assert await _proven(acme) == [one]


async def test_requests_that_all_numbers_have_left_are_forgotten_by_the_job(deps: Deps) -> None:
    """Of an earlier version, which left them."""
    acme = await make_business(deps)
    one, two, three = await _listed(acme, 3)
    left, waiting, decided = [
        await proofs.request_proof(deps, acme.account_id, [number], LETTER, by=ALICE) for number in (one, two, three)
    ]
    await proofs.approve(deps, decided.id, by=OPERATOR)
    async with deps.db.connection() as tx:
        await tx.execute("DELETE FROM number_proof WHERE request_id = ANY ($1::uuid[])", [left.id, decided.id])
    await proofs.forget_old_requests(deps)
    kept = {found.id for found in await proofs.list_requests(deps, acme.account_id, WHOLE_ACCOUNT)}
    assert kept == {waiting.id, decided.id}


async def test_of_two_accounts_that_would_prove_one_number_its_holder_does(deps: Deps) -> None:
    acme, borealis = await make_business(deps), await make_business(deps)
    many = phones(40)
    await asyncio.gather(acme.publish(*many), borealis.publish(*many))
    await run_jobs(deps)
    tries = [proofs.prove_numbers(deps, of.account_id, many[at : at + 1], by=OPERATOR)
             for at in range(len(many)) for of in (acme, borealis)]  # fmt: skip
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert results.count(1) == len(many)
    assert sum(isinstance(result, InvalidInput) for result in results) == len(many)
    assert sorted([*await _proven(acme), *await _proven(borealis)]) == many


async def test_proving_while_numbers_are_delisted_leaves_no_proof_of_what_has_gone(deps: Deps) -> None:
    acme = await make_business(deps)
    many = await _listed(acme, 30)
    request = await proofs.request_proof(deps, acme.account_id, many[15:], LETTER, by=ALICE)
    await asyncio.gather(
        *(proofs.prove_numbers(deps, acme.account_id, [one], by=OPERATOR) for one in many[:15]),
        proofs.approve(deps, request.id, by=OPERATOR),
        acme.delist(*many),
        *(run_jobs(deps) for _ in range(2)),
        return_exceptions=True,
    )
    await run_jobs(deps)
    async with deps.db.connection() as tx:
        left = "SELECT count(*) FROM number_proof WHERE account_id = $1"
        assert await tx.fetchval(left, acme.account_id) == 0
    await acme.publish(*many)
    await run_jobs(deps)
    assert await _proven(acme) == []


async def test_an_owner_proves_numbers_of_its_place_alone(deps: Deps) -> None:
    acme = await make_business(deps)
    (one,) = await _listed(acme, 1)
    elsewhere = owner_of((await make_branch(deps, acme.account_id, department="Elsewhere")).department.id)
    inside = owner_of(await _process_of(acme))
    with pytest.raises(InvalidInput, match="not in this account"):
        await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=elsewhere)
    request = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=inside)
    assert [found.id for found in await proofs.list_requests(deps, acme.account_id, inside.scope)] == [request.id]
    assert await proofs.list_requests(deps, acme.account_id, elsewhere.scope) == []
    with pytest.raises(NotFound):
        await proofs.withdraw_request(deps, acme.account_id, request.id, by=elsewhere)
    await proofs.withdraw_request(deps, acme.account_id, request.id, by=inside)


async def test_letters_that_prove_nothing_are_forgotten_a_year_later(deps: Deps) -> None:
    acme = await make_business(deps)
    one, two = await _listed(acme, 2)
    kept = await proofs.request_proof(deps, acme.account_id, [one], LETTER, by=ALICE)
    old = await proofs.request_proof(deps, acme.account_id, [two], LETTER, by=ALICE)
    for request in (kept, old):
        await proofs.approve(deps, request.id, by=OPERATOR)
    await acme.delist(two)
    await run_jobs(deps)
    async with deps.db.connection() as tx:
        past = deps.clock.now() - proofs.KEPT * 2
        await tx.execute("UPDATE proof_request SET reviewed_at = $2 WHERE account_id = $1", acme.account_id, past)
    await proofs.forget_old_requests(deps)
    assert [found.id for found in await proofs.list_requests(deps, acme.account_id, WHOLE_ACCOUNT)] == [kept.id]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PDF, "application/pdf"),
        (b"\x00\x00" + PDF, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
    ],
)
def test_a_letter_is_known_by_its_content(content: bytes, media_type: str) -> None:
    assert read_letter("a\x00b\n.exe", content) == ProofLetter("ab.exe", media_type, content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "must be a PDF"),
        (b"<html>", "must be a PDF"),
        (b" " * 2000 + PDF, "must be a PDF"),
        (PDF + b" " * LARGEST_LETTER_BYTES, "at most 5 MB"),
    ],
)
def test_what_is_no_letter_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_letter("letter.pdf", content)


async def _listed(business: Business, count: int) -> list[PhoneNumber]:
    many = phones(count)
    await business.publish(*many)
    await run_jobs(business.deps)
    return many


async def _proven(business: Business) -> list[PhoneNumber]:
    async with business.deps.db.connection() as tx:
        return await numbers.proven_numbers(tx, business.account_id)


async def _state(business: Business, number: PhoneNumber) -> ProofState:
    details, _ = await search.get_number(business.deps, business.account_id, WHOLE_ACCOUNT, number)
    return details.proof.state


async def _process_of(business: Business) -> UUID:
    async with business.deps.db.connection() as tx:
        return await tx.fetchval("SELECT process_id FROM feature_set WHERE id = $1", business.feature_set_id)
