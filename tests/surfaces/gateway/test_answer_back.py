"""What the receiver answers after a call, on the stream and as plain HTTP: call me back, and feedback."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from msgspec import Struct
from starlette.applications import Starlette
from tests.support.actors import ALICE
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, bodies, make_listed, offer_everything, set_state, set_switch
from tests.surfaces.gateway.helpers import Owner, make_handset, online, served

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.callbacks import work_list
from callmark.domain.callbacks.model import CallbackRequest
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import Campaign, Feedback
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.kit.ids import random_uuid
from callmark.kit.workload import Workload
from callmark.surfaces.gateway.app import Gateway

DUBAI = "2026-01-03T09:30:00+04:00"
"""The first slot that is offered, in the handset's zone."""

Said = Callable[..., Awaitable[str]]
"""Sends a verb with its fields; "" when it was stored, else `slug: message`."""


class Scene(Struct):
    """A listed number that offers everything, and a handset that speaks for itself."""

    deps: Deps
    listed: Listed
    campaign: Campaign
    owner: Owner
    say: Said

    async def rung(self, event: str = "missed", caller: str = "") -> str:
        """A call that the handset reports; its id."""
        call_id = str(random_uuid())
        number = caller or self.listed.number
        assert not await self.say("call", call_id=call_id, caller_number=number, event=event, source="none")
        return call_id

    async def ask_back(self, **fields: object) -> str:
        """`call_me_back` for the first slot, unless it says otherwise."""
        asked = {"request_id": str(random_uuid()), "business_number": self.listed.number, "slot": DUBAI} | fields
        return await self.say("call_me_back", **asked)

    async def answer(self, of: str, **fields: object) -> str:
        """`feedback` with "Yes" to the first question, unless it says otherwise."""
        answers = [{"question_id": str(self.campaign.questions[0].id), "answer": "Yes"}]
        said = {
            "call_id": of,
            "business_number": self.listed.number,
            "campaign_id": str(self.campaign.id),
            "call_type": "missed",
        }
        return await self.say("feedback", **said | {"answers": answers} | fields)

    async def requests(self) -> list[CallbackRequest]:
        """What was asked for, newest first."""
        return await work_list.list_requests(self.deps, self.listed.account_id)

    async def answers(self) -> list[Feedback]:
        """What was answered, newest first."""
        return await feedback.list_answers(self.deps, self.listed.account_id, self.campaign.id)


@pytest.fixture
async def scene(deps: Deps, request: pytest.FixtureRequest) -> AsyncGenerator[Scene]:
    """Alice's number and bob's handset, which speaks by plain HTTP, or as the test says."""
    listed, owner = await make_listed(deps), await make_handset(deps, phone())
    campaign = await offer_everything(deps, listed)
    if getattr(request, "param", "http") == "stream":
        async with served(deps) as address, online(address, owner.token) as handset:

            async def say(verb: str, **fields: object) -> str:
                await handset.send(verb, "q1", **fields)
                frame = await handset.next()
                assert frame["re"] == "q1"
                return "" if frame["type"] == "received" else f"{frame['slug']}: {frame['message']}"

            yield Scene(deps, listed, campaign, owner, say)
    else:
        transport = httpx.ASGITransport(
            Starlette(routes=Gateway(deps, Workload(deps.settings.api_load, deps.real_clock)).routes)
        )
        auth = {"Authorization": f"Bearer {owner.token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test", headers=auth) as client:

            async def post(verb: str, **fields: object) -> str:
                answer = await client.post(f"/handset/v1/{verb}", json=fields)
                if answer.status_code == 204:
                    return ""
                told = answer.json()
                assert answer.status_code == {"invalid-input": 400, "conflict": 409}[told["slug"]]
                return f"{told['slug']}: {told['message']}"

            yield Scene(deps, listed, campaign, owner, post)


# What is said is judged by one function for both ways, so these are asked by both, and what follows by one.
by_both_ways = pytest.mark.parametrize("scene", ["stream", "http"], indirect=True)


@by_both_ways
async def test_a_request_is_stored_with_its_event_and_a_repeated_one_changes_nothing(scene: Scene) -> None:
    await scene.rung()
    request_id = str(random_uuid())
    assert not await scene.ask_back(request_id=request_id, alternate_number=f"+{phone()}")
    assert not await scene.ask_back(request_id=request_id, interested=False, slot=None)
    (kept,) = await scene.requests()
    assert (str(kept.request_id), kept.receiver_number) == (request_id, scene.owner.number)
    assert (kept.is_interested, kept.is_sim_unknown) == (True, False)
    assert kept.slot_starts_at is not None
    assert kept.alternate_number is not None
    (body,) = await bodies(scene.deps, scene.listed.account_id)
    assert '"requested_slot":"Saturday"' in body
    assert '"preferred_from_time":"1767418200"' in body


