"""Webhooks: make, change, rotate, pause, test, recover, delete (contract, section 9)."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.events.model import EventType
from callmark.domain.ids import WebhookId
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import health, service as deliveries
from callmark.domain.webhooks.deliveries.health import HealthState, WebhookHealth
from callmark.domain.webhooks.model import LONGEST_NAME, LONGEST_OVERLAP, PauseReason, Webhook
from callmark.domain.webhooks.service import NewSecret
from callmark.instants import iso_ms
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.management.deliveries import DeliveryView, delivery_view
from callmark.surfaces.api.own.request import ApiPager, NoBody, body_of, id_of, utc_of
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, Instant, NextAfter, UpdatedAt, instant
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

_PAGER: ApiPager[WebhookHealth, InstantKey] = ApiPager(
    InstantKey, lambda one: (one.webhook.created_at, one.webhook.id), is_falling=False
)
LONGEST_OVERLAP_HOURS = LONGEST_OVERLAP // timedelta(hours=1)
_NAME = f"1 to {LONGEST_NAME} characters; different from the others, in any spelling of case."
_URL = "Called unchanged, with its query."
_TYPES = "What it receives; at least one."
_RETRY_AFTER = "Whether `Retry-After` of an answer delays the next attempt."
_GONE = "Whether an answer 410 ends a delivery."


class WebhookView(msgspec.Struct, kw_only=True):
    """An endpoint that events are sent to."""

    id: Annotated[Id, Meta(description="The webhook.")]
    name: Annotated[str, Meta(description="Its name.")]
    url: Annotated[str, Meta(description=_URL)]
    event_types: Annotated[list[EventType], Meta(description="What it receives.")]
    honours_retry_after: Annotated[bool, Meta(description=_RETRY_AFTER)]
    stops_on_gone: Annotated[bool, Meta(description=_GONE)]
    paused_at: Annotated[Instant | None, Meta(description="Since when it is paused; null if it is not.")]
    pause_reason: Annotated[
        PauseReason | None,
        Meta(
            description="Why it is paused: `requested`, or `failing` after five days without a success; null if it is"
            " not."
        ),
    ]
    old_secret_until: Annotated[Instant | None, Meta(description="How long a replaced secret signs; null for none.")]
    created_by_email: CreatedBy
    created_at: CreatedAt
    updated_at: UpdatedAt


class WebhookHealthView(WebhookView, kw_only=True):
    """A webhook, and how it does."""

    health: Annotated[HealthState, Meta(description="How it does now.")]
    health_since: Annotated[Instant | None, Meta(description="Since when; null if nothing is known.")]
    last_attempt_at: Annotated[Instant | None, Meta(description="When the last attempt ended; null before the first.")]
    last_error: Annotated[str | None, Meta(description="What went wrong in it; null after a success.")]
    retries: Annotated[int, Meta(description="How many deliveries wait for a retry, up to 1,000.")]


class WebhookList(msgspec.Struct):
    """A page of webhooks."""

    webhooks: Annotated[list[WebhookHealthView], Meta(description="The webhooks, oldest first.")]
    next_after: NextAfter


class WebhookSecretView(WebhookView, kw_only=True):
    """A webhook with a new secret."""

    secret: Annotated[
        str | None,
        Meta(
            description="The secret that signs deliveries (`whsec_…`), shown this once. Null in an answer that is"
            " replayed for an `Idempotency-Key`: rotate it then."
        ),
    ]


class NewWebhookBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a webhook is made of."""

    name: Annotated[str, Meta(description=_NAME)]
    url: Annotated[str, Meta(description=_URL)]
    event_types: Annotated[list[EventType], Meta(description=_TYPES)]
    honours_retry_after: Annotated[bool, Meta(description=_RETRY_AFTER)] = False
    stops_on_gone: Annotated[bool, Meta(description=_GONE)] = False


class WebhookChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Annotated[str | UnsetType, Meta(description=_NAME)] = UNSET
    url: Annotated[str | UnsetType, Meta(description=_URL)] = UNSET
    event_types: Annotated[list[EventType] | UnsetType, Meta(description=_TYPES)] = UNSET
    honours_retry_after: Annotated[bool | UnsetType, Meta(description=_RETRY_AFTER)] = UNSET
    stops_on_gone: Annotated[bool | UnsetType, Meta(description=_GONE)] = UNSET


class RotationBody(msgspec.Struct, forbid_unknown_fields=True):
    """How long the present secret stays valid."""

    overlap_hours: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_OVERLAP_HOURS)],
        Meta(description="For how many hours the present secret signs beside the new one."),
    ] = 24


class WebhookTestBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to send."""

    event_type: Annotated[
        EventType | UnsetType, Meta(description="The type of the sample event; `cmb` if you leave it out.")
    ] = UNSET


class RecoveryBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to send again."""

    since: Annotated[
        Annotated[datetime, Meta(tz=True)],
        Meta(description="Events created from then on whose delivery failed or was stopped."),
    ]
    dry_run: Annotated[bool, Meta(description="Whether to count them only.")] = False


class RecoveryView(msgspec.Struct):
    """What was sent again."""

    webhook_id: Annotated[Id, Meta(description="The webhook.")]
    count: Annotated[int, Meta(description="How many deliveries are sent again, or would be.")]
    dry_run: Annotated[bool, Meta(description="Whether they were counted only.")]


