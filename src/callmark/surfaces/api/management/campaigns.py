"""User Feedback campaigns, their results and answers (contract, section 12.4)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.feedback import model, service as feedback
from callmark.domain.feedback.model import (
    LONGEST_NAME,
    LONGEST_OPTION,
    LONGEST_QUESTION,
    MOST_OPTIONS,
    MOST_QUESTIONS,
    CallType,
    Campaign,
    CampaignFilter,
    CampaignState,
    CampaignType,
    Feedback,
    NewQuestion,
    QuestionKind,
)
from callmark.domain.ids import CampaignId, FeatureSetId, FeedbackId, QuestionId
from callmark.instants import iso_ms
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.own.request import (
    ApiPager,
    NoBody,
    body_of,
    choice_filter,
    id_filter,
    id_of,
)
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, Instant, NextAfter, UpdatedAt, instant
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_ANSWERS: ApiPager[Feedback, InstantKey] = ApiPager(InstantKey, lambda one: (one.responded_at, one.id))
_PAGER: ApiPager[Campaign, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id))
_NAME = f"1 to {LONGEST_NAME} characters."
_CALL_TYPES = "After which calls it asks; a rejected call counts as missed."
_QUESTIONS = f"The questions in their order; at most {MOST_QUESTIONS}, one of a call rating."


class QuestionView(msgspec.Struct):
    """A question of a campaign."""

    id: Annotated[Id, Meta(description="The question.")]
    text: Annotated[str, Meta(description="Its text.")]
    kind: Annotated[QuestionKind, Meta(description="How it is answered.")]
    options: Annotated[list[str], Meta(description="What a `choice` chooses from; else empty.")]


class CampaignView(msgspec.Struct, kw_only=True):
    """A feedback campaign."""

    id: Annotated[Id, Meta(description="The campaign; `surveyId` of its log.")]
    feature_set_id: Annotated[Id, Meta(description="The feature set or number group whose calls it asks about.")]
    name: Annotated[str, Meta(description="Its name.")]
    campaign_type: Annotated[CampaignType, Meta(description="One rating of the call, or questions of your own.")]
    call_types: Annotated[list[CallType], Meta(description=_CALL_TYPES)]
    questions: Annotated[list[QuestionView], Meta(description="Its questions, in their order.")]
    state: Annotated[
        CampaignState, Meta(description="A `draft` can change; a `live` one asks; an `ended` one is over.")
    ]
    created_by_email: CreatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt
    live_at: Annotated[Instant | None, Meta(description="When it went live; null before.")]
    ended_at: Annotated[Instant | None, Meta(description="When it ended; null before.")]


class CampaignList(msgspec.Struct):
    """A page of campaigns."""

    campaigns: Annotated[list[CampaignView], Meta(description="The campaigns, newest first.")]
    next_after: NextAfter


class QuestionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A question: with options it is a choice, without them it is answered in free text."""

    text: Annotated[str, Meta(description=f"1 to {LONGEST_QUESTION} characters.")]
    options: Annotated[
        list[str],
        Meta(description=f"None, or 2 to {MOST_OPTIONS} that look different, of at most {LONGEST_OPTION} characters."),
    ] = []
    id: Annotated[UUID | None, Meta(description="Of a question that the draft has, to keep its id.")] = None


class NewCampaignBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a campaign is made of."""

    feature_set_id: Annotated[UUID, Meta(description="The feature set or number group whose calls it asks about.")]
    name: Annotated[str, Meta(description=_NAME)]
    campaign_type: Annotated[CampaignType, Meta(description="It never changes.")]
    call_types: Annotated[list[CallType] | UnsetType, Meta(description=f"{_CALL_TYPES} Both if you leave it out.")] = (
        UNSET
    )
    questions: Annotated[
        list[QuestionBody], Meta(description=f"{_QUESTIONS} A rating without one gets the usual one.")
    ] = msgspec.field(default_factory=list[QuestionBody])


class CampaignChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to change of a draft; what is left out stays."""

    name: Annotated[str | UnsetType, Meta(description=_NAME)] = UNSET
    call_types: Annotated[list[CallType] | UnsetType, Meta(description=_CALL_TYPES)] = UNSET
    questions: Annotated[list[QuestionBody] | UnsetType, Meta(description=f"All of them. {_QUESTIONS}")] = UNSET


class QuestionResultView(msgspec.Struct):
    """How a question was answered."""

    question_id: Annotated[Id, Meta(description="The question.")]
    question: Annotated[str, Meta(description="Its text.")]
    answered: Annotated[int, Meta(description="How many answers it has.")]
    counts: Annotated[dict[str, int], Meta(description="Answers by option or rating; empty for free text.")]
    average: Annotated[float | None, Meta(description="The average rating; null for other kinds or before the first.")]


class CampaignResultsView(msgspec.Struct):
    """How a campaign was answered."""

    campaign_id: Annotated[Id, Meta(description="The campaign.")]
    answered: Annotated[int, Meta(description="How many calls it was answered about.")]
    by_call_type: Annotated[dict[str, int], Meta(description="The same by type of call.")]
    questions: Annotated[list[QuestionResultView], Meta(description="Each question, in their order.")]


class ResponseView(msgspec.Struct):
    """What was said to one question."""

    question_id: Annotated[Id, Meta(description="The question.")]
    question: Annotated[str, Meta(description="Its text.")]
    answer: Annotated[str, Meta(description="The answer; a rating is a digit.")]


class AnswerView(msgspec.Struct, kw_only=True):
    """What a receiver answered after one call."""

    id: Annotated[Id, Meta(description="The answer.")]
    business_number: Annotated[str, Meta(description="The number that called, digits only.")]
    receiver_number: Annotated[str, Meta(description="The receiver, digits only.")]
    call_type: Annotated[CallType, Meta(description="How the call ended.")]
    responded_at: Annotated[Instant, Meta(description="When it was answered, UTC.")]
    responses: Annotated[list[ResponseView], Meta(description="One entry for each answered question.")]


