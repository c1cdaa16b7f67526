from datetime import timedelta
from html import unescape

import httpx
import pytest
from tests.support.actors import ALICE
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, ring, set_switch
from tests.surfaces.console.browser import Business, Visitors, errors_of, links_of, text_of
from tests.surfaces.console.campaigns import draft, live

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import CallType, Campaign, CampaignState, CampaignType, QuestionAnswer
from callmark.surfaces.console.campaign_builder import QuestionField, QuestionKind as Kind, changed, focused_after

LIST = "/console/campaigns"


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    """A number of Acme's whose feature set hangs on the process that paul owns."""
    return await make_listed(deps, account_id=business.account.id, process_id=business.process, name="Last mile calls")


async def answers(deps: Deps, listed: Listed, campaign: Campaign, *said: str) -> None:
    """What a new receiver answers after an answered call."""
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    given = [QuestionAnswer(one.id, text) for one, text in zip(campaign.questions, said, strict=False)]
    await answer(deps, receiver, NewFeedback(call_id, listed.number, campaign.id, CallType.ANSWERED, given))


def form_of(*questions: tuple[str, str], **more: object) -> dict[str, object]:
    """What the builder sends: questions as text and options, `*` for free text."""
    return {
        "name": "Delivery check",
        "type": "questions",
        "call_types": ["answered", "missed"],
        "question_id": [""] * len(questions),
        "question_kind": ["text" if options == "*" else "choice" for _, options in questions],
        "question_text": [text for text, _ in questions],
        "question_options": ["" if options == "*" else options for _, options in questions],
        **more,
    }


def texts_of(response: httpx.Response) -> list[str]:
    """The questions in the builder, in their order."""
    return [unescape(part.partition('"')[0]) for part in response.text.split('name="question_text" value="')[1:]]


async def actions(deps: Deps, business: Business) -> list[str]:
    log = await log_of(deps, business.account.id)
    return [entry.action for entry in reversed(log)]


def test_buttons_add_remove_and_move_questions_and_nothing_else() -> None:
    first, second = QuestionField("", Kind.TEXT, "first", ""), QuestionField("", Kind.CHOICE, "second", "a\nb")
    both = [first, second]
    assert changed(both, "up-1") == changed(both, "down-0") == [second, first]
    assert changed(both, "remove-0") == [second]
    assert [one.kind for one in changed(both, "add_choice")] == [Kind.TEXT, Kind.CHOICE, Kind.CHOICE]
    assert [one.kind for one in changed([], "add_text")] == [Kind.TEXT]
    for do in ("preview", "up-0", "down-1", "remove-2", "remove", "up--1", "remove-x", "up-²", "up-" + "9" * 5000):
        assert changed(both, do) == both, do


def test_the_keyboard_follows_a_question_that_is_moved_and_stays_where_one_is_removed() -> None:
    found = {
        do: focused_after(do, 3) for do in ("up-2", "up-1", "down-0", "down-1", "remove-0", "remove-3", "add_text")
    }
    assert found == {
        "up-2": "up-1",
        "up-1": "down-0",
        "down-0": "down-1",
        "down-1": "up-2",
        "remove-0": "remove-0",
        "remove-3": "remove-2",
        "add_text": "",
    }
    assert focused_after("remove-0", 0) == "add_choice"
    assert {focused_after(do, 3) for do in ("", "preview", "up", "up-x", "up-²", "up-" + "9" * 5000)} == {""}


