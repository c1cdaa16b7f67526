import asyncio
import hashlib
from datetime import timedelta

import pytest
from tests.domain.sessions.signed_in import ORIGIN, session_of
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import PASSWORD, make_business

from callmark.domain.deps import Deps
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.throttle import service as throttle
from callmark.domain.sessions.throttle.service import Limit
from callmark.kit.errors import InvalidInput, TooManyRequests
from callmark.kit.ids import random_text

LIMIT = Limit("test", 3, timedelta(minutes=5))


async def test_tries_at_once_are_counted_one_after_the_other(deps: Deps) -> None:
    who = random_text(8)
    results = await asyncio.gather(*(throttle.take(deps, LIMIT, who) for _ in range(8)), return_exceptions=True)
    assert sum(result is None for result in results) == 3
    assert all(isinstance(result, TooManyRequests) for result in results if result is not None)


async def test_the_window_slides(deps: Deps, clock: FakeClock) -> None:
    who = random_text(8)
    for _ in range(3):
        await throttle.take(deps, LIMIT, who)
        clock.advance(timedelta(minutes=1))
    with pytest.raises(TooManyRequests) as refused:
        await throttle.take(deps, LIMIT, who)
    assert refused.value.retry_after == timedelta(minutes=2)
    clock.advance(timedelta(minutes=2))
    await throttle.take(deps, LIMIT, who)
    with pytest.raises(TooManyRequests):
        await throttle.take(deps, LIMIT, who)


async def test_a_right_try_is_given_back_and_all_may_be_forgotten(deps: Deps) -> None:
    who = random_text(8)
    for _ in range(6):
        await throttle.take(deps, LIMIT, who)
        async with deps.db.transaction() as tx:
            await throttle.give_back(tx, LIMIT, who)
    for _ in range(3):
        await throttle.take(deps, LIMIT, who)
    async with deps.db.transaction() as tx:
        await throttle.forget(tx, LIMIT, who)
    await throttle.take(deps, LIMIT, who)


async def test_a_digest_of_who_tries_is_kept_until_no_limit_counts_it(deps: Deps, clock: FakeClock) -> None:
    kept = "SELECT who FROM throttle WHERE what = $1"
    await throttle.take(deps, LIMIT, "typed into the wrong field")
    async with deps.db.connection() as tx:
        (row,) = await tx.fetch(kept, LIMIT.what)
        assert row["who"] == hashlib.sha256(b"typed into the wrong field").hexdigest()
        clock.advance(timedelta(hours=2))
        await throttle.forget_old_tries(deps)
        assert not await tx.fetch(kept, LIMIT.what)


async def test_an_address_counts_once_in_whatever_case_the_database_finds_its_owner(deps: Deps) -> None:
    for who in ("alice@acme.example", "Alice@acme.example", "ALICE@ACME.EXAMPLE"):
        await throttle.take(deps, LIMIT, who)
    with pytest.raises(TooManyRequests):
        await throttle.take(deps, LIMIT, "aLICE@acme.example")
    async with deps.db.transaction() as tx:
        await throttle.forget(tx, LIMIT, "ALICE@acme.example")
    await throttle.take(deps, LIMIT, "alice@acme.example")


async def test_a_new_password_that_cannot_be_used_is_no_wrong_old_one(deps: Deps) -> None:
    member = (await make_business(deps)).admin
    session = await session_of(deps, member)
    for _ in range(throttle.OLD_PASSWORD.most + 1):
        with pytest.raises(InvalidInput) as refused:
            await sessions.change_password(deps, session, PASSWORD, "password1234", ORIGIN)
        assert refused.value.field == "password"
    await sessions.change_password(deps, session, PASSWORD, "quite another four words", ORIGIN)
