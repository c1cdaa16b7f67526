"""Feature sets: make, change, move, publish, unpublish, delete (contract, sections 7.4 and 12.3)."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import (
    LONGEST_DESCRIPTION,
    FeatureSet,
    FeatureSetChange,
    FeatureSetName,
    FeatureSetState,
    NewFeatureSet,
    PhoneType,
)
from callmark.domain.ids import AccountId, CallReasonId, FeatureSetId, LabelId, ProcessId
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.domain.structure.model import LONGEST_NAME
from callmark.instants import iso_ms
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.own.request import (
    ApiPager,
    NoBody,
    any_id,
    body_of,
    choice_filter,
    id_filter,
    id_of,
)
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, NextAfter, UpdatedAt, text_id
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.http import Response, render

_PAGER: ApiPager[FeatureSetName, tuple[str, UUID]] = ApiPager(
    tuple[str, UUID], lambda one: (one.name.casefold(), one.id), is_falling=False
)
_NAME = f"1 to {LONGEST_NAME} characters; different from the others of its process."
_DESCRIPTION = f"At most {LONGEST_DESCRIPTION} characters."
_LABEL = "A static label of the account."
_REASON = "A call reason of the account's library."
_CALL_ME_BACK = "Whether receivers can request a callback."
_SURVEY = "Whether receivers are asked for feedback."
_PHONE_TYPE = "The kind of caller ID; it can change only while the feature set has no numbers."


class FeatureSetView(msgspec.Struct, kw_only=True):
    """A feature set, or a number group (`process_id` null), which was brought over from an older console."""

    id: Annotated[Id, Meta(description="The feature set.")]
    name: Annotated[str, Meta(description="Its name.")]
    description: Annotated[str, Meta(description="Can be empty.")]
    status: Annotated[FeatureSetState, Meta(description="Only numbers of a published one show its identity.")]
    process_id: Annotated[Id | None, Meta(description="Its process or sub-process; null for a number group.")]
    label_id: Annotated[Id | None, Meta(description="Its static label; a draft can have none.")]
    call_reason_id: Annotated[Id | None, Meta(description="Its call reason, if it has one.")]
    call_me_back: Annotated[bool, Meta(description=_CALL_ME_BACK)]
    survey: Annotated[bool, Meta(description=_SURVEY)]
    phone_type: Annotated[PhoneType, Meta(description="The kind of caller ID.")]
    number_count: Annotated[int, Meta(description="How many numbers it has.")]
    created_by_email: CreatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt


class FeatureSetList(msgspec.Struct):
    """A page of feature sets."""

    feature_sets: Annotated[list[FeatureSetView], Meta(description="The feature sets, by name.")]
    next_after: NextAfter


class NewFeatureSetBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a feature set is made of."""

    process_id: Annotated[UUID, Meta(description="The process or sub-process that it belongs to.")]
    name: Annotated[str, Meta(description=_NAME)]
    description: Annotated[str, Meta(description=_DESCRIPTION)] = ""
    label_id: Annotated[UUID | None, Meta(description=_LABEL)] = None
    call_reason_id: Annotated[UUID | None, Meta(description=_REASON)] = None
    call_me_back: Annotated[bool, Meta(description=_CALL_ME_BACK)] = False
    survey: Annotated[bool, Meta(description=_SURVEY)] = False
    phone_type: Annotated[PhoneType | UnsetType, Meta(description=f"{_PHONE_TYPE} At first `verified`.")] = UNSET


class FeatureSetChangeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to change; what is left out stays, and null takes label or call reason away."""

    name: Annotated[str | UnsetType, Meta(description=_NAME)] = UNSET
    description: Annotated[str | UnsetType, Meta(description=_DESCRIPTION)] = UNSET
    label_id: Annotated[UUID | UnsetType | None, Meta(description=_LABEL)] = UNSET
    call_reason_id: Annotated[UUID | UnsetType | None, Meta(description=_REASON)] = UNSET
    call_me_back: Annotated[bool | UnsetType, Meta(description=_CALL_ME_BACK)] = UNSET
    survey: Annotated[bool | UnsetType, Meta(description=_SURVEY)] = UNSET
    phone_type: Annotated[PhoneType | UnsetType, Meta(description=_PHONE_TYPE)] = UNSET


class FeatureSetMoveBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where to."""

    process_id: Annotated[UUID, Meta(description="Another process or sub-process of the account.")]


