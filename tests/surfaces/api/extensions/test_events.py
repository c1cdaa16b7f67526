"""The pull route over the event log: order, numbers without a gap, access by type, pages."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock
from tests.surfaces.api.extending import Business, business

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import KEPT, Event, EventType
from callmark.domain.ids import AccountId, CampaignId
from callmark.domain.personalisation import partitions
from callmark.domain.policy.plan import Feature
from callmark.kit.ids import new_id

PAYLOAD = {"feature_set": "Liefer-Set ü", "is_interested": True}


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Business]:
    async with business(deps) as made:
        yield made


async def append(deps: Deps, account: AccountId, kind: EventType = EventType.CALL_ME_BACK) -> Event:
    campaign = CampaignId(new_id()) if kind is EventType.USER_FEEDBACK else None
    async with deps.db.transaction() as tx:
        return await events.append(tx, account, kind, PAYLOAD, deps.clock.now(), campaign)


async def several(business: Business, *kinds: EventType) -> list[Event]:
    return [await append(business.deps, business.cast.account.id, kind) for kind in kinds]


def numbers(page: dict[str, Any]) -> list[int]:
    return [event["number"] for event in page["events"]]


async def test_events_come_in_order_byte_for_byte_as_webhooks_get_them(alice: Business) -> None:
    made = await several(alice, EventType.CALL_ME_BACK, EventType.USER_FEEDBACK)
    answer = await alice.ask("events")
    raw = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])
    page = msgspec.json.decode(raw["events"], type=list[dict[str, msgspec.Raw]])
    assert [bytes(event["event"]).decode() for event in page] == [event.body for event in made]
    assert numbers(answer.json()) == [1, 2]
    assert (answer.json()["next_after"], answer.json()["last_number"]) == (2, 2)


async def test_a_reader_goes_on_where_it_stopped(alice: Business) -> None:
    await several(alice, *[EventType.CALL_ME_BACK] * 5)
    first = await alice.get("events", limit=2)
    second = await alice.get("events", after=first["next_after"], limit=2)
    third = await alice.get("events", after=second["next_after"], limit=2)
    assert [*map(numbers, (first, second, third))] == [[1, 2], [3, 4], [5]]
    assert third["next_after"] == third["last_number"] == 5
    assert await alice.get("events", after=5) == {"events": [], "next_after": 5, "last_number": 5}
    await several(alice, EventType.CALL_ME_BACK)
    assert numbers(await alice.get("events", after=5)) == [6]


async def test_past_the_newest_event_there_is_none_however_far(alice: Business, subtests: pytest.Subtests) -> None:
    await several(alice, EventType.CALL_ME_BACK)
    for after in (2**53 - 1, 2**53, 2**63, "9" * 5000):
        with subtests.test(after=str(after)[:20]):
            assert await alice.get("events", after=after) == {"events": [], "next_after": 2**53 - 1, "last_number": 1}


async def test_before_the_first_event_there_is_none(alice: Business) -> None:
    assert await alice.get("events") == {"events": [], "next_after": 0, "last_number": 0}


async def test_numbers_have_no_gap_when_transactions_fail_and_run_at_once(alice: Business) -> None:
    async def one(number: int) -> None:
        async with alice.deps.db.transaction() as tx:
            await events.append(tx, alice.cast.account.id, EventType.CALL_ME_BACK, PAYLOAD, alice.deps.clock.now())
            if number % 3 == 0:
                raise RuntimeError("the answer could not be written")

    await asyncio.gather(*map(one, range(30)), return_exceptions=True)
    assert numbers(await alice.get("events")) == list(range(1, 21))


@pytest.mark.parametrize(
    ("feature", "seen"),
    [
        (Feature.CALL_ME_BACK, [True, False, False]),
        (Feature.USER_FEEDBACK, [False, True, False]),
        (Feature.NUMBER_MANAGEMENT, [False, False, True]),
    ],
)
async def test_a_token_sees_the_types_of_its_features_and_the_numbers_of_all(
    deps: Deps, alice: Business, feature: Feature, seen: list[bool]
) -> None:
    bob = await make_cast(deps, features=frozenset({feature}))
    for kind in EventType:
        await append(deps, bob.account.id, kind)
    page = await ask_as(alice, bob.token, str(bob.account.id))
    assert numbers(page) == [1, 2, 3]
    assert [event["event"] is not None for event in page["events"]] == seen


async def ask_as(business: Business, token: str, account: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    return (await business.http.get(f"/extensions/v1/clients/{account}/events", headers=headers)).json()


async def test_a_token_without_any_of_the_features_and_a_strangers_are_refused(deps: Deps, alice: Business) -> None:
    charlie = await make_cast(deps, features=frozenset({Feature.CALL_PERSONALISATION}))
    await several(alice, EventType.CALL_ME_BACK)
    own, foreign = str(charlie.account.id), str(alice.cast.account.id)
    assert (await ask_as(alice, charlie.token, own))["slug"] == "forbidden-error"
    assert (await ask_as(alice, charlie.token, foreign))["slug"] == "forbidden-error"
    assert (await ask_as(alice, "", own))["slug"] == "authorization-error"
    assert (await ask_as(alice, "x" * 40, own))["slug"] == "authorization-error"


async def test_what_cannot_be_read_is_named(alice: Business, subtests: pytest.Subtests) -> None:
    for name, value in (("after", -1), ("after", "x"), ("limit", 0), ("limit", 1001), ("after", "1.0")):
        with subtests.test(name=name, value=value):
            answer = await alice.ask("events", **{name: value})
            assert answer.status_code == 400
            assert answer.json() == {"slug": "invalid-input", "message": f"{name} is invalid"}


async def test_after_thirty_days_events_are_gone_and_numbers_go_on(
    deps: Deps, alice: Business, clock: FakeClock
) -> None:
    await partitions.keep_partitions(deps)
    await several(alice, EventType.CALL_ME_BACK, EventType.CALL_ME_BACK)
    clock.advance(KEPT + timedelta(days=2))
    await partitions.keep_partitions(deps)
    await several(alice, EventType.CALL_ME_BACK)
    cast = alice.cast
    token = (await credentials.create_token(deps, str(cast.account.id), cast.key_id, cast.api_key)).token
    page = await ask_as(alice, token, str(cast.account.id))
    assert (numbers(page), page["last_number"]) == ([3], 3)
