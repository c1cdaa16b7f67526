"""The routes of webhooks and their deliveries, with their texts for the reference."""

from callmark.domain.events.model import EventType
from callmark.domain.policy.model import Action
from callmark.domain.webhooks.model import DeliveryState
from callmark.surfaces.api import doc_parts
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, EMAIL
from callmark.surfaces.api.management import deliveries, webhooks
from callmark.surfaces.api.management.deliveries import DeliveryList, DeliverySummary, DeliveryView
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.management.webhooks import (
    LONGEST_OVERLAP_HOURS,
    NewWebhookBody,
    RecoveryBody,
    RecoveryView,
    RotationBody,
    WebhookChangeBody,
    WebhookHealthView,
    WebhookList,
    WebhookSecretView,
    WebhookTestBody,
    WebhookView,
)
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.api.waiting import TOO_MANY_WAIT

_ONE = "webhooks/{webhookId}"
_DELIVERY_PATH = "webhook_deliveries/{deliveryId}"
_WEBHOOK_ID = "f6071829-3a4b-4c5d-8e6f-809102132435"
_URL = "https://hooks.acme.example/callmark"
_WEBHOOK = {
    "id": _WEBHOOK_ID,
    "name": "CRM",
    "url": _URL,
    "event_types": ["cmb", "user_feedback"],
    "honours_retry_after": False,
    "stops_on_gone": False,
    "paused_at": None,
    "pause_reason": None,
    "old_secret_until": None,
    "created_by_email": EMAIL,
    "created_at": AT,
    "updated_at": AT,
}
_HEALTH = {"health": "working", "health_since": AT, "last_attempt_at": AT, "last_error": None, "retries": 0}
_SECRET = _WEBHOOK | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}
_DELIVERY = {
    "id": "07182930-4a5b-4c6d-8f70-910213243546",
    "webhook_id": _WEBHOOK_ID,
    "webhook_name": "CRM",
    "event_id": "6f1d2c3b-4a59-4687-9a10-b2c3d4e5f607",
    "event_type": "cmb",
    "event_number": 41,
    "state": "failed",
    "attempt_count": 8,
    "created_at": AT,
    "next_attempt_at": None,
    "ended_at": "2026-01-04T16:38:05.412Z",
}
_ATTEMPT = {
    "number": 8,
    "began_at": "2026-01-04T16:38:05.000Z",
    "duration_ms": 412,
    "url": _URL,
    "status": 503,
    "answer": "",
    "error": "the receiver answered 503",
}
_DETAILS = _DELIVERY | {"body": '{"event_id":"6f1d2c3b-4a59-4687-9a10-b2c3d4e5f607"}', "attempts": [_ATTEMPT]}
_RULES = (
    bad("webhook name is required", "the name is empty, too long, or has characters that are not allowed", "name"),
    bad("url must be a complete address that starts with http:// or https://", "it cannot be called", "url"),
    bad("choose at least one event type", "none, or one whose feature the account lacks", "event_types"),
    conflict("a webhook named 'CRM' already exists", "the name is taken", "name"),
)

