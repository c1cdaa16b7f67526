"""Phone numbers of a sample that are nobody's yet, and how some came to be held: by hand of an operator."""

import random
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from tests.domain.numbers.staging import labelled_set, reviewing, run_jobs
from tests.support.actors import OPERATOR

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import AccountId, FeatureSetId, LabelId
from callmark.domain.numbers import imports, reviews, service as numbers
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.kit.phone import PhoneNumber

OPS = Actor(ActorKind.MEMBER, "ops@acme.example")
Names = Mapping[str, str]
"""What the sample's names stand for."""


def fresh_numbers(named: set[str]) -> dict[str, str]:
    """`{number_1}` to `{number_9}`, as far as they are named: in rising order, and no other sample's."""
    first = random.SystemRandom().randrange(10**11)
    return {name: f"8{first:011d}{name[7:]}" for name in named if name.startswith("number_") and name[7:].isdigit()}


async def _publish(deps: Deps, names: Names) -> None:
    await feature_sets.publish_feature_set(deps, _account(names), FeatureSetId(UUID(names["feature_set"])), by=SYSTEM)


async def _unpublish(deps: Deps, names: Names) -> None:
    await feature_sets.unpublish_feature_set(deps, _account(names), FeatureSetId(UUID(names["feature_set"])), by=SYSTEM)


async def _import_number_group(deps: Deps, names: Names) -> None:
    """The number group "Old console" with the static label, `{number_8}` and `{number_9}` listed in it."""
    label = LabelId(UUID(names["static_label"]))
    some = [PhoneNumber(names["number_8"]), PhoneNumber(names["number_9"])]
    await imports.import_group(deps, _account(names), "Old console", label, some, by=OPS)
    await run_jobs(deps)


async def _reject_a_listing(deps: Deps, names: Names) -> None:
    """`{number_7}` of the business's `{feature_set}` is failed: an operator turned it down."""
    feature_set = FeatureSetId(UUID(names["feature_set"]))
    asked = await numbers.publish(reviewing(deps), _account(names), feature_set, [names["number_7"]], by=OPS)
    assert asked.job_id
    await reviews.reject(deps, asked.job_id, "no proof of ownership", by=OPERATOR)
    await run_jobs(deps)


async def _list_for_the_other_business(deps: Deps, names: Names) -> None:
    """`{number_6}`, and `{number_7}` where it is named, are listed by the other business."""
    other = AccountId(UUID(names["other_account"]))
    some = [names[name] for name in ("number_6", "number_7") if name in names]
    await numbers.publish(deps, other, (await labelled_set(deps, other, "Parcels")).id, some, by=OPS)
    await run_jobs(deps)


BY_HAND: dict[str, Callable[[Deps, Names], Awaitable[None]]] = {
    "publish_feature_set": _publish,
    "unpublish_feature_set": _unpublish,
    "import_number_group": _import_number_group,
    "reject_a_listing": _reject_a_listing,
    "list_for_the_other_business": _list_for_the_other_business,
}
"""What a sample's `do` can name of feature sets and numbers."""


def _account(names: Names) -> AccountId:
    return AccountId(UUID(names["account"]))
