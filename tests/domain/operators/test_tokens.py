"""Operator tokens: admitted while they live, counted, and their names unique while they are not revoked."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.support.cases import each
from tests.support.fake_clock import FakeClock
from tests.support.waiting import one_after_the_other

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorTokenId
from callmark.domain.limits.model import OPERATING
from callmark.domain.operators import service as operators
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.operators.tokens.model import MOST_DAYS, NewOperatorToken, TokenState
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.clock import ProductClock
from callmark.kit.errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from callmark.kit.ids import new_id, random_text, sha256

OLIVE = Actor(ActorKind.COMMAND_LINE, "olive@host")


async def make(deps: Deps, days: int | None = None) -> NewOperatorToken:
    return await operator_tokens.create_token(deps, f"Billing {random_text(6)}", days=days, by=OLIVE)


async def test_only_the_hash_of_a_token_is_kept(deps: Deps) -> None:
    made = await make(deps)
    assert made.secret.startswith("cmop_")
    async with deps.db.connection() as tx:
        row = await tx.fetchrow("SELECT * FROM operator_token WHERE id = $1", made.token.id)
    assert row
    assert row["sha256"] == sha256(made.secret)
    assert made.secret not in str(dict(row))
    assert made.secret not in str(await audit.list_entries(deps, None, AuditFilter(text=made.token.name)))


async def test_a_token_is_admitted_with_what_is_left_until_it_is_revoked(deps: Deps) -> None:
    made = await make(deps)
    first, second = [await operator_tokens.admit(deps, made.secret) for _ in range(2)]
    assert (first.token_name, first.created_by_email) == (made.token.name, OLIVE.email)
    assert [one.allowance.remaining for one in (first, second)] == [OPERATING.quota - 1, OPERATING.quota - 2]
    revoked = [await operator_tokens.revoke_token(deps, made.token.id, by=OLIVE) for _ in range(2)]
    assert revoked[0].state_at(deps.clock.now()) is TokenState.REVOKED
    assert revoked[0] == revoked[1]
    with pytest.raises(Unauthenticated):
        await operator_tokens.admit(deps, made.secret)
    log = await audit.list_entries(deps, None, AuditFilter(text=made.token.name))
    assert [one.action for one in log] == ["operator_token.revoked", "operator_token.created"]


async def test_a_token_ends_with_the_day_that_was_chosen(deps: Deps, clock: FakeClock) -> None:
    made, lasting = await make(deps, 30), await make(deps)
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    await operator_tokens.admit(deps, made.secret)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        await operator_tokens.admit(deps, made.secret)
    await operator_tokens.admit(deps, lasting.secret)
    found = await operator_tokens.get_token(deps, made.token.id)
    assert found.state_at(clock.now()) is TokenState.EXPIRED


async def test_use_is_noted_to_the_minute_also_after_the_clock_went_back(deps: Deps, clock: FakeClock) -> None:
    made = await make(deps)

    async def last_used_after(pause: timedelta) -> timedelta | None:
        clock.advance(pause)
        await operator_tokens.admit(deps, made.secret)
        used = (await operator_tokens.get_token(deps, made.token.id)).last_used_at
        return used and clock.now() - used

    assert await last_used_after(timedelta()) == timedelta()
    assert await last_used_after(timedelta(seconds=59)) == timedelta(seconds=59)
    assert await last_used_after(timedelta(seconds=1)) == timedelta()
    assert await last_used_after(timedelta(days=-2)) == timedelta()


async def test_what_is_no_token_is_refused(deps: Deps) -> None:
    async def is_refused(text: str) -> None:
        with pytest.raises(Unauthenticated):
            await operator_tokens.admit(deps, text)

    await each(["", "cmop_", f"cmop_{'x' * 43}", "x" * 48, f"cmop_{'é' * 43}", f"cmop_{'x' * 44}"], is_refused)


async def test_a_name_and_an_end_have_rules(deps: Deps) -> None:
    for name, days, field in (("", None, "name"), ("x" * 101, None, "name"), ("A", 0, "days")):
        with pytest.raises(InvalidInput) as refused:
            await operator_tokens.create_token(deps, name, days=days, by=OLIVE)
        assert refused.value.field == field, name
    with pytest.raises(InvalidInput):
        await operator_tokens.create_token(deps, "A", days=MOST_DAYS + 1, by=OLIVE)


async def test_of_many_at_once_one_gets_a_name_and_a_revoked_one_gives_it_back(deps: Deps) -> None:
    name = f"Billing {random_text(6)}"
    made = await asyncio.gather(
        *(operator_tokens.create_token(deps, spelt, by=OLIVE) for spelt in (name, name.upper(), name, name.lower())),
        return_exceptions=True,
    )
    (only,) = [one for one in made if isinstance(one, NewOperatorToken)]
    assert [type(one) for one in made if one is not only] == [Conflict] * 3
    await operator_tokens.revoke_token(deps, only.token.id, by=OLIVE)
    again = await operator_tokens.create_token(deps, name, by=OLIVE)
    french = (await operator_tokens.create_token(deps, f"École {name}", by=OLIVE)).token.name
    for spelt in (french.swapcase(), french.replace("É", "E\u0301")):
        with pytest.raises(Conflict):
            await operator_tokens.create_token(deps, spelt, by=OLIVE)
    assert {only.token.id, again.token.id} <= {one.id for one in await operator_tokens.list_tokens(deps)}


async def test_requests_at_once_never_pass_the_limit_together(deps: Deps) -> None:
    made = await make(deps)
    found = await asyncio.gather(*(operator_tokens.admit(deps, made.secret) for _ in range(OPERATING.quota + 20)))
    assert sum(one.allowance.granted for one in found) == OPERATING.quota


async def test_requests_count_at_their_instant_by_the_databases_clock(deps: Deps) -> None:
    made = await make(deps)
    astray = replace(deps, clock=ProductClock(FakeClock(deps.clock.now() + timedelta(seconds=40))))
    async with deps.db.connection() as tx:
        before = await tx.fetchval("SELECT clock_timestamp()")
        found = await operator_tokens.admit(astray, made.secret)
        at = await tx.fetchval("SELECT instants[newest] FROM request_window")
        assert before <= at <= await tx.fetchval("SELECT clock_timestamp()")
    assert found.allowance.reset_in == OPERATING.window


async def test_windows_of_live_tokens_outlast_the_clean_up(deps: Deps) -> None:
    live, revoked = await make(deps), await make(deps)
    for one in (live, revoked):
        await operator_tokens.admit(deps, one.secret)
    await operator_tokens.revoke_token(deps, revoked.token.id, by=OLIVE)
    await credentials.forget_dead_tokens(deps)
    async with deps.db.connection() as tx:
        kept = await tx.fetch("SELECT token_sha256 FROM request_window")
    assert sha256(live.secret) in {row["token_sha256"] for row in kept}
    assert sha256(revoked.secret) not in {row["token_sha256"] for row in kept}


async def test_an_unknown_token_is_not_found(deps: Deps) -> None:
    unknown = OperatorTokenId(new_id())
    with pytest.raises(NotFound):
        await operator_tokens.get_token(deps, unknown)
    with pytest.raises(NotFound):
        await operator_tokens.revoke_token(deps, unknown, by=OLIVE)


@pytest.mark.parametrize("is_first", [True, False])
async def test_no_token_of_a_removed_operator_is_left_that_nobody_was_shown(deps: Deps, *, is_first: bool) -> None:
    email, password = "oscar@operator.example", "four unrelated words here"
    oscar = await operators.create_operator(deps, by=OLIVE, email=email, name="Oscar", password=password)
    created = operator_tokens.create_token(deps, "backup", by=Actor(ActorKind.OPERATOR, oscar.email))
    removed = operators.delete_operator(deps, oscar.id, by=OLIVE, shown=digest_of([]))
    first, then = (created, removed) if is_first else (removed, created)
    held = ("SELECT FROM operator_user FOR UPDATE", "LOCK TABLE operator_token IN SHARE MODE")
    second = await one_after_the_other(deps.db, held, first, then)
    assert isinstance(second.exception(), ChangedMeanwhile if is_first else Forbidden)
    left = [one.name for one in await operator_tokens.list_tokens(deps)], await operators.list_operators(deps)
    assert left == ((["backup"], [oscar]) if is_first else ([], []))
