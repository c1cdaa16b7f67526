"""Limits of one account: set by an operator, exact from the next request on, told on the wire."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from tests.domain.credentials.knocking import knock
from tests.support.audit_log import log_of
from tests.support.factories import Cast, make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.limits.model import BATCH, BUCKETS, BULK_V1, DEFAULTS, KEYS, WEBHOOKS
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.domain.usage.service import read_usage
from callmark.domain.webhooks import service as webhooks
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.app import build_app

OLIVE = Actor(ActorKind.OPERATOR, "olive@callmark.example")


async def limit(deps: Deps, cast: Cast, **changes: int | None) -> None:
    wanted = {name.replace("_", "-"): value for name, value in changes.items()}
    await accounts.set_limits(deps, cast.account.id, wanted, by=OLIVE)


async def grants(deps: Deps, cast: Cast, asked: int) -> int:
    return Counter(await asyncio.gather(*(knock(deps, cast, BULK_V1) for _ in range(asked))))[True]


async def webhook(deps: Deps, cast: Cast, name: str) -> None:
    url, types = "https://hooks.acme.example/", [EventType.CALL_ME_BACK]
    await webhooks.create_webhook(deps, cast.account.id, name=name, url=url, event_types=types, by=SYSTEM)


@pytest.mark.parametrize("quota", [1, 3, 25])
async def test_the_accounts_own_number_is_what_it_gets_exactly(deps: Deps, quota: int) -> None:
    cast, other = await make_cast(deps), await make_cast(deps)
    await limit(deps, cast, bulk_v1=quota)
    assert await grants(deps, cast, quota + 5) == quota
    assert await grants(deps, other, 15) == 10


async def test_a_limit_that_is_raised_or_lowered_counts_what_was_sent_before(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    for _ in range(8):
        assert await knock(deps, cast, BULK_V1)
        clock.advance(timedelta(milliseconds=10))
    await limit(deps, cast, bulk_v1=12)
    assert await grants(deps, cast, 20) == 4
    await limit(deps, cast, bulk_v1=3)
    assert await grants(deps, cast, 20) == 0
    clock.advance(timedelta(milliseconds=919))  # 999 ms after the eighth, which the newest three came after
    assert await grants(deps, cast, 20) == 0
    clock.advance(timedelta(milliseconds=81))
    assert await grants(deps, cast, 20) == 3
    await limit(deps, cast, bulk_v1=None)
    assert await grants(deps, cast, 20) == 7


async def test_raising_does_not_forget_the_order_in_which_places_become_free(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    for _ in range(13):  # the ring has turned
        await knock(deps, cast, BULK_V1)
        clock.advance(timedelta(milliseconds=100))
    await limit(deps, cast, bulk_v1=11)
    assert await knock(deps, cast, BULK_V1)
    assert await knock(deps, cast, BULK_V1)
    assert not await knock(deps, cast, BULK_V1)
    clock.advance(timedelta(milliseconds=100))
    assert await knock(deps, cast, BULK_V1)
    assert not await knock(deps, cast, BULK_V1)


async def test_tokens_keys_and_webhooks_have_the_accounts_own_numbers(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)  # has made a key and a token
    await limit(deps, cast, token=2, api_keys=1, webhooks=1)
    await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.api_key)
    usage = await read_usage(deps, cast.account.id)
    assert usage.tokens.next_at == clock.now() + timedelta(minutes=30)
    assert (usage.limits.of(KEYS), usage.limits.of(WEBHOOKS)) == (1, 1)
    with pytest.raises(Conflict, match="can have 1 API keys"):
        await credentials.create_key(deps, cast.account.id, name="k", features=[], by=SYSTEM)
    await webhook(deps, cast, "one")
    with pytest.raises(Conflict, match="at most 1 webhooks"):
        await webhook(deps, cast, "two")


async def test_answers_and_headers_have_the_accounts_numbers(deps: Deps) -> None:
    cast = await make_cast(deps)
    await limit(deps, cast, batch=1, token=2)
    app = build_app(deps, frozenset({"api"}))
    pair = {"api_key": cast.api_key, "key_id": cast.key_id}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test") as http:
        push = f"/v2/clients/{cast.account.id}/dynamic_call_records"
        named = {"Authorization": f"Bearer {cast.token}"}
        first, second = [await http.post(push, json={}, headers=named) for _ in range(2)]
        token, none = [await http.post(f"/clients/{cast.account.id}/token", json=pair) for _ in range(2)]
    assert first.headers["RateLimit-Policy"] == second.headers["RateLimit-Policy"] == '"batch";q=1;w=60'
    assert (second.status_code, second.headers["RateLimit"]) == (429, '"batch";r=0;t=60')
    assert second.headers["Retry-After"] == "60"
    assert second.json() == {"slug": "too-many-requests", "message": "rate limit exceeded. please try again later."}
    assert (token.status_code, token.headers["RateLimit"]) == (200, '"token";r=0;t=1800')
    assert (none.status_code, none.headers["RateLimit-Policy"]) == (429, '"token";q=2;w=1800')


async def test_a_change_is_noted_once_and_nothing_else_is_taken(deps: Deps) -> None:
    cast = await make_cast(deps)
    await limit(deps, cast, batch=30, lint=60)  # lint's is the default
    await limit(deps, cast, batch=30)
    account = await accounts.get_account(deps, cast.account.id)
    assert account.limits.own == {"batch": 30, "lint": 60}
    assert {bucket.name: account.limits.bucket(bucket).quota for bucket in BUCKETS} == {
        bucket.name: bucket.quota for bucket in BUCKETS
    } | {BATCH.name: 30}
    noted = [one for one in await log_of(deps, cast.account.id) if one.action == "account.limits_changed"]
    assert [(one.details, one.by_operator) for one in noted] == [({"limits": {"batch": 30}}, True)]
    for name, number in (("batch", 0), ("batch", 601), ("calls", 1)):
        with pytest.raises(InvalidInput):
            await accounts.set_limits(deps, cast.account.id, {name: number}, by=OLIVE)
    await limit(deps, cast, **dict.fromkeys((name.replace("-", "_") for name in DEFAULTS), None))
    assert (await accounts.get_account(deps, cast.account.id)).limits.own == {}
