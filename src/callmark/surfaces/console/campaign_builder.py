"""The builder of a User Feedback campaign: a form whose buttons add, remove and move questions; a phone beside it.

Each button posts the whole form and gets it back changed, nothing kept; "Save" keeps it (contract, 12.4).
"""

from itertools import zip_longest
from typing import ClassVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from callmark.domain.feature_sets import visible_sets
from callmark.domain.feature_sets.visible_sets import VisibleFeatureSet
from callmark.domain.feedback import model, service as feedback
from callmark.domain.feedback.model import (
    DEFAULT_RATING_QUESTION,
    FEWEST_OPTIONS,
    LONGEST_NAME,
    LONGEST_QUESTION,
    MOST_OPTIONS,
    MOST_QUESTIONS,
    CallType,
    Campaign,
    CampaignType,
    NewQuestion,
    Question,
    QuestionKind,
)
from callmark.domain.ids import CampaignId, FeatureSetId, QuestionId
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import parse_uuid
from callmark.kit.text import kept_or
from callmark.surfaces.console.confirm import Blocked
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Edit, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.set_choice import SetChoice, choice_of

LIST = "/console/campaigns"
_NOBODY = QuestionId(UUID(int=0))
_CHOOSE_SET = {"feature_set": "Choose a feature set"}


class PlacedCampaign(Struct, frozen=True):
    """A campaign with the feature set whose calls it asks about."""

    campaign: Campaign
    own: VisibleFeatureSet


class QuestionField(Struct, frozen=True):
    """A question as the form has it: options one a line, `is_new` when a button has just added it."""

    id: str
    kind: QuestionKind
    text: str
    options: str
    is_new: bool = False

    @property
    def lines(self) -> list[str]:
        """The options, without empty lines."""
        return [line.strip() for line in self.options.splitlines() if line.strip()]


class TypePage(Page, frozen=True):
    """Chooses what kind of campaign is made."""

    template: ClassVar[str] = "campaigns/types.html"


class BuilderPage(Page, frozen=True):
    """The form of a new campaign, or of a draft (`campaign_id`), and how a phone asks it (`business` is who called)."""

    template: ClassVar[str] = "campaigns/builder.html"
    form: Form
    kind: CampaignType
    campaign_id: str
    asked: list[QuestionField]
    choice: SetChoice
    sets: list[VisibleFeatureSet]
    """Those of the choice."""
    url: str
    business: str
    focus: str
    """The button or field that has the keyboard when the page has come (`focused_after`); empty for none of them."""
    longest_name: int = LONGEST_NAME
    longest_question: int = LONGEST_QUESTION
    most_questions: int = MOST_QUESTIONS
    fewest_options: int = FEWEST_OPTIONS
    most_options: int = MOST_OPTIONS


async def show_create(request: ConsoleRequest) -> Response:
    """First the type, which stays as it is; then the form with what is usual. Neither without a feature set."""
    if not await visible_sets.has_any(request.deps, request.account_id, request.by.scope):
        return page(request, _without_sets(request))
    kind = _kind(request.query("type"))
    if kind is None:
        return page(request, TypePage())
    is_rating = kind is CampaignType.CALL_RATING
    first = (
        QuestionField("", QuestionKind.RATING, DEFAULT_RATING_QUESTION, "")
        if is_rating
        else QuestionField("", QuestionKind.CHOICE, "", "")
    )
    form = Form.of(call_types=[*CallType], feature_set=request.query("feature_set"))
    return await _builder(request, form, kind, [first])


def _without_sets(request: ConsoleRequest) -> Page:
    """What has to be there before a campaign, and where it is made."""
    why, to = "It asks about calls from the numbers of a feature set. Create a feature set first.", None
    if request.offers(Action.FEATURE_SETS_MANAGE):
        to = ("Feature sets", "/console/feature-sets")
    else:
        why = "It asks about calls from the numbers of a feature set. Number Management is not part of your plan."
    return Blocked("A campaign cannot be created yet", [why], to, LIST)


async def create(request: ConsoleRequest) -> Response:
    """Changes the form, or makes the draft."""
    form = request.form
    kind = _kind(form.text("type"))
    if kind is None:
        return page(request, TypePage(), 422)
    asked = sent_questions(form)
    if do := _pressed(form):
        return await _builder(request, form, kind, changed(asked, do))
    chosen = parse_uuid(form.text("feature_set"))
    errors = _errors(form, kind, asked) | ({} if chosen else _CHOOSE_SET)
    if errors or not chosen:
        return await _builder(request, Form(form.values, errors), kind, asked, 422)
    try:
        made = await feedback.create_campaign(
            request.deps,
            request.account_id,
            by=request.by,
            feature_set_id=FeatureSetId(chosen),
            name=form.text("name"),
            campaign_type=kind,
            call_types=_call_types(form),
            questions=[_new(one) for one in asked],
        )
    except InvalidInput as refused:
        return await _builder(request, form.refused(refused), kind, asked, 422)
    except NotFound:
        return await _builder(request, Form(form.values, _CHOOSE_SET), kind, asked, 422)
    return request.go(f"{LIST}/{made.id}", f"{made.name} was created as a draft. Make it live when it is ready.")


