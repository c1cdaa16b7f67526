"""Call records under any order of events, against a model. Source: contract, sections 5.5, 10.2 and 11, D5, D9, D28."""

from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec import Struct
from tests.support.actors import ALICE
from tests.support.due_work import run_due_once
from tests.support.engines import Engines
from tests.support.factories import Cast, Sent, make_cast, phone, submit_batch
from tests.support.state_machines import Machine, run_machine
from tests.support.waiting import in_task

from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.ids import BatchId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.personalisation.validation import V2
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.errors import Conflict
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import NewRecord

ENDS = {
    "connected": Outcome.SUCCESS,
    "away": Outcome.FAILED_TO_PUSH,
    "iphone": Outcome.OS_NOT_SUPPORTED,
    "old": Outcome.APP_VERSION_NOT_SUPPORTED,
    "nobody": Outcome.NOT_REGISTERED,
}
"""What becomes of a record for each kind of receiver."""
WINDOW = timedelta(hours=1)


class Pushed(Struct):
    """A record of the model: for whom, and how it stands."""

    batch: BatchId
    position: int
    kind: str
    ends_at_ms: int
    outcome: Outcome
    is_late: bool = False
    is_withdrawn: bool = False


class RecordLife(Machine):
    """An account that pushes to one receiver of each kind."""

    cast: Cast
    receivers: dict[str, PhoneNumber]
    records: list[Pushed]

    @initialize()
    def begin(self) -> None:
        self.cast, self.records = self.run(make_cast(self.deps)), []
        self.receivers = {kind: phone() for kind in ENDS}
        self.run(self._register())

    async def _register(self) -> None:
        _, credential = await handsets.create_app(self.deps, "app", by=SYSTEM)
        systems = {"connected": (OS.ANDROID, "5.0.0"), "away": (OS.ANDROID, "5.0.0")}
        systems |= {"iphone": (OS.IOS, "5.0.0"), "old": (OS.ANDROID, "0.9")}
        for kind, (system, version) in systems.items():
            await handsets.register(self.deps, credential, self.receivers[kind], system, version)

        async def on_push(_: str, reply: str, __: bytes) -> None:
            self.deps.fabric.acknowledge(reply)

        await self.deps.fabric.attach(self.receivers["connected"], in_task(on_push))

    @rule(kinds=st.lists(st.sampled_from([*ENDS, "invalid"]), min_size=1, max_size=4))
    def submit(self, kinds: list[str]) -> None:
        now = self.clock.now()
        ends_at = to_ms(now + WINDOW)
        label = str(self.cast.label.id)
        sent = [
            NewRecord("918040001234", self.receivers.get(kind, "no number"), label, None, None, to_ms(now), ends_at)
            for kind in kinds
        ]
        every = [Sent(one, lambda: b"{}") for one in sent]
        batch = self.run(submit_batch(self.deps, self.cast.account.id, V2, every))
        for position, kind in enumerate(kinds):
            outcome = Outcome.INVALID if kind == "invalid" else Outcome.PENDING
            self.records.append(Pushed(batch.id, position, kind, ends_at, outcome))

    @rule()
    def work(self) -> None:
        self.run(run_due_once(self.deps))
        now = to_ms(self.clock.now())
        for one in self.records:
            if one.outcome is Outcome.PENDING:
                one.outcome = ENDS[one.kind] if one.ends_at_ms > now else Outcome.FAILED_TO_PUSH

    @precondition(lambda self: any(one.outcome is not Outcome.PENDING for one in self.records))
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """A handset says that it holds a record, for the first time or again."""
        settled = [one for one in self.records if one.outcome not in {Outcome.PENDING, Outcome.INVALID}]
        if not settled:
            return
        one = data.draw(st.sampled_from(settled))
        self.run(personalisation.acknowledge(self.deps, [self.stored(one).key]))
        if one.outcome is not Outcome.SUCCESS:
            one.outcome, one.is_late = Outcome.SUCCESS, True

    @precondition(lambda self: any(one.outcome is not Outcome.PENDING for one in self.records))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from([one for one in self.records if one.outcome is not Outcome.PENDING]))
        record = self.stored(one)
        done = self.attempt(personalisation.withdraw_record(self.deps, self.cast.account.id, record.key.id, by=ALICE))
        is_over = one.ends_at_ms <= to_ms(self.clock.now())
        if one.outcome is Outcome.INVALID or (is_over and not one.is_withdrawn):
            assert done is Conflict
        else:
            assert isinstance(done, StoredRecord)
            one.is_withdrawn = True

    @rule(pause=st.sampled_from([timedelta(seconds=1), timedelta(minutes=20), WINDOW]))
    def wait(self, pause: timedelta) -> None:
        self.clock.advance(pause)

    @invariant()
    def every_record_stands_as_the_model_does(self) -> None:
        kept = {batch: self.batch(batch) for batch in {one.batch for one in self.records}}
        assert sum(map(len, kept.values())) == len(self.records)
        for one in self.records:
            record = kept[one.batch][one.position]
            assert (record.outcome, record.delivered_late_at is not None) == (one.outcome, one.is_late)
            assert (record.withdrawn_at is not None) == one.is_withdrawn
            assert (record.settled_at is None) == (one.outcome is Outcome.PENDING)

    def stored(self, one: Pushed) -> StoredRecord:
        return self.batch(one.batch)[one.position]

    def batch(self, batch: BatchId) -> list[StoredRecord]:
        """Its records in the order of submission."""
        return self.run(personalisation.records_of_batch(self.deps, batch, self.cast.account.id))


def test_every_order_of_events_keeps_the_rules(engines: Engines, tmp_path: Path) -> None:
    run_machine(RecordLife, engines, tmp_path)
