"""Pages on which nothing can be done yet say what comes first, and where."""

from tests.surfaces.console.browser import Business, Visitors, links_of, make_operator, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_FEATURES, Feature


async def test_a_campaign_without_any_feature_set_leads_to_the_feature_sets(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    url = "/console/campaigns/new"
    for path in (url, f"{url}?type=questions"):
        page = (await (await browse.as_member(business.process_owner)).get(path)).text.partition("<main")[2]
        assert "Create a feature set first." in page
        assert 'action="/console/feature-sets"' in page
        assert 'name="feature_set"' not in page
    await accounts.update_account(
        deps, business.account.id, features=ALL_FEATURES - {Feature.NUMBER_MANAGEMENT}, by=SYSTEM
    )
    page = await (await browse.as_member(business.admin)).get(url)
    assert "Number Management is not part of your plan." in text_of(page)
    assert "/console/feature-sets" not in links_of(page)


async def test_an_account_without_members_says_so_to_the_operator_who_acts_for_it(deps: Deps, browse: Visitors) -> None:
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    opal = await browse.as_operator(await make_operator(deps))
    await opal.post(f"/console/operator/accounts/{account.id}/act")
    page = text_of(await opal.get("/console/members"))
    assert "No members yet Invite the first admin of this account" in page
    assert "No other members" not in page