ROUTES = (
    ManagedRoute(
        "GET",
        "webhooks",
        webhooks.list_webhooks,
        Action.WEBHOOKS_VIEW,
        name="listWebhooks",
        summary="List webhooks",
        description="Returns the account's webhooks with their health, oldest first.",
        response=WebhookList,
        answer={"webhooks": [_WEBHOOK | _HEALTH], "next_after": None},
        params=PAGING,
    ),
    ManagedRoute(
        "POST",
        "webhooks",
        webhooks.create_webhook,
        Action.WEBHOOKS_MANAGE,
        name="createWebhook",
        summary="Create a webhook",
        description="Creates a webhook; it receives the events from now on. The answer has its secret, this once.",
        request=NewWebhookBody,
        sent={"name": "CRM", "url": _URL, "event_types": ["cmb", "user_feedback"]},
        response=WebhookSecretView,
        answer=_SECRET,
        errors=(*_RULES, conflict("an account can have at most 5 webhooks; delete one first", "there are five")),
        creates=True,
    ),
    ManagedRoute(
        "GET",
        _ONE,
        webhooks.get_webhook,
        Action.WEBHOOKS_VIEW,
        name="getWebhook",
        summary="Get a webhook",
        description="Returns one webhook with its health.",
        response=WebhookHealthView,
        answer=_WEBHOOK | _HEALTH,
    ),
    ManagedRoute(
        "PATCH",
        _ONE,
        webhooks.change_webhook,
        Action.WEBHOOKS_MANAGE,
        name="changeWebhook",
        summary="Change a webhook",
        description="Changes what is given, also for deliveries that wait already.",
        request=WebhookChangeBody,
        sent={"honours_retry_after": True},
        response=WebhookView,
        answer=_WEBHOOK | {"honours_retry_after": True},
        errors=_RULES,
    ),
    ManagedRoute(
        "DELETE",
        _ONE,
        webhooks.delete_webhook,
        Action.WEBHOOKS_MANAGE,
        name="deleteWebhook",
        summary="Delete a webhook",
        description="Deletes a webhook and returns what it was. What waits for it is not sent.",
        response=WebhookView,
        answer=_WEBHOOK,
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/rotate",
        webhooks.rotate_secret,
        Action.WEBHOOKS_MANAGE,
        name="rotateWebhookSecret",
        summary="Rotate the secret of a webhook",
        description="Makes a new secret and returns it, this once. The old one signs beside it for `overlap_hours`.",
        request=RotationBody,
        sent={"overlap_hours": 24},
        response=WebhookSecretView,
        answer=_SECRET | {"old_secret_until": "2026-01-02T10:00:05.412Z"},
        errors=(
            bad("overlap_hours is invalid", f"not 0 to {LONGEST_OVERLAP_HOURS}", "overlap_hours"),
            conflict("10 earlier secrets still sign; wait until one of them ends", "too many would sign"),
        ),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/pause",
        webhooks.pause_webhook,
        Action.WEBHOOKS_MANAGE,
        name="pauseWebhook",
        summary="Pause a webhook",
        description="Keeps events without sending them, for up to 30 days. You can safely repeat the request.",
        response=WebhookView,
        answer=_WEBHOOK | {"paused_at": AT, "pause_reason": "requested"},
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/resume",
        webhooks.resume_webhook,
        Action.WEBHOOKS_MANAGE,
        name="resumeWebhook",
        summary="Resume a webhook",
        description="Sends what has become due meanwhile. You can safely repeat the request.",
        response=WebhookView,
        answer=_WEBHOOK,
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/test",
        webhooks.test_webhook,
        Action.WEBHOOKS_MANAGE,
        name="testWebhook",
        summary="Test a webhook",
        description="Sends one sample event at once, also to a paused webhook, and returns what came of it.",
        request=WebhookTestBody,
        sent={"event_type": "cmb"},
        response=DeliveryView,
        answer=_DETAILS | {"event_number": None, "attempt_count": 1, "attempts": [_ATTEMPT | {"number": 1}]},
        errors=(TOO_MANY_WAIT,),
    ),
    ManagedRoute(
        "POST",
        f"{_ONE}/recover",
        webhooks.recover,
        Action.WEBHOOKS_MANAGE,
        name="recoverWebhook",
        summary="Send failed events again",
        description="Sends every event since an instant again whose delivery failed or was stopped; to a paused webhook"
        " when it is resumed. You can safely repeat the request.",
        request=RecoveryBody,
        sent={"since": "2026-01-01T00:00:00Z", "dry_run": True},
        response=RecoveryView,
        answer={"webhook_id": _WEBHOOK_ID, "count": 17, "dry_run": True},
    ),
    ManagedRoute(
        "GET",
        "webhook_deliveries",
        deliveries.list_deliveries,
        Action.WEBHOOKS_VIEW,
        name="listWebhookDeliveries",
        summary="List webhook deliveries",
        description="Returns the deliveries of the last 30 days, newest first.",
        response=DeliveryList,
        answer={"deliveries": [_DELIVERY], "next_after": None},
        params=(
            ParamDoc("webhook_id", "Only those of this webhook.", doc_parts.UUID),
            ParamDoc("event_id", "Only those of this event.", doc_parts.UUID),
            ParamDoc("event_type", "Only events of this type.", {"type": "string", "enum": [*EventType]}),
            ParamDoc("state", "Only those in this state.", {"type": "string", "enum": [*DeliveryState]}),
            *PAGING,
        ),
    ),
    ManagedRoute(
        "GET",
        _DELIVERY_PATH,
        deliveries.get_delivery,
        Action.WEBHOOKS_VIEW,
        name="getWebhookDelivery",
        summary="Get a webhook delivery",
        description="Returns one delivery with its body and every attempt.",
        response=DeliveryView,
        answer=_DETAILS,
    ),
    ManagedRoute(
        "POST",
        f"{_DELIVERY_PATH}/resend",
        deliveries.resend,
        Action.WEBHOOKS_MANAGE,
        name="resendWebhookDelivery",
        summary="Resend a webhook delivery",
        description="Makes the next attempt due now, also after a success. A paused webhook gets it when resumed.",
        response=DeliverySummary,
        answer=_DELIVERY | {"state": "pending", "next_attempt_at": AT, "ended_at": None},
        errors=(conflict("the webhook of this delivery has been deleted", "it is a test, or the webhook is gone"),),
    ),
)
