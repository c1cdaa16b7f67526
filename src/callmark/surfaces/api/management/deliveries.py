"""The log of webhook deliveries: read it, and send one again (contract, section 9.2)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.events.model import EventType
from callmark.domain.ids import DeliveryId, EventId, WebhookId
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.deliveries.service import DeliveryFilter
from callmark.domain.webhooks.model import Attempt, Delivery, DeliveryDetails, DeliveryState
from callmark.instants import iso_ms
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.doc_parts import INT64
from callmark.surfaces.api.own.request import ApiPager, NoBody, body_of, choice_filter, id_filter, id_of
from callmark.surfaces.api.own.shapes import CreatedAt, Id, Instant, NextAfter, instant
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_PAGER: ApiPager[Delivery, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id))


class DeliverySummary(msgspec.Struct, kw_only=True):
    """One event to one webhook."""

    id: Annotated[Id, Meta(description="The delivery.")]
    webhook_id: Annotated[Id, Meta(description="The webhook.")]
    webhook_name: Annotated[str, Meta(description="Its name.")]
    event_id: Annotated[Id, Meta(description="The event.")]
    event_type: Annotated[EventType, Meta(description="Its type.")]
    event_number: Annotated[
        int | None, Meta(description="Its number in `GET events`; null for a test.", extra_json_schema=INT64)
    ]
    state: Annotated[DeliveryState, Meta(description="How far the delivery is.")]
    attempt_count: Annotated[int, Meta(description="How many attempts were made.")]
    created_at: CreatedAt
    next_attempt_at: Annotated[Instant | None, Meta(description="When the next attempt is due; null for none.")]
    ended_at: Annotated[Instant | None, Meta(description="When it ended; null until then.")]


class DeliveryList(msgspec.Struct):
    """A page of deliveries."""

    deliveries: Annotated[list[DeliverySummary], Meta(description="The deliveries, newest first.")]
    next_after: NextAfter


class AttemptView(msgspec.Struct, kw_only=True):
    """One HTTP request of a delivery."""

    number: Annotated[int, Meta(description="From 1.")]
    began_at: Annotated[Instant, Meta(description="When it began, UTC.")]
    duration_ms: Annotated[int, Meta(description="How long it took, in milliseconds.")]
    url: Annotated[str, Meta(description="What was called.")]
    status: Annotated[int | None, Meta(description="The status of the answer; null without one.")]
    answer: Annotated[str | None, Meta(description="The beginning of the answer's body; null without one.")]
    error: Annotated[str | None, Meta(description="What went wrong; null after a success.")]


class DeliveryView(DeliverySummary, kw_only=True):
    """A delivery with what it sends and its attempts."""

    body: Annotated[str, Meta(description="The body exactly as it is sent.")]
    attempts: Annotated[list[AttemptView], Meta(description="The attempts, oldest first.")]


async def list_deliveries(request: ApiRequest) -> Response:
    """`GET webhook_deliveries?webhook_id=&event_id=&event_type=&state=&after=&limit=`."""
    filters = DeliveryFilter(
        webhook_id=id_filter(request, "webhook_id", WebhookId),
        event_id=id_filter(request, "event_id", EventId),
        event_type=choice_filter(request, "event_type", EventType),
        state=choice_filter(request, "state", DeliveryState),
        after=_PAGER.after(request),
    )
    limit = _PAGER.limit(request) + 1
    found = await deliveries.list_deliveries(request.deps, request.account_id, filters, limit=limit)
    rows, next_after = _PAGER.part(request, found)
    return render(DeliveryList([_shown(one) for one in rows], next_after))


async def get_delivery(request: ApiRequest) -> Response:
    """`GET webhook_deliveries/{deliveryId}`."""
    return render(delivery_view(await deliveries.delivery_details(request.deps, request.account_id, _id(request))))


async def resend(request: ApiRequest) -> Response:
    """`POST webhook_deliveries/{deliveryId}/resend`."""
    body_of(request, NoBody)
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await deliveries.resend(*of, by=await actor_of(request))))


def delivery_view(found: DeliveryDetails) -> DeliveryView:
    """A delivery with its body and attempts."""
    summary = msgspec.structs.asdict(_shown(found.delivery))
    return DeliveryView(**summary, body=found.body, attempts=[_attempt(one) for one in found.attempts])


def _id(request: ApiRequest) -> DeliveryId:
    return id_of(request, "deliveryId", DeliveryId)


def _shown(one: Delivery) -> DeliverySummary:
    return DeliverySummary(
        id=str(one.id),
        webhook_id=str(one.webhook_id),
        webhook_name=one.webhook_name,
        event_id=str(one.event_id),
        event_type=one.event_type,
        event_number=one.event_number,
        state=one.state,
        attempt_count=one.attempt_count,
        created_at=iso_ms(one.created_at),
        next_attempt_at=instant(one.next_attempt_at),
        ended_at=instant(one.ended_at),
    )


def _attempt(one: Attempt) -> AttemptView:
    return AttemptView(
        number=one.number,
        began_at=iso_ms(one.began_at),
        duration_ms=one.duration_ms,
        url=one.url,
        status=one.status,
        answer=None if one.answer_body is None else one.answer_body.decode("utf-8", "replace"),
        error=one.error,
    )
