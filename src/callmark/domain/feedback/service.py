"""Use cases of User Feedback campaigns: draft them, make them live, end them, read how they were answered.

What a receiver answers comes in through `answers`. Source: contract, section 12.4.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NotRequired, TypedDict, Unpack
from uuid import UUID

from msgspec.structs import replace

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import FeatureSet, FeatureSetChange
from callmark.domain.feedback import model, queries
from callmark.domain.feedback.model import (
    ANY_CAMPAIGN,
    DEFAULT_RATING_QUESTION,
    CallType,
    Campaign,
    CampaignFilter,
    CampaignOffer,
    CampaignResults,
    CampaignState,
    CampaignType,
    Feedback,
    NewQuestion,
    Question,
    QuestionKind,
)
from callmark.domain.ids import AccountId, CampaignId, FeatureSetId, FeedbackId, QuestionId
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.policy.model import WHOLE_ACCOUNT, Actor, Scope
from callmark.domain.stale_confirmations import refuse_changed
from callmark.kit.changes import carried_out
from callmark.kit.choices import SetChange, chosen
from callmark.kit.errors import Conflict, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or

ALL_CALLS = frozenset(CallType)
_UNKNOWN = "no campaign with this id in this account"


class NewCampaign(TypedDict):
    """What a campaign is made of. It asks after all calls unless `call_types` are given."""

    feature_set_id: FeatureSetId
    name: str
    campaign_type: CampaignType
    call_types: NotRequired[Collection[CallType]]
    questions: NotRequired[Sequence[NewQuestion]]


async def create_campaign_in(
    tx: Tx, deps: Deps, account_id: AccountId, *, by: Actor, **new: Unpack[NewCampaign]
) -> Campaign:
    """The new draft. A call rating without a question gets the usual one.

    Raises NotFound for an unknown feature set, InvalidInput for a name, call types or questions that cannot be used.
    """
    campaign_type, questions = new["campaign_type"], new.get("questions", ())
    if campaign_type is CampaignType.CALL_RATING and not questions:
        questions = (NewQuestion(DEFAULT_RATING_QUESTION),)
    now = deps.clock.now()
    campaign = Campaign(
        id=CampaignId(new_id()),
        account_id=account_id,
        feature_set_id=new["feature_set_id"],
        name=model.campaign_name(new["name"]),
        campaign_type=campaign_type,
        call_types=model.checked_call_types(frozenset(new.get("call_types", ALL_CALLS))),
        questions=_made(campaign_type, questions, ()),
        state=CampaignState.DRAFT,
        created_by_email=by.email,
        created_at=now,
        updated_at=now,
        live_at=None,
        ended_at=None,
    )
    await visible_sets.lock_visible(tx, account_id, campaign.feature_set_id, by.scope)
    await queries.insert_campaign(tx, campaign)
    await _note(tx, by, AuditAction.CAMPAIGN_CREATED, campaign, now)
    return campaign


create_campaign = in_own_transaction(create_campaign_in)


async def get_campaign(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> Campaign:
    """The campaign; NotFound when the account has none of this id."""
    async with deps.db.connection() as tx:
        return found(await queries.select_campaign(tx, account_id, campaign_id), _UNKNOWN)


async def list_campaigns(
    deps: Deps,
    account_id: AccountId,
    wanted: CampaignFilter = ANY_CAMPAIGN,
    *,
    scope: Scope = WHOLE_ACCOUNT,
    before: tuple[datetime, UUID] | None = None,
    limit: int | None = None,
) -> list[Campaign]:
    """Up to `limit` (None: all) campaigns inside the scope, newest first, older than the one at `before`."""
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        return await queries.select_campaigns(tx, account_id, wanted, among, before, limit)


async def update_campaign(
    deps: Deps,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    by: Actor,
    name: str | None = None,
    call_types: Collection[CallType] | SetChange[CallType] | None = None,
    questions: Sequence[NewQuestion] | None = None,
    order: Sequence[QuestionId] | None = None,
) -> Campaign:
    """The draft after the change (None leaves a part as it is).

    `questions` are all of them, in their new order; `order` only changes that, and names each of them once. Raises
    NotFound, InvalidInput, or Conflict when it is no longer a draft.
    """
    async with deps.db.transaction() as tx:
        old = await _locked_draft(tx, account_id, campaign_id, by.scope)
        made = old.questions if questions is None else _made(old.campaign_type, questions, old.questions)
        new = replace(
            old,
            name=kept_or(old.name, name, model.campaign_name),
            call_types=model.checked_call_types(chosen(old.call_types, call_types)),
            questions=made if order is None else model.in_order(made, order),
            updated_at=deps.clock.now(),
        )
        return await carried_out(
            old,
            new,
            lambda: queries.update_campaign(tx, new),
            lambda: _note(tx, by, AuditAction.CAMPAIGN_CHANGED, new, new.updated_at),
        )


async def make_live(
    deps: Deps, account_id: AccountId, campaign_id: CampaignId, *, by: Actor, shown: str = ""
) -> Campaign:
    """The campaign, live: from the next call on it is offered where its feature set's numbers are listed.

    `shown` is the digest of what it asks, as it was shown. Raises NotFound, ChangedMeanwhile, InvalidInput for a draft
    without a question, or Conflict: no longer a draft, the feature set's survey switch is off, or another campaign of
    the feature set is live for one of its call types.
    """
    async with deps.db.transaction() as tx:
        there = found(await queries.select_campaign(tx, account_id, campaign_id), _UNKNOWN)
        # Before the campaign, as a deletion of the feature set locks them.
        feature_set = await visible_sets.lock_visible(tx, account_id, there.feature_set_id, by.scope)
        old = await _locked_draft(tx, account_id, campaign_id, by.scope)
        refuse_changed(shown, old.asked)
        if not old.questions:
            raise InvalidInput("a campaign needs at least one question before it goes live", field="questions")
        if not feature_set.survey:
            raise Conflict("the survey switch of this campaign's feature set is off; turn it on first")
        now = deps.clock.now()
        new = replace(old, state=CampaignState.LIVE, updated_at=now, live_at=now)
        await queries.update_campaign(tx, new)
        await _note(tx, by, AuditAction.CAMPAIGN_MADE_LIVE, new, now)
    return new


async def set_survey(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor, on: bool
) -> FeatureSet:
    """The feature set or number group, whose live campaigns ask from now on or not. Raises NotFound, InvalidInput."""
    async with deps.db.transaction() as tx:
        wanted = FeatureSetChange(survey=on)
        return await feature_sets.change_feature_set(deps, tx, account_id, feature_set_id, wanted, by=by, survey=on)


async def end_campaign(deps: Deps, account_id: AccountId, campaign_id: CampaignId, *, by: Actor) -> Campaign:
    """The campaign, ended permanently; unchanged when it has ended before. Raises NotFound, Conflict for a draft."""
    async with deps.db.transaction() as tx:
        old = await _locked(tx, account_id, campaign_id, by.scope)
        if old.state is CampaignState.DRAFT:
            raise Conflict("this campaign is a draft; delete it instead")
        if old.state is CampaignState.ENDED:
            return old
        now = deps.clock.now()
        new = replace(old, state=CampaignState.ENDED, updated_at=now, ended_at=now)
        await queries.update_campaign(tx, new)
        await _note(tx, by, AuditAction.CAMPAIGN_ENDED, new, now)
    return new


async def delete_campaign(
    deps: Deps, account_id: AccountId, campaign_id: CampaignId, *, by: Actor, shown: str = ""
) -> Campaign:
    """Removes a draft, or an ended campaign with its answers (events stay); what it was.

    `shown` is the digest of what is lost, as it was shown. Raises NotFound, ChangedMeanwhile, Conflict when it is live.
    """
    async with deps.db.transaction() as tx:
        campaign = await _locked(tx, account_id, campaign_id, by.scope)
        if campaign.state is CampaignState.LIVE:
            raise Conflict("this campaign is live; end it first")
        refuse_changed(shown, campaign.lost)
        await queries.delete_campaign(tx, campaign_id)
        await _note(tx, by, AuditAction.CAMPAIGN_DELETED, campaign, deps.clock.now())
    return campaign


async def results(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> CampaignResults:
    """How the campaign was answered so far. Reads all its answers. Raises NotFound."""
    async with deps.db.connection() as tx:
        campaign = found(await queries.select_campaign(tx, account_id, campaign_id), _UNKNOWN)
        by_type = await queries.count_by_call_type(tx, campaign_id)
        texts = [question.id for question in campaign.questions if question.kind is QuestionKind.TEXT]
        counted = await queries.count_responses(tx, campaign_id, texts)
    each = [(question, counted.get(question.id, {})) for question in campaign.questions]
    results = tuple(model.result_of(question, counts, sum(counts.values())) for question, counts in each)
    return CampaignResults(campaign, sum(by_type.values()), by_type, results)


async def count_answers_to(deps: Deps, account_id: AccountId, campaign_id: CampaignId) -> int:
    """How many calls the campaign was answered about. Raises NotFound."""
    async with deps.db.connection() as tx:
        found(await queries.select_campaign(tx, account_id, campaign_id), _UNKNOWN)
        return sum((await queries.count_by_call_type(tx, campaign_id)).values())


async def count_answers(deps: Deps, account_id: AccountId, scope: Scope, since: datetime, most: int) -> int:
    """How many answers to campaigns inside the scope came since, `most` at the highest."""
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        return await queries.count_since(tx, account_id, since, among, most)


async def list_answers(
    deps: Deps,
    account_id: AccountId,
    campaign_id: CampaignId,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> list[Feedback]:
    """Up to `limit` answers to the campaign, newest first, those that follow an answer's instant and id.

    Raises NotFound.
    """
    async with deps.db.connection() as tx:
        found(await queries.select_campaign(tx, account_id, campaign_id), _UNKNOWN)
        return await queries.select_newest(tx, campaign_id, after, limit)


async def position_of(deps: Deps, campaign_id: CampaignId, answer_id: FeedbackId) -> tuple[datetime, UUID]:
    """Where an answer is in the list. Raises NotFound when there is none, or no longer."""
    async with deps.db.connection() as tx:
        last = found(
            await queries.select_feedback(tx, campaign_id, answer_id), "no answer with this id in this campaign"
        )
    return last.responded_at, last.id


async def offered(tx: Tx, listed: ListedCaller) -> dict[CallType, CampaignOffer]:
    """What the screen may ask after each type of call of this caller; empty when the feature set's switch is off.

    One statement by an index, none when the switch is off.
    """
    return await queries.select_live(tx, listed.account_id, listed.feature_set_id) if listed.survey else {}


def _made(kind: CampaignType, new: Sequence[NewQuestion], old: Sequence[Question]) -> tuple[Question, ...]:
    """The questions as they are stored; one that names an id keeps it. Raises InvalidInput."""
    known = {question.id: question for question in old}
    if any(question.id is not None and question.id not in known for question in new):
        raise InvalidInput("this campaign has no question with this id", field="questions")
    made = tuple(
        model.made_question(kind, one, one.id or QuestionId(new_id()), known[one.id] if one.id else None) for one in new
    )
    model.check_questions(kind, made, old)
    return made


async def _locked(tx: Tx, account_id: AccountId, campaign_id: CampaignId, scope: Scope) -> Campaign:
    campaign = found(await queries.lock_campaign(tx, account_id, campaign_id), _UNKNOWN)
    await visible_sets.check_visible(tx, account_id, campaign.feature_set_id, scope)
    return campaign


async def _locked_draft(tx: Tx, account_id: AccountId, campaign_id: CampaignId, scope: Scope) -> Campaign:
    campaign = await _locked(tx, account_id, campaign_id, scope)
    if campaign.state is not CampaignState.DRAFT:
        raise Conflict(f"this campaign is {campaign.state.value}; only a draft can be changed")
    return campaign


async def _note(tx: Tx, by: Actor, action: AuditAction, campaign: Campaign, at: datetime) -> None:
    await audit.note(
        tx,
        by,
        action,
        campaign.name,
        account_id=campaign.account_id,
        at=at,
        campaign_id=str(campaign.id),
        type=campaign.campaign_type.value,
        questions=len(campaign.questions),
    )