class AnswerList(msgspec.Struct):
    """A page of a campaign's answers."""

    answers: Annotated[list[AnswerView], Meta(description="The answers, newest first.")]
    next_after: NextAfter


async def list_campaigns(request: ApiRequest) -> Response:
    """`GET campaigns?feature_set_id=&state=&after=&limit=`."""
    set_id, state = id_filter(request, "feature_set_id", FeatureSetId), choice_filter(request, "state", CampaignState)
    of, wanted = (request.deps, request.account_id), CampaignFilter(feature_set_id=set_id, state=state)
    found = await feedback.list_campaigns(*of, wanted, before=_PAGER.after(request), limit=_PAGER.limit(request) + 1)
    rows, next_after = _PAGER.part(request, found)
    return render(CampaignList([_campaign(one) for one in rows], next_after))


async def get_campaign(request: ApiRequest) -> Response:
    """`GET campaigns/{campaignId}`."""
    return render(_campaign(await feedback.get_campaign(request.deps, request.account_id, _id(request))))


async def create_campaign(request: ApiRequest) -> Response:
    """`POST campaigns`."""
    body, by = body_of(request, NewCampaignBody, {"questions": QuestionBody}), await actor_of(request)
    new = feedback.NewCampaign(
        feature_set_id=FeatureSetId(body.feature_set_id),
        name=body.name,
        campaign_type=body.campaign_type,
        call_types=[*CallType] if body.call_types is UNSET else body.call_types,
        questions=_questions(body.questions),
    )
    async with request.deps.db.transaction() as tx:
        made = await feedback.create_campaign_in(tx, request.deps, request.account_id, by=by, **new)
        return await kept(tx, request, render(_campaign(made), 201))


async def change_campaign(request: ApiRequest) -> Response:
    """`PATCH campaigns/{campaignId}`."""
    body, by = body_of(request, CampaignChangeBody, {"questions": QuestionBody}), await actor_of(request)
    changed = await feedback.update_campaign(
        request.deps,
        request.account_id,
        _id(request),
        by=by,
        name=None if body.name is UNSET else body.name,
        call_types=None if body.call_types is UNSET else body.call_types,
        questions=None if body.questions is UNSET else _questions(body.questions),
    )
    return render(_campaign(changed))


async def make_live(request: ApiRequest) -> Response:
    """`POST campaigns/{campaignId}/live`."""
    return await _step(request, feedback.make_live)


async def end_campaign(request: ApiRequest) -> Response:
    """`POST campaigns/{campaignId}/end`."""
    return await _step(request, feedback.end_campaign)


async def delete_campaign(request: ApiRequest) -> Response:
    """`DELETE campaigns/{campaignId}`."""
    return await _step(request, feedback.delete_campaign)


async def get_results(request: ApiRequest) -> Response:
    """`GET campaigns/{campaignId}/results`."""
    found = await feedback.results(request.deps, request.account_id, _id(request))
    each = [
        QuestionResultView(str(one.question.id), one.question.text, one.answered, dict(one.counts), one.average)
        for one in found.questions
    ]
    by_type = {kind.value: found.by_call_type.get(kind, 0) for kind in CallType}
    return render(CampaignResultsView(str(found.campaign.id), found.answered, by_type, each))


async def list_answers(request: ApiRequest) -> Response:
    """`GET campaigns/{campaignId}/answers?after=&limit=`."""
    campaign = await feedback.get_campaign(request.deps, request.account_id, _id(request))
    of = request.deps, request.account_id, campaign.id
    after = await _ANSWERS.after_or_id(
        request, lambda last: feedback.position_of(request.deps, campaign.id, FeedbackId(last))
    )
    found = await feedback.list_answers(*of, after=after, limit=_ANSWERS.limit(request) + 1)
    rows, next_after = _ANSWERS.part(request, found)
    return render(AnswerList([_answer(one) for one in rows], next_after))


async def _step(request: ApiRequest, step: Callable[..., Awaitable[Campaign]]) -> Response:
    body_of(request, NoBody)
    return render(_campaign(await step(request.deps, request.account_id, _id(request), by=await actor_of(request))))


def _id(request: ApiRequest) -> CampaignId:
    return id_of(request, "campaignId", CampaignId)


def _questions(bodies: Sequence[QuestionBody]) -> list[NewQuestion]:
    return [NewQuestion(one.text, one.options, QuestionId(one.id) if one.id else None) for one in bodies]


def _campaign(one: Campaign) -> CampaignView:
    return CampaignView(
        id=str(one.id),
        feature_set_id=str(one.feature_set_id),
        name=one.name,
        campaign_type=one.campaign_type,
        call_types=[kind for kind in CallType if kind in one.call_types],
        questions=[_question(question) for question in one.questions],
        state=one.state,
        created_by_email=one.created_by_email,
        created_at=iso_ms(one.created_at),
        updated_at=iso_ms(one.updated_at),
        live_at=instant(one.live_at),
        ended_at=instant(one.ended_at),
    )


def _question(question: model.Question) -> QuestionView:
    return QuestionView(str(question.id), question.text, question.kind, [*question.options])


def _answer(found: Feedback) -> AnswerView:
    return AnswerView(
        id=str(found.id),
        business_number=found.business_number,
        receiver_number=found.receiver_number,
        call_type=found.call_type,
        responded_at=iso_ms(found.responded_at),
        responses=[ResponseView(str(one.question_id), one.question, one.answer) for one in found.responses],
    )
