"""Two people who edit one draft: each changes what they changed, and nothing that the other did."""

import re
from html import unescape

import httpx
import pytest
from tests.support.actors import ALICE
from tests.support.listed_number import Listed, make_listed
from tests.surfaces.console.browser import Browser, Business, Visitors
from tests.surfaces.console.campaigns import draft

from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import CallType, Campaign, NewQuestion


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    return await make_listed(deps, account_id=business.account.id)


def form_of(page: httpx.Response) -> dict[str, list[str]]:
    """What the builder would send if nothing were changed in it."""
    html = page.text.partition('id="builder"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for tag, area in re.findall(r"(<input[^>]*>)|(<textarea[^>]*>.*?</textarea>)", html, re.DOTALL):
        name = re.search(r' name="([^"]*)"', tag or area)
        value = re.search(r' value="([^"]*)"', tag)
        if name and name[1] != "csrf" and ('type="checkbox"' not in tag or " checked" in tag):
            text = area.partition(">")[2].removesuffix("</textarea>") if area else value[1] if value else ""
            found.setdefault(name[1], []).append(unescape(text).replace("\n", "\r\n"))
    return found


async def saved(browser: Browser, campaign: Campaign, form: dict[str, list[str]]) -> None:
    answer = await browser.post(f"/console/campaigns/{campaign.id}/edit", form)
    assert answer.status_code == 303, answer.text


async def test_a_new_name_leaves_what_a_colleague_has_changed_meanwhile(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign, alice = await draft(deps, listed), await browse.as_member(business.admin)
    first, second = campaign.questions
    form = form_of(await alice.get(f"/console/campaigns/{campaign.id}/edit"))
    assert form["question_text"] == [first.text, second.text]
    kept, new = NewQuestion("Was the parcel whole?", ["Yes", "No"], first.id), NewQuestion("Who came?")
    of = deps, business.account.id, campaign.id
    await feedback.update_campaign(*of, call_types=[CallType.MISSED], questions=[kept, new], by=ALICE)
    form = form_of(await alice.post(f"/console/campaigns/{campaign.id}/edit", form | {"do": ["preview"]}))
    await saved(alice, campaign, form | {"name": ["Renamed"]})
    now = await feedback.get_campaign(*of)
    assert (now.name, now.call_types) == ("Renamed", {CallType.MISSED})
    assert [one.text for one in now.questions] == ["Was the parcel whole?", "Who came?"]
    assert now.questions[0].id == first.id


async def test_a_question_that_a_colleague_removed_is_saved_as_a_new_one_when_questions_were_changed(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign, alice = await draft(deps, listed), await browse.as_member(business.admin)
    first, second = campaign.questions
    form = form_of(await alice.get(f"/console/campaigns/{campaign.id}/edit"))
    of = deps, business.account.id, campaign.id
    await feedback.update_campaign(*of, name="Theirs", questions=[NewQuestion(second.text, [], second.id)], by=ALICE)
    await saved(alice, campaign, form | {"question_text": ["Was it on time?", second.text]})
    now = await feedback.get_campaign(*of)
    assert now.name == "Theirs"
    assert [one.text for one in now.questions] == ["Was it on time?", second.text]
    assert now.questions[0].id != first.id
    assert now.questions[1].id == second.id
