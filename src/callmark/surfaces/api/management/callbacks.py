"""Call Me Back: configurations of feature sets, and the requests of receivers (contract, sections 9.4 and 12.4)."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.hours import hours_text
from callmark.domain.callbacks.model import (
    ALL_STATES,
    LONGEST_NAME,
    CallbackConfig,
    CallbackRequest,
    RequestFilter,
    RequestState,
)
from callmark.domain.ids import CallbackRequestId, FeatureSetId
from callmark.domain.sessions.model import email_address
from callmark.instants import iso_ms
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.management.feature_sets import set_id_of
from callmark.surfaces.api.own.request import (
    ApiPager,
    NoBody,
    body_of,
    choice_filter,
    id_filter,
    id_of,
    text_filter,
)
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, Instant, NextAfter, UpdatedAt, instant
from callmark.surfaces.api.request import ApiRequest, refuse
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_REQUESTS: ApiPager[CallbackRequest, InstantKey] = ApiPager(InstantKey, lambda one: (one.requested_at, one.id))
_CONFIGS: ApiPager[CallbackConfig, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id))
_NAME = f"1 to {LONGEST_NAME} characters."
_SLOT_PICKER = "Whether receivers choose a half hour within the hours."
_ZONE = "The time zone of the hours, such as `Asia/Kolkata`."
_HOURS = "Business hours, such as `mon-fri 10:00-18:00; sat 10:00-13:00`; required with a slot picker."


class CallbackConfigView(msgspec.Struct, kw_only=True):
    """What a feature set offers after a missed call."""

    feature_set_id: Annotated[Id, Meta(description="The feature set or number group; it has at most one.")]
    name: Annotated[str, Meta(description="The name that events carry.")]
    slot_picker: Annotated[bool, Meta(description=_SLOT_PICKER)]
    time_zone: Annotated[str, Meta(description=_ZONE)]
    hours: Annotated[str, Meta(description="Business hours; empty for none.")]
    created_by_email: CreatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt


class CallbackConfigList(msgspec.Struct):
    """A page of configurations."""

    callback_configs: Annotated[list[CallbackConfigView], Meta(description="The configurations, newest first.")]
    next_after: NextAfter


class CallbackConfigBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to set; what is left out stays, or is as usual in a new one."""

    name: Annotated[str | UnsetType, Meta(description=f"{_NAME} At first the feature set's name.")] = UNSET
    slot_picker: Annotated[bool | UnsetType, Meta(description=f"{_SLOT_PICKER} At first false.")] = UNSET
    time_zone: Annotated[str | UnsetType, Meta(description=f"{_ZONE} At first `UTC`.")] = UNSET
    hours: Annotated[str | UnsetType, Meta(description=_HOURS)] = UNSET


class CallbackRequestView(msgspec.Struct, kw_only=True):
    """A receiver's request to be called back, on the account's work list."""

    id: Annotated[Id, Meta(description="The request.")]
    feature_set_id: Annotated[Id, Meta(description="The feature set or number group of the number that called.")]
    feature_set_name: Annotated[str, Meta(description="Its name at that time.")]
    business_number: Annotated[str, Meta(description="The number that called, digits only.")]
    receiver_number: Annotated[str, Meta(description="The registered number of the receiver's handset.")]
    is_sim_unknown: Annotated[bool, Meta(description="Whether the call came to another SIM of the handset.")]
    alternate_number: Annotated[str | None, Meta(description="Another number to call; null for none.")]
    is_interested: Annotated[bool, Meta(description="Whether the receiver wants to be called back.")]
    slot_starts_at: Annotated[Instant | None, Meta(description="Start of the chosen half hour; null without one.")]
    config_name: Annotated[str, Meta(description="The configuration that offered it.")]
    requested_at: Annotated[Instant, Meta(description="When it was requested, UTC.")]
    state: Annotated[RequestState, Meta(description="`new`, then `taken` by someone who will call, then `done`.")]
    handled_by_email: Annotated[str | None, Meta(description="Email of who took or finished it; null while new.")]
    handled_at: Annotated[Instant | None, Meta(description="When; null while new.")]


class CallbackRequestList(msgspec.Struct):
    """A page of callback requests."""

    callback_requests: Annotated[list[CallbackRequestView], Meta(description="The requests, newest first.")]
    next_after: NextAfter


class CallbackStepBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who does it."""

    email: Annotated[
        str | UnsetType,
        Meta(description="Email of the person who calls; the account's oldest admin if you leave it out."),
    ] = UNSET


class CallbackTakeBody(CallbackStepBody, forbid_unknown_fields=True):
    """Who takes it."""

    only_new: Annotated[
        bool,
        Meta(
            description="Whether to refuse a request that this person has already taken, as if someone else had: of"
            " several callers that name the same person, or none, one gets it."
        ),
    ] = False


async def list_configs(request: ApiRequest) -> Response:
    """`GET callback_configs?after=&limit=`."""
    of, before = (request.deps, request.account_id), _CONFIGS.after(request)
    found = await callbacks.list_configs(*of, before=before, limit=_CONFIGS.limit(request) + 1)
    rows, next_after = _CONFIGS.part(request, found)
    return render(CallbackConfigList([_config(one) for one in rows], next_after))


async def get_config(request: ApiRequest) -> Response:
    """`GET feature_sets/{featureSetId}/callback_config`."""
    return render(_config(await callbacks.get_config(request.deps, request.account_id, set_id_of(request))))


async def set_config(request: ApiRequest) -> Response:
    """`PATCH feature_sets/{featureSetId}/callback_config`."""
    body, by = body_of(request, CallbackConfigBody), await actor_of(request)
    made = await callbacks.set_config(
        request.deps,
        request.account_id,
        set_id_of(request),
        by=by,
        name=None if body.name is UNSET else body.name,
        slot_picker=None if body.slot_picker is UNSET else body.slot_picker,
        time_zone=None if body.time_zone is UNSET else body.time_zone,
        hours=None if body.hours is UNSET else body.hours,
    )
    return render(_config(made))


async def delete_config(request: ApiRequest) -> Response:
    """`DELETE feature_sets/{featureSetId}/callback_config`."""
    of = request.deps, request.account_id, set_id_of(request)
    return render(_config(await callbacks.delete_config(*of, by=await actor_of(request))))


async def list_requests(request: ApiRequest) -> Response:
    """`GET callback_requests?state=&feature_set_id=&receiver=&after=&limit=`."""
    state = choice_filter(request, "state", RequestState)
    wanted = RequestFilter(
        ALL_STATES if state is None else frozenset({state}),
        id_filter(request, "feature_set_id", FeatureSetId),
        _receiver(request),
    )
    of = request.deps, request.account_id
    after = await _REQUESTS.after_or_id(request, lambda last: work_list.position_of(*of, CallbackRequestId(last)))
    found = await work_list.list_requests(*of, wanted, after=after, limit=_REQUESTS.limit(request) + 1)
    rows, next_after = _REQUESTS.part(request, found)
    return render(CallbackRequestList([_request(one) for one in rows], next_after))


async def get_request(request: ApiRequest) -> Response:
    """`GET callback_requests/{callbackRequestId}`."""
    return render(_request(await work_list.get_request(request.deps, request.account_id, _id(request))))


async def take_request(request: ApiRequest) -> Response:
    """`POST callback_requests/{callbackRequestId}/take`."""
    body = body_of(request, CallbackTakeBody)
    return await _step(request, body, partial(work_list.take, only_new=body.only_new))


async def finish_request(request: ApiRequest) -> Response:
    """`POST callback_requests/{callbackRequestId}/done`."""
    return await _step(request, body_of(request, CallbackStepBody), work_list.finish)


async def reopen_request(request: ApiRequest) -> Response:
    """`POST callback_requests/{callbackRequestId}/reopen`."""
    body_of(request, NoBody)
    of = request.deps, request.account_id, _id(request)
    return render(_request(await work_list.reopen(*of, by=await actor_of(request))))


async def _step(
    request: ApiRequest, body: CallbackStepBody, step: Callable[..., Awaitable[CallbackRequest]]
) -> Response:
    by = await actor_of(request)
    email = "" if body.email is UNSET else email_address(body.email)
    return render(_request(await step(request.deps, request.account_id, _id(request), by=by, email=email)))


def _receiver(request: ApiRequest) -> str:
    """The digits that a receiver's number begins with. Raises InvalidInput."""
    digits = text_filter(request, "receiver").strip().removeprefix("+")
    if digits and not (digits.isascii() and digits.isdigit()):
        refuse("receiver")
    return digits


def _id(request: ApiRequest) -> CallbackRequestId:
    return id_of(request, "callbackRequestId", CallbackRequestId)


def _config(config: CallbackConfig) -> CallbackConfigView:
    return CallbackConfigView(
        feature_set_id=str(config.feature_set_id),
        name=config.name,
        slot_picker=config.slot_picker,
        time_zone=config.time_zone.key,
        hours=hours_text(config.hours),
        created_by_email=config.created_by_email,
        created_at=iso_ms(config.created_at),
        updated_at=iso_ms(config.updated_at),
    )


def _request(found: CallbackRequest) -> CallbackRequestView:
    return CallbackRequestView(
        id=str(found.id),
        feature_set_id=str(found.feature_set_id),
        feature_set_name=found.feature_set_name,
        business_number=found.business_number,
        receiver_number=found.receiver_number,
        is_sim_unknown=found.is_sim_unknown,
        alternate_number=found.alternate_number,
        is_interested=found.is_interested,
        slot_starts_at=instant(found.slot_starts_at),
        config_name=found.config_name,
        requested_at=iso_ms(found.requested_at),
        state=found.state,
        handled_by_email=found.handled_by_email,
        handled_at=instant(found.handled_at),
    )
