"""Manage Webhooks. Source: contract, section 9.1; D36, D38, D43, D43b."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import webhooks as access
from callmark.domain.access.webhooks import Wanted
from callmark.domain.events.model import EventType
from callmark.domain.ids import WebhookId
from callmark.domain.policy.model import Action
from callmark.domain.webhooks.health import WebhookHealth
from callmark.domain.webhooks.model import LONGEST_NAME, MOST_WEBHOOKS, Webhook
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console import words
from callmark.surfaces.console.confirm import Confirm, confirm
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.once import ShownBeforePage, show_once, shown_page
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import instant, local_text
from callmark.surfaces.console.visit import Form, Visit

LIST = "/console/webhooks"
OVERLAPS = {"0": "none", "1": "1 hour", "24": "24 hours", "168": "7 days"}
"""How long an old secret may go on signing, by hours; the longest is the domain's own limit."""


@dataclass(frozen=True)
class WebhooksPage(Page):
    """Every webhook with its health and how many deliveries wait for it (`most_counted`: that many or more)."""

    template: ClassVar[str] = "webhooks/list.html"
    webhooks: list[tuple[WebhookHealth, int]]
    most: int = MOST_WEBHOOKS
    most_counted: int = access.MOST_COUNTED


@dataclass(frozen=True)
class WebhookFormPage(Page):
    """The form of a new webhook, or of one there is (`webhook_id`)."""

    template: ClassVar[str] = "webhooks/form.html"
    form: Form
    webhook_id: str
    longest_name: int = LONGEST_NAME


@dataclass(frozen=True)
class SecretPage(Page):
    """A secret, shown this once; `old_until` says how long the one before goes on signing."""

    template: ClassVar[str] = "webhooks/secret.html"
    name: str
    webhook_id: str
    secret: str
    old_until: str


@dataclass(frozen=True)
class RotatePage(Page):
    """Asks how long the present secret goes on signing."""

    template: ClassVar[str] = "webhooks/rotate.html"
    webhook: Webhook
    form: Form
    overlaps: dict[str, str]


@dataclass(frozen=True)
class TestPage(Page):
    """Chooses the event of a test."""

    template: ClassVar[str] = "webhooks/test.html"
    webhook: Webhook
    form: Form


@dataclass(frozen=True)
class RecoverPage(Page):
    """Since when to send again what failed; `count` once it was counted."""

    template: ClassVar[str] = "webhooks/recover.html"
    webhook: Webhook
    form: Form
    count: int | None


async def show_list(visit: Visit) -> Response:
    """All webhooks."""
    return page(visit, WebhooksPage(await access.list_health(visit.deps, visit.actor)))


async def show_create(visit: Visit) -> Response:
    """The empty form; every type of the account's plan is chosen, as most want."""
    offered = [kind for kind in EventType if kind.feature in visit.actor.session.features]
    return page(visit, WebhookFormPage(Form.of(event_types=[*offered]), ""))


async def create(visit: Visit) -> Response:
    """Makes a webhook and shows its secret once."""
    try:
        made = await access.create_webhook(visit.deps, visit.actor, _wanted(visit.form))
    except (InvalidInput, Conflict) as refused:
        return page(visit, WebhookFormPage(_about(visit.form, refused), ""), 422)
    return await _shown_once(visit, made.webhook, made.secret, "")


async def show_edit(visit: Visit) -> Response:
    """The form with what the webhook has."""
    webhook = await access.get_webhook(visit.deps, visit.actor, visit.id(WebhookId))
    form = Form.of(
        name=webhook.name,
        url=webhook.url,
        event_types=[*webhook.event_types],
        honours_retry_after="on" if webhook.honours_retry_after else "",
        stops_on_gone="on" if webhook.stops_on_gone else "",
    )
    return page(visit, WebhookFormPage(form, str(webhook.id)))


