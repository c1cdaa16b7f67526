"""Pages of features that the account's plan lacks (contract D49)."""

import re

import pytest
from starlette.requests import Request
from tests.support.factories import ALICE, make_branch, make_label
from tests.support.listed_number import make_listed
from tests.surfaces.console.browser import Business, Visitors, text_of
from tests.surfaces.console.campaigns import draft

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSet, FeatureSetChange, NewFeatureSet
from callmark.domain.ids import ProcessId
from callmark.domain.labels.model import LabelType
from callmark.domain.policy.model import OF_PLACE, PLAN, SYSTEM, Action
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.domain.sessions.model import Origin
from callmark.domain.webhooks import service as webhooks
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import random_uuid
from callmark.surfaces.console.menu import BUSINESS
from callmark.surfaces.console.pages import TEMPLATES
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.routes import TABLE

LACKING = "is not part of your plan"
OF_A_PLAN = [one for one in TABLE if isinstance(one.needs, Action) and one.needs in PLAN]


def _address(path: str) -> str:
    """The route's path with an id in each place."""
    return "/console" + re.sub(r"\{[^}]*\}", str(random_uuid()), path)


def test_every_feature_has_pages() -> None:
    assert {PLAN[one.needs] for one in OF_A_PLAN if isinstance(one.needs, Action)} == ALL_FEATURES