async def list_feature_sets(request: ApiRequest) -> Response:
    """`GET feature_sets?unit_id=&status=&after=&limit=`."""
    unit_id, state = id_filter(request, "unit_id", any_id), choice_filter(request, "status", FeatureSetState)
    of = request.deps, request.account_id
    rows, next_after = _PAGER.page(request, await visible_sets.list_names(*of, WHOLE_ACCOUNT, unit_id, state))
    found = await visible_sets.find_each(*of, [one.id for one in rows], WHOLE_ACCOUNT)
    shown = [_shown(found[one.id].feature_set) for one in rows if one.id in found]  # not what was deleted just now
    return render(FeatureSetList(shown, next_after))


async def get_feature_set(request: ApiRequest) -> Response:
    """`GET feature_sets/{featureSetId}`."""
    return render(_shown(await feature_sets.get_feature_set(request.deps, request.account_id, set_id_of(request))))


async def create_feature_set(request: ApiRequest) -> Response:
    """`POST feature_sets`."""
    body, by = body_of(request, NewFeatureSetBody), await actor_of(request)
    new = NewFeatureSet(
        body.name,
        body.description,
        None if body.label_id is None else LabelId(body.label_id),
        None if body.call_reason_id is None else CallReasonId(body.call_reason_id),
        body.call_me_back,
        body.survey,
        PhoneType.VERIFIED if body.phone_type is UNSET else body.phone_type,
    )
    async with request.deps.db.transaction() as tx:
        of = tx, request.deps, request.account_id, ProcessId(body.process_id)
        made = await feature_sets.create_feature_set_in(*of, new, by=by)
        return await kept(tx, request, render(_shown(made), 201))


async def change_feature_set(request: ApiRequest) -> Response:
    """`PATCH feature_sets/{featureSetId}`."""
    body, by = body_of(request, FeatureSetChangeBody), await actor_of(request)
    change = FeatureSetChange(
        name=body.name,
        description=body.description,
        label_id=LabelId(body.label_id) if isinstance(body.label_id, UUID) else body.label_id,
        call_reason_id=(
            CallReasonId(body.call_reason_id) if isinstance(body.call_reason_id, UUID) else body.call_reason_id
        ),
        call_me_back=body.call_me_back,
        survey=body.survey,
        phone_type=body.phone_type,
    )
    of = request.deps, request.account_id, set_id_of(request)
    return render(_shown(await feature_sets.update_feature_set(*of, change, by=by)))


async def move_feature_set(request: ApiRequest) -> Response:
    """`POST feature_sets/{featureSetId}/move`."""
    to, by = ProcessId(body_of(request, FeatureSetMoveBody).process_id), await actor_of(request)
    of = request.deps, request.account_id, set_id_of(request)
    return render(_shown(await feature_sets.move_feature_set(*of, to, by=by)))


async def publish_feature_set(request: ApiRequest) -> Response:
    """`POST feature_sets/{featureSetId}/publish`."""
    return await _step(request, feature_sets.publish_feature_set)


async def unpublish_feature_set(request: ApiRequest) -> Response:
    """`POST feature_sets/{featureSetId}/unpublish`."""
    return await _step(request, feature_sets.unpublish_feature_set)


async def delete_feature_set(request: ApiRequest) -> Response:
    """`DELETE feature_sets/{featureSetId}`."""
    return await _step(request, feature_sets.delete_feature_set)


def set_id_of(request: ApiRequest) -> FeatureSetId:
    """The feature set that the path names. Raises NotFound for what is no UUID."""
    return id_of(request, "featureSetId", FeatureSetId)


async def _step(request: ApiRequest, step: Callable[..., Awaitable[FeatureSet]]) -> Response:
    body_of(request, NoBody)
    account_id: AccountId = request.account_id
    return render(_shown(await step(request.deps, account_id, set_id_of(request), by=await actor_of(request))))


def _shown(one: FeatureSet) -> FeatureSetView:
    return FeatureSetView(
        id=str(one.id),
        name=one.name,
        description=one.description,
        status=one.state,
        process_id=text_id(one.process_id),
        label_id=text_id(one.label_id),
        call_reason_id=text_id(one.call_reason_id),
        call_me_back=one.call_me_back,
        survey=one.survey,
        phone_type=one.phone_type,
        number_count=one.number_count,
        created_by_email=one.created_by_email,
        created_at=iso_ms(one.created_at),
        updated_at=iso_ms(one.updated_at),
    )
