"""User Feedback campaigns: the list, one with its results and answers, its life, its download (contract, 12.4)."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import visible_sets
from callmark.domain.feature_sets.model import FeatureSetState
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignFilter,
    CampaignResults,
    CampaignState,
    CampaignType,
    Feedback,
    QuestionResult,
    average_text,
)
from callmark.domain.ids import CampaignId
from callmark.domain.log_downloads import service as log_downloads
from callmark.domain.log_downloads.model import LogFile
from callmark.domain.policy.model import Action
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import InvalidInput
from callmark.kit.text import share
from callmark.surfaces.console import consequences, display_names
from callmark.surfaces.console.campaign_builder import (
    LIST,
    PlacedCampaign,
    QuestionField,
    get_campaign,
    question_fields,
)
from callmark.surfaces.console.confirm import SEEN, Blocked, Confirm, confirmed
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import day_range, default_range, path_of
from callmark.surfaces.console.request import ConsoleRequest, Form, with_query
from callmark.surfaces.console.route import get, post
from callmark.surfaces.cursors import InstantKey, decode_key, encode_key

_PAGE = 50
_PAGER: Pager[Campaign, InstantKey] = Pager(
    InstantKey, lambda one: (one.created_at, one.id), _PAGE, filters=("q", "state", "type")
)
_NEWEST = 5


class CampaignsPage(Page, frozen=True):
    """A page of the campaigns of the actor's place, newest first."""

    template: ClassVar[str] = "campaigns/list.html"
    found: list[PlacedCampaign]
    wanted: dict[str, str]
    is_narrowed: bool
    url: str
    next: str
    first: str


class Bar(Struct, frozen=True):
    """A line of a chart: how many, and which part of all: in words, and of 100."""

    label: str
    count: int
    share: str
    width: int


class Chart(Struct, frozen=True):
    """How a question was answered; no bars for free text; `average` is of a rating, `stars` how it reads."""

    question: str
    answered: int
    bars: list[Bar]
    average: float | None
    stars: str


class CampaignPage(Page, frozen=True):
    """One campaign: what it asks, and how it was answered so far."""

    template: ClassVar[str] = "campaigns/campaign.html"
    found: PlacedCampaign
    asked: list[QuestionField]
    business: str
    answered: int
    calls: list[Bar]
    charts: list[Chart]
    answers: list[Feedback]


class AnswersPage(Page, frozen=True):
    """A page of a campaign's answers, newest first."""

    template: ClassVar[str] = "campaigns/answers.html"
    found: PlacedCampaign
    answers: list[Feedback]
    next: str
    first: str


class AnswersExportPage(Page, frozen=True):
    """The range of a download."""

    template: ClassVar[str] = "campaigns/export.html"
    found: PlacedCampaign
    form: Form


async def show_list(request: ConsoleRequest) -> Response:
    """The campaigns by their making, newest first."""
    wanted = _PAGER.filtered_by(request)
    deps, account_id, scope = request.deps, request.account_id, request.by.scope
    narrowed = CampaignFilter(
        wanted["q"],
        CampaignState(wanted["state"]) if wanted["state"] in set(CampaignState) else None,
        CampaignType(wanted["type"]) if wanted["type"] in set(CampaignType) else None,
    )
    found = await feedback.list_campaigns(
        deps, account_id, narrowed, scope=scope, before=_PAGER.position(request), limit=_PAGE + 1
    )
    part = _PAGER.part(request, found)
    sets = await visible_sets.find_each(deps, account_id, {one.feature_set_id for one in part.rows}, scope)
    return page(
        request,
        CampaignsPage(
            [PlacedCampaign(one, sets[one.feature_set_id]) for one in part.rows if one.feature_set_id in sets],
            wanted,
            is_narrowed=any(wanted.values()),
            url=LIST,
            next=part.next,
            first=part.first,
        ),
    )


async def show_campaign(request: ConsoleRequest) -> Response:
    """One campaign with its results."""
    found = await get_campaign(request)
    campaign = found.campaign
    asked, business = question_fields(campaign), request.live_session.account_name
    if campaign.state is CampaignState.DRAFT:
        return page(request, CampaignPage(found, asked, business, 0, [], [], []))
    results = await feedback.results(request.deps, request.account_id, campaign.id)
    newest = await feedback.list_answers(request.deps, request.account_id, campaign.id, limit=_NEWEST)
    calls = _bars({display_names.CALL_TYPES[kind]: results.by_call_type.get(kind, 0) for kind in _asked_after(found)})
    return page(request, CampaignPage(found, asked, business, results.answered, calls, _charts(results), newest))


