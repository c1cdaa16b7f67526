"""Call Me Back, for people: configurations of feature sets, and the requests as a work list (contract, 12.4)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check
from callmark.domain.access.offers import OwnSet, check_set, find_own_set, own_sets
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks import work_list
from callmark.domain.callbacks.hours import SLOT, Week, slots
from callmark.domain.callbacks.hours_reader import parse_hours
from callmark.domain.callbacks.model import (
    CallbackConfig,
    CallbackRequest,
    Position,
    RequestState,
    check_hours,
    config_name,
)
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallbackRequestId, FeatureSetId
from callmark.domain.policy.model import Action, Role
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import FeatureSet, FeatureSetChange
from callmark.kit.errors import NotFound

MOST_COUNTED = 1_000
"""Where counting of what waits stops."""


@dataclass(frozen=True)
class Configured:
    """A feature set with its configuration, None when it has none (then a call back has no time)."""

    own: OwnSet
    config: CallbackConfig | None


@dataclass(frozen=True)
class RequestFilter:
    """Which requests of the actor's place; None leaves a part out. `receiver`: the digits a number begins with."""

    states: frozenset[RequestState] = work_list.ALL_STATES
    feature_set_id: FeatureSetId | None = None
    receiver: str = ""


@dataclass(frozen=True)
class Day:
    """A day with the slots a user sees on it, first and last instant of each as clocks of the user's zone show them."""

    slots: Sequence[tuple[datetime, datetime]]


async def list_configs(deps: Deps, actor: Actor) -> list[Configured]:
    """Every feature set of the actor's place, by name, with its configuration. Raises Forbidden."""
    check(actor, Action.CALLBACKS_VIEW)
    configs = {config.feature_set_id: config for config in await callbacks.list_configs(deps, actor.account_id)}
    return [Configured(own, configs.get(id_)) for id_, own in (await own_sets(deps, actor)).items()]