def _pressed(form: Form) -> str:
    """The button, empty for the one that saves. Enter finds, where there is another text to find than before."""
    do = form.text("do")
    if do != "enter":
        return do
    return "find" if form.text("named") != form.text("named_before") else ""


async def show_edit(request: ConsoleRequest) -> Response:
    found = await get_campaign(request)
    campaign = found.campaign
    return await _builder(
        request, _stored(campaign), campaign.campaign_type, question_fields(campaign), campaign=campaign
    )


async def edit(request: ConsoleRequest) -> Response:
    """Changes the form, or the draft."""
    form = request.form
    found = await get_campaign(request)
    campaign, kind, asked = found.campaign, found.campaign.campaign_type, sent_questions(form)
    if form.text("do"):
        return await _builder(request, form, kind, changed(asked, form.text("do")), campaign=campaign)
    wanted, asked = _merged(form, asked, campaign)
    form = wanted.form
    errors = _errors(form, kind, asked, campaign)
    try:
        if not errors:
            await feedback.update_campaign(
                request.deps,
                request.account_id,
                campaign.id,
                by=request.by,
                name=wanted.text("name"),
                call_types=wanted.choices("call_types", CallType),
                questions=[_new(one) for one in asked] if wanted.changes("questions") else None,
            )
    except (InvalidInput, Conflict) as refused:
        errors = form.refused(refused).errors
    if errors:
        return await _builder(request, Form(form.values, errors, form.shown), kind, asked, 422, campaign=campaign)
    return request.go(f"{LIST}/{campaign.id}", f"{form.text('name').strip()} was saved.")


async def get_campaign(request: ConsoleRequest) -> PlacedCampaign:
    """The campaign that the path names, inside the actor's place. Raises NotFound."""
    deps, account_id = request.deps, request.account_id
    campaign = await feedback.get_campaign(deps, account_id, request.id(CampaignId))
    own = await visible_sets.get_visible(deps, account_id, campaign.feature_set_id, request.by.scope)
    return PlacedCampaign(campaign, own)


def question_fields(campaign: Campaign) -> list[QuestionField]:
    """A campaign's questions as a form or a phone shows them."""
    return [_question_field(question) for question in campaign.questions]


def sent_questions(form: Form) -> list[QuestionField]:
    """The questions of a form that was sent, at most one more than a campaign may have."""
    names = ("question_id", "question_kind", "question_text", "question_options")
    rows = zip_longest(*(form.all(name) for name in names), fillvalue="")
    kinds = set(QuestionKind)
    return [
        QuestionField(id_, QuestionKind(kind) if kind in kinds else QuestionKind.TEXT, text, options)
        for id_, kind, text, options in list(rows)[: MOST_QUESTIONS + 1]
    ]


def changed(asked: list[QuestionField], do: str) -> list[QuestionField]:
    """The questions after a button: `add_choice`, `add_text`, or `remove`, `up`, `down` with a position, as `up-2`."""
    step, _, position = do.partition("-")
    if step in {"add_choice", "add_text"}:
        kind = QuestionKind.CHOICE if step == "add_choice" else QuestionKind.TEXT
        return [*asked, QuestionField("", kind, "", "", is_new=True)]
    at = int(position) if position in map(str, range(len(asked))) else len(asked)
    to = {"up": at - 1, "down": at + 1, "remove": at}.get(step, -1)
    if not (at < len(asked) and 0 <= to < len(asked)):
        return asked
    moved = [*asked]
    one = moved.pop(at)
    if step != "remove":
        moved.insert(to, one)
    return moved


def focused_after(do: str, count: int) -> str:
    """The button or field that the keyboard is on after a button, with `count` questions then.

    It follows what was moved, and stays where one searches.
    """
    step, _, position = do.partition("-")
    if position not in map(str, range(count + 1)):
        return "named" if do == "find" else ""
    at, last = int(position), count - 1
    match step:
        case "up":
            return f"up-{at - 1}" if at > 1 else "down-0"
        case "down":
            return f"down-{at + 1}" if at + 1 < last else f"up-{last}"
        case "remove":
            return f"remove-{min(at, last)}" if count else "add_choice"
        case _:
            return ""