async def test_a_campaign_is_built_without_scripts_and_made_live(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    paul = await browse.as_member(business.process_owner)
    assert f"{LIST}/new?type=questions" in links_of(await paul.get(f"{LIST}/new"))
    empty = await paul.get(f"{LIST}/new?type=questions")
    assert texts_of(empty) == [""]
    grown = await paul.post(f"{LIST}/new", form_of(("On time?", "Yes\r\nNo"), do="add_text"))
    assert grown.status_code == 200
    assert texts_of(grown) == ["On time?", ""]
    assert "cm-option" in grown.text
    moved = await paul.post(f"{LIST}/new", form_of(("On time?", "Yes\r\nNo"), ("Else?", "*"), do="up-1"))
    assert texts_of(moved) == ["Else?", "On time?"]
    assert await feedback.list_campaigns(deps, business.account.id) == []
    sent = form_of(("Else?", "*"), ("On time?", " Yes \r\n\r\nNo"), feature_set=str(listed.feature_set_id))
    made = await paul.follow(await paul.post(f"{LIST}/new", sent))
    (campaign,) = await feedback.list_campaigns(deps, business.account.id)
    assert [(one.text, one.options) for one in campaign.questions] == [("Else?", ()), ("On time?", ("Yes", "No"))]
    assert "was created as a draft" in text_of(made)
    asked = text_of(await paul.get(f"{LIST}/{campaign.id}/live"))
    assert "You can no longer change its questions: Else? On time? (Yes, No)" in asked
    assert "calls from the number in Last mile calls" in asked
    shown = await paul.follow(await paul.post(f"{LIST}/{campaign.id}/live"))
    assert "Delivery check is live." in text_of(shown)
    assert "No answers yet" in text_of(shown)
    assert f"{LIST}/{campaign.id}/edit" not in links_of(shown)
    assert await actions(deps, business) == ["campaign.created", "campaign.made_live"]


async def test_a_draft_is_changed_and_its_questions_keep_their_ids(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign = await draft(deps, listed)
    first, second = campaign.questions
    alice = await browse.as_member(business.admin)
    url = f"{LIST}/{campaign.id}/edit"
    assert texts_of(await alice.get(url)) == [first.text, second.text]
    sent = form_of((second.text, "*"), (first.text, "Yes\nNo\nPerhaps"), call_types="missed", name="Checked")
    await alice.follow(await alice.post(url, sent | {"question_id": [str(second.id), str(first.id)]}))
    new = await feedback.get_campaign(deps, business.account.id, campaign.id)
    assert [one.id for one in new.questions] == [second.id, first.id]
    assert (new.name, new.call_types, new.questions[1].options[-1]) == ("Checked", {CallType.MISSED}, "Perhaps")
    await feedback.make_live(deps, business.account.id, campaign.id, by=ALICE)
    late = await alice.post(url, sent)
    assert late.status_code == 422
    assert "only a draft can be changed" in errors_of(late)[""]


_WRONG: list[tuple[dict[str, object], dict[str, str]]] = [
    (form_of(("On time?", "Yes\nNo"), name=" "), {"name": "Campaign name is required"}),
    (form_of(("On time?", "Yes\nNo"), name="x" * 101), {"name": "Campaign name must be at most 100 characters"}),
    (form_of(("On time?", "Yes\nNo"), call_types=[]), {"call_types": "Choose at least one type of call"}),
    (form_of(), {"questions": "Add a question"}),
    (
        form_of(("On time?", "Yes"), ("Else?", "*"), ("", "*")),
        {"question-0": "A question must have 2 to 10 options", "question-2": "Question is required"},
    ),
    (form_of(("On time?", "")), {"question-0": "A question must have 2 to 10 options"}),
    (
        form_of(("On time?", "Yes\nyes")),
        {"question-0": "The options of a question must be different from each other"},
    ),
    (form_of(*[("Else?", "*")] * 11), {"questions": "A campaign of this type can have at most 10 questions"}),
]


async def test_what_cannot_be_asked_is_refused_beside_its_question(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice = await browse.as_member(business.admin)
    for wrong, errors in _WRONG:
        refused = await alice.post(f"{LIST}/new", wrong | {"feature_set": str(listed.feature_set_id)})
        assert (refused.status_code, errors_of(refused)) == (422, errors)
        assert texts_of(refused) == wrong["question_text"], errors
    assert await feedback.list_campaigns(deps, business.account.id) == []


async def test_a_campaign_needs_a_feature_set_of_ones_own_place(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    elsewhere = await make_listed(deps, account_id=business.account.id, name="Sales calls")
    paul = await browse.as_member(business.process_owner)
    for chosen in (str(elsewhere.feature_set_id), "", "nonsense"):
        refused = await paul.post(f"{LIST}/new", form_of(("Else?", "*"), feature_set=chosen))
        assert errors_of(refused) == {"feature_set": "Choose a feature set"}
        assert "Sales calls" not in refused.text


async def test_why_a_campaign_does_not_go_live_is_said(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign = await draft(deps, listed)
    alice = await browse.as_member(business.admin)
    await set_switch(deps, listed, "survey", on=False)
    refused = await alice.follow(await alice.post(f"{LIST}/{campaign.id}/live"))
    assert "The survey switch of this campaign" in text_of(refused)
    assert "Turn on" in text_of(refused)
    await set_switch(deps, listed, "survey", on=True)
    await live(deps, listed)
    taken = text_of(await alice.follow(await alice.post(f"{LIST}/{campaign.id}/live")))
    assert "Another campaign of this feature set" in taken
    assert (await feedback.get_campaign(deps, business.account.id, campaign.id)).state is CampaignState.DRAFT


async def test_results_are_bars_with_their_figures_and_stars(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    questions, alice = await live(deps, listed), await browse.as_member(business.admin)
    await answers(deps, listed, questions, "Yes")
    shown = text_of(await alice.get(f"{LIST}/{questions.id}"))
    assert "No answers in free text" in shown
    assert "view answers" not in shown
    for said in (("Yes", "fine"), ("No",)):
        await answers(deps, listed, questions, *said)
    shown = await alice.get(f"{LIST}/{questions.id}")
    assert "Yes 2 · 67 %" in text_of(shown)
    assert "No 1 · 33 %" in text_of(shown)
    assert '<rect width="67%"' in shown.text
    assert "1 answer in free text: view answers" in text_of(shown)
    await feedback.end_campaign(deps, business.account.id, questions.id, by=ALICE)
    rating = await live(deps, listed, CampaignType.CALL_RATING)
    for said in ("5", "4", "4"):
        await answers(deps, listed, rating, said)
    shown = await alice.get(f"{LIST}/{rating.id}")
    assert 'aria-label="4.3 of 5 stars on average"' in shown.text
    assert '<svg class="an-lit" width="104.0"' in shown.text  # 4.33 of 5 stars that are 24 wide each
    assert "5 1 · 33 %" in text_of(shown)


async def test_answers_are_listed_by_pages_and_downloaded(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, clock: FakeClock
) -> None:
    campaign, paul = await live(deps, listed), await browse.as_member(business.process_owner)
    url = f"{LIST}/{campaign.id}"
    days = {"since": clock.now().date().isoformat(), "until": clock.now().date().isoformat(), "format": "csv"}
    assert errors_of(await paul.post(f"{url}/export", days)) == {"since": "There are no answers in this date range"}
    for number in range(52):
        clock.advance(timedelta(seconds=1))
        await answers(deps, listed, campaign, "Yes", f"remark {number}")
    first = await paul.get(f"{url}/answers")
    assert first.text.count('data-label="Answers"') == 50
    rest = await paul.get(next(link for link in links_of(first) if "after=" in link))
    assert "remark 1 " in f"{text_of(rest)} "
    assert rest.text.count('data-label="Answers"') == 2
    made = await paul.post(f"{url}/export", days)
    assert made.headers["location"].startswith("/downloads/")


async def test_a_campaign_ends_for_good_and_is_deleted_with_its_answers(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    campaign, alice = await live(deps, listed), await browse.as_member(business.admin)
    await answers(deps, listed, campaign, "Yes")
    url = f"{LIST}/{campaign.id}"
    refused = await alice.follow(await alice.post(f"{url}/delete"))
    assert "This campaign is live; end it first" in text_of(refused)
    assert "cannot make it live again" in text_of(await alice.get(f"{url}/end"))
    ended = await alice.follow(await alice.post(f"{url}/end"))
    assert "Delivery check has ended." in text_of(ended)
    assert "2 questions and 1 answer" in text_of(await alice.get(f"{url}/delete"))
    await alice.follow(await alice.post(f"{url}/delete"))
    assert (await alice.get(url)).status_code == 404
    steps = ["campaign.created", "campaign.made_live", "campaign.ended", "campaign.deleted"]
    assert await actions(deps, business) == steps


async def test_the_list_is_searched_by_name_state_and_type(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    await live(deps, listed)
    await draft(deps, listed, CampaignType.CALL_RATING, name="Stars")
    alice = await browse.as_member(business.admin)
    for wanted, names in (
        ({"q": "STAR"}, ["Stars"]),
        ({"state": "live"}, ["Delivery check"]),
        ({"type": "call_rating"}, ["Stars"]),
        ({"q": "last mile"}, ["Delivery check", "Stars"]),
        ({"q": "nothing"}, []),
    ):
        shown = text_of(await alice.get(LIST, **wanted))
        assert [name for name in ("Delivery check", "Stars") if f" {name} " in shown] == names, wanted