async def get_config(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> Configured:
    """One of them. Raises Forbidden, NotFound."""
    own = await find_own_set(deps, actor, feature_set_id, Action.CALLBACKS_MANAGE)
    configs = await callbacks.list_configs(deps, actor.account_id)
    return Configured(own, next((one for one in configs if one.feature_set_id == feature_set_id), None))


async def set_config(
    deps: Deps,
    actor: Actor,
    feature_set_id: FeatureSetId,
    *,
    name: str,
    slot_picker: bool,
    time_zone: str,
    hours: str,
) -> CallbackConfig:
    """The configuration after the change. Raises Forbidden, NotFound, InvalidInput."""
    own = await find_own_set(deps, actor, feature_set_id, Action.CALLBACKS_MANAGE)
    async with changing(deps, actor) as change:
        config = await callbacks.set_config(
            change.deps,
            actor.account_id,
            feature_set_id,
            name=name,
            slot_picker=slot_picker,
            time_zone=time_zone,
            hours=hours,
            created_by_email=actor.email,
        )
        await change.note(
            "callback_config.changed",
            config.name,
            feature_set=own.feature_set.name,
            slot_picker=slot_picker,
            time_zone=config.time_zone.key,
            hours=hours,
        )
    return config


async def set_offered(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, *, on: bool) -> FeatureSet:
    """The feature set or number group, which offers a call back from now on or not. Raises Forbidden, NotFound."""
    await find_own_set(deps, actor, feature_set_id, Action.CALLBACKS_MANAGE)
    async with changing(deps, actor) as change:
        wanted = FeatureSetChange(call_me_back=on)
        new = await structure.update_feature_set(change.deps, actor.account_id, feature_set_id, wanted)
        await change.note("feature_set.changed", new.name, feature_set_id=str(new.id), call_me_back=on)
    return new


async def delete_config(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> Configured:
    """Removes the configuration; what it was. Raises Forbidden, NotFound (also without one)."""
    old = await get_config(deps, actor, feature_set_id)
    if old.config is None:
        raise NotFound
    async with changing(deps, actor) as change:
        await callbacks.delete_config(change.deps, actor.account_id, feature_set_id)
        await change.note("callback_config.deleted", old.config.name, feature_set=old.own.feature_set.name)
    return old


def read_week(text: str, *, name: str, slot_picker: bool) -> Week:
    """The hours as they would be kept. Raises InvalidInput about `name` or `hours`."""
    config_name(name)
    week = parse_hours(text)
    check_hours(week, slot_picker=slot_picker)
    return week


def preview(week: Week, zone: ZoneInfo, now: datetime, seen_in: tzinfo) -> list[Day]:
    """The slots that a user in `seen_in` would be offered at `now`, by that user's days."""
    seen = [(start.astimezone(seen_in), (start + SLOT).astimezone(seen_in)) for start in slots(week, zone, now)]
    return [Day(list(on_it)) for _, on_it in groupby(seen, key=lambda slot: slot[0].date())]


async def list_requests(
    deps: Deps, actor: Actor, wanted: RequestFilter, after: Position | None, limit: int
) -> list[CallbackRequest]:
    """Requests to feature sets of the actor's place, overdue ones first, then the newest. Raises Forbidden."""
    check(actor, Action.CALLBACKS_VIEW)
    visible = await _visible(deps, actor)
    if wanted.feature_set_id is not None:
        is_inside = visible is None or wanted.feature_set_id in visible
        visible = [wanted.feature_set_id] if is_inside else []
    return await work_list.list_to_do(
        deps,
        actor.account_id,
        states=wanted.states,
        feature_sets=visible,
        receiver=wanted.receiver,
        after=after,
        limit=limit,
    )


async def count_new(deps: Deps, actor: Actor) -> int:
    """How many requests nobody has taken, at most 1,000. Raises Forbidden."""
    check(actor, Action.CALLBACKS_VIEW)
    return await work_list.count_new(deps, actor.account_id, await _visible(deps, actor), MOST_COUNTED)


async def zones(deps: Deps, actor: Actor) -> dict[FeatureSetId, ZoneInfo]:
    """The time zone of each feature set that has a configuration."""
    configs = await callbacks.list_configs(deps, actor.account_id)
    return {config.feature_set_id: config.time_zone for config in configs}


async def take(deps: Deps, actor: Actor, request_id: CallbackRequestId) -> CallbackRequest:
    """The request, taken by the actor. Raises Forbidden, NotFound, Conflict when another has it."""

    async def step(to: Deps, account_id: AccountId) -> CallbackRequest:
        return await work_list.take(to, account_id, request_id, actor.email)

    return await _moved(deps, actor, request_id, step, "callback.taken")


async def finish(deps: Deps, actor: Actor, request_id: CallbackRequestId) -> CallbackRequest:
    """The request, done. Raises Forbidden, NotFound."""

    async def step(to: Deps, account_id: AccountId) -> CallbackRequest:
        return await work_list.finish(to, account_id, request_id, actor.email)

    return await _moved(deps, actor, request_id, step, "callback.done")


async def reopen(deps: Deps, actor: Actor, request_id: CallbackRequestId) -> CallbackRequest:
    """The request, new again. Raises Forbidden, NotFound, Conflict."""

    async def step(to: Deps, account_id: AccountId) -> CallbackRequest:
        return await work_list.reopen(to, account_id, request_id)

    return await _moved(deps, actor, request_id, step, "callback.reopened")


async def _moved(
    deps: Deps,
    actor: Actor,
    request_id: CallbackRequestId,
    step: Callable[[Deps, AccountId], Awaitable[CallbackRequest]],
    action: str,
) -> CallbackRequest:
    """A step of a request's life, noted when it changed something."""
    check(actor, Action.CALLBACKS_WORK)
    there = await work_list.get_request(deps, actor.account_id, request_id)
    await check_set(deps, actor, there.feature_set_id, Action.CALLBACKS_WORK)
    async with changing(deps, actor) as change:
        new = await step(change.deps, actor.account_id)
        if new != there:
            await change.note(action, new.feature_set_name, request_id=str(request_id))
    return new


async def _visible(deps: Deps, actor: Actor) -> list[FeatureSetId] | None:
    """The feature sets whose requests the actor sees; None for all, also of those that are gone."""
    return None if actor.role is Role.ADMIN else list(await own_sets(deps, actor))
