"""Receivers answer back through the control API, the real farm and the real gateway; listed numbers ring."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec import Struct
from tests.support.actors import ALICE
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, bodies, make_listed, offer_everything, set_state
from tests.surfaces.emulator.running import Emulated
from tests.surfaces.emulator.watching import gesture
from tests.surfaces.gateway.helpers import CALLER, NO_OFFERS, NOTHING_KNOWN, push_patiently

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import LONGEST_ANSWER, MOST_QUESTIONS, Campaign, CampaignType, NewQuestion
from callmark.domain.handsets.model import OS
from callmark.domain.resolution.model import Offers
from callmark.kit.ids import random_uuid
from callmark.surfaces.emulator.handsets.answer_sender import AnswerSender
from callmark.surfaces.emulator.handsets.farm import Farm
from callmark.surfaces.emulator.handsets.farm_api import AskBack, AskedBack
from callmark.surfaces.emulator.handsets.magic_receivers import OLD_APP_VERSION
from callmark.surfaces.emulator.handsets.model import VirtualHandset

SLOT, NEXT_SLOT = "2026-01-03T11:00:00+05:30", "2026-01-03T11:30:00+05:30"
"""In the zone of the receivers' numbers."""
MAGICIAN = "919900000017"


class Scene(Struct):
    """A listed number that offers everything, and a virtual handset that its calls reach."""

    emulator: Emulated
    listed: Listed
    campaign: Campaign
    number: str

    async def post(self, verb: str, body: dict[str, Any], number: str = "") -> tuple[int, dict[str, Any]]:
        answer = await self.emulator.http.post(f"/emulator/v1/handsets/{number or self.number}/{verb}", json=body)
        return answer.status_code, answer.json()

    async def ask_back(self, **fields: object) -> tuple[int, dict[str, Any]]:
        body = {"business_number": self.listed.number, "slot": SLOT, "interested": True}
        return await self.post("call-me-back", body | fields)

    async def answer(self, **fields: object) -> tuple[int, dict[str, Any]]:
        answers = [{"question_id": str(self.campaign.questions[0].id), "answer": "Yes"}]
        body = {"business_number": self.listed.number, "campaign_id": str(self.campaign.id), "call_type": "answered"}
        return await self.post("feedback", body | {"answers": answers} | fields)


async def staged(emulator: Emulated, kind: CampaignType = CampaignType.QUESTIONS) -> Scene:
    listed, number = await make_listed(emulator.deps), phone()
    campaign = await offer_everything(emulator.deps, listed, kind=kind)
    await emulator.make(number)
    return Scene(emulator, listed, campaign, number)


async def test_a_listed_number_shows_its_static_identity_and_what_it_offers(emulator: Emulated) -> None:
    on = await staged(emulator)
    shown = await emulator.call(on.number, on.listed.number, "missed")
    assert (shown["name"], shown["source"], shown["verified"]) == ("Acme Deliveries", "listed_number", True)
    offers = shown["offers"]
    assert (offers["call_me_back"], offers["slots"][0]) == (True, SLOT)
    assert [one["text"] for one in offers["questions"]] == [one.text for one in on.campaign.questions]
    assert offers["campaigns"][0]["id"] == str(on.campaign.id)
    assert (await emulator.screen(on.number, on.listed.number))["offers"] == offers
    await set_state(emulator.deps, on.listed, "feature_set", "unpublished")
    gone = await emulator.screen(on.number, on.listed.number)
    assert (gone["name"], gone["source"], gone["offers"]) == (None, "none", NO_OFFERS)
    async with emulator.deps.db.connection() as tx:
        await tx.execute("DELETE FROM number WHERE phone_number = $1", on.listed.number)
    assert (await emulator.call(on.number, on.listed.number))["why"] == NOTHING_KNOWN


