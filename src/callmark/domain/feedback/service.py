"""Use cases of User Feedback campaigns: draft them, make them live, end them, read how they were answered.

What a receiver answers comes in through `answers`. Source: contract, section 12.4.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from callmark.domain.deps import Deps
from callmark.domain.feedback import model, queries
from callmark.domain.feedback.model import (
    DEFAULT_RATING_QUESTION,
    CallType,
    Campaign,
    CampaignOffer,
    CampaignState,
    CampaignType,
    Feedback,
    NewQuestion,
    Question,
    QuestionKind,
    Results,
)
from callmark.domain.ids import AccountId, CampaignId, FeatureSetId, FeedbackId, QuestionId
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import FeatureSet
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.text import kept_or

ALL_CALLS = frozenset(CallType)


async def create_campaign(
    deps: Deps,
    account_id: AccountId,
    *,
    feature_set_id: FeatureSetId,
    name: str,
    campaign_type: CampaignType,
    call_types: Collection[CallType] = ALL_CALLS,
    questions: Sequence[NewQuestion] = (),
    created_by_email: str,
) -> Campaign:
    """The new draft. A call rating without a question gets the usual one.

    Raises NotFound for an unknown feature set, InvalidInput for a name, call types or questions that cannot be used.
    """
    if campaign_type is CampaignType.CALL_RATING and not questions:
        questions = (NewQuestion(DEFAULT_RATING_QUESTION),)
    now = deps.clock.now()
    campaign = Campaign(
        id=CampaignId(new_id()),
        account_id=account_id,
        feature_set_id=feature_set_id,
        name=model.campaign_name(name),
        campaign_type=campaign_type,
        call_types=model.checked_call_types(frozenset(call_types)),
        questions=_made(campaign_type, questions, ()),
        state=CampaignState.DRAFT,
        created_by_email=created_by_email,
        created_at=now,
        updated_at=now,
        live_at=None,
        ended_at=None,
    )
    async with deps.db.transaction() as tx:
        _set_found(await structure.lock_feature_set(tx, account_id, feature_set_id))
        await queries.insert_campaign(tx, campaign)
    return campaign


async def get_campaign(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    """The campaign; NotFound when the account has none of this id."""
    async with deps.db.connection() as tx:
        return _found(await queries.select_campaign(tx, account_id, campaign_id))


async def list_campaigns(deps: Deps, account_id: AccountId) -> list[Campaign]:
    """The account's campaigns, newest first."""
    async with deps.db.connection() as tx:
        return await queries.select_campaigns(tx, account_id)


async def update_campaign(
    deps: Deps,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    name: str | None = None,
    call_types: Collection[CallType] | None = None,
    questions: Sequence[NewQuestion] | None = None,
) -> Campaign:
    """The draft after the change (None leaves a part as it is); `questions` are all of them, in their new order.

    Raises NotFound, InvalidInput, or Conflict when it is not a draft any more.
    """
    async with deps.db.transaction() as tx:
        old = await _locked_draft(tx, account_id, campaign_id)
        new = replace(
            old,
            name=kept_or(old.name, name, model.campaign_name),
            call_types=old.call_types if call_types is None else model.checked_call_types(frozenset(call_types)),
            questions=old.questions if questions is None else _made(old.campaign_type, questions, old.questions),
            updated_at=deps.clock.now(),
        )
        await queries.update_campaign(tx, new)
    return new


async def reorder_questions(
    deps: Deps, account_id: AccountId, campaign_id: CampaignId, order: Sequence[QuestionId]
) -> Campaign:
    """The draft with its questions in this order, which names each once. Raises NotFound, InvalidInput, Conflict."""
    async with deps.db.transaction() as tx:
        old = await _locked_draft(tx, account_id, campaign_id)
        by_id = {question.id: question for question in old.questions}
        if len(order) != len(by_id) or set(order) != set(by_id):
            raise InvalidInput("the order must list each question of the campaign exactly once", field="order")
        questions = tuple(by_id[question_id] for question_id in order)
        new = replace(old, questions=questions, updated_at=deps.clock.now())
        await queries.update_campaign(tx, new)
    return new


