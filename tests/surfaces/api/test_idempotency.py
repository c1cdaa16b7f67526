"""`Idempotency-Key` on the routes that push: a repeated request is answered again, not done again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.due_work import run_due_once
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.lost_answer import LostAnswer
from tests.support.waiting import Growing, in_task, until_locked
from tests.surfaces.api.extending import Business, business, hold_all, register
from tests.surfaces.gateway.helpers import patient

from callmark.domain.deps import Deps
from callmark.domain.idempotency import service as idempotency
from callmark.domain.idempotency.model import LEASE, Claim, IdempotencyKey
from callmark.domain.ids import KeyId
from callmark.domain.personalisation import accepting
from callmark.domain.personalisation.accepting import Submitted
from callmark.domain.personalisation.service import TAKEN_OVER_AFTER
from callmark.domain.personalisation.validation import V1
from callmark.kit.errors import StillRunning
from callmark.record_rules.fields import NewRecord
from callmark.surfaces.api import idempotency as surface
from callmark.surfaces.api.waiting_room import ClientLine, WaitingRoom

BULK, REAL_TIME = "/v2/clients/{id}/dynamic_call_records", "/v2/clients/{id}/dynamic_call_record"


async def batches(acme: Business) -> int:
    async with acme.deps.db.connection() as tx:
        return await tx.fetchval("SELECT count(*) FROM batch WHERE account_id = $1", acme.cast.account.id)


def one_batch(acme: Business, receiver: str | None = None) -> dict[str, Any]:
    return {"call_records": [acme.record(receiver or phone())]}


@pytest.mark.parametrize("prefix", ["", "/v2", "/v3"])
async def test_the_same_key_and_body_are_answered_again_without_a_second_batch(acme: Business, prefix: str) -> None:
    body, path = one_batch(acme), prefix + BULK.removeprefix("/v2")
    first = await acme.post(path, body, Idempotency_Key="order 4711")
    again = await acme.post(path, body, Idempotency_Key="order 4711")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    assert "ratelimit" in again.headers
    assert "idempotent-replayed" not in first.headers
    assert await batches(acme) == 1
    await acme.post(path, body)
    await acme.post(path, body)
    assert await batches(acme) == 3


async def test_a_key_names_one_request_of_one_account(acme: Business, borealis: Business) -> None:
    body = one_batch(acme)
    await acme.post(BULK, body, Idempotency_Key="k")
    for path, other in ((BULK, one_batch(acme)), (BULK.replace("v2", "v3"), body), (REAL_TIME, body)):
        reused = await acme.post(path, other, Idempotency_Key="k")
        assert (reused.status_code, reused.json()["slug"]) == (422, "idempotency-key-reused")
    theirs = await borealis.post(BULK, body, Idempotency_Key="k")
    assert (theirs.status_code, "idempotent-replayed" in theirs.headers) == (200, False)
    assert (await batches(acme), await batches(borealis)) == (1, 1)


@pytest.mark.usefixtures("unhurried_pushes")
async def test_a_real_time_push_goes_out_once_and_refused_bodies_are_kept_too(deps: Deps, acme: Business) -> None:
    receiver = phone()
    await register(deps, receiver)
    got = await hold_all(deps, receiver)
    record = acme.record(receiver)
    first = await acme.post(REAL_TIME, record, Idempotency_Key="ring")
    again = await acme.post(REAL_TIME, record, Idempotency_Key="ring")
    assert first.json()["status_info"]["status"] == "success"
    assert again.content == first.content
    assert len(got) == 1
    for path in (REAL_TIME, BULK, REAL_TIME.removeprefix("/v2")):
        refused = await acme.post(path, {"none": 1}, Idempotency_Key=path)
        repeated = await acme.post(path, {"none": 1}, Idempotency_Key=path)
        assert (repeated.status_code, repeated.content) == (400, refused.content)
        assert repeated.headers["idempotent-replayed"] == "true"


async def test_a_malformed_key_is_refused_in_family_a(acme: Business, subtests: pytest.Subtests) -> None:
    url = BULK.replace("{id}", str(acme.cast.account.id))
    for keys in (*([key.encode("latin-1")] for key in ("", "x" * 256, "tab\there", "naïve")), [b"one", b"two"]):
        with subtests.test(keys=keys):
            answer = await acme.http.post(url, json=one_batch(acme), headers=[(b"idempotency-key", k) for k in keys])
            assert answer.status_code == 400
            assert answer.json()["slug"] == "invalid-input"
            assert answer.json()["message"].startswith("Idempotency-Key must be")
            assert await batches(acme) == 0


@pytest.mark.usefixtures("unhurried_pushes")
async def test_twenty_requests_at_once_with_one_key_make_one_batch(acme: Business) -> None:
    body, record = one_batch(acme), acme.record(phone())
    for path, sent in ((BULK, body), (REAL_TIME, record)):
        answers = await asyncio.gather(*(acme.post(path, sent, Idempotency_Key=path) for _ in range(20)))
        done = [answer for answer in answers if answer.status_code == 200]
        waiting = [answer for answer in answers if answer.status_code == 409]
        assert len(done) + len(waiting) == 20
        assert len({answer.content for answer in done}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in done) == 1
        for answer in waiting:
            assert (answer.json()["slug"], answer.headers["retry-after"]) == ("conflict", "1")
    assert await batches(acme) == 2


async def test_a_key_is_kept_for_a_day_and_then_forgotten(deps: Deps, clock: FakeClock, acme: Business) -> None:
    key = IdempotencyKey("day")
    claim = await idempotency.claim(deps, acme.cast.account.id, key, b"1")
    assert isinstance(claim, Claim)
    await idempotency.keep_alone(deps, claim, idempotency.KeptAnswer(200, b"{}"))
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    await idempotency.forget_old_keys(deps)
    assert await idempotency.claim(deps, acme.cast.account.id, key, b"1") == idempotency.KeptAnswer(200, b"{}")
    clock.advance(timedelta(seconds=1))
    assert isinstance(await idempotency.claim(deps, acme.cast.account.id, key, b"2"), Claim)
    clock.advance(timedelta(hours=24))
    await idempotency.forget_old_keys(deps)
    with pytest.raises(StillRunning):  # held under its lease, so not forgotten either
        await idempotency.claim(deps, acme.cast.account.id, key, b"2")


async def test_what_is_not_kept_leaves_the_key_free(acme: Business) -> None:
    body = one_batch(acme)
    refused = await acme.post(BULK, body, Idempotency_Key="k", Authorization="Bearer x")
    assert refused.status_code == 401
    too_large = {"call_records": [{"x": "y" * (1 << 20)}]}
    assert (await acme.post(BULK, too_large, Idempotency_Key="k")).status_code == 413
    assert (await acme.post(BULK, body, Idempotency_Key="k")).status_code == 200
    assert await batches(acme) == 1


async def test_a_request_that_a_stop_cuts_leaves_the_key_free(deps: Deps, acme: Business) -> None:
    body = one_batch(acme)
    async with deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE batch")
        pushing = asyncio.create_task(acme.post(BULK, body, Idempotency_Key="k"))
        await until_locked(deps.db, 1)
        pushing.cancel()
        cut = await pushing
    assert (cut.status_code, cut.headers["retry-after"]) == (503, "1")
    again = await acme.post(BULK, body, Idempotency_Key="k")
    assert (again.status_code, "idempotent-replayed" in again.headers) == (200, False)
    assert await batches(acme) == 1


@pytest.mark.usefixtures("unhurried_pushes")
async def test_a_push_that_a_stop_cuts_is_not_sent_again_by_its_repetition(deps: Deps, clock: FakeClock) -> None:
    receiver = phone()
    await register(deps, receiver)
    got, acknowledges = Growing[bytes](), False

    async def on_push(_: str, reply: str, payload: bytes) -> None:
        got.append(payload)
        if acknowledges:
            deps.fabric.acknowledge(reply)

    await deps.fabric.attach(receiver, in_task(on_push))
    async with business(patient(deps)) as acme:
        record = acme.record(receiver)
        pushing = asyncio.create_task(acme.post(REAL_TIME, record, Idempotency_Key="k"))
        await got.until(lambda pushed: len(pushed) == 1)
        pushing.cancel()
        assert (await pushing).status_code == 503
        acknowledges = True
        clock.advance(TAKEN_OVER_AFTER)
        await run_due_once(deps)
        again = await acme.post(REAL_TIME, record, Idempotency_Key="k")
        assert (again.status_code, again.json()["status_info"]["status"]) == (200, "success")
        assert (len(got), await batches(acme)) == (2, 1)


async def test_a_key_whose_claim_a_stop_meets_is_free(
    deps: Deps, acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, key, answer = acme.cast.account.id, IdempotencyKey("k"), LostAnswer(deps.db, monkeypatch)
    claiming = asyncio.create_task(idempotency.claim(deps, account, key, b"1"))
    await asyncio.wait_for(answer.is_done.wait(), 30)
    claiming.cancel()
    await asyncio.wait([claiming])
    assert claiming.cancelled()
    assert isinstance(await idempotency.claim(deps, account, key, b"2"), Claim)


async def expire_lease(deps: Deps, claim: Claim) -> None:
    """As if the holder had died a lease ago; the real clock cannot be moved."""
    async with deps.db.connection() as tx:
        await tx.execute(
            "UPDATE idempotency_key SET leased_until = leased_until - $1::interval WHERE lease_id = $2",
            2 * LEASE,
            claim.lease_id,
        )


async def test_a_holder_that_dies_before_it_wrote_leaves_the_key_to_any_request_after_its_lease(
    deps: Deps, acme: Business
) -> None:
    account, key = acme.cast.account.id, IdempotencyKey("k")
    dead = await idempotency.claim(deps, account, key, b"1")
    assert isinstance(dead, Claim)
    assert (await acme.post(BULK, one_batch(acme), Idempotency_Key="k")).status_code == 422
    await expire_lease(deps, dead)
    assert (await acme.post(BULK, one_batch(acme), Idempotency_Key="k")).status_code == 200
    with pytest.raises(StillRunning):  # not dead, only slow: what it would write is undone
        async with deps.db.transaction() as tx:
            await idempotency.keep(tx, dead, idempotency.KeptAnswer(200, b"{}"))


async def test_a_holder_that_died_while_its_clock_was_ahead_holds_the_key_no_longer(deps: Deps, acme: Business) -> None:
    real, account, key = FakeClock(deps.real_clock.now()), acme.cast.account.id, IdempotencyKey("k")
    here = replace(deps, real_clock=real)
    real.advance(timedelta(hours=5))
    assert isinstance(await idempotency.claim(here, account, key, b"1"), Claim)
    real.advance(-timedelta(hours=5))
    assert isinstance(await idempotency.claim(here, account, key, b"1"), Claim)
    real.advance(-timedelta(minutes=1))  # the second one's, which still lives
    with pytest.raises(StillRunning):
        await idempotency.claim(here, account, key, b"1")


@pytest.mark.usefixtures("unhurried_pushes")
async def test_a_holder_that_dies_after_its_push_leaves_the_outcome_to_the_same_request(
    deps: Deps, clock: FakeClock, acme: Business
) -> None:
    receiver = phone()
    await register(deps, receiver)
    got = await hold_all(deps, receiver)
    record = acme.record(receiver)
    await acme.post(REAL_TIME, record, Idempotency_Key="first")
    async with deps.db.connection() as tx:  # the state after a kill between the commit of the record and its answer
        row = await tx.fetchrow(
            "UPDATE idempotency_key SET status = NULL, body = NULL, lease_id = gen_random_uuid(),"
            " leased_until = $2 WHERE account_id = $1 RETURNING batch_id, lease_id",
            acme.cast.account.id,
            deps.real_clock.now() - LEASE,
        )
        assert row
        await tx.execute("UPDATE call_record SET outcome = 'pending' WHERE batch_id = $1", row["batch_id"])
        await tx.execute("UPDATE batch SET due_at = $2 WHERE id = $1", row["batch_id"], clock.now())
    assert (await acme.post(REAL_TIME, acme.record(phone()), Idempotency_Key="first")).status_code == 422
    waiting = await acme.post(REAL_TIME, record, Idempotency_Key="first")
    assert (waiting.status_code, waiting.headers["retry-after"]) == (409, "1")
    await run_due_once(deps)
    answered = await acme.post(REAL_TIME, record, Idempotency_Key="first")
    assert answered.json()["status_info"]["status"] == "success"
    assert (await acme.post(REAL_TIME, record, Idempotency_Key="first")).headers["idempotent-replayed"] == "true"
    assert len(got) == 2  # by the first request and by the worker, never by a repetition
    assert await batches(acme) == 1


async def nothing_more() -> dict[str, object]:
    return {"type": "http.disconnect"}


async def test_a_batch_whose_key_is_no_longer_its_own_is_not_written(deps: Deps, acme: Business) -> None:
    account = acme.cast.account.id
    claim = await idempotency.claim(deps, account, IdempotencyKey("k"), b"1")
    assert isinstance(claim, Claim)
    await idempotency.give_back(deps, claim)
    line = ClientLine({}, nothing_more, WaitingRoom())
    request = surface.ApiRequest(deps, account, {}, "", b"", KeyId(claim.lease_id), "", line, claim)

    def as_sent(_: int) -> bytes:
        return b"{}"

    async def work() -> None:
        async with deps.db.transaction() as tx:
            await accepting.submit_batch_in(tx, deps, account, V1, Submitted([NewRecord(*[None] * 7)], as_sent))
            await surface.kept(tx, request, surface.Response(200))

    with pytest.raises(StillRunning):
        await work()
    assert await batches(acme) == 0
