"""Calls on the screen of a handset, and what a person says after them: the real farm and the real gateway."""

import asyncio
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace
from tests.support.factories import make_cast, phone
from tests.support.listed_number import Listed, bodies, make_listed, offer_everything
from tests.surfaces.emulator.running import NO_TLS, Emulated, emulated, farming, serving
from tests.surfaces.emulator.watching import Watcher, gesture, watching
from tests.surfaces.gateway.helpers import CALLER, push_patiently

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.kit.ids import new_id
from callmark.processes.worker import prepare
from callmark.surfaces.emulator.control_api.wire import AnswerIn
from callmark.surfaces.emulator.handsets import call_screen, farm_api
from callmark.surfaces.emulator.handsets.answer_sender import AnswerSender
from callmark.surfaces.emulator.handsets.audience import Audience
from callmark.surfaces.emulator.handsets.call_screen import CallPlan
from callmark.surfaces.emulator.handsets.farm import Farm
from callmark.surfaces.emulator.handsets.farm_screens import FarmScreens
from callmark.surfaces.emulator.handsets.gestures import Act, Gesture
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.model import VirtualHandset

STRANGER = "918049998888"
SLOT = "2026-01-03T11:00:00+05:30"


async def test_pages_of_two_processes_show_the_same_call_and_either_may_act(emulator: Emulated) -> None:
    cast, number = await make_cast(emulator.deps), phone()
    await emulator.make(number)
    record = await push_patiently(emulator.deps, cast, number)
    async with (
        serving(emulator.deps) as port,
        watching(emulator, number) as here,
        watching(emulator, number, url=f"http://127.0.0.1:{port}") as there,
    ):
        assert await gesture(emulator, number, "ring", caller=f"+{CALLER}") is None
        for page in (here, there):
            await page.until(lambda page: page.outcome == "ringing")
            assert page.handset["call"]["screen"]["name"] == "Acme Deliveries"
        call = there.handset["call"]["id"]
        body = {"act": "answer", "call": call}
        assert (await emulator.http.post(f"http://127.0.0.1:{port}/emulator/live/{number}", json=body)).json() == {
            "problem": None
        }
        for page in (here, there):
            await page.until(lambda page: page.outcome == "answered")
        await gesture(emulator, number, "hang_up", call=call)
        for page in (here, there):
            await page.until(lambda page: page.outcome is None)
            assert [one["outcome"] for one in page.handset["history"]] == ["answered"]
    (reported,) = await calls.calls_of_record(emulator.deps, record.key)
    assert (reported.shown_at is not None, reported.outcome) == (True, CallEvent.ANSWERED)


async def test_a_gesture_about_a_call_that_is_over_does_nothing(emulator: Emulated) -> None:
    number = phone()
    await emulator.make(number)
    async with watching(emulator, number) as page:
        await page.until(lambda page: bool(page.handset))
        for act in ("answer", "reject", "hang_up", "call_me_back", "feedback", "skip"):
            assert await gesture(emulator, number, act, call=str(new_id())) is None
        await gesture(emulator, number, "ring", caller=STRANGER)
        await page.until(lambda page: page.outcome == "ringing")
        await gesture(emulator, number, "answer", call=str(new_id()))
        await gesture(emulator, number, "hang_up", call=page.handset["call"]["id"])
        await gesture(emulator, number, "reject", call=page.handset["call"]["id"])
        await page.until(lambda page: [one["outcome"] for one in page.handset["history"]] == ["rejected"])
    assert await gesture(emulator, number, "ring", caller="12") == (
        "Enter the caller's number with its country code, 7 to 15 digits in total."
    )


