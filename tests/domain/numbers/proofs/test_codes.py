"""Codes that prove numbers: sent by the operator's hook, typed within ten minutes, guessed in vain."""

import asyncio
import base64
import hashlib
import hmac
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from aiohttp import web
from msgspec import Struct, field
from msgspec.structs import replace
from tests.domain.numbers.staging import Business, make_business, phones, run_jobs
from tests.support.actors import ALICE, OPERATOR
from tests.support.aiohttp_server import served_here
from tests.support.copies import held
from tests.support.fake_clock import FakeClock
from tests.support.other_digits import other_digits

from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.domain.ids import NumberCodeId
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.proofs import codes as proof_codes, service as proofs
from callmark.domain.numbers.proofs.codes import CodeHookPost
from callmark.domain.numbers.proofs.model import (
    CODE_LIFETIME,
    CODE_TRIES,
    CODES_OF_ACCOUNT,
    CODES_OF_NUMBER,
    CODES_WITHIN,
    CodeChannel,
    ProofState,
    ProofWay,
)
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.kit.errors import Conflict, InvalidInput, TooManyRequests
from callmark.kit.ids import new_id
from callmark.kit.outbound.signed_posts import read_secret, shown_secret
from callmark.kit.phone import PhoneNumber
from callmark.kit.secret_key import set_key
from callmark.kit.settings import Secret
from callmark.kit.worker import Worker

SECRET = shown_secret(b"0123456789abcdef01234567")
SMS, CALL = CodeChannel.SMS, CodeChannel.CALL


class Hook(Struct):
    """The operator's program that sends codes; it keeps what it got."""

    statuses: list[int] = field(default_factory=list[int])
    """What it answers, in order; 204 afterwards."""
    got: list[CodeHookPost] = field(default_factory=list[CodeHookPost])

    async def take(self, request: web.Request) -> web.Response:
        """Takes a post that is signed."""
        body = await request.read()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.digest(read_secret(SECRET), signed, hashlib.sha256)).decode()
        assert request.headers["webhook-signature"] == f"v1,{digest}"
        self.got.append(msgspec.json.decode(body, type=CodeHookPost))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


class Stage(Struct, frozen=True):
    """A business with a listed number, where codes are sent."""

    deps: Deps
    acme: Business
    number: PhoneNumber
    hook: Hook

    async def send(self, channel: CodeChannel = SMS) -> str:
        """The code that the hook got."""
        await proof_codes.send_code(self.deps, self.acme.account_id, self.number, channel, by=ALICE)
        await self.work()
        assert self.hook.got[-1].number == self.number
        return self.hook.got[-1].code

    async def work(self) -> None:
        """A worker sends what is due."""
        deps = self.deps
        await Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock).run_due(
            proof_codes.number_codes(deps)
        )

    async def prove(self, code: str) -> None:
        """Alice types it."""
        await proof_codes.prove_by_code(self.deps, self.acme.account_id, self.number, code, by=ALICE)

    async def state(self) -> ProofState:
        """How far the number's proof is."""
        return (await proofs.proofs_of(self.deps, [self.number]))[self.number].state


def sending(deps: Deps, url: str) -> Deps:
    """The same installation with a hook on its machine, which no setting of networks names."""
    settings = msgspec.structs.replace(deps.settings, number_code_url=url, number_code_secret=Secret(SECRET))
    return replace(deps, settings=settings)


@asynccontextmanager
async def staged(deps: Deps) -> AsyncGenerator[Stage]:
    hook, app = Hook(), web.Application()
    app.router.add_post("/codes", hook.take)
    async with served_here(app) as address:
        here = sending(deps, f"{address}/codes")
        acme = await make_business(here)
        (number,) = phones(1)
        await acme.publish(number)
        await run_jobs(here)
        yield Stage(here, acme, number, hook)


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


def others(code: str, count: int) -> list[str]:
    """So many wrong codes."""
    return [f"{(int(code) + step) % 10**6:06d}" for step in range(1, count + 1)]


