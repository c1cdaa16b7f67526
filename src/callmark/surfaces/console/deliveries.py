"""Webhook events: the log of deliveries, and one of them with its attempts. Source: contract, sections 9.1 and 9.2."""

from datetime import datetime, timedelta
from typing import ClassVar

import msgspec
from msgspec import Struct
from starlette.responses import Response

from callmark.domain.events.model import EventType
from callmark.domain.ids import DeliveryId, EventId, WebhookId
from callmark.domain.policy.model import Action
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.deliveries.service import DeliveryFilter
from callmark.domain.webhooks.model import RESENDABLE, Attempt, Delivery, DeliveryState, Webhook
from callmark.kit.errors import Conflict
from callmark.kit.ids import id_part, parse_uuid
from callmark.surfaces.console import consequences
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get, post
from callmark.surfaces.cursors import InstantKey

LIST = "/console/webhook-events"
_PAGE = 50
_PAGER: Pager[Delivery, InstantKey] = Pager(
    InstantKey, lambda one: (one.created_at, one.id), _PAGE, filters=("q", "webhook", "state", "type", "span")
)
SPANS = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last 24 hours", timedelta(days=1)),
    "week": ("Last 7 days", timedelta(days=7)),
}
_SOON = timedelta(seconds=10)
_WAITING = frozenset({DeliveryState.PENDING, DeliveryState.RESCHEDULED})


class ShownAttempt(Struct, frozen=True):
    """An attempt as the page shows it: its answer's body as text, whatever it was."""

    attempt: Attempt
    answer: str


class DeliveriesPage(Page, frozen=True):
    """A page of the log. `wanted` holds the filters as they were asked for."""

    template: ClassVar[str] = "deliveries/list.html"
    deliveries: list[Delivery]
    webhooks: list[Webhook]
    deleted: list[Webhook]
    wanted: dict[str, str]
    spans: dict[str, str]
    is_narrowed: bool
    url: str
    next: str
    first: str


class DeliveryPage(Page, frozen=True):
    """One delivery: the body it sends, and every attempt, newest first.

    `is_close`: the next attempt is due, so that it is worth looking again in a moment. `is_paused`: it waits until
    someone resumes its webhook.
    """

    template: ClassVar[str] = "deliveries/delivery.html"
    delivery: Delivery
    body: str
    attempts: list[ShownAttempt]
    is_waiting: bool
    is_close: bool
    may_resend: bool
    is_webhook_there: bool
    is_paused: bool


async def show_list(request: ConsoleRequest) -> Response:
    """The account's deliveries, newest first."""
    wanted = _PAGER.filtered_by(request)
    endpoints = await webhooks.list_webhooks(request.deps, request.account_id)
    filters, is_possible = _filters(wanted, request.deps.clock.now(), _PAGER.position(request))
    found = (
        await deliveries.list_deliveries(request.deps, request.account_id, filters, limit=_PAGE + 1)
        if is_possible
        else []
    )
    part = _PAGER.part(request, found)
    return page(
        request,
        DeliveriesPage(
            part.rows,
            endpoints,
            await webhooks.list_deleted(request.deps, request.account_id),
            wanted,
            {name: label for name, (label, _) in SPANS.items()},
            is_narrowed=any(wanted.values()),
            url=LIST,
            next=part.next,
            first=part.first,
        ),
    )


async def show_delivery(request: ConsoleRequest) -> Response:
    found = await deliveries.delivery_details(request.deps, request.account_id, request.id(DeliveryId))
    delivery = found.delivery
    webhook = await _webhook_of(request, delivery)
    is_waiting = delivery.state in _WAITING
    is_paused = is_waiting and webhook is not None and webhook.paused_at is not None
    soon = request.deps.clock.now() + _SOON
    is_due = delivery.next_attempt_at is not None and delivery.next_attempt_at <= soon
    return page(
        request,
        DeliveryPage(
            delivery,
            _pretty(found.body),
            [ShownAttempt(one, _text(one.answer_body)) for one in reversed(found.attempts)],
            is_waiting=is_waiting,
            is_close=is_due and webhook is not None and not is_paused,
            may_resend=webhook is not None and not delivery.is_test and delivery.state in RESENDABLE | _WAITING,
            is_webhook_there=webhook is not None,
            is_paused=is_paused,
        ),
    )


async def resend(request: ConsoleRequest) -> Response:
    """Makes the next attempt now."""
    delivery_id = request.id(DeliveryId)
    to = f"{LIST}/{delivery_id}"
    try:
        resent = await deliveries.resend(request.deps, request.account_id, delivery_id, by=request.by)
    except Conflict as refused:
        return request.go(to, f"Not sent again: {refused.message}.", "danger")
    webhook = await _webhook_of(request, resent)
    is_copy, is_paused = request.live_session.held_since is not None, bool(webhook and webhook.paused_at)
    if waits := consequences.deliveries_wait(is_copy=is_copy, is_paused=is_paused):
        return request.go(to, f"The event is sent {waits}.", "warning")
    return request.go(to, "The event is being sent again.")


async def _webhook_of(request: ConsoleRequest, delivery: Delivery) -> Webhook | None:
    """Where the delivery goes; None when that is deleted."""
    endpoints = await webhooks.list_webhooks(request.deps, request.account_id)
    return next((one for one in endpoints if one.id == delivery.webhook_id), None)


def _filters(wanted: dict[str, str], now: datetime, after: InstantKey | None) -> tuple[DeliveryFilter, bool]:
    """The filters, and whether anything can fit them: what cannot be an event's id fits nothing."""
    webhook_id, event_id = parse_uuid(wanted["webhook"]), parse_uuid(wanted["q"].strip())
    part = id_part(wanted["q"]) or ""
    span = SPANS.get(wanted["span"])
    filters = DeliveryFilter(
        webhook_id=WebhookId(webhook_id) if webhook_id else None,
        state=DeliveryState(wanted["state"]) if wanted["state"] in set(DeliveryState) else None,
        event_type=EventType(wanted["type"]) if wanted["type"] in set(EventType) else None,
        since=now - span[1] if span else None,
        after=after,
        event_id=EventId(event_id) if event_id else None,
        id_part="" if event_id else part,
    )
    return filters, bool(part) or not wanted["q"].strip()


def _pretty(body: str) -> str:
    """The body, indented for people; what is sent has no such spaces."""
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body


def _text(body: bytes | None) -> str:
    return (body or b"").decode("utf-8", "replace")


ROUTES = (
    get("/webhook-events", show_list, Action.WEBHOOKS_VIEW),
    get("/webhook-events/{id}", show_delivery, Action.WEBHOOKS_VIEW),
    post("/webhook-events/{id}/resend", resend, Action.WEBHOOKS_MANAGE),
)
