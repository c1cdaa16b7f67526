"""The card of first steps, in process: what it says with and without the emulator, who sees it, what ticks it."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.personalisation.counted_calls import called, submit
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_label
from tests.surfaces.console.browser import Browser, Business, Visitors, links_of, make_business, text_of, visitors

from callmark.domain.accounts import service as accounts
from callmark.domain.calls.model import CallEvent
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.first_steps.service import demo_numbers
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import LabelType
from callmark.domain.personalisation import service as personalisation
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.domain.webhooks import service as webhooks
from callmark.kit.settings import Secret

TICK = "(done)"


@pytest.fixture
def deps(deps: Deps) -> Deps:
    return replace(deps, settings=msgspec.structs.replace(deps.settings, secret_key=Secret("k" * 40)))


def in_emulator(deps: Deps) -> Deps:
    return replace(deps, settings=msgspec.structs.replace(deps.settings, emulator=True))


async def ticks(alice: Browser) -> int:
    return text_of(await alice.get("/console/first-steps")).count(TICK)


async def test_a_new_accounts_home_shows_the_steps_to_admins_alone(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    home = await alice.get("/console")
    assert "Create a caller ID" in text_of(home)
    assert text_of(home).count(TICK) == 0
    for owner in (business.department_owner, business.operation_owner, business.process_owner):
        browser = await browse.as_member(owner)
        assert "Create a caller ID" not in text_of(await browser.get("/console"))
        for path in ("/console/first-steps", "/console/first-steps/steps"):
            assert (await browser.get(path)).status_code == 403
        for path in ("hide", "show", "prepare", "push"):
            assert (await browser.post(f"/console/first-steps/{path}")).status_code == 403
    assert await accounts.are_first_steps_hidden(browse.deps, business.account.id) is False


async def test_hidden_steps_leave_home_stay_in_the_menu_and_come_back(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    home = await alice.follow(await alice.post("/console/first-steps/hide"))
    assert "Create a caller ID" not in text_of(home)
    assert "/console/first-steps" in links_of(home)
    assert "Create a caller ID" in text_of(await alice.get("/console/first-steps"))
    assert "Create a caller ID" in text_of(await alice.follow(await alice.post("/console/first-steps/show")))


async def test_without_the_emulator_no_button_leads_nowhere(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    card = await alice.get("/console/first-steps")
    assert {"/console/push", "/console/webhooks", "/console/feature-sets", "/console/keys/new"} <= links_of(card)
    assert "data-first-phone" not in card.text
    assert "/emulator" not in card.text.partition("<main")[2]
    for path in ("push", "prepare"):
        assert f'action="/console/first-steps/{path}"' not in card.text
        said = text_of(await alice.follow(await alice.post(f"/console/first-steps/{path}")))
        assert "only available in the demo" in said


async def test_steps_tick_by_what_is_there(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    assert await ticks(alice) == 0
    label = await make_label(deps, business.account.id)
    assert await ticks(alice) == 1
    batch = await submit(deps, Cast(business.account, "", "", "", label), 1)
    await run_due_once(deps)
    record = (await personalisation.records_of_batch(deps, batch.id, business.account.id))[0]
    await called(deps, record, CallEvent.SHOWN)
    assert await ticks(alice) == 2
    made = await credentials.create_key(deps, business.account.id, name="CRM", features=[*Feature], by=SYSTEM)
    card = text_of(await alice.get("/console/first-steps"))
    assert (card.count(TICK), "Waiting for the first request with CRM" in card) == (2, True)
    assert str(made.key_id) not in card
    await credentials.create_token(deps, str(business.account.id), str(made.key_id), made.api_key)
    assert await ticks(alice) == 3


async def test_another_accounts_progress_ticks_nothing(deps: Deps, business: Business, browse: Visitors) -> None:
    charlie = await browse.as_member((await make_business(deps, "Borealis")).admin)
    label = await make_label(deps, business.account.id)
    batch = await submit(deps, Cast(business.account, "", "", "", label), 1)
    await run_due_once(deps)
    record = (await personalisation.records_of_batch(deps, batch.id, business.account.id))[0]
    await called(deps, record, CallEvent.SHOWN)
    assert await ticks(charlie) == 0


async def test_the_list_of_steps_is_sent_only_when_it_has_changed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    first = await alice.get("/console/first-steps/steps", seen="")
    assert (first.status_code, 'data-seen="000000"' in first.text) == (200, True)
    assert (await alice.get("/console/first-steps/steps", seen="000000")).status_code == 204
    await make_label(deps, business.account.id)
    assert 'data-seen="100000"' in (await alice.get("/console/first-steps/steps", seen="000000", on="home")).text


async def test_a_plan_without_the_features_is_told_and_offered_no_buttons(deps: Deps) -> None:
    async with visitors(in_emulator(deps)) as browse:
        business = await make_business(deps)
        await accounts.update_account(deps, business.account.id, features=[Feature.USER_FEEDBACK], by=SYSTEM)
        await make_label(deps, business.account.id)
        card = await (await browse.as_member(business.admin)).get("/console/first-steps")
        assert text_of(card).count("not part of your plan") == 2
        assert "Call Personalisation is not part of your plan." in text_of(card)
        assert "Number Management and Call Me Back are not part of your plan." in text_of(card)
        assert 'action="/console/first-steps/prepare"' not in card.text
        assert 'action="/console/first-steps/push"' not in card.text


@pytest.mark.parametrize(
    ("lacking", "name"), [(Feature.NUMBER_MANAGEMENT, "Number Management"), (Feature.CALL_ME_BACK, "Call Me Back")]
)
async def test_the_last_step_names_the_feature_that_the_plan_lacks(
    deps: Deps, business: Business, browse: Visitors, lacking: Feature, name: str
) -> None:
    await accounts.update_account(deps, business.account.id, features=ALL_FEATURES - {lacking}, by=SYSTEM)
    card = text_of(await (await browse.as_member(business.admin)).get("/console/first-steps"))
    assert f" {name} is not part of your plan." in card
    assert card.count("part of your plan") == 1


@pytest.mark.parametrize("lacking", [Feature.NUMBER_MANAGEMENT, Feature.CALL_ME_BACK])
async def test_the_demo_sets_nothing_up_that_the_plan_lacks(deps: Deps, lacking: Feature) -> None:
    async with visitors(in_emulator(deps)) as browse:
        business = await make_business(deps)
        await accounts.update_account(deps, business.account.id, features=ALL_FEATURES - {lacking}, by=SYSTEM)
        await make_label(deps, business.account.id)
        alice = await browse.as_member(business.admin)
        said = text_of(await alice.follow(await alice.post("/console/first-steps/prepare")))
        assert "is not part of your plan. Please ask the operator of this installation." in said
        assert "installation.." not in said
        assert await webhooks.list_webhooks(deps, business.account.id) == []
        assert [one.label_type for one in await labels.list_labels(deps, business.account.id)] == [LabelType.DYNAMIC]


async def test_the_demo_lists_a_number_with_call_me_back_and_a_webhook_once(deps: Deps) -> None:
    async with visitors(in_emulator(deps)) as browse:
        business = await make_business(deps)
        alice = await browse.as_member(business.admin)
        early = await alice.follow(await alice.post("/console/first-steps/prepare"))
        assert "Create a caller ID first." in text_of(early)
        await make_label(deps, business.account.id)
        for _ in range(2):
            page = await alice.follow(await alice.post("/console/first-steps/prepare", {"on": "home"}))
            assert "the number is being listed" in text_of(page)
        await run_due_once(deps)
        caller, _ = demo_numbers(business.account.id)
        number = text_of(await alice.get(f"/console/numbers/{caller}"))
        assert "Listed" in number
        assert text_of(await alice.get("/console/webhooks")).count("/emulator/v1/sinks/first-steps-") == 1
        assert "choose “Call me back” on the phone" in text_of(await alice.get("/console/first-steps"))


async def test_members_who_set_it_up_at_once_are_all_told_that_it_is_there(deps: Deps) -> None:
    async with visitors(in_emulator(deps)) as browse:
        business = await make_business(deps)
        await make_label(deps, business.account.id)
        browsers = [await browse.as_member(business.admin) for _ in range(3)]
        answers = await asyncio.gather(*(one.post("/console/first-steps/prepare") for one in browsers))
        for browser, answer in zip(browsers, answers, strict=True):
            assert "the number is being listed" in text_of(await browser.follow(answer))
        listed = text_of(await browsers[0].get("/console/webhooks"))
        assert listed.count("/emulator/v1/sinks/first-steps-") == 1


async def test_a_push_to_the_demos_phone_says_what_came_of_it(deps: Deps) -> None:
    async with visitors(in_emulator(deps)) as browse:
        business = await make_business(deps)
        alice = await browse.as_member(business.admin)
        early = await alice.follow(await alice.post("/console/first-steps/push"))
        assert "Create a caller ID first." in text_of(early)
        await make_label(deps, business.account.id)
        page = await alice.follow(await alice.post("/console/first-steps/push", {"on": "home"}))
        assert "Not a user of the app" in text_of(page)
        alice.http.headers["accept"] = "application/json"
        told: dict[str, Any] = (await alice.post("/console/first-steps/push")).json()
        assert (told["good"], told["said"].partition(":")[0]) == (False, "Not a user of the app")


async def test_a_new_label_leads_back_to_the_steps(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    form = await alice.get("/console/labels/new", type="dynamic", then="first-steps")
    assert 'name="then" value="first-steps"' in form.text
    refused = await alice.post("/console/labels/new", {"then": "first-steps", "label_type": "dynamic"})
    assert 'name="then" value="first-steps"' in refused.text


async def test_a_new_key_waits_for_its_first_request(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    shown = await alice.follow(
        await alice.post("/console/keys/new", {"name": "CRM", "features": "call_personalisation"})
    )
    (key,) = await credentials.list_keys(deps, business.account.id)
    waiting = f"/console/keys/{key.reference}/first-request"
    assert waiting in shown.text
    assert f"/clients/{business.account.id}/token --json" in shown.text
    assert waiting in (await alice.get(waiting)).text
    other = await browse.as_member((await make_business(deps, "Borealis")).admin)
    assert (await other.get(waiting)).status_code == 404
