"""More requests at once than a process takes in: the rest is refused at once, and other accounts are served."""

import asyncio
from datetime import timedelta
from itertools import islice
from uuid import uuid4

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from starlette.types import ASGIApp
from tests.domain.webhooks.receiving import hang, receiver
from tests.support.factories import ALICE, Cast, make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.alerts import recipients
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import TOKEN_FORM
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_ACCESS
from callmark.domain.webhooks import service as webhooks
from callmark.surfaces.api.known_tokens import KnownTokens
from callmark.surfaces.app import build_app

LOAD, ALONE, QUARTER = 800, 400, 200
"""The least that the setting allows, what of it one account gets, and what strangers leave."""


@pytest.fixture
def client(deps: Deps) -> httpx.AsyncClient:
    return client_at(with_load(deps), "127.0.0.1")


def with_load(deps: Deps) -> ASGIApp:
    settings = msgspec.structs.replace(deps.settings, api_load=LOAD)
    return build_app(replace(deps, settings=settings, real_clock=FakeClock()), frozenset({"api"}))


def client_at(app: ASGIApp, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://callmark.test")


async def test_beyond_its_load_a_process_answers_503_at_once(deps: Deps, client: httpx.AsyncClient) -> None:
    busy, calm = await make_cast(deps), await make_cast(deps)

    async def ask(account: str, token: str) -> httpx.Response:
        return await client.get(f"/clients/{account}/labels", headers={"Authorization": f"Bearer {token}"})

    for known in (busy, calm):
        assert (await ask(str(known.account.id), known.token)).status_code == 200
    async with deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE access_token IN ACCESS EXCLUSIVE MODE")  # nothing that is taken in is done
        of_busy = [asyncio.create_task(ask(str(busy.account.id), busy.token)) for _ in range(ALONE + 40)]
        refused_first = [await one for one in islice(asyncio.as_completed(of_busy), 40)]
        of_calm = [asyncio.create_task(ask(str(calm.account.id), calm.token)) for _ in range(20)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*of_busy)
    assert [one.status_code for one in answers] == [200] * ALONE + [503] * 40
    assert [one.status_code for one in await asyncio.gather(*of_calm)] == [200] * 20
    assert all(one.status_code == 503 for one in refused_first)
    refused = answers[-1]
    assert refused.json() == {
        "slug": "service-unavailable",
        "message": "service unavailable. please try again later.",
    }
    assert refused.headers["Retry-After"] == "1"
    assert (await ask(str(busy.account.id), busy.token)).status_code == 200


@pytest.mark.parametrize("addresses", [1, 40])
async def test_strangers_take_no_account_s_share(deps: Deps, addresses: int) -> None:
    cast, app = await make_cast(deps), with_load(deps)
    url, guessed = f"/clients/{cast.account.id}/labels", TOKEN_FORM.new()
    mine, *others = [client_at(app, f"192.0.2.{host}") for host in range(1, addresses + 2)]

    async def ask(client: httpx.AsyncClient, token: str) -> httpx.Response:
        return await client.get(url, headers={"Authorization": f"Bearer {token}"})

    assert (await ask(mine, cast.token)).status_code == 200
    async with deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE access_token IN ACCESS EXCLUSIVE MODE")  # nothing that is taken in is done
        flood = [asyncio.create_task(ask(one, guessed)) for one in others for _ in range(LOAD // addresses)]
        assert (await next(asyncio.as_completed(flood))).status_code == 503
        of_account = [asyncio.create_task(ask(mine, cast.token)) for _ in range(QUARTER // 2)]
        await asyncio.sleep(0)
    assert [one.status_code for one in await asyncio.gather(*of_account)] == [200] * (QUARTER // 2)
    assert {one.status_code for one in await asyncio.gather(*flood)} == {401, 503}


async def test_a_token_that_has_ended_is_a_stranger_s(deps: Deps, client: httpx.AsyncClient) -> None:
    cast = await make_cast(deps)
    url, headers = f"/clients/{cast.account.id}/labels", {"Authorization": f"Bearer {cast.token}"}
    assert (await client.get(url, headers=headers)).status_code == 200
    for key in await credentials.list_keys(deps, cast.account.id):
        await credentials.delete_key(deps, cast.account.id, key.id, by=SYSTEM)
    assert (await client.get(url, headers=headers)).status_code == 401
    other = await make_cast(deps)
    async with deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE access_token IN ACCESS EXCLUSIVE MODE")
        flood = [asyncio.create_task(client.get(url, headers=headers)) for _ in range(ALONE + 1)]
        assert (await next(asyncio.as_completed(flood))).status_code == 503
        beside = client.get(url, headers={"Authorization": f"Bearer {other.token}"})
        assert (await beside).status_code == 503  # from the same address, not seen before
    assert {one.status_code for one in await asyncio.gather(*flood)} == {401, 503}


async def test_a_large_body_counts_more_and_one_that_is_too_large_is_told_so(
    deps: Deps, client: httpx.AsyncClient
) -> None:
    cast = await make_cast(deps)
    url, headers = f"/v2/clients/{cast.account.id}/dynamic_call_records", {"Authorization": f"Bearer {cast.token}"}
    large = b'{"call_records":[' + b" " * 1_000_000 + b"]}"
    answers = await asyncio.gather(*(client.post(url, content=large, headers=headers) for _ in range(9)))
    assert sorted(one.status_code for one in answers) == [400] * 6 + [503] * 3
    beyond = await client.post(url, content=b"", headers=headers | {"Content-Length": "9" * 30})
    assert beyond.status_code == 413
    stranger = await client.get(f"/clients/{uuid4()}/labels")
    assert stranger.status_code == 401


def test_beyond_the_most_the_token_that_was_used_longest_ago_is_forgotten() -> None:
    known = KnownTokens(most=2)
    for token in ("first", "second"):
        known.remember(token, f"of {token}")
    assert known.bearer("first") == "of first"
    known.remember("third", "of third")
    assert [known.bearer(token) for token in ("first", "second", "third")] == ["of first", None, "of third"]
    known.forget("third")
    assert [known.bearer(token) for token in ("third", "", "a" * 65_000)] == [None] * 3


async def test_a_process_that_waits_for_a_receiver_takes_in_as_much_as_before(deps: Deps) -> None:
    clock = FakeClock()
    settings = msgspec.structs.replace(deps.settings, api_load=LOAD, outgoing_networks="127.0.0.0/8")
    deps = replace(deps, settings=settings, real_clock=clock)
    alice, bob = await make_cast(deps, features=frozenset(ALL_ACCESS)), await make_cast(deps)
    client = client_at(build_app(deps, frozenset({"api"})), "127.0.0.1")

    async def ask(cast: Cast, url: str, content: bytes) -> int:
        headers = {"Authorization": f"Bearer {cast.token}", "Content-Type": "application/json"}
        return (await client.post(url.format(cast.account.id), content=content, headers=headers)).status_code

    async with receiver(hang) as slow:
        made = await webhooks.create_webhook(
            deps, alice.account.id, name="slow", url=slow.url, event_types=[*EventType], by=ALICE
        )
        chat = await recipients.add_channel(deps, alice.account.id, "#slow", slow.url, ["webhook_paused"], by=ALICE)
        base = "/extensions/v1/clients/{}"
        tests = [f"{base}/webhooks/{made.webhook.id}/test", *[f"{base}/alert_recipients/{chat.id}/test"] * 19]
        waiting = [asyncio.create_task(ask(alice, url, b"")) for url in tests]
        await slow.has(len(tests))
        clock.advance(timedelta(seconds=1))
        large = b'{"call_records":[' + b" " * 1_000_000 + b"]}"
        pushes = (ask(bob, "/v2/clients/{}/dynamic_call_records", large) for _ in range(3))
        assert await asyncio.gather(*pushes) == [400] * 3
        assert await ask(alice, tests[0], b"") == 429  # they have places of their own
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
