"""Numbers under any order of requests, reviews and steps of workers, against a model of the contract's rules."""

from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec import Struct, field
from msgspec.structs import asdict
from tests.domain.numbers.staging import (
    check_counters,
    labelled_set,
    make_business,
    phones,
    reviewing,
    rows_of,
    run_jobs,
)
from tests.support.actors import ALICE, OPERATOR
from tests.support.engines import Engines
from tests.support.factories import make_label
from tests.support.state_machines import Machine, run_machine

from callmark.domain.deps import Deps
from callmark.domain.feature_sets.model import PhoneType
from callmark.domain.ids import AccountId, FeatureSetId, LabelId, ListingJobId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import imports, reviews, service as numbers
from callmark.domain.numbers.model import Delisted, NumberState, Published, RequestStatus
from callmark.kit.phone import PhoneNumber

PENDING, LISTED, DELISTING, FAILED = NumberState


class Place(Struct, frozen=True):
    """A feature set or number group of the model."""

    account: AccountId
    feature_set: FeatureSetId
    phone_type: PhoneType
    is_group: bool = False


class Kept(Struct):
    """A number of the model."""

    place: Place
    state: NumberState
    job: ListingJobId | None


class Job(Struct):
    """A job of the model that has not ended."""

    waits: bool
    failing: bool = False


class World(Struct):
    """What the model knows, and the installation it is compared with."""

    deps: Deps
    places: list[Place] = field(default_factory=list[Place])
    group_label: LabelId | None = None
    phones: list[PhoneNumber] = field(default_factory=list[PhoneNumber])
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    jobs: dict[ListingJobId, Job] = field(default_factory=dict[ListingJobId, Job])


async def _world(deps: Deps) -> World:
    acme, borealis = await make_business(deps), await make_business(deps)
    label = await make_label(deps, acme.account_id, label_type=LabelType.STATIC)
    world = World(deps, group_label=label.id, phones=phones(6))
    priority = await labelled_set(deps, acme.account_id, "Urgent", PhoneType.PRIORITY)
    returns = await labelled_set(deps, acme.account_id, "Returns")
    (seed,) = phones(1)
    group, _ = await imports.import_group(deps, acme.account_id, "Old console", label.id, [seed], by=OPERATOR)
    await run_jobs(deps)
    world.places = [
        Place(acme.account_id, acme.feature_set_id, PhoneType.VERIFIED),
        Place(acme.account_id, priority.id, PhoneType.PRIORITY),
        Place(acme.account_id, returns.id, PhoneType.VERIFIED),
        Place(acme.account_id, group.id, PhoneType.VERIFIED, is_group=True),
        Place(borealis.account_id, borealis.feature_set_id, PhoneType.VERIFIED),
    ]
    world.kept = {seed: Kept(world.places[3], LISTED, None)}
    return world


def _expected_to_publish(world: World, one: str, into: Place) -> str:
    there = world.kept.get(one)
    if there is None or (there.place.account != into.account and there.state is FAILED):
        return "new"
    if there.place.account != into.account:
        return "others"
    if there.state in {DELISTING, FAILED}:
        return "delisted" if there.state is DELISTING else "updated"
    if there.place == into:
        return "existing"
    if there.place.is_group:
        return "migrated"
    return "other_feature_set" if there.place.phone_type is into.phone_type else "other_phone_type"


def _expected_to_delist(world: World, one: str, out_of: Place) -> str:
    there = world.kept.get(one)
    if there is None or (there.place.account != out_of.account and there.state is FAILED):
        return "new"
    if there.place.account != out_of.account:
        return "others"
    if there.place == out_of:
        return "processing" if there.state is DELISTING else "existing"
    return "other_feature_set" if there.place.phone_type is out_of.phone_type else "other_phone_type"


def _bucket(answer: Published | Delisted, one: str) -> str:
    (name,) = [name for name, value in asdict(answer).items() if isinstance(value, list) and one in value]
    return name


