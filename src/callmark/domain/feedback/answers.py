"""A receiver answers a campaign after a call: the answer and its event, in one transaction (contract, section 9.6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from msgspec import Struct

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feedback import model, queries
from callmark.domain.feedback.model import CallType, Campaign, CampaignState, Feedback, QuestionAnswer
from callmark.domain.ids import CallId, CampaignId, FeatureSetId, FeedbackId
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import ListedCaller
from callmark.kit.clock_watch import past
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx

_DAY = timedelta(days=1)


class NewFeedback(Struct, frozen=True):
    """What a handset sends after one call, which it has reported."""

    call_id: CallId
    business_number: PhoneNumber
    campaign_id: UUID
    call_type: CallType
    answers: Sequence[QuestionAnswer]


async def answer(deps: Deps, receiver: PhoneNumber, answered: NewFeedback) -> Feedback:
    """Keeps the answer and appends its `user_feedback` event, both or neither; committed on return.

    A call is answered about once: again, nothing changes and the first answer comes back. Raises InvalidInput for a
    number or campaign that asks nothing after such a call and for answers that do not fit the questions; Conflict when
    the campaign is not live, no call of that type from that number has been reported under this id, or the receiver has
    answered about that number `answers_a_day` times within 24 hours (a few more when many come at once).
    """
    async with deps.db.transaction() as tx:
        kept = await queries.find_of_call(tx, receiver, answered.call_id)
        if kept is not None:
            return kept
        listed = await _listed(tx, answered)
        call = await calls.find_call(tx, receiver, answered.call_id)
        campaign, asking = await _asked(tx, answered, listed, call)
        _check_call(call, answered, listed)
        now = deps.clock.now()
        await _refuse_flood(deps, tx, receiver, listed, now)
        made = Feedback(
            id=FeedbackId(new_id()),
            account_id=campaign.account_id,
            campaign_id=campaign.id,
            receiver_number=receiver,
            call_id=answered.call_id,
            business_number=answered.business_number,
            call_type=answered.call_type,
            responded_at=now,
            responses=model.responses_to(campaign.questions, answered.answers),
        )
        if not await queries.insert_feedback(tx, made):  # the same came by another way just now, and is committed
            kept = await queries.find_of_call(tx, receiver, answered.call_id)
            return kept or made
        payload = model.payload_of(made, campaign, asking.feature_set_name, is_number_group=asking.is_number_group)
        tx.after_commit(partial(events.announce, deps, made.account_id))
        await events.append(tx, made.account_id, EventType.USER_FEEDBACK, payload, made.responded_at, campaign.id)
    return made


async def _refuse_flood(deps: Deps, tx: Tx, receiver: PhoneNumber, listed: ListedCaller, now: datetime) -> None:
    """Calls are reported by handsets, so it takes a separate limit to keep one of them from flooding a business."""
    most = deps.settings.answers_a_day
    business = (listed.account_id, listed.phone_number)
    if most and await queries.count_of_pair(tx, receiver, *business, past(_DAY, now), most) >= most:
        raise Conflict("this receiver has reached the limit of answers to this number's campaigns within 24 hours")


async def answer_about(deps: Deps, receiver: PhoneNumber, call_id: CallId) -> Feedback | None:
    """What the receiver answered about a call, None when nothing (yet)."""
    async with deps.db.connection() as tx:
        return await queries.find_of_call(tx, receiver, call_id)


class _Asking(Struct, frozen=True):
    """The feature set or number group whose campaigns ask after a call."""

    feature_set_id: FeatureSetId
    feature_set_name: str
    is_number_group: bool


async def _listed(tx: Tx, answered: NewFeedback) -> ListedCaller:
    listed = await numbers.answered_caller(tx, answered.business_number)
    if listed is None:
        raise _asks_nothing()
    return listed


def _asks_nothing() -> InvalidInput:
    return InvalidInput("business_number does not ask for feedback", field="business_number")


async def _asked(tx: Tx, answered: NewFeedback, listed: ListedCaller, call: Call | None) -> tuple[Campaign, _Asking]:
    """The campaign, which asks after calls of this type, and whose it is. Raises InvalidInput, Conflict."""
    campaign = await queries.select_campaign(tx, listed.account_id, CampaignId(answered.campaign_id))
    asking = await _asking(tx, listed, campaign, call)
    if asking is None:
        raise _asks_nothing()
    if campaign is None or campaign.feature_set_id != asking.feature_set_id:
        raise InvalidInput("campaign_id is not a campaign of this business number", field="campaign_id")
    if campaign.state is not CampaignState.LIVE:
        raise Conflict("this campaign is not live")
    if answered.call_type not in campaign.call_types:
        raise InvalidInput("this campaign does not ask about calls of this type", field="call_type")
    return campaign, asking


async def _asking(tx: Tx, listed: ListedCaller, campaign: Campaign | None, call: Call | None) -> _Asking | None:
    """Who asks after the number's calls, or asked after this one: its account may have moved the number since."""
    if campaign and campaign.feature_set_id != listed.feature_set_id and call and _was_before(call, listed):
        left = await feature_sets.find_feature_set(tx, campaign.account_id, campaign.feature_set_id)
        return _Asking(left.id, left.name, left.is_number_group) if left and left.survey else None
    return _Asking(listed.feature_set_id, listed.feature_set_name, listed.is_number_group) if listed.survey else None


def _was_before(call: Call, listed: ListedCaller) -> bool:
    """Whether the account made the call before it listed the number where it is now."""
    return call.account_id == listed.account_id and call.was_there_at < listed.held_since


def _check_call(call: Call | None, answered: NewFeedback, listed: ListedCaller) -> None:
    if (
        call is None
        or call.caller_number != answered.business_number
        or not call.is_of(listed)
        or not model.fits(call.outcome, answered.call_type)
    ):
        raise Conflict(f"no {answered.call_type.value} call from this number has been reported under this call_id")