async def make_live(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    """The campaign, live: from the next call on it is offered where its feature set's numbers are listed.

    Raises NotFound, InvalidInput for a draft without a question, or Conflict: not a draft any more, the feature set's
    survey switch is off, or another campaign of the feature set is live for one of its call types.
    """
    async with deps.db.transaction() as tx:
        there = _found(await queries.select_campaign(tx, account_id, campaign_id))
        # Before the campaign, as a deletion of the feature set locks them.
        feature_set = _set_found(await structure.lock_feature_set(tx, account_id, there.feature_set_id))
        old = await _locked_draft(tx, account_id, campaign_id)
        if not old.questions:
            raise InvalidInput("a campaign needs at least one question before it goes live", field="questions")
        if not feature_set.survey:
            raise Conflict("the survey switch of this campaign's feature set is off; turn it on first")
        now = deps.clock.now()
        new = replace(old, state=CampaignState.LIVE, updated_at=now, live_at=now)
        await queries.update_campaign(tx, new)
    return new


async def end_campaign(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    """The campaign, ended for good; unchanged when it has ended before. Raises NotFound, Conflict for a draft."""
    async with deps.db.transaction() as tx:
        old = _found(await queries.lock_campaign(tx, account_id, campaign_id))
        if old.state is CampaignState.DRAFT:
            raise Conflict("this campaign is a draft; delete it instead")
        if old.state is CampaignState.ENDED:
            return old
        now = deps.clock.now()
        new = replace(old, state=CampaignState.ENDED, updated_at=now, ended_at=now)
        await queries.update_campaign(tx, new)
    return new


async def delete_campaign(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> None:
    """Removes a draft, or an ended campaign with its answers (events stay). Raises NotFound, Conflict when live."""
    async with deps.db.transaction() as tx:
        campaign = _found(await queries.lock_campaign(tx, account_id, campaign_id))
        if campaign.state is CampaignState.LIVE:
            raise Conflict("this campaign is live; end it first")
        await queries.delete_campaign(tx, campaign_id)


async def results(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> Results:
    """How the campaign was answered so far. Reads all its answers. Raises NotFound."""
    async with deps.db.connection() as tx:
        campaign = _found(await queries.select_campaign(tx, account_id, campaign_id))
        by_type = await queries.count_by_call_type(tx, campaign_id)
        texts = [question.id for question in campaign.questions if question.kind is QuestionKind.TEXT]
        counted = await queries.count_responses(tx, campaign_id, texts)
    each = [(question, counted.get(question.id, {})) for question in campaign.questions]
    found = tuple(model.result_of(question, counts, sum(counts.values())) for question, counts in each)
    return Results(campaign, sum(by_type.values()), by_type, found)


async def count_answers_to(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> int:
    """How many calls the campaign was answered about. Raises NotFound."""
    async with deps.db.connection() as tx:
        _found(await queries.select_campaign(tx, account_id, campaign_id))
        return sum((await queries.count_by_call_type(tx, campaign_id)).values())


async def count_answers(
    deps: Deps, account_id: AccountId, since: datetime, feature_sets: Collection[FeatureSetId] | None, most: int
) -> int:
    """How many answers came since, `most` at the highest; to campaigns of these feature sets, or of all (None)."""
    async with deps.db.connection() as tx:
        return await queries.count_since(tx, account_id, since, feature_sets, most)


async def list_answers(
    deps: Deps, account_id: AccountId, campaign_id: CampaignId, *, after: FeedbackId | None = None, limit: int = 100
) -> list[Feedback]:
    """Up to `limit` answers to the campaign, newest first, those that follow the one of id `after`. Raises NotFound."""
    async with deps.db.connection() as tx:
        _found(await queries.select_campaign(tx, account_id, campaign_id))
        before: tuple[datetime, FeedbackId] | None = None
        if after is not None:
            if (last := await queries.select_feedback(tx, campaign_id, after)) is None:
                raise NotFound("no answer with this id in this campaign")
            before = last.responded_at, last.id
        return await queries.select_newest(tx, campaign_id, before, limit)


async def offered(tx: Tx, listed: ListedCaller) -> dict[CallType, CampaignOffer]:
    """What the screen may ask after each type of call of this caller; empty when the feature set's switch is off.

    One statement by an index, none when the switch is off.
    """
    return await queries.select_live(tx, listed.account_id, listed.feature_set_id) if listed.survey else {}


async def forget_all(tx: Tx) -> None:
    """Deletes every answer (emulator: reset); campaigns stay."""
    await queries.delete_all_feedback(tx)


def _made(kind: CampaignType, new: Sequence[NewQuestion], old: Sequence[Question]) -> tuple[Question, ...]:
    """The questions as they are stored; one that names an id keeps it. Raises InvalidInput."""
    known = {question.id: question for question in old}
    if any(question.id is not None and question.id not in known for question in new):
        raise InvalidInput("this campaign has no question with this id", field="questions")
    made = tuple(
        model.made_question(kind, one, one.id or QuestionId(new_id()), known[one.id] if one.id else None) for one in new
    )
    model.check_questions(kind, made)
    return made


async def _locked_draft(tx: Tx, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    campaign = _found(await queries.lock_campaign(tx, account_id, campaign_id))
    if campaign.state is not CampaignState.DRAFT:
        raise Conflict(f"this campaign is {campaign.state.value}; only a draft can be changed")
    return campaign


def _found(campaign: Campaign | None) -> Campaign:
    if campaign is None:
        raise NotFound("no campaign with this id in this account")
    return campaign


def _set_found(feature_set: FeatureSet | None) -> FeatureSet:
    if feature_set is None:
        raise NotFound("no feature set with this id in this account")
    return feature_set