class NumberLife(Machine):
    """Five places, six numbers."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world = self.run(_world(self.deps))

    @rule(place=st.integers(0, 4), chosen=st.sets(st.integers(0, 5), min_size=1), reviewed=st.booleans())
    def publish(self, place: int, chosen: set[int], *, reviewed: bool) -> None:
        world, into = self.world, self.world.places[place]
        asked = [world.phones[i] for i in sorted(chosen)]
        expected = {one: _expected_to_publish(world, one, into) for one in asked}
        answer = self.run(_publish(world, into, asked, reviewed=reviewed))
        assert {one: _bucket(answer, one) for one in asked} == expected
        moved = [one for one, bucket in expected.items() if bucket in {"new", "updated", "migrated"}]
        assert (answer.job_id is not None) == bool(moved)
        if answer.job_id is not None:
            assert answer.status is RequestStatus.PENDING
            world.jobs[answer.job_id] = Job(waits=reviewed and not into.is_group)
        for one in moved:
            world.kept[one] = Kept(into, PENDING, answer.job_id)

    @rule(place=st.sampled_from([0, 1, 2, 4]), chosen=st.sets(st.integers(0, 5), min_size=1))
    def delist(self, place: int, chosen: set[int]) -> None:
        world, out_of = self.world, self.world.places[place]
        asked = [world.phones[i] for i in sorted(chosen)]
        expected = {one: _expected_to_delist(world, one, out_of) for one in asked}
        answer = self.run(numbers.delist(self.deps, out_of.account, out_of.feature_set, asked, by=ALICE))
        assert {one: _bucket(answer, one) for one in asked} == expected
        going = [one for one, bucket in expected.items() if bucket == "existing"]
        assert answer.status is (RequestStatus.PENDING if going else RequestStatus.FAILED)
        for one in going:
            world.kept[one] = Kept(out_of, DELISTING, answer.job_id)

    @precondition(lambda self: any(job.waits for job in self.world.jobs.values()))
    @rule(data=st.data(), approved=st.booleans())
    def review(self, data: st.DataObject, *, approved: bool) -> None:
        job_id = data.draw(st.sampled_from([job_id for job_id, job in self.world.jobs.items() if job.waits]))
        if approved:
            self.run(reviews.approve(self.deps, job_id, by=OPERATOR))
        else:
            self.run(reviews.reject(self.deps, job_id, "no proof of ownership", by=OPERATOR))
        self.world.jobs[job_id] = Job(waits=False, failing=not approved)

    @rule()
    def work(self) -> None:
        self.run(run_jobs(self.deps))
        for one, kept in list(self.world.kept.items()):
            if kept.state is DELISTING:
                del self.world.kept[one]
            elif kept.state is PENDING and kept.job and not self.world.jobs[kept.job].waits:
                state = FAILED if self.world.jobs[kept.job].failing else LISTED
                self.world.kept[one] = Kept(kept.place, state, None)

    @invariant()
    def what_is_stored_is_what_the_model_knows(self) -> None:
        self.run(_compare(self.world))


async def _publish(world: World, into: Place, asked: list[PhoneNumber], *, reviewed: bool) -> Published:
    deps = reviewing(world.deps) if reviewed else world.deps
    if not into.is_group:
        return await numbers.publish(deps, into.account, into.feature_set, asked, by=ALICE)
    assert world.group_label
    _, answer = await imports.import_group(deps, into.account, "Old console", world.group_label, asked, by=OPERATOR)
    return answer


async def _compare(world: World) -> None:
    accounts = {place.account for place in world.places}
    stored = {one: row for account in accounts for one, row in (await rows_of(world.deps, account)).items()}
    assert stored == {one: (kept.state, kept.place.feature_set) for one, kept in world.kept.items()}
    await check_counters(world.deps, *accounts)


def test_every_order_of_events_keeps_the_rules(engines: Engines, tmp_path: Path) -> None:
    run_machine(NumberLife, engines, tmp_path)