async def show_answers(request: ConsoleRequest) -> Response:
    """Each answer with the number that gave it."""
    found = await get_campaign(request)
    after = decode_key(request.query("after"), InstantKey)
    of = request.deps, request.account_id, found.campaign.id
    answers = await feedback.list_answers(*of, after=after, limit=_PAGE + 1)
    url, shown = f"{LIST}/{found.campaign.id}/answers", answers[:_PAGE]
    last = shown[-1] if len(answers) > _PAGE else None
    following = with_query(url, after=encode_key((last.responded_at, last.id))) if last else ""
    return page(request, AnswersPage(found, shown, following, url if after else ""))


async def ask_live(request: ConsoleRequest) -> Page:
    """Says what it asks, about how many numbers, and what keeps it from being asked."""
    found = await get_campaign(request)
    campaign, one = found.campaign, found.own.feature_set
    back = f"{LIST}/{campaign.id}"
    if stops := await _stopped_by(request, found):
        why, onward = stops
        return Blocked(f"{campaign.name} cannot be made live yet", [why], onward, back)
    kinds = " and ".join(display_names.CALL_TYPES[kind].lower() for kind in _asked_after(found))
    begins = [f"It asks after {kinds} calls, from the next call."]
    if one.state is not FeatureSetState.PUBLISHED:
        why = f"{one.name} is not published, so receivers are not asked until it is."
        begins = [why, f"From then on it asks after {kinds} calls."]
    asked = [f"{each.text} ({', '.join(each.options)})" if each.options else each.text for each in campaign.questions]
    frozen = ["You can no longer change its questions:", *asked]
    lost = [*begins, consequences.numbers_ask(one.number_count, one.name), *frozen]
    seen = digest_of(campaign.asked)
    return Confirm(f"Make {campaign.name} live?", lost, "Make live", back, danger=False, seen=seen)


async def set_survey(request: ConsoleRequest) -> Response:
    """Turns the switch of the campaign's feature set: whether its campaigns ask at all."""
    found, on = await get_campaign(request), request.form.text("survey") == "on"
    of = request.deps, request.account_id, found.own.feature_set.id
    one = await feedback.set_survey(*of, by=request.by, on=on)
    said = f"User Feedback is {'on' if on else 'off'} for {one.name}."
    return request.go(f"{LIST}/{found.campaign.id}", said)


async def make_live(request: ConsoleRequest) -> Response:
    """Asks from the next call on; refused, it says why on the campaign's page."""
    of, shown = (request.deps, request.account_id, request.id(CampaignId)), request.form.text(SEEN)
    to = f"{LIST}/{request.id(CampaignId)}"
    try:
        campaign = await feedback.make_live(*of, by=request.by, shown=shown)
    except InvalidInput as refused:
        return request.go(to, f"Not made live: {refused.message}.", "danger")
    return request.go(to, f"{campaign.name} is live.")


async def ask_end(request: ConsoleRequest) -> Page:
    """Says that it cannot be made live again."""
    found = await get_campaign(request)
    campaign = found.campaign
    return Confirm(
        title=f"End {campaign.name}?",
        lost=[
            "It stops asking receivers. Answers that are not submitted yet are refused.",
            "You cannot make it live again. Its answers and results stay.",
        ],
        button="End campaign",
        back=f"{LIST}/{campaign.id}",
    )


async def end(request: ConsoleRequest) -> Response:
    campaign = await feedback.end_campaign(request.deps, request.account_id, request.id(CampaignId), by=request.by)
    return request.go(f"{LIST}/{campaign.id}", f"{campaign.name} has ended.")


