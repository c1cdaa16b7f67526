"""Use cases of Call Me Back: configure it, offer it, keep a receiver's request. Source: contract, 9.4 and 12.4.

What a business does with the requests is in `work_list`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import TypedDict, Unpack
from uuid import UUID
from zoneinfo import ZoneInfo

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.callbacks import model, queries
from callmark.domain.callbacks.hours import CLOSED, hours_text
from callmark.domain.callbacks.hours_reader import parse_hours
from callmark.domain.callbacks.model import (
    CallbackConfig,
    CallbackOffer,
    CallbackRequest,
    CallbackTerms,
    NewCallbackRequest,
    RequestState,
)
from callmark.domain.calls import service as calls
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import FeatureSet, FeatureSetChange
from callmark.domain.ids import AccountId, CallbackConfigId, CallbackRequestId, FeatureSetId
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.policy.model import Actor
from callmark.kit.changes import carried_out
from callmark.kit.clock_watch import past
from callmark.kit.errors import ChangedMeanwhile, Conflict, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or
from callmark.kit.zones import time_zone as zone_named, utc_zone

_UTC = utc_zone()
_DAY = timedelta(days=1)
_NO_CONFIG = "no Call Me Back configuration for this feature set in this account"


class ConfigChange(TypedDict, total=False):
    """What may change of a configuration; None leaves a part as it is. `hours` as `parse_hours` reads them."""

    name: str | None
    slot_picker: bool | None
    time_zone: str | None
    hours: str | None


async def set_config(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    *,
    by: Actor,
    was_there: bool | None = None,
    **change: Unpack[ConfigChange],
) -> CallbackConfig:
    """The configuration of a feature set or number group after the change: its only one, made when it has none.

    At first it has the feature set's name, no slot picker, UTC and no hours. Whether a call back is offered at all is
    the feature set's own switch. Raises NotFound, InvalidInput (also for a slot picker without hours), ChangedMeanwhile
    where there is one now or none, other than the caller says that there was.
    """
    slot_picker, time_zone, hours = change.get("slot_picker"), change.get("time_zone"), change.get("hours")
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        feature_set = await visible_sets.lock_visible(tx, account_id, feature_set_id, by.scope)
        old = await queries.select_config(tx, account_id, feature_set_id)
        if was_there not in {None, old is not None}:
            raise ChangedMeanwhile
        terms = _terms_of(old) if old else _default(feature_set.name)
        config = CallbackConfig(
            id=old.id if old else CallbackConfigId(new_id()),
            account_id=account_id,
            feature_set_id=feature_set_id,
            name=kept_or(terms.name, change.get("name"), model.config_name),
            slot_picker=terms.slot_picker if slot_picker is None else slot_picker,
            time_zone=terms.time_zone if time_zone is None else zone_named(time_zone),
            hours=terms.hours if hours is None else parse_hours(hours),
            created_by_email=old.created_by_email if old else by.email,
            created_at=old.created_at if old else now,
            updated_at=now,
        )
        model.check_hours(config.hours, slot_picker=config.slot_picker)
        facts = _facts(config, feature_set, hours)
        return await carried_out(old, config, lambda: _write_config(tx, config, by, facts))


async def _write_config(tx: Tx, config: CallbackConfig, by: Actor, facts: dict[str, object]) -> None:
    at, account_id = config.updated_at, config.account_id
    await queries.put_config(tx, config)
    await audit.note(tx, by, AuditAction.CALLBACK_CONFIG_CHANGED, config.name, account_id=account_id, at=at, **facts)


async def get_config(deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId) -> CallbackConfig:
    """The feature set's configuration. Raises NotFound when it has none, or there is no such feature set."""
    return found(await find_config(deps, account_id, feature_set_id), _NO_CONFIG)


async def find_config(deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId) -> CallbackConfig | None:
    """The feature set's configuration, None when it has none."""
    async with deps.db.connection() as tx:
        return await queries.select_config(tx, account_id, feature_set_id)


async def list_configs(
    deps: Deps, account_id: AccountId, *, before: tuple[datetime, UUID] | None = None, limit: int | None = None
) -> list[CallbackConfig]:
    """Up to `limit` (None: all) of the account's configurations, newest first, older than the one at `before`."""
    async with deps.db.connection() as tx:
        return await queries.select_configs(tx, account_id, before, limit)


async def find_configs(
    deps: Deps, account_id: AccountId, feature_sets: Collection[FeatureSetId]
) -> dict[FeatureSetId, CallbackConfig]:
    """The configuration of each of the feature sets that has one."""
    async with deps.db.connection() as tx:
        configs = await queries.select_configs_each(tx, account_id, feature_sets)
    return {one.feature_set_id: one for one in configs}


async def set_offered(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor, on: bool
) -> FeatureSet:
    """The feature set or number group, which offers a call back from now on or not. Raises NotFound, InvalidInput."""
    async with deps.db.transaction() as tx:
        wanted = FeatureSetChange(call_me_back=on)
        return await feature_sets.change_feature_set(
            deps, tx, account_id, feature_set_id, wanted, by=by, call_me_back=on
        )