async def test_a_held_record_wins_over_the_listing_and_the_offers_are_there_all_the_same(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    listed = await make_listed(emulator.deps, account_id=cast.account.id)
    await emulator.make(number, script={"time_zone": "Asia/Dubai"})
    await push_patiently(emulator.deps, cast, number, caller=listed.number, label_name="By record")
    await offer_everything(emulator.deps, listed)
    shown = await emulator.screen(number, listed.number)
    assert (shown["name"], shown["source"]) == ("By record", "call_record")
    assert "on the handset" in shown["why"]
    assert shown["offers"]["slots"] == ["2026-01-03T09:30:00+04:00", "2026-01-03T10:00:00+04:00"]
    await emulator.change(number, online=False)
    offline = await emulator.screen(number, listed.number)
    assert (offline["name"], offline["offers"]) == ("By record", NO_OFFERS)


async def test_a_listed_number_shows_on_ios_and_on_an_old_app(emulator: Emulated) -> None:
    listed = await make_listed(emulator.deps)
    for unfit in ({"os": "ios"}, {"app_version": OLD_APP_VERSION}):
        await emulator.make(number := phone(), **unfit)
        shown = await emulator.screen(number, listed.number)
        assert (shown["name"], shown["source"]) == ("Acme Deliveries", "listed_number"), unfit


async def test_a_script_asks_for_the_next_slot_when_the_first_begins_meanwhile(
    emulator: Emulated, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, ask_back = await staged(emulator), AnswerSender.ask_back
    await emulator.change(on.number, script={"call_me_back": True})

    async def after_the_slot_began(self: AnswerSender, handset: VirtualHandset, ask: AskBack) -> AskedBack:
        clock.advance(max(datetime.fromisoformat(SLOT) - clock.now(), timedelta()))
        return await ask_back(self, handset, ask)

    monkeypatch.setattr(AnswerSender, "ask_back", after_the_slot_began)
    await emulator.call(on.number, on.listed.number, "missed")
    (request,) = await work_list.list_requests(emulator.deps, on.listed.account_id)
    assert request.slot_starts_at == datetime.fromisoformat(NEXT_SLOT)


async def test_a_script_asks_once_when_nobody_knows_whether_its_request_was_kept(deps: Deps) -> None:
    asked: list[str] = []

    def gateway(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["slot"])
        return httpx.Response(503)

    handset = VirtualHandset(
        phone_number=phone(), os=OS.ANDROID, app_version="4.2.0", online=True, token="cmhs_its-own"
    )
    offers = Offers(call_me_back=True, slot_picker=True, slots=[SLOT, NEXT_SLOT])
    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway)) as http:
        answers = AnswerSender(deps, Farm(deps, http).network)
        assert not await answers.ask_back_by_script(handset, CALLER, offers)
    assert asked == [SLOT]


async def test_a_receiver_asks_to_be_called_back_and_answers_a_campaign(emulator: Emulated) -> None:
    on = await staged(emulator)
    await emulator.call(on.number, on.listed.number, "missed")
    status, asked = await on.ask_back(alternate_number="+919900112233")
    assert (status, asked["slot"], asked["alternate_number"]) == (200, SLOT, "919900112233")
    await emulator.call(on.number, on.listed.number, "answered")
    status, answered = await on.answer()
    assert (status, answered["campaign_id"]) == (200, str(on.campaign.id))
    (request,) = await work_list.list_requests(emulator.deps, on.listed.account_id)
    assert (str(request.request_id), request.receiver_number) == (asked["request_id"], on.number)
    (kept,) = await feedback.list_answers(emulator.deps, on.listed.account_id, on.campaign.id)
    assert (str(kept.call_id), kept.call_type) == (answered["call_id"], "answered")
    assert len(await bodies(emulator.deps, on.listed.account_id)) == 2


