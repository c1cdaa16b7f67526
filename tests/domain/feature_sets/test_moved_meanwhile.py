"""A feature set that is moved out of an owner's place while the owner acts on it is left alone."""

from collections.abc import Callable, Coroutine

import pytest
from tests.support.actors import ALICE, owner_of
from tests.support.audit_log import log_of
from tests.support.factories import make_branch, make_feature_set, make_label
from tests.support.waiting import one_after_the_other

from callmark.domain.accounts import service as accounts
from callmark.domain.callbacks import service as callbacks
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSet, NewFeatureSet
from callmark.domain.feedback import service as campaigns
from callmark.domain.feedback.model import CampaignType
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import service as numbers
from callmark.domain.policy.model import SYSTEM, Actor
from callmark.kit.errors import NotFound

Use = Callable[[Deps, FeatureSet, Actor], Coroutine[None, None, object]]


async def publish(deps: Deps, moved: FeatureSet, by: Actor) -> None:
    await numbers.publish(deps, moved.account_id, moved.id, ["918040001234"], by=by)


async def configure(deps: Deps, moved: FeatureSet, by: Actor) -> None:
    await callbacks.set_config(deps, moved.account_id, moved.id, by=by, name="Call us")


async def ask(deps: Deps, moved: FeatureSet, by: Actor) -> None:
    kind = CampaignType.CALL_RATING
    await campaigns.create_campaign(
        deps, moved.account_id, by=by, feature_set_id=moved.id, name="How was it?", campaign_type=kind
    )


@pytest.mark.parametrize("use", [publish, configure, ask])
async def test_a_feature_set_that_has_just_left_the_owners_place_is_not_changed_by_it(deps: Deps, use: Use) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    here, there = await make_branch(deps, acme.id), await make_branch(deps, acme.id, department="Wholesale")
    label = await make_label(deps, acme.id, label_type=LabelType.STATIC)
    new = NewFeatureSet("Delivery", label_id=label.id)
    one = await make_feature_set(deps, acme.id, here.process.id, new)
    move = feature_sets.move_feature_set(deps, acme.id, one.id, there.process.id, by=ALICE)
    held = ("SELECT FROM feature_set FOR UPDATE",)
    second = await one_after_the_other(deps.db, held, move, use(deps, one, owner_of(here.process.id)))
    assert isinstance(second.exception(), NotFound)
    assert (await log_of(deps, acme.id))[0].action == "feature_set.moved"
