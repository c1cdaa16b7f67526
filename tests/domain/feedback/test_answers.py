"""Receivers answer campaigns: once a call, stored with the event, and added up."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.actors import ALICE
from tests.support.cases import each
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, bodies, make_listed, ring, set_switch

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import CallType, Campaign, CampaignType, Feedback, NewQuestion, QuestionAnswer
from callmark.domain.ids import CallId, FeedbackId
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

QUESTIONS = (NewQuestion("Did the courier arrive on time?", ["Yes", "No"]), NewQuestion("Anything else?"))


async def make_live(
    deps: Deps,
    listed: Listed,
    call_types: frozenset[CallType] = feedback.ALL_CALLS,
    kind: CampaignType = CampaignType.QUESTIONS,
) -> Campaign:
    draft = await feedback.create_campaign(
        deps,
        listed.account_id,
        feature_set_id=listed.feature_set_id,
        name="Delivery check",
        campaign_type=kind,
        call_types=call_types,
        questions=QUESTIONS if kind is CampaignType.QUESTIONS else (),
        by=ALICE,
    )
    return await feedback.make_live(deps, listed.account_id, draft.id, by=ALICE)


def said(campaign: Campaign, listed: Listed, call_id: CallId, *answers: str) -> NewFeedback:
    """What the handset sends after an answered call: `answers` to the first questions."""
    given = [QuestionAnswer(one.id, text) for one, text in zip(campaign.questions, answers or ("Yes",), strict=False)]
    return NewFeedback(call_id, listed.number, campaign.id, CallType.ANSWERED, given)


async def answered_by(deps: Deps, listed: Listed, campaign: Campaign, *answers: str) -> Feedback:
    """What a new receiver answers."""
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    return await answer(deps, receiver, said(campaign, listed, call_id, *answers))


async def test_an_answer_is_stored_with_its_event(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    kept = await answered_by(deps, listed, campaign, "Yes", "Thanks")
    assert await feedback.list_answers(deps, listed.account_id, campaign.id) == [kept]
    (event,), _ = await events.events_after(deps, listed.account_id, 0, 10)
    assert (event.event_type, event.campaign_id) == (EventType.USER_FEEDBACK, campaign.id)
    on_time, remark = campaign.questions
    assert event.body == (
        f'{{"event_id":"{event.id}","client_account_id":"{listed.account_id}","event_type":"user_feedback",'
        '"created_at":"1767261600","user_feedback_payload":{'
        f'"business_number":"{listed.number}","feature_set":"Delivery default",'
        f'"client_number":"{kept.receiver_number}","campaign_id":"{campaign.id}","campaign_name":"Delivery check",'
        '"campaign_type":"questions","call_type":"answered","responded_at":"1767261600","responses":['
        f'{{"question_id":"{on_time.id}","question":"Did the courier arrive on time?","answer":"Yes"}},'
        f'{{"question_id":"{remark.id}","question":"Anything else?","answer":"Thanks"}}]}}}}'
    )


async def test_a_call_is_answered_about_once(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    first = await answer(deps, receiver, said(campaign, listed, call_id, "Yes"))
    assert await answer(deps, receiver, said(campaign, listed, call_id, "No")) == first
    await feedback.end_campaign(deps, listed.account_id, campaign.id, by=ALICE)
    assert await answer(deps, receiver, said(campaign, listed, call_id, "No")) == first
    assert len(await bodies(deps, listed.account_id)) == 1


async def test_the_same_answer_sent_twice_at_once_makes_one_row_and_one_event(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    for _ in range(10):
        receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
        sent = said(campaign, listed, call_id)
        one, other = await asyncio.gather(*[answer(deps, receiver, sent) for _ in range(2)])
        assert one == other
    assert len(await bodies(deps, listed.account_id)) == 10


ENDS = [
    (CallEvent.ANSWERED, CallType.ANSWERED, True),
    (CallEvent.MISSED, CallType.MISSED, True),
    (CallEvent.REJECTED, CallType.MISSED, True),
    (CallEvent.MISSED, CallType.ANSWERED, False),
    (CallEvent.ANSWERED, CallType.MISSED, False),
    (CallEvent.SHOWN, CallType.MISSED, False),
]
"""How a call ended, how the answer says so, and whether it is kept."""


async def test_the_call_must_have_ended_as_the_answer_says(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)

    async def is_kept_or_refused(case: tuple[CallEvent, CallType, bool]) -> None:
        outcome, call_type, is_kept = case
        receiver, call_id = await ring(deps, listed, outcome)
        sent = replace(said(campaign, listed, call_id), call_type=call_type)
        before = await bodies(deps, listed.account_id)
        if is_kept:
            assert (await answer(deps, receiver, sent)).call_type is call_type
            return
        with pytest.raises(Conflict, match="has been reported under this call_id"):
            await answer(deps, receiver, sent)
        assert await bodies(deps, listed.account_id) == before

    await each(ENDS, is_kept_or_refused)


async def test_the_call_must_be_this_receivers_from_this_number(deps: Deps) -> None:
    listed, other = await make_listed(deps), await make_listed(deps)
    campaign = await make_live(deps, listed)
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    with pytest.raises(Conflict):
        await answer(deps, phone(), said(campaign, listed, call_id))
    _, others_call = await ring(deps, other, CallEvent.ANSWERED, receiver)
    with pytest.raises(Conflict):
        await answer(deps, receiver, said(campaign, listed, others_call))


async def test_the_campaign_must_be_the_numbers_own_live_and_ask_after_such_calls(deps: Deps) -> None:
    alices, charlies = await make_listed(deps), await make_listed(deps)
    mine = await make_listed(deps, account_id=alices.account_id)
    receiver, call_id = await ring(deps, alices, CallEvent.ANSWERED)
    for foreign in (charlies, mine):
        campaign = await make_live(deps, foreign)
        with pytest.raises(InvalidInput) as refused:
            await answer(deps, receiver, said(campaign, alices, call_id))
        assert refused.value.field == "campaign_id"
    missed = await make_live(deps, alices, frozenset({CallType.MISSED}))
    with pytest.raises(InvalidInput) as refused:
        await answer(deps, receiver, said(missed, alices, call_id))
    assert refused.value.field == "call_type"
    await feedback.end_campaign(deps, alices.account_id, missed.id, by=ALICE)
    with pytest.raises(Conflict, match="not live"):
        await answer(deps, receiver, said(missed, alices, call_id))


async def test_a_number_that_asks_nothing_takes_no_answer(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    sent = said(campaign, listed, call_id)
    unlisted = replace(sent, business_number=phone())
    with pytest.raises(InvalidInput):
        await answer(deps, receiver, unlisted)
    await set_switch(deps, listed, "survey", on=False)
    with pytest.raises(InvalidInput, match="does not ask for feedback"):
        await answer(deps, receiver, sent)


async def test_answers_that_do_not_fit_leave_nothing_behind(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    with pytest.raises(InvalidInput):
        await answer(deps, receiver, said(campaign, listed, call_id, "Perhaps"))
    assert await answer(deps, receiver, said(campaign, listed, call_id, "Yes"))


async def test_results_add_up_question_by_question(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    other = await make_listed(deps)
    await answered_by(deps, other, await make_live(deps, other), "Yes")
    for answers in (("Yes", "Thanks"), ("Yes", "\t\u2028 Dear \u0001"), ("No",)):
        await answered_by(deps, listed, campaign, *answers)
    receiver, call_id = await ring(deps, listed, CallEvent.MISSED)
    await answer(deps, receiver, replace(said(campaign, listed, call_id, "No"), call_type=CallType.MISSED))
    found = await feedback.results(deps, listed.account_id, campaign.id)
    assert (found.answered, found.by_call_type) == (4, {CallType.ANSWERED: 3, CallType.MISSED: 1})
    on_time, remark = found.questions
    assert (on_time.answered, on_time.counts, on_time.average) == (4, {"Yes": 2, "No": 2}, None)
    assert (remark.answered, remark.counts) == (2, {})


async def test_ratings_have_an_average(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed, kind=CampaignType.CALL_RATING)
    for rating in ("5", "5", "2"):
        await answered_by(deps, listed, campaign, rating)
    (rated,) = (await feedback.results(deps, listed.account_id, campaign.id)).questions
    assert (rated.answered, rated.counts["5"], rated.average) == (3, 2, 4.0)


async def test_answers_are_paged_by_key_newest_first(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    made: list[Feedback] = []
    for number in range(5):
        made.insert(0, await answered_by(deps, listed, campaign))
        clock.advance(timedelta(seconds=number % 2))
    of = (deps, listed.account_id, campaign.id)
    assert await feedback.list_answers(*of, limit=2) == made[:2]
    assert await feedback.list_answers(*of, after=(made[1].responded_at, made[1].id)) == made[2:]
    assert await feedback.position_of(deps, campaign.id, made[1].id) == (made[1].responded_at, made[1].id)
    with pytest.raises(NotFound):
        await feedback.position_of(deps, campaign.id, FeedbackId(new_id()))


async def test_a_deleted_campaigns_answers_go_with_it_and_their_events_stay(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    kept = await answered_by(deps, listed, campaign)
    await feedback.end_campaign(deps, listed.account_id, campaign.id, by=ALICE)
    await feedback.delete_campaign(deps, listed.account_id, campaign.id, by=ALICE)
    async with deps.db.connection() as tx:
        assert not await tx.fetchval("SELECT count(*) FROM feedback WHERE id = $1", kept.id)
    assert len(await bodies(deps, listed.account_id)) == 1


async def test_an_unknown_campaign_is_refused(deps: Deps) -> None:
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    with pytest.raises(InvalidInput):
        await answer(deps, PhoneNumber(receiver), replace(said(campaign, listed, call_id), campaign_id=UUID(int=0)))


async def test_a_receiver_cannot_flood_a_business_number_with_answers(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=msgspec.structs.replace(deps.settings, answers_a_day=2))
    listed = await make_listed(deps)
    campaign = await make_live(deps, listed)
    receiver, call_id = await ring(deps, listed, CallEvent.ANSWERED)
    first = said(campaign, listed, call_id)
    await answer(deps, receiver, first)
    _, call_id = await ring(deps, listed, CallEvent.ANSWERED, receiver)
    await answer(deps, receiver, said(campaign, listed, call_id))
    _, call_id = await ring(deps, listed, CallEvent.ANSWERED, receiver)
    third = said(campaign, listed, call_id)
    with pytest.raises(Conflict, match="has reached the limit"):
        await answer(deps, receiver, third)
    await answer(deps, receiver, first)  # sent again: it is stored already
    await answered_by(deps, listed, campaign)  # others are free
    clock.advance(timedelta(days=1))
    await answer(deps, receiver, third)
    assert len(await bodies(deps, listed.account_id)) == 4