async def test_not_interested_needs_no_slot_and_an_unknown_sim_is_told(scene: Scene) -> None:
    await scene.rung("rejected")
    assert not await scene.ask_back(interested=False, slot=None, sim_unknown=True, alternate_number="")
    (body,) = await bodies(scene.deps, scene.listed.account_id)
    assert '"client_number":"Phone number not available"' in body
    assert f'"is_interested":false,"alternate_number":"{scene.owner.number}"' in body


@by_both_ways
async def test_before_a_missed_call_nobody_is_to_be_called_back(scene: Scene) -> None:
    told = "conflict: no missed or rejected call from this number has been reported"
    assert await scene.ask_back() == told
    await scene.rung("answered")
    await scene.rung("shown")
    assert await scene.ask_back() == told
    await scene.rung("missed")
    assert not await scene.ask_back()


_BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"slot": None}, "slot is required"),
    ({"slot": "2026-01-03T09:31:00+04:00"}, "slot is not one of the slots offered now"),
    ({"slot": "Saturday"}, "slot is invalid"),
    ({"slot": "2026-01-03T09:30:00"}, "slot is invalid"),
    ({"interested": False}, "slot must not be given when the receiver is not interested"),
    ({"request_id": "7"}, "request_id is invalid"),
    ({"business_number": "12"}, "business_number is not a valid phone number"),
    ({"alternate_number": "mother"}, "alternate_number is not a valid phone number"),
    ({"sim_unknown": "yes"}, "sim_unknown is invalid"),
    ({"business_number": "918040009999"}, "business_number does not offer callbacks"),
]


@by_both_ways
async def test_a_bad_request_is_told_what_is_wrong(scene: Scene) -> None:
    found: list[str] = []
    await scene.rung()
    for wrong, message in _BAD_REQUESTS:
        if (told := await scene.ask_back(**wrong)) != f"invalid-input: {message}":
            found.append(f"{wrong} is to be told {message!r}: {told}")
        found += [f"{wrong} is kept as {kept}" for kept in await scene.requests()]
    assert found == []


async def test_a_slot_that_has_begun_is_not_offered_any_more(scene: Scene, clock: FakeClock) -> None:
    await scene.rung()
    clock.advance(datetime.fromisoformat(DUBAI) - clock.now())
    assert await scene.ask_back() == "invalid-input: slot is not one of the slots offered now"


async def test_a_number_whose_offers_are_off_or_unpublished_takes_no_answers(scene: Scene) -> None:
    call_id = await scene.rung()
    for switch in ("call_me_back", "survey"):
        await set_switch(scene.deps, scene.listed, switch, on=False)
    refused = [await scene.ask_back(), await scene.answer(call_id)]
    for switch in ("call_me_back", "survey"):
        await set_switch(scene.deps, scene.listed, switch, on=True)
    await set_state(scene.deps, scene.listed, "feature_set", "unpublished")
    refused += [await scene.ask_back(), await scene.answer(call_id)]
    assert refused == 2 * [
        "invalid-input: business_number does not offer callbacks",
        "invalid-input: business_number does not ask for feedback",
    ]


async def test_what_is_said_after_the_account_is_suspended_is_kept(scene: Scene) -> None:
    call_id = await scene.rung()
    await accounts.update_account(scene.deps, scene.listed.account_id, state=AccountState.SUSPENDED, by=SYSTEM)
    assert not await scene.ask_back()
    assert not await scene.answer(call_id)
    assert (len(await scene.requests()), len(await scene.answers())) == (1, 1)


async def test_what_is_not_part_of_the_plan_takes_no_answers(scene: Scene) -> None:
    call_id = await scene.rung()
    plan = frozenset({Feature.NUMBER_MANAGEMENT})
    await accounts.update_account(scene.deps, scene.listed.account_id, features=plan, by=SYSTEM)
    assert await scene.ask_back() == "invalid-input: business_number does not offer callbacks"
    assert await scene.answer(call_id) == "invalid-input: business_number does not ask for feedback"
    await accounts.update_account(scene.deps, scene.listed.account_id, features=ALL_FEATURES, by=SYSTEM)
    assert not await scene.ask_back()
    assert not await scene.answer(call_id)


@by_both_ways
async def test_an_answer_is_stored_with_its_event_and_a_call_is_answered_about_once(scene: Scene) -> None:
    call_id = await scene.rung("rejected")
    assert not await scene.answer(call_id)
    again = [{"question_id": str(scene.campaign.questions[0].id), "answer": "No"}]
    assert not await scene.answer(call_id, answers=again)
    (kept,) = await scene.answers()
    assert (str(kept.call_id), kept.receiver_number) == (call_id, scene.owner.number)
    assert [one.answer for one in kept.responses] == ["Yes"]
    (body,) = await bodies(scene.deps, scene.listed.account_id)
    assert '"event_type":"user_feedback"' in body


