"""Callback requests under any order of asking and handling, against a model. Source: contract, sections 9.3 and 9.4."""

from pathlib import Path
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec import Struct
from tests.support.actors import ALICE, BOB
from tests.support.engines import Engines
from tests.support.factories import phone
from tests.support.listed_number import Listed, bodies, make_listed, ring
from tests.support.state_machines import Machine, run_machine

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.model import CallbackRequest, NewCallbackRequest, RequestState
from callmark.domain.ids import CallbackRequestId
from callmark.domain.policy.model import Actor
from callmark.kit.errors import Conflict
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber

NEW, TAKEN, DONE = RequestState
PEOPLE = st.sampled_from([ALICE, BOB])


class Asked(Struct):
    """A request of the model: who asked under which name, and where it stands on the work list."""

    id: CallbackRequestId
    receiver: PhoneNumber
    request_id: UUID
    is_interested: bool
    state: RequestState
    by: str | None = None


class CallbackLife(Machine):
    """One business number, receivers who ask, and two people who call back."""

    listed: Listed
    asked: list[Asked]

    @initialize()
    def begin(self) -> None:
        self.listed, self.asked = self.run(make_listed(self.deps)), []

    @rule(is_interested=st.booleans(), was_called=st.integers(0, 3).map(bool))
    def ask(self, *, is_interested: bool, was_called: bool) -> None:
        receiver, name = phone(), random_uuid()
        if was_called:
            self.run(ring(self.deps, self.listed, receiver=receiver))
        wanted = NewCallbackRequest(name, self.listed.number, is_interested=is_interested)
        made = self.attempt(callbacks.request(self.deps, receiver, wanted))
        if not was_called:
            assert made is Conflict
            return
        assert isinstance(made, CallbackRequest)
        self.asked.append(Asked(made.id, receiver, name, is_interested, NEW if is_interested else DONE))

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), is_interested=st.booleans())
    def ask_again_under_the_same_name(self, data: st.DataObject, *, is_interested: bool) -> None:
        one = data.draw(st.sampled_from(self.asked))
        wanted = NewCallbackRequest(one.request_id, self.listed.number, is_interested=is_interested)
        assert self.run(callbacks.request(self.deps, one.receiver, wanted)).id == one.id

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), by=PEOPLE)
    def take(self, data: st.DataObject, by: Actor) -> None:
        one = data.draw(st.sampled_from(self.asked))
        done = self.attempt(work_list.take(self.deps, self.listed.account_id, one.id, by=by))
        if one.state is NEW:
            one.state, one.by = TAKEN, by.email
        elif one.state is DONE or one.by != by.email:
            assert done is Conflict
            return
        assert isinstance(done, CallbackRequest)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), by=PEOPLE)
    def finish(self, data: st.DataObject, by: Actor) -> None:
        one = data.draw(st.sampled_from(self.asked))
        self.run(work_list.finish(self.deps, self.listed.account_id, one.id, by=by))
        if one.state is not DONE:
            one.state, one.by = DONE, by.email

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), by=PEOPLE)
    def reopen(self, data: st.DataObject, by: Actor) -> None:
        one = data.draw(st.sampled_from(self.asked))
        done = self.attempt(work_list.reopen(self.deps, self.listed.account_id, one.id, by=by))
        assert (done is Conflict) == (not one.is_interested)
        if one.is_interested:
            one.state, one.by = NEW, None

    @invariant()
    def the_work_list_stands_as_the_model_does(self) -> None:
        for one in self.asked:
            kept = self.run(work_list.get_request(self.deps, self.listed.account_id, one.id))
            assert (kept.state, kept.handled_by_email, kept.is_interested) == (one.state, one.by, one.is_interested)

    @invariant()
    def each_request_has_one_event(self) -> None:
        assert len(self.run(bodies(self.deps, self.listed.account_id))) == len(self.asked)


def test_every_order_of_events_keeps_the_rules(engines: Engines, tmp_path: Path) -> None:
    run_machine(CallbackLife, engines, tmp_path)
