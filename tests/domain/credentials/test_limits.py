"""Limits are exact, across connections and at their edges."""

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from tests.domain.credentials.knocking import knock
from tests.support.factories import Cast, make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.limits.model import BATCH, BULK_V1, REAL_TIME, Bucket
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.kit.clock import ProductClock
from callmark.kit.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unauthenticated

TURNED = """
UPDATE request_window SET instants = instants[2:] || instants[:1], newest = cardinality(instants) - 1
WHERE newest = cardinality(instants) AND newest > 1
"""
"""Puts a window that stands in its order as an earlier version might have left it."""


@pytest.mark.parametrize("bucket", [BULK_V1, BATCH, REAL_TIME])
async def test_concurrent_requests_get_exactly_the_quota(deps: Deps, bucket: Bucket) -> None:
    cast = await make_cast(deps)
    granted = await asyncio.gather(*(knock(deps, cast, bucket) for _ in range(bucket.quota + 20)))
    assert Counter(granted) == {True: bucket.quota, False: 20}


async def test_the_window_slides_by_each_request_and_not_by_the_clocks_ticks(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    for _ in range(10):
        assert await knock(deps, cast, BULK_V1)
        clock.advance(timedelta(milliseconds=50))
    assert not await knock(deps, cast, BULK_V1)
    clock.advance(timedelta(milliseconds=499))  # 999 ms after the first
    assert not await knock(deps, cast, BULK_V1)
    clock.advance(timedelta(milliseconds=1))
    assert await knock(deps, cast, BULK_V1)
    assert not await knock(deps, cast, BULK_V1)  # the second of the ten still counts
    clock.advance(timedelta(milliseconds=50))
    assert await knock(deps, cast, BULK_V1)


async def test_a_refused_request_says_when_to_come_back_and_does_not_count(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    for _ in range(BATCH.quota):
        assert await knock(deps, cast, BATCH)
    clock.advance(timedelta(seconds=45))
    for _ in range(100):
        assert not await knock(deps, cast, BATCH)
    refused = await credentials.admit(deps, cast.token, str(cast.account.id), bucket=BATCH)
    assert refused.allowance
    assert refused.allowance.retry_after_s == 15
    clock.advance(timedelta(seconds=15))
    assert await knock(deps, cast, BATCH)


async def test_windows_count_as_a_list_of_every_request_does(deps: Deps, clock: FakeClock) -> None:
    """Under clocks a little apart, changed limits, and windows that an earlier version wrote."""
    chance, window = random.Random(15), timedelta(seconds=1)
    quota, granted, now = 3, list[datetime](), clock.now()
    async with deps.db.connection() as tx:
        for _ in range(400):
            now += timedelta(milliseconds=chance.choice([-3, 0, 0, 1, 20, 100, 300, 1500]))
            quota = chance.choice([1, 2, 5, 10]) if chance.random() < 0.05 else quota
            if chance.random() < 0.05:
                await tx.execute(TURNED)
            row = await tx.fetchrow("SELECT * FROM take_place($1, 'b', $2, $3, $4)", b"t", quota, window, now)
            assert row
            granted = [min(one, now) for one in granted]
            may = sum(one > now - window for one in granted) < quota
            granted += [now] if may else []
            counted = [one for one in granted if one > now - window][-quota:]
            assert tuple(row) == (may, quota - len(counted), counted[0] + window - now)


async def test_a_clock_that_jumps_refuses_for_a_window_at_most_and_forgets_only_when_it_is_set_ahead(
    deps: Deps, clock: FakeClock
) -> None:
    chance, window, quota, now = random.Random(15), timedelta(seconds=1), 5, clock.now()
    granted, blocked, jumps, wrong = list[datetime](), list[datetime](), list[datetime](), timedelta()
    async with deps.db.connection() as tx:
        for _ in range(1200):
            now += timedelta(milliseconds=chance.choice([1, 20, 100, 200]))
            by = timedelta(seconds=chance.choice([-7200, -10, -0.3, 0.3, 10]) if chance.random() < 0.05 else 0)
            wrong += by
            jumps += [now] if by > timedelta() else []
            row = await tx.fetchrow("SELECT * FROM take_place($1, 'b', $2, $3, $4)", b"t", quota, window, now + wrong)
            assert row
            assert timedelta() < row["reset_in"] <= window
            granted += [now] if row["granted"] else []
            in_window = sum(one > now - window for one in granted)
            assert in_window <= quota * (1 + sum(one > now - window for one in jumps))
            blocked = [] if by or row["granted"] or in_window >= quota else [*blocked, now]
            assert not blocked or now - blocked[0] <= window
    assert len(granted) >= (now - granted[0]) / window * quota * 0.6


async def test_requests_of_earlier_builds_count_with_those_of_this_one_whatever_their_clocks_say(
    deps: Deps, clock: FakeClock
) -> None:
    window, quota, granted = timedelta(hours=1), 5, 0
    async with deps.db.connection() as tx:
        for minutes in [100, *[0, 30, -90] * 40]:
            theirs = clock.now() + timedelta(minutes=minutes)
            row = await tx.fetchrow("SELECT * FROM take_request($1, 'b', $2, $3, $4)", b"t", quota, window, theirs)
            assert row
            assert timedelta() < row["reset_at"] - theirs <= window
            granted += row["granted"]
            assert granted <= quota
        assert not await tx.fetchval("SELECT granted FROM take_place($1, 'b', $2, $3, NULL)", b"t", quota, window)


async def test_hosts_count_together_whatever_their_clocks_say(deps: Deps, clock: FakeClock) -> None:
    cast, bucket = await make_cast(deps), replace(BULK_V1, window=timedelta(minutes=10))
    clocks = [ProductClock(FakeClock(clock.now() + timedelta(minutes=apart))) for apart in (59, 0, 20, 40)]
    hosts = [replace(deps, clock=one) for one in clocks]
    assert [await knock(host, cast, bucket) for host in [*hosts, *hosts[1:] * 10]] == [True] * 10 + [False] * 24
    found = await credentials.admit(hosts[0], cast.token, str(cast.account.id), bucket=bucket)
    assert found.allowance
    assert timedelta() < found.allowance.reset_in < bucket.window
    clocks[0].offset = -timedelta(seconds=1)  # as in the emulator: this clock stands still, the database's does not
    found = await credentials.admit(hosts[0], cast.token, str(cast.account.id), bucket=bucket)
    assert found.allowance
    assert found.allowance.reset_in == bucket.window


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("ahead", [timedelta(seconds=3), timedelta(seconds=59), timedelta(minutes=50)])
async def test_requests_of_a_clock_that_is_set_back_count_for_one_window(
    deps: Deps, clock: FakeClock, ahead: timedelta, *, is_turned: bool
) -> None:
    cast = await make_cast(deps)
    clock.advance(ahead)
    for _ in range(10):
        assert await knock(deps, cast, BULK_V1)
        clock.advance(timedelta(milliseconds=125))
    if is_turned:
        async with deps.db.connection() as tx:
            await tx.execute(TURNED)
    clock.advance(-ahead)
    (used,) = (await credentials.tokens_used(deps, cast.account.id)).tokens
    assert used.used[BULK_V1.name] == 10
    found = await credentials.admit(deps, cast.token, str(cast.account.id), bucket=BULK_V1)
    assert found.allowance
    assert found.allowance.reset_in == BULK_V1.window
    granted = list[bool]()
    for _ in range(40):
        granted.append(await knock(deps, cast, BULK_V1))
        clock.advance(timedelta(milliseconds=125))
    assert granted == [False] * 8 + [True] * 32


async def test_tokens_of_a_clock_that_was_ahead_do_not_count_once_it_is_right(deps: Deps, clock: FakeClock) -> None:
    clock.advance(timedelta(hours=5, minutes=30))
    cast = await make_cast(deps)  # has made one
    account = str(cast.account.id)
    for _ in range(9):
        await credentials.create_token(deps, account, cast.key_id, cast.api_key)
    clock.advance(-timedelta(hours=5, minutes=30))
    assert (await credentials.tokens_used(deps, cast.account.id)).recent == 0
    for _ in range(10):
        await credentials.create_token(deps, account, cast.key_id, cast.api_key)
    with pytest.raises(TooManyRequests):
        await credentials.create_token(deps, account, cast.key_id, cast.api_key)


async def test_each_token_has_its_own_quota(deps: Deps) -> None:
    cast = await make_cast(deps)
    for _ in range(10):
        await knock(deps, cast, BULK_V1)
    other = await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.api_key)
    second = Cast(cast.account, cast.key_id, cast.api_key, other.token, cast.label)
    assert await knock(deps, second, BULK_V1)
    assert not await knock(deps, cast, BULK_V1)


async def test_ten_tokens_in_any_thirty_minutes_also_when_asked_for_at_once(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)  # has made one
    account = str(cast.account.id)

    waits: list[timedelta] = []

    async def ask() -> bool:
        try:
            await credentials.create_token(deps, account, cast.key_id, cast.api_key)
        except TooManyRequests as exc:
            waits.append(exc.retry_after)
            return False
        return True

    assert Counter(await asyncio.gather(*(ask() for _ in range(15)))) == {True: 9, False: 6}
    assert waits == [timedelta(minutes=30)] * 6
    clock.advance(timedelta(minutes=30) - timedelta(microseconds=1))
    with pytest.raises(TooManyRequests):
        await credentials.create_token(deps, account, cast.key_id, cast.api_key)
    clock.advance(timedelta(microseconds=1))
    assert await ask()


async def test_failed_logins_do_not_lock_out_the_owner(deps: Deps) -> None:
    cast = await make_cast(deps)
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.key_id)
    assert await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.api_key)