async def test_feedback_is_about_a_call_of_that_type_that_was_reported(scene: Scene) -> None:
    told = "conflict: no missed call from this number has been reported under this call_id"
    assert await scene.answer(str(random_uuid())) == told
    assert await scene.answer(await scene.rung("answered")) == told
    assert await scene.answer(await scene.rung("missed", caller="918040009999")) == told


async def test_an_ended_campaign_asks_nothing(scene: Scene) -> None:
    call_id = await scene.rung()
    await feedback.end_campaign(scene.deps, scene.listed.account_id, scene.campaign.id, by=ALICE)
    assert await scene.answer(call_id) == "conflict: this campaign is not live"


_BAD_FEEDBACK: list[tuple[dict[str, Any], str]] = [
    ({"answers": []}, "answers is required"),
    ({"answers": [{"question_id": "7", "answer": "Yes"}]}, "answers.question_id is invalid"),
    ({"answers": [{"answer": "Yes"}]}, "answers.question_id is required"),
    ({"call_type": "busy"}, "call_type is invalid"),
    ({"call_id": "7"}, "call_id is invalid"),
    ({"campaign_id": str(random_uuid())}, "campaign_id is not a campaign of this business number"),
    ({"business_number": "918040009999"}, "business_number does not ask for feedback"),
    (
        {"answers": [{"question_id": str(random_uuid()), "answer": "Yes"}]},
        "answers name a question that is not in this campaign",
    ),
]


@by_both_ways
async def test_bad_feedback_is_told_what_is_wrong(scene: Scene) -> None:
    found: list[str] = []
    for wrong, message in _BAD_FEEDBACK:
        if (told := await scene.answer(await scene.rung(), **wrong)) != f"invalid-input: {message}":
            found.append(f"{wrong} is to be told {message!r}: {told}")
        found += [f"{wrong} is kept as {kept}" for kept in await scene.answers()]
    assert found == []


async def test_an_answer_must_be_one_of_the_options(scene: Scene) -> None:
    answers = [{"question_id": str(scene.campaign.questions[0].id), "answer": "Perhaps"}]
    told = await scene.answer(await scene.rung(), answers=answers)
    assert told == "invalid-input: answer is not one of the question's options"


async def test_a_handset_speaks_for_its_own_calls_only(deps: Deps, scene: Scene) -> None:
    async with served(deps) as address:
        charlie = await make_handset(deps, phone())
        async with online(address, charlie.token) as other:
            call_id = str(random_uuid())
            await other.ask(
                "call", "received", call_id=call_id, caller_number=scene.listed.number, event="missed", source="none"
            )
    assert (await scene.ask_back()).startswith("conflict")
    assert (await scene.answer(call_id)).startswith("conflict")


async def test_ten_long_answers_go_by_plain_http(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    transport = httpx.ASGITransport(
        Starlette(routes=Gateway(deps, Workload(deps.settings.api_load, deps.real_clock)).routes)
    )
    auth = {"Authorization": f"Bearer {owner.token}"}
    answers = [{"question_id": str(random_uuid()), "answer": "अ" * 1000} for _ in range(10)]
    body = {
        "call_id": str(random_uuid()),
        "business_number": "918040009999",
        "campaign_id": str(random_uuid()),
        "call_type": "answered",
        "answers": answers,
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test", headers=auth) as client:
        fits = await client.post("/handset/v1/feedback", json=body)
        assert fits.json()["message"] == "business_number does not ask for feedback"
        large = await client.post("/handset/v1/feedback", content=b" " * (64 * 1024 + 1))
        assert large.json()["slug"] == "payload-too-large"


async def test_resolve_takes_the_handsets_zone_and_refuses_one_it_does_not_know(deps: Deps) -> None:
    listed, owner = await make_listed(deps), await make_handset(deps, phone())
    await offer_everything(deps, listed)
    async with served(deps) as address, online(address, owner.token) as handset:
        asked = {"caller_number": listed.number, "time_zone": "Asia/Dubai"}
        shown = await handset.ask("resolve", "resolved", **asked)
        by_offset = await handset.ask("resolve", "resolved", **asked | {"time_zone": "+04:00"})
        refused = await handset.ask("resolve", "error", **asked | {"time_zone": "Mars/Olympus"})
    assert shown["offers"]["slots"] == by_offset["offers"]["slots"] == [DUBAI, "2026-01-03T10:00:00+04:00"]
    assert (shown["source"], shown["identity"]["type"]) == ("listed_number", "listed_identity")
    assert set(shown["identity"]) == {"type", "caller_number", "name", "call_reason", "logo_url", "verified"}
    assert refused["message"] == "time_zone is not a time zone name, such as Asia/Kolkata"