async def edit(visit: Visit) -> Response:
    """Changes it, also for what waits already."""
    webhook_id = visit.id(WebhookId)
    try:
        webhook = await access.update_webhook(visit.deps, visit.actor, webhook_id, _wanted(visit.form))
    except (InvalidInput, Conflict) as refused:
        return page(visit, WebhookFormPage(_about(visit.form, refused), str(webhook_id)), 422)
    return visit.go(LIST, f"{webhook.name} was saved.")


async def show_test(visit: Visit) -> Response:
    """Call Me Back is what is tested by default."""
    webhook = await access.get_webhook(visit.deps, visit.actor, visit.id(WebhookId))
    return page(visit, TestPage(webhook, Form.of(event_type=EventType.CALL_ME_BACK.value)))


async def test(visit: Visit) -> Response:
    """One attempt; its page is that of any delivery."""
    wanted = visit.form.text("event_type")
    kind = EventType(wanted) if wanted in set(EventType) else EventType.CALL_ME_BACK
    tried = await access.send_test(visit.deps, visit.actor, visit.id(WebhookId), kind)
    return visit.go(f"/console/webhook-events/{tried.delivery.id}")


async def pause(visit: Visit) -> Response:
    """Keeps events without sending them."""
    webhook = await access.set_paused(visit.deps, visit.actor, visit.id(WebhookId), paused=True)
    return visit.go(LIST, f"{webhook.name} is paused. Events wait for up to 30 days.")


async def resume(visit: Visit) -> Response:
    """Sends what has become due meanwhile."""
    webhook = await access.set_paused(visit.deps, visit.actor, visit.id(WebhookId), paused=False)
    return visit.go(LIST, f"{webhook.name} is active again. Waiting events are being sent.")


async def show_rotate(visit: Visit) -> Response:
    """A day is enough for most receivers to change."""
    webhook = await access.get_webhook(visit.deps, visit.actor, visit.id(WebhookId))
    return page(visit, RotatePage(webhook, Form.of(overlap="24"), OVERLAPS))


async def rotate(visit: Visit) -> Response:
    """A new secret, shown once."""
    form, webhook_id = visit.form, visit.id(WebhookId)
    if form.text("overlap") not in OVERLAPS:
        webhook = await access.get_webhook(visit.deps, visit.actor, webhook_id)
        refused = InvalidInput("choose how long to keep the current secret", field="overlap")
        return page(visit, RotatePage(webhook, form.refused(refused), OVERLAPS), 422)
    overlap = timedelta(hours=int(form.text("overlap")))
    made = await access.rotate_secret(visit.deps, visit.actor, webhook_id, overlap)
    return await _shown_once(visit, made.webhook, made.secret, OVERLAPS[form.text("overlap")])


async def show_secret(visit: Visit) -> Response:
    """The secret that was just made, once."""
    to_do = "If you did not save the secret, open the webhook's menu in the list and rotate it."
    otherwise = ShownBeforePage("This secret has already been shown", to_do, ("Webhooks", LIST))
    return await shown_page(visit, SecretPage, otherwise)


async def _shown_once(visit: Visit, webhook: Webhook, secret: str, old_until: str) -> Response:
    return await show_once(visit, f"{LIST}/shown", SecretPage(webhook.name, str(webhook.id), secret, old_until))


async def ask_delete(visit: Visit) -> Response:
    """Says what is lost."""
    webhook = await access.get_webhook(visit.deps, visit.actor, visit.id(WebhookId))
    waiting = await access.count_waiting(visit.deps, visit.actor, webhook.id)
    more = " or more" if waiting >= access.MOST_COUNTED else ""
    return confirm(
        visit,
        Confirm(
            title=f"Delete {webhook.name}?",
            lost=[
                "It gets no more events.",
                f"{words.count(waiting, 'delivery').capitalize()}{more} that are still waiting will not be sent."
                if waiting
                else "No deliveries are waiting.",
                "Its secret is deleted. Past deliveries stay in the log for 30 days.",
            ],
            button="Delete webhook",
            to=f"{LIST}/{webhook.id}/delete",
            back=LIST,
        ),
    )