async def ask_delete(request: ConsoleRequest) -> Page:
    """Says how many answers go with it."""
    found = await get_campaign(request)
    campaign = found.campaign
    answered = await feedback.count_answers_to(request.deps, request.account_id, campaign.id)
    return Confirm(
        title=f"Delete {campaign.name}?",
        lost=[
            consequences.campaign_deleted(len(campaign.questions), answered),
            f"Events already sent stay in the log for {request.deps.settings.event_retention_days} days.",
        ],
        button="Delete campaign",
        back=f"{LIST}/{campaign.id}",
        seen=digest_of(campaign.lost),
    )


async def delete(request: ConsoleRequest) -> Response:
    """Removes a draft or an ended campaign."""
    of, shown = (request.deps, request.account_id, request.id(CampaignId)), request.form.text(SEEN)
    campaign = await feedback.delete_campaign(*of, by=request.by, shown=shown)
    return request.go(LIST, f"{campaign.name} was deleted.")


async def show_export(request: ConsoleRequest) -> Response:
    """The last 30 days, which is the most that the log keeps."""
    found = await get_campaign(request)
    return page(request, AnswersExportPage(found, default_range(request.deps.clock.now(), request.zone)))


async def export(request: ConsoleRequest) -> Response:
    """Leads to the file."""
    form = request.form
    found = await get_campaign(request)
    try:
        days, of = day_range(form, request.zone), (request.account_id, EventType.USER_FEEDBACK, found.campaign.id)
        file = LogFile(*of, days.since, days.before, days.file_format)
        link = await log_downloads.make_link(request.deps, file, by=request.by)
    except InvalidInput as refused:
        return page(request, AnswersExportPage(found, form.refused(refused)), 422)
    if link is None:
        nothing = InvalidInput("there are no answers in this date range", field="since")
        return page(request, AnswersExportPage(found, form.refused(nothing)), 422)
    return request.go(path_of(link))


async def _stopped_by(request: ConsoleRequest, found: PlacedCampaign) -> tuple[str, tuple[str, str] | None] | None:
    """Why the campaign cannot be made live now, and the way to what has to change first; None when it can."""
    campaign, one = found.campaign, found.own.feature_set
    if not campaign.questions:
        return "It has no questions yet.", ("Add questions", f"{LIST}/{campaign.id}/edit")
    if not one.survey:
        return f"User Feedback is off for {one.name}. Turn it on at the campaign's page first.", None
    live = CampaignFilter(state=CampaignState.LIVE, feature_set_id=campaign.feature_set_id)
    for other in await feedback.list_campaigns(request.deps, request.account_id, live):
        if common := campaign.call_types & other.call_types:
            kinds = " and ".join(display_names.CALL_TYPES[kind].lower() for kind in CallType if kind in common)
            why = f"{other.name} of {one.name} is live for {kinds} calls already. End it first."
            return why, (f"Open {other.name}", f"{LIST}/{other.id}")
    return None


def _asked_after(found: PlacedCampaign) -> list[CallType]:
    return [kind for kind in CallType if kind in found.campaign.call_types]


def _charts(results: CampaignResults) -> list[Chart]:
    return [_chart(one) for one in results.questions]


def _chart(one: QuestionResult) -> Chart:
    stars = "" if one.average is None else average_text(one.average, 1)
    return Chart(one.question.text, one.answered, _bars(one.counts), one.average, stars)


def _bars(counts: Mapping[str, int]) -> list[Bar]:
    whole = sum(counts.values())
    return [
        Bar(
            label,
            count,
            share(count, whole),
            round(100 * count / whole) if whole else 0,
        )
        for label, count in counts.items()
    ]


ROUTES = (
    get("/campaigns", show_list, Action.FEEDBACK_VIEW),
    get("/campaigns/{id}", show_campaign, Action.FEEDBACK_VIEW),
    get("/campaigns/{id}/answers", show_answers, Action.FEEDBACK_VIEW),
    *confirmed("/campaigns/{id}/live", ask_live, make_live, Action.FEEDBACK_MANAGE),
    post("/campaigns/{id}/survey", set_survey, Action.FEEDBACK_MANAGE),
    *confirmed("/campaigns/{id}/end", ask_end, end, Action.FEEDBACK_MANAGE),
    *confirmed("/campaigns/{id}/delete", ask_delete, delete, Action.FEEDBACK_MANAGE),
    get("/campaigns/{id}/export", show_export, Action.FEEDBACK_VIEW),
    post("/campaigns/{id}/export", export, Action.FEEDBACK_VIEW),
)
