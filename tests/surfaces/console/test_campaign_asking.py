"""Before a campaign is made live, its pages say what keeps it from being asked."""

import pytest
from tests.support.actors import ALICE
from tests.support.audit_log import log_of
from tests.support.listed_number import Listed, make_listed, set_state, set_switch
from tests.surfaces.console.browser import Business, Visitors, links_of, make_business, text_of
from tests.surfaces.console.campaigns import draft, live

from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import CallType, CampaignState


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    return await make_listed(deps, account_id=business.account.id, process_id=business.process, name="Parcels")


@pytest.mark.parametrize("state", ["draft", "unpublished"])
async def test_a_feature_set_that_is_not_published_is_named_where_a_campaign_is_made_live(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, state: str
) -> None:
    campaign, alice = await draft(deps, listed), await browse.as_member(business.admin)
    url = f"/console/campaigns/{campaign.id}"
    for path in (url, f"{url}/live"):
        assert "not published" not in text_of(await alice.get(path))
    await set_state(deps, listed, "feature_set", state)
    asked = text_of(await alice.get(f"{url}/live"))
    assert "Parcels is not published, so receivers are not asked until it is." in asked
    assert "from the next call" not in asked
    shown = await alice.follow(await alice.post(f"{url}/live"))
    assert "Parcels is not published, so receivers are not asked." in text_of(shown)
    assert f"/console/feature-sets/{listed.feature_set_id}" in links_of(shown)


async def test_a_campaign_whose_survey_switch_is_off_is_not_asked_about_and_its_page_turns_it_on(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign, paul = await draft(deps, listed), await browse.as_member(business.process_owner)
    url = f"/console/campaigns/{campaign.id}"
    await set_switch(deps, listed, "survey", on=False)
    blocked = text_of(await paul.get(f"{url}/live"))
    assert "Delivery check cannot be made live yet User Feedback is off for Parcels." in blocked
    assert "from the next call" not in blocked
    other = await browse.as_member((await make_business(deps, "Borealis")).admin)
    assert (await other.post(f"{url}/survey", {"survey": "on"})).status_code == 404
    shown = await paul.follow(await paul.post(f"{url}/survey", {"survey": "on"}))
    assert "User Feedback is on for Parcels." in text_of(shown)
    await paul.follow(await paul.post(f"{url}/live"))
    now = await feedback.get_campaign(deps, business.account.id, campaign.id)
    assert now.state is CampaignState.LIVE
    assert "feature_set.changed" in [entry.action for entry in await log_of(deps, business.account.id)]


async def test_the_live_campaign_that_asks_after_the_same_calls_is_named_before_another_is_made_live(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    first, campaign = await live(deps, listed), await draft(deps, listed)
    await feedback.update_campaign(deps, business.account.id, campaign.id, call_types=[CallType.ANSWERED], by=ALICE)
    alice, url = await browse.as_member(business.admin), f"/console/campaigns/{campaign.id}/live"
    asked = await alice.get(url)
    said = text_of(asked)
    assert f"{first.name} of Parcels is live for answered calls already. End it first." in said
    assert f"/console/campaigns/{first.id}" in links_of(asked)
    assert "from the next call" not in said
    await feedback.end_campaign(deps, business.account.id, first.id, by=ALICE)
    assert "from the next call" in text_of(await alice.get(url))


async def test_a_draft_without_questions_is_not_asked_about(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign, alice = await draft(deps, listed), await browse.as_member(business.admin)
    await feedback.update_campaign(deps, business.account.id, campaign.id, questions=[], by=ALICE)
    asked = await alice.get(f"/console/campaigns/{campaign.id}/live")
    assert "cannot be made live yet It has no questions yet." in text_of(asked)
    assert f"/console/campaigns/{campaign.id}/edit" in links_of(asked)
