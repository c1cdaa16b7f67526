"""The receiver: verifies, stores, answers."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import callmark

from .models import ReceivedEvent

log = logging.getLogger("django.server")


@csrf_exempt  # the signature says who sent it
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """A webhook request. The body is read as it came: a parsed and rewritten one no longer fits its signature."""
    try:
        event = callmark.webhooks.unwrap(request.body, request.headers, secret=settings.CALLMARK_WEBHOOK_SECRETS)
    except callmark.WebhookVerificationError as error:
        log.warning("refused a webhook: %s", error)
        return HttpResponse("not a valid webhook", status=400)
    values = {"event_type": event.event_type, "number": number_of(event), "body": event.raw}
    _, is_new = ReceivedEvent.objects.get_or_create(event_id=event.event_id, defaults=values)
    log.info("event %s: %s", event.event_id, "stored" if is_new else "was here before")
    return HttpResponse(status=204)


def number_of(event: callmark.Event) -> str:
    """The phone number that the event is about; empty if it has none."""
    match event:
        case callmark.CallMeBackEvent():
            return event.callable_number or ""
        case callmark.FeedbackEvent() | callmark.PossibleSpoofEvent():
            return event.client_number or ""
        case _:
            return ""
