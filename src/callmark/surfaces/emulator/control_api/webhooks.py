"""Webhooks for tests, made in one request."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.surfaces.api.own.shapes import Id
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.http import Response, render


class WebhookMadeOut(Struct, frozen=True):
    """A webhook, and the secret that signs its deliveries."""

    id: Annotated[Id, Meta(description="The webhook.")]
    name: Annotated[str, Meta(description="Its name.")]
    url: Annotated[str, Meta(description="Where its events are sent.")]
    event_types: Annotated[list[EventType], Meta(description="The kinds of events that it gets.")]
    secret: Annotated[str, Meta(description="What signs its deliveries (docs/webhooks.md).")]


def webhook_routes(deps: Deps) -> list[BaseRoute]:
    """Making one; the console and the management API do everything else."""

    async def make_webhook(request: Request) -> Response:
        return render(await _make(deps, await wire.read(request, wire.WantedWebhook)), 201)

    return [control_route("webhooks", POST=make_webhook)]


async def _make(deps: Deps, wanted: wire.WantedWebhook) -> WebhookMadeOut:
    of = AccountId(wanted.client_account_id)
    made = await webhooks.create_webhook(
        deps,
        of,
        name=_free_name({one.name for one in await webhooks.list_webhooks(deps, of)}),
        url=wanted.url,
        event_types=list(EventType) if wanted.event_types is UNSET else wanted.event_types,
        by=SYSTEM,
    )
    hook = made.webhook
    return WebhookMadeOut(str(hook.id), hook.name, hook.url, sorted(hook.event_types), made.secret)


def _free_name(taken: set[str]) -> str:
    return next(name for number in range(1, len(taken) + 2) if (name := f"Test {number}") not in taken)