@pytest.mark.parametrize(("channel", "way"), [(SMS, ProofWay.SMS), (CALL, ProofWay.CALL)])
async def test_the_code_that_was_sent_proves_the_number(stage: Stage, channel: CodeChannel, way: ProofWay) -> None:
    code = await stage.send(channel)
    assert (len(code), code.isdigit(), stage.hook.got[-1].channel) == (6, True, channel)
    sent = await proof_codes.find_code(stage.deps, stage.acme.account_id, stage.number)
    assert sent
    assert (sent.sent_at, sent.error, sent.tries_left) == (stage.deps.clock.now(), None, CODE_TRIES)
    await stage.prove(f" {code} ")
    proof = (await proofs.proofs_of(stage.deps, [stage.number]))[stage.number]
    assert (proof.state, proof.way, proof.by_email) == (ProofState.PROVEN, way, ALICE.email)
    async with stage.deps.db.connection() as tx:
        assert await numbers.proven_numbers(tx, stage.acme.account_id) == [stage.number]
    with pytest.raises(Conflict, match="proven already"):
        await stage.prove(code)
    with pytest.raises(Conflict, match="proven already"):
        await stage.send()


async def test_a_code_counts_for_ten_minutes(stage: Stage, clock: FakeClock) -> None:
    code = await stage.send()
    clock.advance(CODE_LIFETIME)
    with pytest.raises(Conflict, match="no code that counts"):
        await stage.prove(code)
    assert await proof_codes.find_code(stage.deps, stage.acme.account_id, stage.number) is None
    assert await stage.state() is ProofState.UNPROVEN


async def test_only_the_newest_code_counts(stage: Stage, clock: FakeClock) -> None:
    first = await stage.send()
    clock.advance(timedelta(seconds=1))
    second = await stage.send()
    assert first != second
    with pytest.raises(InvalidInput, match="4 tries left"):
        await stage.prove(first)
    await stage.prove(other_digits(second))


async def test_five_wrong_tries_end_a_code(stage: Stage) -> None:
    code = await stage.send()
    for left, wrong in zip((4, 3, 2, 1, 0), others(code, CODE_TRIES), strict=True):
        with pytest.raises(InvalidInput, match=f"{left} tr"):
            await stage.prove(wrong)
    with pytest.raises(Conflict, match="no code that counts"):
        await stage.prove(code)


async def test_tries_that_come_at_once_count_each(stage: Stage) -> None:
    code = await stage.send()
    wrong = others(code, 2 * CODE_TRIES)  # no more than there are connections: each waits for the one before
    results = await asyncio.gather(*(stage.prove(one) for one in wrong), return_exceptions=True)
    assert sum(isinstance(one, InvalidInput) for one in results) == CODE_TRIES
    assert sum(isinstance(one, Conflict) for one in results) == len(wrong) - CODE_TRIES
    with pytest.raises(Conflict):
        await stage.prove(code)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345x", "⑥⑥⑥⑥⑥⑥", "000 00"])
async def test_what_is_no_code_is_no_try(stage: Stage, text: str) -> None:
    code = await stage.send()
    for _ in range(CODE_TRIES):
        with pytest.raises(InvalidInput, match="6 digits"):
            await stage.prove(text)
    await stage.prove(code)


async def test_the_code_asked_for_last_counts_although_the_clock_was_ahead_at_the_one_before(
    stage: Stage, clock: FakeClock
) -> None:
    clock.advance(timedelta(hours=8))
    await stage.send()
    clock.advance(timedelta(hours=-8))
    code = await stage.send()
    assert await proof_codes.find_code(stage.deps, stage.acme.account_id, stage.number)
    await stage.prove(code)


async def test_a_number_gets_five_codes_a_day(stage: Stage, clock: FakeClock) -> None:
    for _ in range(CODES_OF_NUMBER):
        await stage.send()
        clock.advance(timedelta(hours=1))
    with pytest.raises(TooManyRequests) as refused:
        await stage.send()
    assert refused.value.retry_after == CODES_WITHIN - timedelta(hours=CODES_OF_NUMBER)
    clock.advance(refused.value.retry_after)
    await PERIODIC["old_number_codes"].run(stage.deps)
    await stage.send()


