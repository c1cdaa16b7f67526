"""The library of call reasons (contract, sections 10.1 and 12.4)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.call_reasons.model import CallReason
from callmark.domain.ids import CallReasonId
from callmark.domain.policy.model import Action
from callmark.instants import iso_ms
from callmark.record_rules.reasons import LONGEST_REASON, SHORTEST_REASON
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, CALL_REASON_ID, EMAIL
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.request import ApiPager, body_of, id_of
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, NextAfter
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_PAGER: ApiPager[CallReason, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id))
_TEXT = f"{SHORTEST_REASON} to {LONGEST_REASON} characters, by the rules of call reasons in call records."


class CallReasonView(msgspec.Struct):
    """A call reason that feature sets can show."""

    id: Annotated[Id, Meta(description="The call reason.")]
    call_reason: Annotated[str, Meta(description="Its text.")]
    created_by_email: CreatedBy
    created_at: CreatedAt


class CallReasonList(msgspec.Struct):
    """A page of call reasons."""

    call_reasons: Annotated[list[CallReasonView], Meta(description="The call reasons, newest first.")]
    next_after: NextAfter


class CallReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """The text of a call reason."""

    call_reason: Annotated[str, Meta(description=_TEXT)]


async def list_call_reasons(request: ApiRequest) -> Response:
    """`GET call_reasons?after=&limit=`."""
    every = await call_reasons.list_call_reasons(request.deps, request.account_id)
    rows, next_after = _PAGER.page(request, every)
    return render(CallReasonList([_shown(one) for one in rows], next_after))


async def get_call_reason(request: ApiRequest) -> Response:
    """`GET call_reasons/{callReasonId}`."""
    return render(_shown(await call_reasons.get_call_reason(request.deps, request.account_id, _id(request))))


async def create_call_reason(request: ApiRequest) -> Response:
    """`POST call_reasons`."""
    text, by = body_of(request, CallReasonBody).call_reason, await actor_of(request)
    async with request.deps.db.transaction() as tx:
        made = await call_reasons.create_call_reason_in(tx, request.deps, request.account_id, text=text, by=by)
        return await kept(tx, request, render(_shown(made), 201))


async def change_call_reason(request: ApiRequest) -> Response:
    """`PATCH call_reasons/{callReasonId}`."""
    text, by = body_of(request, CallReasonBody).call_reason, await actor_of(request)
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await call_reasons.update_call_reason(*of, text=text, by=by)))


async def delete_call_reason(request: ApiRequest) -> Response:
    """`DELETE call_reasons/{callReasonId}`."""
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await call_reasons.delete_call_reason(*of, by=await actor_of(request))))


def _id(request: ApiRequest) -> CallReasonId:
    return id_of(request, "callReasonId", CallReasonId)


def _shown(reason: CallReason) -> CallReasonView:
    return CallReasonView(str(reason.id), reason.text, reason.created_by_email, iso_ms(reason.created_at))


_REASON = {
    "id": CALL_REASON_ID,
    "call_reason": "Your parcel arrives today",
    "created_by_email": EMAIL,
    "created_at": AT,
}
_REFUSALS = (
    bad("call_reason must be between 10 and 100 characters", "the text breaks a rule", "call_reason"),
    conflict(
        "this call reason is already in the library",
        "a text that looks the same",
        "call_reason",
    ),
)

ROUTES = (
    ManagedRoute(
        "GET",
        "call_reasons",
        list_call_reasons,
        Action.CALL_REASONS_VIEW,
        name="listCallReasons",
        summary="List call reasons",
        description="Returns the account's library of call reasons, newest first.",
        response=CallReasonList,
        answer={"call_reasons": [_REASON], "next_after": None},
        params=PAGING,
    ),
    ManagedRoute(
        "POST",
        "call_reasons",
        create_call_reason,
        Action.CALL_REASONS_MANAGE,
        name="createCallReason",
        summary="Create a call reason",
        description="Adds a call reason to the library.",
        request=CallReasonBody,
        sent={"call_reason": "Your parcel arrives today"},
        response=CallReasonView,
        answer=_REASON,
        errors=_REFUSALS,
        creates=True,
    ),
    ManagedRoute(
        "GET",
        "call_reasons/{callReasonId}",
        get_call_reason,
        Action.CALL_REASONS_VIEW,
        name="getCallReason",
        summary="Get a call reason",
        description="Returns one call reason.",
        response=CallReasonView,
        answer=_REASON,
    ),
    ManagedRoute(
        "PATCH",
        "call_reasons/{callReasonId}",
        change_call_reason,
        Action.CALL_REASONS_MANAGE,
        name="changeCallReason",
        summary="Change a call reason",
        description="Changes the text. Every feature set that uses it shows the new text from the next call.",
        request=CallReasonBody,
        sent={"call_reason": "Your parcel arrives tomorrow"},
        response=CallReasonView,
        answer=_REASON | {"call_reason": "Your parcel arrives tomorrow"},
        errors=_REFUSALS,
    ),
    ManagedRoute(
        "DELETE",
        "call_reasons/{callReasonId}",
        delete_call_reason,
        Action.CALL_REASONS_MANAGE,
        name="deleteCallReason",
        summary="Delete a call reason",
        description="Removes a call reason from the library and returns what it was.",
        response=CallReasonView,
        answer=_REASON,
        errors=(conflict("this call reason is used by the feature set 'Delivery default'", "a feature set shows it"),),
    ),
)