async def list_webhooks(request: ApiRequest) -> Response:
    """`GET webhooks?after=&limit=`."""
    rows, next_after = _PAGER.page(request, await health.list_health(request.deps, request.account_id))
    return render(WebhookList([_healthy(one) for one in rows], next_after))


async def get_webhook(request: ApiRequest) -> Response:
    """`GET webhooks/{webhookId}`."""
    webhook = await webhooks.get_webhook(request.deps, request.account_id, _id(request))
    return render(_healthy(await health.look(request.deps, webhook)))


async def create_webhook(request: ApiRequest) -> Response:
    """`POST webhooks`; the answer is kept without its secret, which nobody may read again."""
    body, by = body_of(request, NewWebhookBody), await actor_of(request)
    new = webhooks.NewWebhook(
        name=body.name,
        url=body.url,
        event_types=body.event_types,
        honours_retry_after=body.honours_retry_after,
        stops_on_gone=body.stops_on_gone,
    )
    async with request.deps.db.transaction() as tx:
        made = await webhooks.create_webhook_in(tx, request.deps, request.account_id, by=by, **new)
        await kept(tx, request, render(_secret(made.webhook, None), 201))
    return render(_secret(made.webhook, made.secret), 201)


async def change_webhook(request: ApiRequest) -> Response:
    """`PATCH webhooks/{webhookId}`."""
    given = msgspec.structs.asdict(body_of(request, WebhookChangeBody))
    change = webhooks.WebhookChange(**{name: None if value is UNSET else value for name, value in given.items()})
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await webhooks.update_webhook(*of, by=await actor_of(request), **change)))


async def delete_webhook(request: ApiRequest) -> Response:
    """`DELETE webhooks/{webhookId}`."""
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await webhooks.delete_webhook(*of, by=await actor_of(request))))


async def rotate_secret(request: ApiRequest) -> Response:
    """`POST webhooks/{webhookId}/rotate`."""
    overlap = timedelta(hours=body_of(request, RotationBody).overlap_hours)
    of = request.deps, request.account_id, _id(request)
    made: NewSecret = await webhooks.rotate_secret(*of, overlap=overlap, by=await actor_of(request))
    return render(_secret(made.webhook, made.secret))


async def pause_webhook(request: ApiRequest) -> Response:
    """`POST webhooks/{webhookId}/pause`."""
    body_of(request, NoBody)
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await webhooks.pause_webhook(*of, by=await actor_of(request))))


async def resume_webhook(request: ApiRequest) -> Response:
    """`POST webhooks/{webhookId}/resume`."""
    body_of(request, NoBody)
    of = request.deps, request.account_id, _id(request)
    return render(_shown(await webhooks.resume_webhook(*of, by=await actor_of(request))))


async def test_webhook(request: ApiRequest) -> Response:
    """`POST webhooks/{webhookId}/test`. It waits for the receiver, which may take a minute."""
    body = body_of(request, WebhookTestBody)
    kind = EventType.CALL_ME_BACK if body.event_type is UNSET else body.event_type
    of = request.deps, request.account_id, _id(request)
    by = await actor_of(request)
    with request.line.room.place(request.account_id):
        tried = await deliveries.send_test(*of, kind, by=by)
    made: DeliveryView = delivery_view(tried)
    return render(made)


async def recover(request: ApiRequest) -> Response:
    """`POST webhooks/{webhookId}/recover`."""
    body, webhook_id = body_of(request, RecoveryBody), _id(request)
    of = request.deps, request.account_id, webhook_id
    since = utc_of(body.since, "since")
    if body.dry_run:
        count = await deliveries.count_recoverable(*of, since=since)
    else:
        count = await deliveries.recover(*of, since=since, by=await actor_of(request))
    return render(RecoveryView(str(webhook_id), count, body.dry_run))


def _id(request: ApiRequest) -> WebhookId:
    return id_of(request, "webhookId", WebhookId)


def _shown(webhook: Webhook) -> WebhookView:
    return WebhookView(
        id=str(webhook.id),
        name=webhook.name,
        url=webhook.url,
        event_types=[kind for kind in EventType if kind in webhook.event_types],
        honours_retry_after=webhook.honours_retry_after,
        stops_on_gone=webhook.stops_on_gone,
        paused_at=instant(webhook.paused_at),
        pause_reason=webhook.pause_reason,
        old_secret_until=instant(webhook.old_secret_until),
        created_by_email=webhook.created_by_email,
        created_at=iso_ms(webhook.created_at),
        updated_at=iso_ms(webhook.updated_at),
    )


def _secret(webhook: Webhook, secret: str | None) -> WebhookSecretView:
    return WebhookSecretView(**msgspec.structs.asdict(_shown(webhook)), secret=secret)


def _healthy(one: WebhookHealth) -> WebhookHealthView:
    return WebhookHealthView(
        **msgspec.structs.asdict(_shown(one.webhook)),
        health=one.health,
        health_since=instant(one.since),
        last_attempt_at=instant(one.last_at),
        last_error=one.last_error,
        retries=min(one.retries, 1_000),
    )