async def delete(visit: Visit) -> Response:
    """Ends it."""
    webhook = await access.delete_webhook(visit.deps, visit.actor, visit.id(WebhookId))
    return visit.go(LIST, f"{webhook.name} was deleted.")


async def show_recover(visit: Visit) -> Response:
    """Since the oldest event that failed, so that whoever comes from the mail about it finds it; else the last day."""
    webhook = await access.get_webhook(visit.deps, visit.actor, visit.id(WebhookId))
    oldest = await access.oldest_recoverable(visit.deps, visit.actor, webhook.id)
    since = local_text(oldest or visit.deps.clock.now() - timedelta(days=1), visit.zone)
    return page(visit, RecoverPage(webhook, Form.of(since=since), None))


async def count_recoverable(visit: Visit) -> Response:
    """The dry run: says how many, and sends nothing."""
    form, webhook_id = visit.form, visit.id(WebhookId)
    webhook = await access.get_webhook(visit.deps, visit.actor, webhook_id)
    try:
        count = await access.count_recoverable(visit.deps, visit.actor, webhook_id, instant(form, "since", visit.zone))
    except InvalidInput as refused:
        return page(visit, RecoverPage(webhook, form.refused(refused), None), 422)
    return page(visit, RecoverPage(webhook, form, count))


async def recover(visit: Visit) -> Response:
    """Sends them again."""
    webhook_id = visit.id(WebhookId)
    webhook = await access.get_webhook(visit.deps, visit.actor, webhook_id)
    try:
        count = await access.recover(visit.deps, visit.actor, webhook_id, instant(visit.form, "since", visit.zone))
    except InvalidInput as refused:
        return page(visit, RecoverPage(webhook, visit.form.refused(refused), None), 422)
    verb = "is" if count == 1 else "are"
    return visit.go(
        f"/console/webhook-events?webhook={webhook_id}",
        f"{words.count(count, 'delivery').capitalize()} {verb} being sent again.",
    )


def _wanted(form: Form) -> Wanted:
    return Wanted(
        name=form.text("name"),
        url=form.text("url").strip(),
        event_types=[kind for kind in EventType if kind.value in form.all("event_types")],
        honours_retry_after=form.is_on("honours_retry_after"),
        stops_on_gone=form.is_on("stops_on_gone"),
    )


def _about(form: Form, refused: InvalidInput | Conflict) -> Form:
    """The form with what was refused beside its field: of the conflicts, a taken name has one, a sixth webhook none."""
    if isinstance(refused, Conflict):
        field = "name" if "named" in refused.message else ""
        return form.refused(InvalidInput(refused.message, field=field))
    return form.refused(refused)


ROUTES = (
    get("/webhooks", show_list, Action.WEBHOOKS_VIEW),
    get("/webhooks/new", show_create, Action.WEBHOOKS_MANAGE),
    post("/webhooks/new", create, Action.WEBHOOKS_MANAGE),
    get("/webhooks/shown/{token}", show_secret, Action.WEBHOOKS_MANAGE),
    get("/webhooks/{id}/edit", show_edit, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/edit", edit, Action.WEBHOOKS_MANAGE),
    get("/webhooks/{id}/test", show_test, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/test", test, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/pause", pause, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/resume", resume, Action.WEBHOOKS_MANAGE),
    get("/webhooks/{id}/rotate", show_rotate, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/rotate", rotate, Action.WEBHOOKS_MANAGE),
    get("/webhooks/{id}/delete", ask_delete, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/delete", delete, Action.WEBHOOKS_MANAGE),
    get("/webhooks/{id}/recover", show_recover, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/recover", count_recoverable, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/recover/send", recover, Action.WEBHOOKS_MANAGE),
)