async def test_a_number_that_was_delisted_and_taken_by_another_has_had_its_codes(stage: Stage) -> None:
    for _ in range(CODES_OF_NUMBER):
        await stage.send()
    await stage.acme.delist(stage.number)
    await run_jobs(stage.deps)
    borealis = await make_business(stage.deps)
    await borealis.publish(stage.number)
    with pytest.raises(TooManyRequests):
        await proof_codes.send_code(stage.deps, borealis.account_id, stage.number, SMS, by=ALICE)


async def test_an_account_gets_so_many_codes_a_day(stage: Stage) -> None:
    many = phones(CODES_OF_ACCOUNT)
    await stage.acme.publish(*many)
    for one in many:
        await proof_codes.send_code(stage.deps, stage.acme.account_id, one, SMS, by=ALICE)
    with pytest.raises(TooManyRequests):
        await proof_codes.send_code(stage.deps, stage.acme.account_id, stage.number, SMS, by=ALICE)


async def test_codes_go_to_numbers_of_the_account_alone(stage: Stage) -> None:
    borealis = await make_business(stage.deps)
    code = await stage.send()
    for number in (stage.number, phones(1)[0]):
        with pytest.raises(InvalidInput, match="not in this account"):
            await proof_codes.send_code(stage.deps, borealis.account_id, number, SMS, by=ALICE)
        with pytest.raises(InvalidInput, match="not in this account"):
            await proof_codes.prove_by_code(stage.deps, borealis.account_id, number, code, by=ALICE)
    assert await stage.state() is ProofState.UNPROVEN


async def test_a_code_of_an_earlier_holder_proves_nothing(stage: Stage) -> None:
    code = await stage.send()
    await stage.acme.delist(stage.number)
    with pytest.raises(InvalidInput, match="being delisted"):
        await stage.prove(code)
    await run_jobs(stage.deps)
    borealis = await make_business(stage.deps)
    await borealis.publish(stage.number)
    with pytest.raises(Conflict, match="no code that counts"):
        await proof_codes.prove_by_code(stage.deps, borealis.account_id, stage.number, code, by=ALICE)


async def test_a_code_proves_also_what_waits_for_the_operator(stage: Stage) -> None:
    of = stage.deps, stage.acme.account_id
    (other,) = phones(1)
    await stage.acme.publish(other)
    request = await proofs.request_proof(*of, [stage.number, other], None, by=ALICE)
    await stage.prove(await stage.send())
    assert await stage.state() is ProofState.PROVEN
    await proofs.refuse(stage.deps, request.id, "no", by=OPERATOR)
    assert await stage.state() is ProofState.PROVEN


async def test_a_code_ends_the_request_that_its_number_alone_waited_in(stage: Stage) -> None:
    of = stage.deps, stage.acme.account_id
    await proofs.request_proof(*of, [stage.number], None, by=ALICE)
    await stage.prove(await stage.send())
    assert await stage.state() is ProofState.PROVEN
    assert await proofs.list_requests(*of, WHOLE_ACCOUNT) == []


async def test_a_hook_that_fails_is_asked_again_and_the_last_error_stays(stage: Stage, clock: FakeClock) -> None:
    stage.hook.statuses = [503, 503]
    await stage.send()
    for pause in (2, 10):
        clock.advance(timedelta(seconds=pause))
        await stage.work()
    assert len({post.code for post in stage.hook.got}) == 1
    assert len(stage.hook.got) == 3
    stage.hook.statuses = [503] * 3
    await stage.send()
    for pause in (2, 10, 60):
        clock.advance(timedelta(seconds=pause))
        await stage.work()
        if pause == 2:
            trying = await proof_codes.find_code(stage.deps, stage.acme.account_id, stage.number)
            assert trying
            assert trying.error is None
    assert len(stage.hook.got) == 6
    failed = await proof_codes.find_code(stage.deps, stage.acme.account_id, stage.number)
    assert failed
    assert (failed.sent_at, failed.error) == (None, "the answer was 503")


async def test_a_code_that_a_newer_one_has_replaced_is_not_sent_again(stage: Stage, clock: FakeClock) -> None:
    stage.hook.statuses = [503]
    replaced = await stage.send()
    clock.advance(timedelta(seconds=1))
    newer = await stage.send()
    clock.advance(timedelta(minutes=1))
    await stage.work()
    assert [post.code for post in stage.hook.got] == [replaced, newer]