async def test_answers_of_the_greatest_length_in_any_script_are_taken(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    of = emulator.deps, listed.account_id
    draft = await feedback.create_campaign(
        *of,
        by=ALICE,
        feature_set_id=listed.feature_set_id,
        name="In detail",
        campaign_type=CampaignType.QUESTIONS,
        questions=[NewQuestion(f"What about day {day}?") for day in range(MOST_QUESTIONS)],
    )
    campaign = await feedback.make_live(*of, draft.id, by=ALICE)
    await emulator.make(number)
    await emulator.call(number, listed.number, "answered")
    answers = [{"question_id": str(one.id), "answer": "ठ" * LONGEST_ANSWER} for one in campaign.questions]
    status, _ = await Scene(emulator, listed, campaign, number).answer(answers=answers)
    assert status == 200
    assert await gesture(emulator, number, "feedback", call=str(random_uuid()), answers=answers) is None


async def test_a_rating_is_answered_with_its_number(emulator: Emulated) -> None:
    on = await staged(emulator, CampaignType.CALL_RATING)
    await emulator.call(on.number, on.listed.number, "rejected")
    (question,) = (await emulator.screen(on.number, on.listed.number))["offers"]["questions"]
    assert question["kind"] == "rating"
    wrong = await on.answer(call_type="missed", answers=[{"question_id": question["id"], "answer": "6"}])
    assert wrong[1]["message"].startswith("answer must be a rating from 1 to 5; asked: ")
    status, _ = await on.answer(call_type="missed", answers=[{"question_id": question["id"], "answer": "4"}])
    assert status == 200


async def test_what_cannot_be_asked_for_is_told_with_what_can(emulator: Emulated) -> None:
    on = await staged(emulator)
    assert await on.ask_back() == (
        409,
        {
            "slug": "conflict",
            "message": "no missed or rejected call from this number has been reported;"
            " place one first: POST /emulator/v1/calls with outcome missed",
        },
    )
    await emulator.call(on.number, on.listed.number, "missed")
    for wrong, message in (
        ({"slot": None}, f"slot is required; offered now: {SLOT}, {NEXT_SLOT}"),
        ({"slot": "soon"}, f"slot is invalid; offered now: {SLOT}, {NEXT_SLOT}"),
        (
            {"business_number": "12"},
            "business_number is not a valid phone number; write the country code and the number in digits",
        ),
        (
            {"business_number": "918040009999"},
            f"business_number does not offer callbacks; it offers nothing: {NOTHING_KNOWN}",
        ),
        (
            {"when": "now"},
            "unknown key when in the body; known: business_number, slot, interested, sim_unknown, alternate_number",
        ),
    ):
        status, told = await on.ask_back(**wrong)
        assert (status, told["message"]) == (400, message)


async def test_feedback_that_does_not_fit_is_told_with_what_would(emulator: Emulated) -> None:
    on = await staged(emulator)
    listed = on.listed.number
    none_yet = await on.answer()
    assert none_yet[0] == 409
    assert none_yet[1]["message"].startswith(f"no answered call from {listed} to this handset has been reported; place")
    await emulator.call(on.number, listed, "answered")
    first, second = on.campaign.questions
    asks = f"{first.id} (Did the courier arrive on time? Yes | No), {second.id} (Anything else? text)"
    campaigns = f"{on.campaign.id} (Delivery check, answered and missed calls)"
    bad: list[tuple[dict[str, Any], str]] = [
        ({"call_type": "busy"}, "call_type is invalid: 'busy' is not one of answered, missed"),
        (
            {"campaign_id": "7"},
            f"campaign_id is invalid; campaigns of this number: {campaigns}",
        ),
        (
            {"campaign_id": str(random_uuid())},
            f"campaign_id is not a campaign of this business number; campaigns of this number: {campaigns}",
        ),
        ({"answers": []}, f"answers is required; asked: {asks}"),
        (
            {"answers": [{"question_id": str(first.id), "answer": "Perhaps"}]},
            f"answer is not one of the question's options; asked: {asks}",
        ),
        (
            {"answers": [{"question": "x", "answer": "Yes"}]},
            "unknown key question in answers[0]; known: question_id, answer",
        ),
    ]
    for wrong, message in bad:
        status, told = await on.answer(**wrong)
        assert (status, told["message"]) == (400, message)
    assert (await on.answer())[0] == 200
    again = await on.answer()
    assert again == (
        409,
        {"slug": "conflict", "message": f"the newest answered call from {listed} already has an answer"},
    )


async def test_a_handset_that_is_offline_unregistered_or_not_there_answers_nothing(emulator: Emulated) -> None:
    on = await staged(emulator)
    await emulator.change(on.number, online=False)
    assert await on.ask_back() == (
        409,
        {"slug": "conflict", "message": f"{on.number} is offline; bring it online first"},
    )
    body = {"business_number": on.listed.number}
    status, told = await on.post("call-me-back", body, "919900000011")
    assert (status, told["message"]) == (409, "919900000011 is not registered, so no app on it can answer")
    assert (await on.post("call-me-back", body, "919911111111"))[0] == 404


async def test_the_magic_receiver_asks_to_be_called_back_after_each_missed_call(magic_emulator: Emulated) -> None:
    emulator = magic_emulator
    on = await staged(emulator)
    for outcome in ("answered", "missed", "rejected", "missed"):
        await emulator.call(MAGICIAN, on.listed.number, outcome)
    await emulator.call(MAGICIAN, "918040009999", "missed")
    requests = await work_list.list_requests(emulator.deps, on.listed.account_id)
    assert [request.receiver_number for request in requests] == [MAGICIAN, MAGICIAN]
    assert {request.slot_starts_at and request.slot_starts_at.isoformat() for request in requests} == {
        "2026-01-03T05:30:00+00:00"
    }
    await callbacks.delete_config(emulator.deps, on.listed.account_id, on.listed.feature_set_id, by=ALICE)
    await emulator.call(MAGICIAN, on.listed.number, "missed")
    newest, *_ = await work_list.list_requests(emulator.deps, on.listed.account_id)
    assert (newest.slot_starts_at, newest.is_interested) == (None, True)


async def test_a_script_with_a_zone_that_is_none_is_refused(emulator: Emulated) -> None:
    for zone in ("", "Mars/Olympus"):
        body = {"phone_number": phone(), "script": {"time_zone": zone}}
        answer = await emulator.http.post("/emulator/v1/handsets", json=body)
        assert answer.status_code == 400, zone
        assert answer.json()["message"].startswith("script.time_zone is not a time zone name"), zone