def _stored(campaign: Campaign) -> Form:
    """What the draft has; all its questions count as one field, `questions`."""
    types = [kind.value for kind in CallType if kind in campaign.call_types]
    return Form.stored(name=campaign.name, call_types=types, questions=_text_of(question_fields(campaign)))


def _merged(form: Form, asked: list[QuestionField], campaign: Campaign) -> tuple[Edit, list[QuestionField]]:
    """As `Form.onto`. Of questions that were changed here, one that someone else has removed becomes a new one."""
    text = _text_of(asked)
    merged = Form({**form.values, "questions": [text]}, form.errors, form.shown).onto(_stored(campaign))
    if merged.form.text("questions") != text:
        return merged, question_fields(campaign)
    known = {str(question.id) for question in campaign.questions}
    return merged, [one if one.id in known else replace(one, id="") for one in asked]


def _text_of(asked: list[QuestionField]) -> str:
    """The questions in one text, which is the same as long as they are."""
    return msgspec.json.encode([(one.id, one.kind, one.text, one.lines) for one in asked]).decode()


async def _builder(
    request: ConsoleRequest,
    form: Form,
    kind: CampaignType,
    asked: list[QuestionField],
    status: int = 200,
    *,
    campaign: Campaign | None = None,
) -> Response:
    choice, sets = choice_of([]), list[VisibleFeatureSet]()
    if campaign is None:
        deps, account_id, scope = request.deps, request.account_id, request.by.scope
        names = await visible_sets.list_names(deps, account_id, scope)
        choice = choice_of(names, form.text("named"), form.text("feature_set"))
        found = await visible_sets.find_each(deps, account_id, [one.id for one in choice.sets], scope)
        sets = [found[one.id] for one in choice.sets if one.id in found]
    url = f"{LIST}/{campaign.id}/edit" if campaign else f"{LIST}/new"
    business, focus = request.live_session.account_name, focused_after(_pressed(form), len(asked))
    context = BuilderPage(form, kind, str(campaign.id) if campaign else "", asked, choice, sets, url, business, focus)
    return page(request, context, status)


def _errors(form: Form, kind: CampaignType, asked: list[QuestionField], old: Campaign | None = None) -> dict[str, str]:
    """What is wrong, each beside its field: a question's is called by its position, `question-0`."""
    errors: dict[str, str] = {}
    known = {str(question.id): question for question in old.questions} if old else {}
    for at, one in enumerate(asked):
        try:
            model.made_question(kind, _new(one), _NOBODY, known.get(one.id))
        except InvalidInput as refused:
            errors[f"question-{at}"] = _sentence(refused)
    if not asked:
        errors["questions"] = "Add a question"
    for check in (
        lambda: kept_or(old.name if old else "", form.text("name"), model.campaign_name),
        lambda: model.checked_call_types(_call_types(form)),
    ):
        try:
            check()
        except InvalidInput as refused:
            choose = "Choose at least one type of call"
            errors[refused.field] = choose if refused.field == "call_types" else _sentence(refused)
    return errors


def _new(one: QuestionField) -> NewQuestion:
    """The question as the use case takes it. Raises InvalidInput for a choice without options."""
    if one.kind is QuestionKind.CHOICE and not one.lines:
        raise InvalidInput(f"a question must have {FEWEST_OPTIONS} to {MOST_OPTIONS} options", field="questions")
    id_ = parse_uuid(one.id)
    options = one.lines if one.kind is QuestionKind.CHOICE else []
    return NewQuestion(one.text, options, QuestionId(id_) if id_ else None)


def _question_field(question: Question) -> QuestionField:
    return QuestionField(str(question.id), question.kind, question.text, "\n".join(question.options))


def _call_types(form: Form) -> frozenset[CallType]:
    return frozenset(kind for kind in CallType if kind.value in form.all("call_types"))


def _kind(text: str) -> CampaignType | None:
    return CampaignType(text) if text in set(CampaignType) else None


def _sentence(refused: InvalidInput) -> str:
    said = refused.for_people
    return said[:1].upper() + said[1:]


ROUTES = (
    get("/campaigns/new", show_create, Action.FEEDBACK_MANAGE),
    post("/campaigns/new", create, Action.FEEDBACK_MANAGE),
    get("/campaigns/{id}/edit", show_edit, Action.FEEDBACK_MANAGE),
    post("/campaigns/{id}/edit", edit, Action.FEEDBACK_MANAGE),
)
