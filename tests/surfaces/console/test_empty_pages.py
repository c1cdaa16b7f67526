"""Pages on which nothing can be done yet say what comes first, and where."""

import re

from tests.surfaces.console.browser import Business, Visitors, cells_of, links_of, make_operator, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.domain.structure import service as structure


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


async def test_an_owner_whose_place_was_deleted_reads_so_and_is_offered_nothing_that_needs_one(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    banner = "You have no place in this account: it was deleted, or none was assigned to you."
    paul, alice = await browse.as_member(business.process_owner), await browse.as_member(business.admin)
    assert banner not in text_of(await paul.get("/console/members"))
    await structure.delete_node(deps, business.account.id, business.process, by=SYSTEM)
    lists = ("campaigns", "numbers", "feature-sets", "callbacks", "callbacks/configurations", "structure")
    for path in lists:
        page = await paul.get(f"/console/{path}")
        assert banner in text_of(page)
        assert "No place assigned Ask an admin of your account to assign you a place." in text_of(page)
        inside = set(re.findall(r'href="([^"#?]+)', page.text.partition("<main")[2]))
        assert not inside & {f"/console/{one}" for one in ("campaigns/new", "feature-sets", "feature-sets/new")}
    members = await paul.get("/console/members")
    assert banner in text_of(members)
    assert "/console/members/invite" not in links_of(members)
    assert cells_of(members.text, business.process_owner.email).count("no place") == 1
    home = text_of(await paul.get("/console"))
    assert banner in home
    assert "0 new requests" not in home
    assert banner not in text_of(await alice.get("/console"))
    assert "no place" in cells_of((await alice.get("/console/members")).text, business.process_owner.email)