async def delete_config(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor
) -> CallbackConfig:
    """Removes the feature set's configuration; with its switch still on, the default applies. Raises NotFound."""
    async with deps.db.transaction() as tx:
        feature_set = await visible_sets.lock_visible(tx, account_id, feature_set_id, by.scope)
        gone = found(await queries.delete_config(tx, account_id, feature_set_id), _NO_CONFIG)
        facts = {"feature_set": feature_set.name}
        await audit.note(
            tx, by, AuditAction.CALLBACK_CONFIG_DELETED, gone.name, account_id=account_id, at=deps.clock.now(), **facts
        )
    return gone


async def offered(tx: Tx, listed: ListedCaller, now: datetime, handset_zone: tzinfo) -> CallbackOffer | None:
    """What the screen may offer after a missed or rejected call of this caller; None when its switch is off.

    `handset_zone` is the device's own (`kit.zones.device_zone`); the slots are texts in it. One statement by an
    index, none when the switch is off. A feature set without a configuration offers a call back under its own name,
    without a slot picker.
    """
    if not listed.call_me_back:
        return None
    return model.offer_of(await _terms(tx, listed), now, handset_zone)


async def request(deps: Deps, receiver: PhoneNumber, asked: NewCallbackRequest) -> CallbackRequest:
    """Keeps what a receiver asks for and appends its `cmb` event, both or neither; committed on return.

    A request id that the receiver used before changes nothing and answers the same, whatever else it says now. Raises
    InvalidInput for a business number that offers no call back, for itself as the number to call instead, and for a
    slot that is missing, not wanted or not offered now; Conflict when no missed or rejected call from that number to
    this receiver has been reported, and when the receiver has asked that number `answers_a_day` times within 24 hours
    (a few more when many come at once).
    """
    async with deps.db.transaction() as tx:
        kept = await queries.find_repeated(tx, receiver, asked.request_id)
        if kept is not None:
            return kept
        now = deps.clock.now()
        made, zone = await _checked(tx, receiver, asked, now)
        await _refuse_flood(deps, tx, made, now)
        if not await queries.insert_request(tx, made):  # the same one came by another way just now, and is committed
            kept = await queries.find_repeated(tx, receiver, asked.request_id)
            return kept or made
        payload = model.payload_of(made, zone)
        tx.after_commit(partial(events.announce, deps, made.account_id))
        await events.append(tx, made.account_id, EventType.CALL_ME_BACK, payload, made.requested_at)
    return made


async def _checked(
    tx: Tx, receiver: PhoneNumber, asked: NewCallbackRequest, now: datetime
) -> tuple[CallbackRequest, ZoneInfo]:
    """The request as it is to be stored, and the business's zone."""
    listed = await numbers.answered_caller(tx, asked.business_number)
    if listed is None or not listed.call_me_back:
        raise InvalidInput("business_number does not offer callbacks", field="business_number")
    terms = await _terms(tx, listed)
    slot = model.chosen_slot(asked, terms, now)
    if not await calls.was_missed(tx, receiver, listed):
        raise Conflict("no missed or rejected call from this number has been reported")
    made = CallbackRequest(
        id=CallbackRequestId(new_id()),
        account_id=listed.account_id,
        feature_set_id=listed.feature_set_id,
        feature_set_name=listed.feature_set_name,
        is_number_group=listed.is_number_group,
        business_number=asked.business_number,
        receiver_number=receiver,
        request_id=asked.request_id,
        requested_at=now,
        is_interested=asked.is_interested,
        is_sim_unknown=asked.is_sim_unknown,
        alternate_number=model.other_number(asked, receiver),
        slot_starts_at=slot,
        config_name=terms.name,
        state=RequestState.NEW if asked.is_interested else RequestState.DONE,
        handled_by_email=None,
        handled_at=None,
    )
    return made, terms.time_zone


async def _refuse_flood(deps: Deps, tx: Tx, made: CallbackRequest, now: datetime) -> None:
    """Calls are reported by handsets, so it takes a separate limit to keep one of them from flooding a business."""
    most = deps.settings.answers_a_day
    pair = (made.receiver_number, made.account_id, made.business_number)
    if most and await queries.count_of_pair(tx, *pair, past(_DAY, now), most) >= most:
        raise Conflict("this receiver has reached the limit of callback requests to this number within 24 hours")


async def _terms(tx: Tx, listed: ListedCaller) -> CallbackTerms:
    terms = await queries.select_terms(tx, listed.account_id, listed.feature_set_id)
    return terms or _default(listed.feature_set_name)


def _terms_of(config: CallbackConfig) -> CallbackTerms:
    return CallbackTerms(config.name, config.slot_picker, config.time_zone, config.hours)


def _default(feature_set_name: str) -> CallbackTerms:
    """What applies where the switch is on and nothing is configured."""
    return CallbackTerms(feature_set_name, slot_picker=False, time_zone=_UTC, hours=CLOSED)


def _facts(config: CallbackConfig, feature_set: FeatureSet, hours: str | None) -> dict[str, object]:
    """What the audit log keeps of a change; hours as they were written."""
    return {
        "feature_set": feature_set.name,
        "slot_picker": config.slot_picker,
        "time_zone": config.time_zone.key,
        "hours": hours_text(config.hours) if hours is None else hours,
    }
