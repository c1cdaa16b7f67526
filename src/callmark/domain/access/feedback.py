"""User Feedback campaigns, for people: build them, end them, read how they were answered (contract, 12.4)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from callmark.domain.access.changes import Change, changing
from callmark.domain.access.model import Actor, check
from callmark.domain.access.offers import OwnSet, check_set, find_own_set, own_sets
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignState,
    CampaignType,
    Feedback,
    NewQuestion,
    Results,
)
from callmark.domain.ids import CampaignId, FeatureSetId, FeedbackId
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class OwnCampaign:
    """A campaign with the feature set it hangs on."""

    campaign: Campaign
    own: OwnSet


async def list_campaigns(deps: Deps, actor: Actor) -> list[OwnCampaign]:
    """The campaigns of the actor's place, newest first. Raises Forbidden."""
    check(actor, Action.FEEDBACK_VIEW)
    sets = await own_sets(deps, actor)
    every = await feedback.list_campaigns(deps, actor.account_id)
    return [OwnCampaign(one, sets[one.feature_set_id]) for one in every if one.feature_set_id in sets]


async def get_campaign(
    deps: Deps, actor: Actor, campaign_id: CampaignId, action: Action = Action.FEEDBACK_VIEW
) -> OwnCampaign:
    """A campaign inside the actor's place. Raises Forbidden, NotFound."""
    check(actor, action)
    campaign = await feedback.get_campaign(deps, actor.account_id, campaign_id)
    return OwnCampaign(campaign, await find_own_set(deps, actor, campaign.feature_set_id, action))


async def choices(deps: Deps, actor: Actor) -> list[OwnSet]:
    """The feature sets the actor may hang a campaign on, by name. Raises Forbidden."""
    check(actor, Action.FEEDBACK_MANAGE)
    return list((await own_sets(deps, actor)).values())


async def create_campaign(
    deps: Deps,
    actor: Actor,
    *,
    feature_set_id: FeatureSetId | None,
    name: str,
    campaign_type: CampaignType,
    call_types: Collection[CallType],
    questions: Sequence[NewQuestion],
) -> Campaign:
    """The new draft. Raises Forbidden, InvalidInput (about `feature_set` for none or one elsewhere)."""
    check(actor, Action.FEEDBACK_MANAGE)
    if feature_set_id is None or feature_set_id not in await own_sets(deps, actor):
        raise InvalidInput("choose a feature set", field="feature_set")
    async with changing(deps, actor) as change:
        campaign = await feedback.create_campaign(
            change.deps,
            actor.account_id,
            feature_set_id=feature_set_id,
            name=name,
            campaign_type=campaign_type,
            call_types=call_types,
            questions=questions,
            created_by_email=actor.email,
        )
        await _note(change, "campaign.created", campaign)
    return campaign


async def update_campaign(
    deps: Deps,
    actor: Actor,
    campaign_id: CampaignId,
    *,
    name: str,
    call_types: Collection[CallType],
    questions: Sequence[NewQuestion],
) -> Campaign:
    """The draft after the change. Raises Forbidden, NotFound, InvalidInput, Conflict when it is no draft any more."""
    await _check(deps, actor, campaign_id)
    async with changing(deps, actor) as change:
        campaign = await feedback.update_campaign(
            change.deps, actor.account_id, campaign_id, name=name, call_types=call_types, questions=questions
        )
        await _note(change, "campaign.changed", campaign)
    return campaign


async def make_live(deps: Deps, actor: Actor, campaign_id: CampaignId) -> Campaign:
    """The campaign, live from the next call on. Raises Forbidden, NotFound, InvalidInput, Conflict."""
    await _check(deps, actor, campaign_id)
    async with changing(deps, actor) as change:
        campaign = await feedback.make_live(change.deps, actor.account_id, campaign_id)
        await _note(change, "campaign.made_live", campaign)
    return campaign


async def end_campaign(deps: Deps, actor: Actor, campaign_id: CampaignId) -> Campaign:
    """The campaign, ended for good. Raises Forbidden, NotFound, Conflict for a draft."""
    there = await _check(deps, actor, campaign_id)
    async with changing(deps, actor) as change:
        campaign = await feedback.end_campaign(change.deps, actor.account_id, campaign_id)
        if there.state is not CampaignState.ENDED:
            await _note(change, "campaign.ended", campaign)
    return campaign


async def delete_campaign(deps: Deps, actor: Actor, campaign_id: CampaignId) -> Campaign:
    """Removes a draft, or an ended campaign with its answers; what it was. Raises Forbidden, NotFound, Conflict."""
    there = await _check(deps, actor, campaign_id)
    async with changing(deps, actor) as change:
        await feedback.delete_campaign(change.deps, actor.account_id, campaign_id)
        await _note(change, "campaign.deleted", there)
    return there


async def results(deps: Deps, actor: Actor, campaign_id: CampaignId) -> Results:
    """How it was answered so far. Raises Forbidden, NotFound."""
    await _check(deps, actor, campaign_id, Action.FEEDBACK_VIEW)
    return await feedback.results(deps, actor.account_id, campaign_id)


async def count_answers(deps: Deps, actor: Actor, campaign_id: CampaignId) -> int:
    """How many calls it was answered about. Raises Forbidden, NotFound."""
    await _check(deps, actor, campaign_id, Action.FEEDBACK_VIEW)
    return await feedback.count_answers_to(deps, actor.account_id, campaign_id)


async def list_answers(
    deps: Deps, actor: Actor, campaign_id: CampaignId, after: FeedbackId | None, limit: int
) -> list[Feedback]:
    """Answers to it, newest first. Raises Forbidden, NotFound."""
    await _check(deps, actor, campaign_id, Action.FEEDBACK_VIEW)
    try:
        return await feedback.list_answers(deps, actor.account_id, campaign_id, after=after, limit=limit)
    except NotFound:
        if after is None:
            raise
        return await feedback.list_answers(deps, actor.account_id, campaign_id, limit=limit)  # the last one is gone


async def _check(
    deps: Deps, actor: Actor, campaign_id: CampaignId, action: Action = Action.FEEDBACK_MANAGE
) -> Campaign:
    check(actor, action)
    campaign = await feedback.get_campaign(deps, actor.account_id, campaign_id)
    await check_set(deps, actor, campaign.feature_set_id, action)
    return campaign


async def _note(change: Change, action: str, campaign: Campaign) -> None:
    await change.note(
        action,
        campaign.name,
        campaign_id=str(campaign.id),
        type=campaign.campaign_type.value,
        questions=len(campaign.questions),
    )