async def test_a_call_that_nobody_touches_rings_out_and_a_newer_one_takes_the_screen(
    deps: Deps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(deps)
    number = phone()
    monkeypatch.setattr(call_screen, "CallPlan", partial(CallPlan, ended_for_s=5))  # a late look finds it too
    async with emulated(deps, tmp_path, farm=False) as emulator, farming(emulator.deps, rings_out_s=1):
        await emulator.make(number)
        async with watching(emulator, number) as page:
            await page.until(lambda page: bool(page.handset))
            for caller in (STRANGER, CALLER):
                await gesture(emulator, number, "ring", caller=caller)
                await page.until(lambda page, caller=caller: page.caller == caller)
            await page.until(lambda page: page.outcome == "missed")
            await page.until(lambda page: page.outcome is None)
        assert [(one["caller"], one["outcome"]) for one in page.handset["history"]] == [
            (CALLER, "missed"),
            (STRANGER, "missed"),
        ]


async def missed(emulator: Emulated, page: Watcher, number: str, listed: Listed) -> str:
    """The id of a call from a listed number that was rejected, once the screen offers something."""
    await gesture(emulator, number, "ring", caller=listed.number)
    await page.until(lambda page: page.outcome == "ringing")
    call = str(page.handset["call"]["id"])
    await gesture(emulator, number, "reject", call=call)
    await page.until(lambda page: page.step is not None)
    return call


async def test_what_is_said_after_a_call_goes_step_by_step_on_every_page(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    campaign = await offer_everything(emulator.deps, listed)
    await emulator.make(number)
    async with watching(emulator, number) as page, watching(emulator, number) as other:
        call = await missed(emulator, page, number, listed)
        assert page.handset["after"]["slots"][0] == SLOT
        for wrong, problem in (
            ({}, "Choose a time first."),
            ({"slot": "soon"}, "That time is no longer available. Choose another one."),
            (
                {"slot": SLOT, "alternate_number": "12"},
                "Enter the other number with its country code, 7 to 15 digits in total.",
            ),
            (
                {"slot": SLOT, "alternate_number": f"+{listed.number}"},
                "Enter a number of your own: this is the number that called.",
            ),
        ):
            assert await gesture(emulator, number, "call_me_back", call=call, **wrong) == problem
        alternate = "+91 99001 12233"
        assert await gesture(emulator, number, "call_me_back", call=call, slot=SLOT, alternate_number=alternate) is None
        for shown in (page, other):
            await shown.until(lambda shown: shown.step == "feedback")
            assert shown.handset["after"]["thanks"] == "You will be called back on Saturday, January 3 at 11:00."
        assert await gesture(emulator, number, "call_me_back", call=call, slot=SLOT) is None
        answers = [{"question_id": str(campaign.questions[0].id), "answer": "  "}]
        problem = "Answer a question first."
        assert await gesture(emulator, number, "feedback", call=call, answers=answers) == problem
        answers = [{"question_id": str(campaign.questions[0].id), "answer": "Yes"}]
        assert await gesture(emulator, number, "feedback", call=call, answers=answers) is None
        await other.until(lambda shown: shown.step == "thanks")
        await gesture(emulator, number, "skip", call=call, step="thanks")
        await other.until(lambda shown: shown.step is None)
    asked, answered = await bodies(emulator.deps, listed.account_id)
    assert '"alternate_number":"919900112233"' in asked
    assert '"answer":"Yes"' in answered


async def test_a_call_that_no_page_showed_is_in_the_history_and_offers_nothing(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    await offer_everything(emulator.deps, listed)
    await emulator.make(number)
    shown = await emulator.call(number, listed.number, "rejected")
    assert shown["offers"]["call_me_back"] is True
    async with watching(emulator, number) as page:
        await page.until(lambda page: page.outcome == "rejected")
        await page.until(lambda page: page.outcome is None)
        assert (page.step, [one["outcome"] for one in page.handset["history"]]) == (None, ["rejected"])


async def test_a_step_is_skipped_once_however_many_pages_skip_it(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    await offer_everything(emulator.deps, listed)
    await emulator.make(number)
    async with watching(emulator, number) as page:
        call = await missed(emulator, page, number, listed)
        for _ in range(2):
            await gesture(emulator, number, "skip", call=call, step="callback")
        await page.until(lambda page: page.step == "feedback")
    assert await bodies(emulator.deps, listed.account_id) == []


async def test_a_screen_does_not_offer_what_a_script_has_asked_for(emulator: Emulated) -> None:
    listed, number = await make_listed(emulator.deps), phone()
    await offer_everything(emulator.deps, listed)
    await emulator.make(number, script={"call_me_back": True})
    async with watching(emulator, number) as page:
        await page.until(lambda page: bool(page.handset))
        await emulator.call(number, listed.number, "missed")
        await page.until(lambda page: page.step is not None)
        assert page.step == "feedback"
    (body,) = await bodies(emulator.deps, listed.account_id)
    assert '"is_interested":true' in body


async def test_what_waits_for_the_reports_of_a_call_is_answered_when_its_screen_stops(
    deps: Deps, tmp_path: Path
) -> None:
    await prepare(deps)
    listed, number = await make_listed(deps), phone()
    campaign = await offer_everything(deps, listed)
    async with emulated(deps, tmp_path, farm=False) as emulator, farming(emulator.deps) as farm:
        await emulator.make(number)
        async with watching(emulator, number) as page, deps.db.transaction() as tx:
            await tx.execute("LOCK TABLE call")  # the gateway keeps no report until this ends
            await gesture(emulator, number, "ring", caller=listed.number)
            await page.until(lambda page: page.outcome == "ringing")
            call = page.handset["call"]["id"]
            for act in ("answer", "hang_up"):
                await gesture(emulator, number, act, call=call)
            await page.until(lambda page: page.step == "feedback")
            answers = [AnswerIn(str(campaign.questions[0].id), "Yes")]
            said = farm_api.Perform(number, Gesture(act=Act.FEEDBACK, call=UUID(call), answers=answers))
            saying = asyncio.create_task(farm_api.ask(deps, said, farm_api.Performed))
            await asyncio.create_task(farm_api.ask(deps, farm_api.Count(), farm_api.Counted))  # asked after the other
            await farm.stop()
        assert (await saying).problem


async def test_a_handset_that_took_the_place_of_another_has_a_screen_of_its_own(deps: Deps) -> None:
    number = phone()
    made = VirtualHandset(phone_number=number, os=OS.ANDROID, app_version="4.2.0", online=False)
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as http:
        network = Farm(deps, http).network
        screens = FarmScreens(AnswerSender(deps, network), Audience(deps.fabric), 1)
        before, after = Handset(replace(made, registered=False), network), Handset(made, network)
        whys: list[str] = []
        for handset in (before, after):  # the first rings once more, while the farm puts the other in its place
            rung = await screens.ring(handset, farm_api.Ring(number, CALLER, CallEvent.MISSED))
            whys.append(rung.screen.why)
        assert whys[1] != whys[0]
        assert whys[1] == "the handset is offline and has no record of this caller"
        assert [one.screen.why for one in screens.show(after).view.glimpse.history] == whys[1:]
        screens.stop()