@pytest.mark.parametrize("is_delisted", [True, False])
async def test_a_code_for_a_number_that_was_delisted_or_proven_is_not_sent(
    stage: Stage, clock: FakeClock, *, is_delisted: bool
) -> None:
    stage.hook.statuses = [503]
    await stage.send()
    if is_delisted:
        await stage.acme.delist(stage.number)
        await run_jobs(stage.deps)
    else:
        await proofs.prove_numbers(stage.deps, stage.acme.account_id, [stage.number], by=OPERATOR)
    clock.advance(timedelta(minutes=1))
    await stage.work()
    assert len(stage.hook.got) == 1


async def test_a_code_that_expired_before_it_was_sent_is_not_sent(stage: Stage, clock: FakeClock) -> None:
    await proof_codes.send_code(stage.deps, stage.acme.account_id, stage.number, SMS, by=ALICE)
    clock.advance(CODE_LIFETIME)
    await stage.work()
    assert stage.hook.got == []


async def test_a_hook_elsewhere_in_the_network_is_behind_the_gate(stage: Stage, clock: FakeClock) -> None:
    deps = sending(stage.deps, "https://10.20.30.40/codes")
    await proof_codes.send_code(deps, stage.acme.account_id, stage.number, SMS, by=ALICE)
    for pause in (0, 2, 10):
        clock.advance(timedelta(seconds=pause))
        await replace(stage, deps=deps).work()
    assert stage.hook.got == []
    failed = await proof_codes.find_code(deps, stage.acme.account_id, stage.number)
    assert "10.20.30.40" in str(failed and failed.error)


async def test_without_a_hook_no_code_is_sent(deps: Deps) -> None:
    acme = await make_business(deps)
    with pytest.raises(Conflict, match="sends no codes"):
        await proof_codes.send_code(deps, acme.account_id, phones(1)[0], SMS, by=ALICE)


async def test_a_copy_sends_no_code(stage: Stage) -> None:
    async with held(stage.deps):
        with pytest.raises(Conflict, match="is a copy, which sends no codes"):
            await proof_codes.send_code(stage.deps, stage.acme.account_id, stage.number, SMS, by=ALICE)
    assert await proof_codes.find_code(stage.deps, stage.acme.account_id, stage.number) is None


async def test_the_code_is_not_in_the_database(stage: Stage) -> None:
    code = await stage.send()
    async with stage.deps.db.connection() as tx:
        rows = await tx.fetch("SELECT row_to_json(c)::text AS all_of_it FROM number_code c")
    marked = [row["all_of_it"] for row in rows if f'"{code}"' in row["all_of_it"]]
    assert marked == []


def test_codes_are_spread_over_all_of_them() -> None:
    keys = [Secret(f"{random.Random(seed).random():.18f}" * 2) for seed in range(3)]
    codes = {proof_codes.code_of(key, NumberCodeId(new_id())) for key in keys for _ in range(300)}
    assert len(codes) > 890
    assert {len(code) for code in codes} == {6}
    assert {code[0] for code in codes} == set("0123456789")


async def test_while_the_secret_key_is_replaced_one_code_counts(stage: Stage) -> None:
    first = stage.deps.settings.secret_key
    assert first
    code = await stage.send()
    both = msgspec.structs.replace(stage.deps.settings, secret_key=Secret("n" * 32), old_secret_key=first)
    after = replace(stage, deps=replace(stage.deps, settings=both))
    async with after.deps.db.transaction() as tx:
        await set_key(tx, Secret("n" * 32), after.deps.real_clock.now())
        code_id = NumberCodeId(await tx.fetchval("SELECT id FROM number_code"))
    with pytest.raises(InvalidInput, match="not the code"):
        await after.prove(proof_codes.code_of(Secret("n" * 32), code_id))
    await after.prove(code)
    assert await after.state() is ProofState.PROVEN


async def test_a_code_of_a_secret_key_that_is_lost_does_not_count(stage: Stage) -> None:
    code = await stage.send()
    other = msgspec.structs.replace(stage.deps.settings, secret_key=Secret("o" * 32))
    after = replace(stage, deps=replace(stage.deps, settings=other))
    with pytest.raises(Conflict, match="ask for a new one"):
        await after.prove(code)