async def test_every_page_and_form_of_a_feature_is_refused_without_it(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    admin = await browse.as_member(business.admin)
    await accounts.update_account(deps, business.account.id, features=[], by=SYSTEM)
    for entry in OF_A_PLAN:
        url = _address(entry.path)
        answer = await (admin.get(url) if entry.method == "GET" else admin.post(url))
        assert answer.status_code == 403, (entry.method, entry.path)
        assert LACKING in answer.text, (entry.method, entry.path)


@pytest.mark.parametrize("feature", Feature)
async def test_the_menu_offers_no_page_of_a_feature_that_is_lacking_and_all_when_it_is_back(
    deps: Deps, business: Business, browse: Visitors, feature: Feature
) -> None:
    admin = await browse.as_member(business.admin)
    items = [item for section in BUSINESS for item in section.items if PLAN.get(item.action) is feature]
    links = [f'href="{item.url}"' for item in items]
    assert links
    await accounts.update_account(deps, business.account.id, features=ALL_FEATURES - {feature}, by=SYSTEM)
    home = (await admin.get("/console")).text
    assert [link for link in links if link in home] == []
    assert (await admin.get("/console/labels")).status_code == 200
    await accounts.update_account(deps, business.account.id, features=ALL_FEATURES, by=SYSTEM)
    home = (await admin.get("/console")).text
    assert [link for link in links if link in home] == links
    for item in items:
        assert (await admin.get(item.url)).status_code == 200


async def test_a_webhook_takes_event_types_of_the_plan_and_keeps_those_it_has(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id = business.account.id
    both = await webhooks.create_webhook(
        deps,
        account_id,
        name="both",
        url="https://hooks.example",
        event_types=[*EventType],
        by=ALICE,
    )
    await accounts.update_account(deps, account_id, features=[Feature.CALL_ME_BACK], by=SYSTEM)
    with pytest.raises(InvalidInput, match=f"User Feedback {LACKING}"):
        await webhooks.create_webhook(
            deps,
            account_id,
            name="new",
            url="https://hooks.example",
            event_types=[EventType.USER_FEEDBACK],
            by=ALICE,
        )
    kept = await webhooks.update_webhook(
        deps, account_id, both.webhook.id, name="renamed", event_types=[*EventType], by=ALICE
    )
    assert kept.event_types == frozenset(EventType)
    admin = await browse.as_member(business.admin)
    form = (await admin.get("/console/webhooks/new")).text
    assert 'value="cmb"' in form
    assert 'value="user_feedback"' not in form
    assert LACKING in form
    assert 'value="user_feedback"' in (await admin.get(f"/console/webhooks/{both.webhook.id}/edit")).text


async def test_a_key_gives_access_to_features_of_the_plan_and_keeps_those_it_has(
    deps: Deps, business: Business
) -> None:
    account_id = business.account.id
    made = await credentials.create_key(deps, account_id, name="all", features=ALL_FEATURES, by=SYSTEM)
    await accounts.update_account(deps, account_id, features=[Feature.CALL_ME_BACK], by=SYSTEM)
    with pytest.raises(InvalidInput, match=LACKING):
        await credentials.create_key(deps, account_id, name="more", features=[Feature.NUMBER_MANAGEMENT], by=SYSTEM)
    kept = await credentials.update_key(deps, account_id, made.key_id, name="renamed", features=ALL_FEATURES, by=SYSTEM)
    assert kept.features == ALL_FEATURES


async def test_a_feature_set_offers_what_the_plan_has(deps: Deps, business: Business) -> None:
    account_id = business.account.id
    branch = await make_branch(deps, account_id)
    label = await make_label(deps, account_id, label_type=LabelType.STATIC)
    process = ProcessId(branch.process.id)

    async def create(name: str) -> FeatureSet:
        new = NewFeatureSet(name, label_id=label.id, call_me_back=True)
        return await feature_sets.create_feature_set(deps, account_id, process, new, by=SYSTEM)

    made = await create("Before")
    await accounts.update_account(deps, account_id, features=ALL_FEATURES - {Feature.CALL_ME_BACK}, by=SYSTEM)
    with pytest.raises(InvalidInput, match=f"Call Me Back {LACKING}"):
        await create("After")
    changed = await feature_sets.update_feature_set(
        deps, account_id, made.id, FeatureSetChange(name="Renamed"), by=SYSTEM
    )
    assert changed.call_me_back


def test_no_page_asks_about_an_action_of_a_place_without_naming_one() -> None:
    """An owner may nothing at the top: a button that is asked for there would show to admins alone."""
    asked = re.compile(r"""\bmay\(\s*["'](\w+)["']\s*\)""")
    pages = {path: asked.findall(path.read_text()) for path in TEMPLATES.rglob("*.html")}
    assert any(pages.values())
    assert {path.name: name for path, names in pages.items() for name in names if Action(name) in OF_PLACE} == {}


async def test_whether_to_show_a_button_of_a_place_is_not_answered_without_one(deps: Deps) -> None:
    request = ConsoleRequest(deps, Request({"type": "http"}), None, Origin("203.0.113.7", "test"), "key")
    with pytest.raises(TypeError, match="bound to a place"):
        request.may(Action.NUMBERS_MANAGE)


OF_NUMBERS = re.compile(r'(?:href|action)="/console/(?:feature-sets|numbers)\b[^"]*"')


async def test_pages_of_other_features_lead_to_no_page_that_the_plan_lacks(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    account_id, admin = business.account.id, await browse.as_member(business.admin)
    listed = await make_listed(deps, account_id=account_id, process_id=business.process, name="Parcels", survey=False)
    campaign = await draft(deps, listed)
    config = f"/console/callbacks/configurations/{listed.feature_set_id}"
    pages = ["/console/structure", "/console/callbacks/configurations", config, f"/console/campaigns/{campaign.id}"]
    with_all = {path: OF_NUMBERS.findall((await admin.get(path)).text) for path in pages}
    assert with_all["/console/structure"]
    await accounts.update_account(deps, account_id, features=ALL_FEATURES - {Feature.NUMBER_MANAGEMENT}, by=SYSTEM)
    for path in pages:
        shown = await admin.get(path)
        assert OF_NUMBERS.findall(shown.text) == [], path
        assert "Parcels" in text_of(shown), path
    switch = await admin.follow(await admin.post(f"/console/campaigns/{campaign.id}/survey", {"survey": "on"}))
    assert "User Feedback is on for Parcels." in text_of(switch)
    await admin.follow(await admin.post(f"/console/campaigns/{campaign.id}/survey", {"survey": "off"}))
    assert not (await feature_sets.get_feature_set(deps, account_id, listed.feature_set_id)).survey
