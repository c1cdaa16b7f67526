"""Pages of an account with more feature sets than a list to choose from can hold."""

import re

import httpx
import pytest
from tests.support.listed_number import Listed, make_listed
from tests.support.many_sets import make_sets
from tests.surfaces.console.browser import Business, Visitors, errors_of, text_of
from tests.surfaces.console.callback_requests import LIST as REQUESTS, asks, rows

from callmark.domain.deps import Deps
from callmark.surfaces.console.set_choice import MOST_OFFERED

MORE = 5


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    """A number of a feature set that comes last by name, after as many others as are offered, and a few."""
    made = await make_listed(deps, account_id=business.account.id, process_id=business.process, name="Zebra calls")
    async with deps.db.connection() as tx:
        await make_sets(tx, made.feature_set_id, MOST_OFFERED + MORE - 1)
    return made


def offered(page: httpx.Response, name: str) -> list[str]:
    """The names that a choice of the page has, from what stands for all or none of them on."""
    (options,) = re.findall(rf'<select[^>]* name="{name}".*?</select>', page.text, re.DOTALL)
    return [text.strip() for text in re.findall(r"<option[^>]*>(.*?)</option>", options, re.DOTALL)]


async def test_filters_offer_the_first_by_name_and_find_the_others(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    await asks(deps, listed)
    alice, its = await browse.as_member(business.admin), str(listed.feature_set_id)
    for path in (REQUESTS, "/console/numbers"):
        names = offered(await alice.get(path), "set")
        assert names[:2] == ["All feature sets", "Set 0001"]
        assert names[MOST_OFFERED:] == [f"Set {MOST_OFFERED:04}", f"{MORE} more. Search by name to find them."]
        assert offered(await alice.get(path, set=its), "set")[:3] == ["All feature sets", "Zebra calls", "Set 0001"]
        found = await alice.get(path, named="ZEBRA")
        assert offered(found, "set") == ["All feature sets", "Zebra calls"]
    assert rows(await alice.get(REQUESTS, named="ZEBRA")) == 1
    assert "Zebra calls" in text_of(await alice.get("/console/numbers", q="zebra"))


async def test_a_campaign_s_feature_set_is_found_by_its_name(
    business: Business, browse: Visitors, listed: Listed
) -> None:
    alice, new = await browse.as_member(business.admin), "/console/campaigns/new"
    names = offered(await alice.get(new, type="call_rating"), "feature_set")
    assert (len(names), names[0], "Zebra" in "".join(names)) == (1 + MOST_OFFERED, "Choose one", False)
    form = {"type": "call_rating", "name": "Asked", "call_types": "missed"}
    found = await alice.post(new, form | {"do": "find", "named": "zebra"})
    assert [name.partition(" ")[0] for name in offered(found, "feature_set")] == ["Choose", "Zebra"]
    entered = await alice.post(new, form | {"do": "enter", "named": "0003", "named_before": "zebra"})
    assert [name[:8] for name in offered(entered, "feature_set")] == ["Choose o", "Set 0003"]
    assert "Choose a feature set" not in errors_of(entered).values()
    refused = await alice.post(new, form | {"do": "enter", "named": "0003", "named_before": "0003"})
    assert errors_of(refused)["feature_set"] == "Choose a feature set"
    kept = await alice.post(new, form | {"feature_set": str(listed.feature_set_id), "do": "find", "named": "0002"})
    assert [name[:8] for name in offered(kept, "feature_set")] == ["Choose o", "Zebra ca", "Set 0002"]