async def test_a_token_lives_sixty_minutes_and_older_ones_stay_valid(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    clock.advance(timedelta(minutes=40))
    newer = await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.api_key)
    clock.advance(timedelta(minutes=20) - timedelta(microseconds=1))
    assert await credentials.admit(deps, cast.token, str(cast.account.id))
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(Unauthenticated):
        await credentials.admit(deps, cast.token, str(cast.account.id))
    assert await credentials.admit(deps, newer.token, str(cast.account.id))


async def test_regenerating_or_deleting_a_key_stops_its_pair_and_tokens_at_once(deps: Deps) -> None:
    cast = await make_cast(deps)
    account = str(cast.account.id)
    (key,) = await credentials.list_keys(deps, cast.account.id)
    fresh = await credentials.regenerate_key(deps, cast.account.id, key.id, by=SYSTEM)
    with pytest.raises(Unauthenticated):
        await credentials.admit(deps, cast.token, account)
    with pytest.raises(Unauthenticated):
        await credentials.create_token(deps, account, cast.key_id, cast.api_key)
    token = await credentials.create_token(deps, account, str(fresh.key_id), fresh.api_key)
    await credentials.delete_key(deps, cast.account.id, fresh.key_id, by=SYSTEM)
    with pytest.raises(Unauthenticated):
        await credentials.admit(deps, token.token, account)
    with pytest.raises(NotFound):
        await credentials.delete_key(deps, cast.account.id, fresh.key_id, by=SYSTEM)


