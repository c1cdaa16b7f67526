"""A business with feature sets to list numbers in, and a look at what is stored."""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from tests.support.actors import ALICE
from tests.support.factories import make_feature_set, make_label

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSet, NewFeatureSet, PhoneType
from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import jobs, service as numbers
from callmark.domain.numbers.model import Delisted, Published
from callmark.domain.policy.model import SYSTEM
from callmark.kit.phone import PhoneNumber
from callmark.kit.worker import Worker

Row = tuple[str, FeatureSetId]
"""A number's state, and the feature set it is in."""


class Business(Struct, frozen=True):
    """An account with one feature set, a draft with a label."""

    deps: Deps
    account_id: AccountId
    feature_set_id: FeatureSetId

    async def publish(self, *phones: str, to: FeatureSetId | None = None) -> Published:
        """Asks to list numbers in its feature set, or in another of its own."""
        return await numbers.publish(self.deps, self.account_id, to or self.feature_set_id, phones, by=ALICE)

    async def delist(self, *phones: str, of: FeatureSetId | None = None) -> Delisted:
        """Asks to delist numbers of its feature set, or of another of its own."""
        return await numbers.delist(self.deps, self.account_id, of or self.feature_set_id, phones, by=ALICE)

    async def another_set(self, name: str, phone_type: PhoneType = PhoneType.VERIFIED) -> FeatureSetId:
        """A second feature set, as the first."""
        return (await labelled_set(self.deps, self.account_id, name, phone_type)).id

    async def feature_set(self) -> FeatureSet:
        """Its feature set as it is now."""
        return await feature_sets.get_feature_set(self.deps, self.account_id, self.feature_set_id)


async def make_business(deps: Deps) -> Business:
    """A new account."""
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    return Business(deps, account.id, (await labelled_set(deps, account.id, "Delivery default")).id)


async def labelled_set(
    deps: Deps, account_id: AccountId, name: str, phone_type: PhoneType = PhoneType.VERIFIED
) -> FeatureSet:
    """A draft with a static label."""
    label = await make_label(deps, account_id, label_type=LabelType.STATIC)
    new = replace(NewFeatureSet(name), label_id=label.id, phone_type=phone_type)
    return await make_feature_set(deps, account_id, new=new)


def reviewing(deps: Deps) -> Deps:
    """The same installation, whose operator reviews listings."""
    return replace(deps, settings=msgspec.structs.replace(deps.settings, listing_policy="review"))


def phones(count: int) -> list[PhoneNumber]:
    """So many numbers in a row, which no other test uses."""
    first = random.SystemRandom().randrange(10**9) * 10**5
    return [PhoneNumber(f"8{first + i:014d}") for i in range(count)]


def some_of(numbers: Sequence[PhoneNumber], count: int, seed: int) -> list[PhoneNumber]:
    """So many of the numbers in another order, the same for the same seed."""
    return random.Random(seed).sample(numbers, count)


async def run_jobs(deps: Deps) -> None:
    """A worker carries out every listing job that is due, also those that other tests left."""
    await Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock).run_due(jobs.listing_jobs(deps))


async def rows_of(deps: Deps, account_id: AccountId) -> dict[str, Row]:
    """Every number of the account."""
    async with deps.db.connection() as tx:
        rows = await tx.fetch(
            "SELECT phone_number, state, feature_set_id FROM number WHERE account_id = $1", account_id
        )
    return {row[0]: (row[1], FeatureSetId(row[2])) for row in rows}


async def states_of(deps: Deps, account_id: AccountId) -> dict[str, int]:
    """How many of the account's numbers are in each state."""
    return Counter(state for state, _ in (await rows_of(deps, account_id)).values())


async def check_counters(deps: Deps, *accounts_: AccountId) -> None:
    """Each feature set's counter is the number of its rows."""
    async with deps.db.connection() as tx:
        wrong = await tx.fetch(
            "SELECT f.name, f.number_count, count(n.phone_number) FROM feature_set f"
            " LEFT JOIN number n ON n.feature_set_id = f.id WHERE f.account_id = ANY ($1::uuid[])"
            " GROUP BY f.id HAVING f.number_count <> count(n.phone_number)",
            accounts_,
        )
    assert [tuple(row) for row in wrong] == []
