"""Campaigns under any order of events, against a model. Source: contract, sections 9.3, 9.6 and 12.4."""

from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec import Struct
from tests.support.actors import ALICE
from tests.support.engines import Engines
from tests.support.listed_number import Listed, bodies, make_listed, ring
from tests.support.state_machines import Machine, run_machine

from callmark.domain.calls.model import CallEvent
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import (
    CallType,
    Campaign,
    CampaignState,
    CampaignType,
    Feedback,
    NewQuestion,
    QuestionAnswer,
)
from callmark.kit.errors import Conflict, InvalidInput, NotFound

DRAFT, LIVE, ENDED = CampaignState
QUESTIONS = (NewQuestion("Did the courier arrive on time?", ["Yes", "No"]),)


class Asking(Struct):
    """A campaign of the model; its state is None once it is deleted."""

    made: Campaign
    state: CampaignState | None
    answers: int = 0


class CampaignLife(Machine):
    """One feature set with a number, its campaigns, and receivers who answer."""

    listed: Listed
    campaigns: list[Asking]
    events: int

    @initialize()
    def begin(self) -> None:
        self.listed, self.campaigns, self.events = self.run(make_listed(self.deps)), [], 0

    @rule(call_types=st.sets(st.sampled_from(CallType), min_size=1), has_questions=st.integers(0, 3).map(bool))
    def create(self, call_types: set[CallType], *, has_questions: bool) -> None:
        made = self.run(
            feedback.create_campaign(
                self.deps,
                self.listed.account_id,
                feature_set_id=self.listed.feature_set_id,
                name="Delivery check",
                campaign_type=CampaignType.QUESTIONS,
                call_types=frozenset(call_types),
                questions=QUESTIONS if has_questions else (),
                by=ALICE,
            )
        )
        self.campaigns.append(Asking(made, DRAFT))

    @precondition(lambda self: self.campaigns)
    @rule(data=st.data())
    def make_live(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.campaigns))
        done = self.attempt(feedback.make_live(self.deps, self.listed.account_id, one.made.id, by=ALICE))
        others = [other.made.call_types for other in self.campaigns if other.state is LIVE]
        if one.state is None:
            assert done is NotFound
        elif one.state is not DRAFT:
            assert done is Conflict
        elif not one.made.questions:
            assert done is InvalidInput
        elif any(one.made.call_types & other for other in others):
            assert done is Conflict
        else:
            assert isinstance(done, Campaign)
            one.state = LIVE

    @precondition(lambda self: self.campaigns)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.campaigns))
        done = self.attempt(feedback.end_campaign(self.deps, self.listed.account_id, one.made.id, by=ALICE))
        if one.state in {LIVE, ENDED}:
            assert isinstance(done, Campaign)
            one.state = ENDED
        else:
            assert done is (Conflict if one.state is DRAFT else NotFound)

    @precondition(lambda self: self.campaigns)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.campaigns))
        done = self.attempt(feedback.delete_campaign(self.deps, self.listed.account_id, one.made.id, by=ALICE))
        if one.state in {DRAFT, ENDED}:
            assert isinstance(done, Campaign)
            one.state = None
        else:
            assert done is (Conflict if one.state is LIVE else NotFound)

    @precondition(lambda self: any(one.made.questions for one in self.campaigns))
    @rule(data=st.data(), call_type=st.sampled_from(CallType), times=st.integers(1, 2))
    def answer(self, data: st.DataObject, call_type: CallType, times: int) -> None:
        one = data.draw(st.sampled_from([one for one in self.campaigns if one.made.questions]))
        outcome = CallEvent.ANSWERED if call_type is CallType.ANSWERED else CallEvent.MISSED
        receiver, call_id = self.run(ring(self.deps, self.listed, outcome))
        said = [QuestionAnswer(one.made.questions[0].id, "Yes")]
        wanted = NewFeedback(call_id, self.listed.number, one.made.id, call_type, said)
        got = [self.attempt(answer(self.deps, receiver, wanted)) for _ in range(times)]
        assert all(each == got[0] for each in got)
        if one.state is LIVE and call_type in one.made.call_types:
            assert isinstance(got[0], Feedback)
            one.answers, self.events = one.answers + 1, self.events + 1
        elif one.state is None or one.state is LIVE:
            assert got[0] is InvalidInput
        else:
            assert got[0] is Conflict

    @invariant()
    def what_is_stored_is_what_the_model_knows(self) -> None:
        kept = self.run(feedback.list_campaigns(self.deps, self.listed.account_id))
        there = [one for one in self.campaigns if one.state]
        assert {one.id: one.state for one in kept} == {one.made.id: one.state for one in there}
        for one in there:
            count = self.run(feedback.count_answers_to(self.deps, self.listed.account_id, one.made.id))
            assert count == one.answers

    @invariant()
    def each_answer_has_one_event_also_when_its_campaign_is_gone(self) -> None:
        assert len(self.run(bodies(self.deps, self.listed.account_id))) == self.events


def test_every_order_of_events_keeps_the_rules(engines: Engines, tmp_path: Path) -> None:
    run_machine(CampaignLife, engines, tmp_path)