async def test_a_sixth_live_key_is_refused_and_a_deleted_one_frees_its_place(deps: Deps) -> None:
    cast = await make_cast(deps)
    made = [
        await credentials.create_key(deps, cast.account.id, name=f"k{i}", features=[Feature.CALL_ME_BACK], by=SYSTEM)
        for i in range(4)
    ]
    with pytest.raises(Conflict):
        await credentials.create_key(deps, cast.account.id, name="sixth", features=[], by=SYSTEM)
    await credentials.delete_key(deps, cast.account.id, made[0].key_id, by=SYSTEM)
    assert await credentials.create_key(deps, cast.account.id, name="again", features=[], by=SYSTEM)


async def test_a_key_gives_access_to_its_own_features_only_and_a_change_holds_at_once(deps: Deps) -> None:
    cast = await make_cast(deps, features=frozenset({Feature.CALL_ME_BACK}))
    account = str(cast.account.id)
    with pytest.raises(Forbidden):
        await credentials.admit(deps, cast.token, account, feature=Feature.CALL_PERSONALISATION)
    (key,) = await credentials.list_keys(deps, cast.account.id)
    await credentials.update_key(deps, cast.account.id, key.id, features=[Feature.CALL_PERSONALISATION], by=SYSTEM)
    assert await credentials.admit(deps, cast.token, account, feature=Feature.CALL_PERSONALISATION)


async def test_dead_tokens_are_forgotten_and_live_ones_kept(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    await knock(deps, cast, BULK_V1)
    clock.advance(timedelta(minutes=89))
    kept = await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.api_key)
    clock.advance(timedelta(minutes=1, microseconds=1))
    assert await credentials.forget_dead_tokens(deps) >= 1
    assert await credentials.admit(deps, kept.token, str(cast.account.id))
