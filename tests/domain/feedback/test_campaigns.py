"""Campaigns: only drafts change, one is live for a type of call, and the live ones are offered."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.actors import ALICE, BOB, owner_of
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, set_switch

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignOffer,
    CampaignState,
    CampaignType,
    NewQuestion,
    QuestionKind,
)
from callmark.domain.ids import FeatureSetId, QuestionId
from callmark.domain.numbers import service as numbers
from callmark.domain.policy.model import Actor
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id

ANSWERED, MISSED = frozenset({CallType.ANSWERED}), frozenset({CallType.MISSED})
ON_TIME = NewQuestion("Did the courier arrive on time?", ["Yes", "No"])
REMARK = NewQuestion("Anything else?")


async def draft(
    deps: Deps,
    listed: Listed,
    call_types: frozenset[CallType] = feedback.ALL_CALLS,
    *questions: NewQuestion,
    by: Actor = ALICE,
) -> Campaign:
    return await feedback.create_campaign(
        deps,
        listed.account_id,
        feature_set_id=listed.feature_set_id,
        name="Delivery check",
        campaign_type=CampaignType.QUESTIONS,
        call_types=call_types,
        questions=questions or (ON_TIME, REMARK),
        by=by,
    )


async def offered(deps: Deps, listed: Listed) -> dict[CallType, CampaignOffer]:
    async with deps.db.connection() as tx:
        caller = await numbers.answered_caller(tx, listed.number)
        assert caller
        return await feedback.offered(tx, caller)


async def test_a_draft_is_made_changed_and_listed(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    made = await draft(deps, listed)
    of = (deps, listed.account_id, made.id)
    assert (made.state, made.call_types, made.live_at) == (CampaignState.DRAFT, feedback.ALL_CALLS, None)
    assert [(one.kind, one.options) for one in made.questions] == [
        (QuestionKind.CHOICE, ("Yes", "No")),
        (QuestionKind.TEXT, ()),
    ]
    clock.advance(timedelta(minutes=1))
    kept = NewQuestion("Were we on time?", ["Yes", "No", "Nearly"], made.questions[0].id)
    changed = await feedback.update_campaign(
        *of, name="Check", call_types=MISSED, questions=[NewQuestion("What was it?"), kept], by=ALICE
    )
    assert (changed.name, changed.call_types, changed.updated_at) == ("Check", MISSED, clock.now())
    assert changed.questions[1].id == made.questions[0].id
    assert changed.questions[0].id not in {one.id for one in made.questions}
    assert await feedback.get_campaign(*of) == changed
    assert await feedback.list_campaigns(deps, listed.account_id) == [changed]
    assert await feedback.update_campaign(*of, name="Check again", by=ALICE) != changed


async def test_questions_are_put_in_another_order(deps: Deps) -> None:
    listed = await make_listed(deps)
    made = await draft(deps, listed)
    first, second = (one.id for one in made.questions)
    of = (deps, listed.account_id, made.id)
    assert (await feedback.update_campaign(*of, by=ALICE, order=[second, first])).questions == made.questions[::-1]
    for order in ([first], [first, first], [first, second, QuestionId(new_id())]):
        with pytest.raises(InvalidInput, match="order"):
            await feedback.update_campaign(*of, by=ALICE, order=order)


async def test_a_call_rating_has_one_question_of_its_own(deps: Deps) -> None:
    listed = await make_listed(deps)
    made = await feedback.create_campaign(
        deps,
        listed.account_id,
        feature_set_id=listed.feature_set_id,
        name="Rating",
        campaign_type=CampaignType.CALL_RATING,
        by=ALICE,
    )
    assert [(one.text, one.kind) for one in made.questions] == [("How would you rate this call?", QuestionKind.RATING)]


async def test_what_cannot_be_used_is_refused(deps: Deps) -> None:
    listed = await make_listed(deps)
    made = await draft(deps, listed)
    of = (deps, listed.account_id, made.id)
    with pytest.raises(InvalidInput, match="no question with this id"):
        await feedback.update_campaign(*of, questions=[NewQuestion("Why?", id=QuestionId(new_id()))], by=ALICE)
    with pytest.raises(InvalidInput, match="at most 10"):
        await feedback.update_campaign(*of, questions=[REMARK] * 11, by=ALICE)
    with pytest.raises(InvalidInput, match="call_types"):
        await feedback.update_campaign(*of, call_types=[], by=ALICE)
    with pytest.raises(NotFound):
        await draft(deps, Listed(listed.account_id, FeatureSetId(new_id()), listed.number))


async def test_a_live_campaign_is_not_changed_and_an_ended_one_stays_ended(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    of = (deps, listed.account_id, (await draft(deps, listed)).id)
    with pytest.raises(Conflict, match="draft"):
        await feedback.end_campaign(*of, by=ALICE)
    live = await feedback.make_live(*of, by=ALICE)
    assert (live.state, live.live_at) == (CampaignState.LIVE, clock.now())
    for change in (
        feedback.update_campaign(*of, name="Other", by=ALICE),
        feedback.update_campaign(*of, by=ALICE, order=[one.id for one in live.questions]),
        feedback.make_live(*of, by=ALICE),
    ):
        with pytest.raises(Conflict, match="this campaign is live"):
            await change
    with pytest.raises(Conflict, match="end it first"):
        await feedback.delete_campaign(*of, by=ALICE)
    clock.advance(timedelta(minutes=1))
    ended = await feedback.end_campaign(*of, by=ALICE)
    assert (ended.state, ended.ended_at) == (CampaignState.ENDED, clock.now())
    assert await feedback.end_campaign(*of, by=ALICE) == ended
    with pytest.raises(Conflict, match="this campaign is ended"):
        await feedback.make_live(*of, by=ALICE)
    await feedback.delete_campaign(*of, by=ALICE)
    with pytest.raises(NotFound):
        await feedback.get_campaign(*of)


async def test_a_campaign_goes_live_with_a_question_and_the_switch_on(deps: Deps) -> None:
    listed = await make_listed(deps, survey=False)
    of = (deps, listed.account_id, (await draft(deps, listed)).id)
    with pytest.raises(Conflict, match="switch"):
        await feedback.make_live(*of, by=ALICE)
    await set_switch(deps, listed, "survey", on=True)
    await feedback.update_campaign(*of, questions=[], by=ALICE)
    with pytest.raises(InvalidInput, match="needs at least one question"):
        await feedback.make_live(*of, by=ALICE)
    await feedback.update_campaign(*of, questions=[REMARK], by=ALICE)
    assert await feedback.make_live(*of, by=ALICE)


async def test_one_campaign_is_live_for_a_type_of_call(deps: Deps) -> None:
    listed, other = await make_listed(deps), await make_listed(deps)
    answered, missed, both = [await draft(deps, listed, types) for types in (ANSWERED, MISSED, feedback.ALL_CALLS)]
    of = (deps, listed.account_id)
    await feedback.make_live(*of, answered.id, by=ALICE)
    await feedback.make_live(*of, missed.id, by=ALICE)
    with pytest.raises(Conflict, match="another campaign"):
        await feedback.make_live(*of, both.id, by=ALICE)
    await feedback.make_live(deps, other.account_id, (await draft(deps, other)).id, by=ALICE)
    for ended in (answered, missed):
        await feedback.end_campaign(*of, ended.id, by=ALICE)
    assert (await feedback.make_live(*of, both.id, by=ALICE)).state is CampaignState.LIVE


async def test_of_two_made_live_at_once_one_is(deps: Deps) -> None:
    listed = await make_listed(deps)
    two = [await draft(deps, listed) for _ in range(2)]
    ended = await asyncio.gather(
        *[feedback.make_live(deps, listed.account_id, one.id, by=ALICE) for one in two], return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in ended) == ["Campaign", "Conflict"]


async def test_live_campaigns_are_offered_by_type_of_call_while_the_switch_is_on(deps: Deps) -> None:
    listed = await make_listed(deps)
    answered, missed = await draft(deps, listed, ANSWERED), await draft(deps, listed, MISSED, REMARK)
    assert await offered(deps, listed) == {}
    for one in (answered, missed):
        await feedback.make_live(deps, listed.account_id, one.id, by=ALICE)
    assert await offered(deps, listed) == {
        CallType.ANSWERED: CampaignOffer(answered.id, answered.name, CampaignType.QUESTIONS, answered.questions),
        CallType.MISSED: CampaignOffer(missed.id, missed.name, CampaignType.QUESTIONS, missed.questions),
    }
    await feedback.end_campaign(deps, listed.account_id, missed.id, by=ALICE)
    assert set(await offered(deps, listed)) == ANSWERED
    await set_switch(deps, listed, "survey", on=False)
    assert await offered(deps, listed) == {}


async def test_an_owner_builds_campaigns_for_its_place_alone(deps: Deps) -> None:
    near = await make_listed(deps)
    far = await make_listed(deps, account_id=near.account_id)
    group = await make_listed(deps, account_id=near.account_id, is_number_group=True)
    account = (deps, near.account_id)
    olivia = owner_of((await feature_sets.get_placed(*account, near.feature_set_id)).place.process_id)
    mine = await draft(deps, near, by=olivia)
    assert mine.created_by_email == olivia.email
    for outside in (far, group):
        with pytest.raises(NotFound):
            await draft(deps, outside, by=olivia)
        theirs = await draft(deps, outside)
        for one, by in ((theirs, olivia), (mine, owner_of(None))):
            for refused in (
                feedback.update_campaign(*account, one.id, by=by, name="Mine"),
                feedback.make_live(*account, one.id, by=by),
                feedback.end_campaign(*account, one.id, by=by),
                feedback.delete_campaign(*account, one.id, by=by),
            ):
                with pytest.raises(NotFound):
                    await refused
    assert (await feedback.update_campaign(*account, mine.id, by=olivia, name="Mine")).name == "Mine"


async def test_who_did_what_to_a_campaign_is_in_the_audit_log(deps: Deps) -> None:
    listed = await make_listed(deps)
    of = (deps, listed.account_id, (await draft(deps, listed)).id)
    with pytest.raises(Conflict):
        await feedback.end_campaign(*of, by=BOB)
    await feedback.update_campaign(*of, by=BOB, name="Check", questions=[REMARK])
    await feedback.make_live(*of, by=BOB)
    for _ in range(2):
        await feedback.end_campaign(*of, by=BOB)
    await feedback.delete_campaign(*of, by=BOB)
    log = (await log_of(deps, listed.account_id))[::-1]
    assert [(one.actor_email, one.action, one.subject, one.details["questions"]) for one in log] == [
        (ALICE.email, "campaign.created", "Delivery check", 2),
        *[(BOB.email, f"campaign.{step}", "Check", 1) for step in ("changed", "made_live", "ended", "deleted")],
    ]
    assert {(one.details["campaign_id"], one.details["type"]) for one in log} == {(str(of[2]), "questions")}
