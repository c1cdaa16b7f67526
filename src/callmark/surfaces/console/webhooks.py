"""Manage Webhooks. Source: contract, section 9.1; D36, D38, D43, D43b."""

from datetime import timedelta
from typing import ClassVar, TypedDict

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.events.model import EventType
from callmark.domain.ids import WebhookId
from callmark.domain.limits.model import WEBHOOKS
from callmark.domain.policy.model import Action
from callmark.domain.stale_confirmations import digest_of
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import health, service as deliveries
from callmark.domain.webhooks.deliveries.health import WebhookHealth
from callmark.domain.webhooks.model import LONGEST_NAME, Webhook
from callmark.kit.errors import ChangedMeanwhile, Conflict, InvalidInput
from callmark.surfaces.console import consequences
from callmark.surfaces.console.confirm import SEEN, Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import instant, local_text
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.shown_once import ShownBeforePage, show_once, shown_page

LIST = "/console/webhooks"
MOST_COUNTED = 1_000
"""Where counting of what waits stops."""

_ROTATED = (
    "The secret was rotated, or the webhook was changed, after you opened this page. Nothing was done now. If the new"
    " secret was shown to nobody, rotate it again."
)

OVERLAPS = {"0": "none", "1": "1 hour", "24": "24 hours", "168": "7 days"}
"""How long an old secret may keep signing, by hours; the longest is the domain's own limit."""


class WebhooksPage(Page, frozen=True):
    """Every webhook with its health and how many deliveries wait for it (`most_counted`: that many or more)."""

    template: ClassVar[str] = "webhooks/list.html"
    webhooks: list[tuple[WebhookHealth, int]]
    most: int
    most_counted: int = MOST_COUNTED


class WebhookFormPage(Page, frozen=True):
    """The form of a new webhook, or of one there is (`webhook_id`). An emulator calls also the machine it runs on."""

    template: ClassVar[str] = "webhooks/form.html"
    form: Form
    webhook_id: str
    takes_this_machine: bool
    longest_name: int = LONGEST_NAME


class SecretPage(Page, frozen=True):
    """A secret, shown this once; `old_until` says how long the one before continues to sign."""

    template: ClassVar[str] = "webhooks/secret.html"
    name: str
    webhook_id: str
    secret: str
    old_until: str


class RotatePage(Page, frozen=True):
    """Asks how long the present secret continues to sign; `seen` is the digest of what signs now."""

    template: ClassVar[str] = "webhooks/rotate.html"
    webhook: Webhook
    form: Form
    overlaps: dict[str, str]
    seen: str


class TestPage(Page, frozen=True):
    """Chooses the event of a test."""

    template: ClassVar[str] = "webhooks/test.html"
    webhook: Webhook
    form: Form


class RecoverPage(Page, frozen=True):
    """Since when to send again what failed; `count` once it was counted."""

    template: ClassVar[str] = "webhooks/recover.html"
    webhook: Webhook
    form: Form
    count: int | None


async def show_list(request: ConsoleRequest) -> Response:
    found = await health.list_health(request.deps, request.account_id)
    most = (await accounts.get_account(request.deps, request.account_id)).limits.of(WEBHOOKS)
    return page(request, WebhooksPage([(one, await _count_waiting(request, one.webhook)) for one in found], most))


async def show_create(request: ConsoleRequest) -> Response:
    """The empty form; every type of the account's plan is chosen, as most want."""
    features = request.session.features if request.session else ()
    offered = [kind for kind in EventType if kind.feature in features]
    return _form(request, Form.of(event_types=[*offered]))


async def create(request: ConsoleRequest) -> Response:
    """Makes a webhook and shows its secret once."""
    try:
        made = await webhooks.create_webhook(request.deps, request.account_id, by=request.by, **_typed(request.form))
    except (InvalidInput, Conflict) as refused:
        return _form(request, request.form.refused(refused), status=422)
    return await _shown_once(request, made.webhook, made.secret, "")


async def show_edit(request: ConsoleRequest) -> Response:
    webhook = await _webhook(request)
    return _form(request, _filled(webhook), str(webhook.id))


async def edit(request: ConsoleRequest) -> Response:
    """Changes it, also for what waits already."""
    webhook_id = request.id(WebhookId)
    wanted = request.form.onto(_filled(await _webhook(request)))
    url = wanted.text("url")
    try:
        webhook = await webhooks.update_webhook(
            request.deps,
            request.account_id,
            webhook_id,
            by=request.by,
            name=wanted.text("name"),
            url=url and url.strip(),
            event_types=wanted.choices("event_types", EventType),
            honours_retry_after=wanted.switch("honours_retry_after"),
            stops_on_gone=wanted.switch("stops_on_gone"),
        )
    except (InvalidInput, Conflict) as refused:
        return _form(request, wanted.refused(refused), str(webhook_id), status=422)
    return request.go(LIST, f"{webhook.name} was saved.")


def _form(request: ConsoleRequest, form: Form, webhook_id: str = "", *, status: int = 200) -> Response:
    return page(request, WebhookFormPage(form, webhook_id, request.deps.settings.emulator), status)


async def show_test(request: ConsoleRequest) -> Response:
    """Call Me Back is what is tested by default."""
    webhook = await _webhook(request)
    return page(request, TestPage(webhook, Form.of(event_type=EventType.CALL_ME_BACK.value)))


async def test(request: ConsoleRequest) -> Response:
    """One attempt; its page is that of any delivery."""
    wanted = request.form.text("event_type")
    kind = EventType(wanted) if wanted in set(EventType) else EventType.CALL_ME_BACK
    tried = await deliveries.send_test(request.deps, request.account_id, request.id(WebhookId), kind, by=request.by)
    return request.go(f"/console/webhook-events/{tried.delivery.id}")


async def pause(request: ConsoleRequest) -> Response:
    """Keeps events without sending them."""
    webhook = await webhooks.pause_webhook(request.deps, request.account_id, request.id(WebhookId), by=request.by)
    days = request.deps.settings.event_retention_days
    return request.go(LIST, f"{webhook.name} is paused. Events wait for up to {days} days.")


async def resume(request: ConsoleRequest) -> Response:
    """Sends what has become due meanwhile; what has failed and is not tried again is offered next."""
    webhook = await webhooks.resume_webhook(request.deps, request.account_id, request.id(WebhookId), by=request.by)
    waits = consequences.deliveries_wait(is_copy=request.live_session.held_since is not None, is_paused=False)
    said = f"{webhook.name} is active again. Waiting events are {f'sent {waits}' if waits else 'being sent'}."
    if await deliveries.oldest_recoverable(request.deps, request.account_id, webhook.id):
        return request.go(f"{LIST}/{webhook.id}/recover", f"{said} Some had failed before; you can send them again.")
    return request.go(LIST, said)


async def show_rotate(request: ConsoleRequest) -> Response:
    """A day is enough for most receivers to change."""
    return await _rotate_page(request, Form.of(overlap="24"))


async def rotate(request: ConsoleRequest) -> Response:
    """A new secret, shown once."""
    form = request.form
    if form.text("overlap") not in OVERLAPS:
        refused = InvalidInput("choose how long to keep the current secret", field="overlap")
        return await _rotate_page(request, form.refused(refused), 422)
    of = request.deps, request.account_id, request.id(WebhookId)
    overlap = timedelta(hours=int(form.text("overlap")))
    try:
        made = await webhooks.rotate_secret(*of, overlap=overlap, by=request.by, shown=form.text(SEEN))
    except ChangedMeanwhile:
        return await _rotate_page(request, form.refused(Conflict(_ROTATED)), 422)
    except Conflict as refused:
        return await _rotate_page(request, form.refused(refused), 422)
    return await _shown_once(request, made.webhook, made.secret, OVERLAPS[form.text("overlap")])


async def _rotate_page(request: ConsoleRequest, form: Form, status: int = 200) -> Response:
    """Of the webhook as it is now."""
    webhook = await _webhook(request)
    return page(request, RotatePage(webhook, form, OVERLAPS, digest_of(webhook.signing)), status)


async def show_secret(request: ConsoleRequest) -> Response:
    """The secret that was just made, once."""
    to_do = "If you did not save the secret, open the webhook's menu in the list and rotate it."
    otherwise = ShownBeforePage("This secret has already been shown", to_do, ("Webhooks", LIST))
    return await shown_page(request, SecretPage, otherwise)


async def _shown_once(request: ConsoleRequest, webhook: Webhook, secret: str, old_until: str) -> Response:
    return await show_once(request, f"{LIST}/shown", SecretPage(webhook.name, str(webhook.id), secret, old_until))


async def ask_delete(request: ConsoleRequest) -> Page:
    webhook = await _webhook(request)
    waiting, days = await _count_waiting(request, webhook), request.deps.settings.event_retention_days
    return Confirm(
        title=f"Delete {webhook.name}?",
        lost=[
            "It gets no more events.",
            consequences.deliveries_lost(waiting, MOST_COUNTED),
            f"Its secret is deleted. Past deliveries stay in the log for {days} days.",
        ],
        button="Delete webhook",
        back=LIST,
    )


async def delete(request: ConsoleRequest) -> Response:
    webhook = await webhooks.delete_webhook(request.deps, request.account_id, request.id(WebhookId), by=request.by)
    return request.go(LIST, f"{webhook.name} was deleted.")


async def show_recover(request: ConsoleRequest) -> Response:
    """Since the oldest event that failed, so that a reader of the mail about it finds it; else the last day."""
    webhook = await _webhook(request)
    oldest = await deliveries.oldest_recoverable(request.deps, request.account_id, webhook.id)
    since = local_text(oldest or request.deps.clock.now() - timedelta(days=1), request.zone)
    return page(request, RecoverPage(webhook, Form.of(since=since), None))


async def count_recoverable(request: ConsoleRequest) -> Response:
    """The dry run: says how many, and sends nothing."""
    form = request.form
    webhook = await _webhook(request)
    try:
        since = instant(form, "since", request.zone)
        count = await deliveries.count_recoverable(request.deps, request.account_id, webhook.id, since=since)
    except InvalidInput as refused:
        return page(request, RecoverPage(webhook, form.refused(refused), None), 422)
    return page(request, RecoverPage(webhook, form, count))


async def recover(request: ConsoleRequest) -> Response:
    """Sends them again."""
    webhook = await _webhook(request)
    try:
        since = instant(request.form, "since", request.zone)
        count = await deliveries.recover(request.deps, request.account_id, webhook.id, since=since, by=request.by)
    except InvalidInput as refused:
        return page(request, RecoverPage(webhook, request.form.refused(refused), None), 422)
    is_copy, is_paused = request.live_session.held_since is not None, webhook.paused_at is not None
    waits = consequences.deliveries_wait(is_copy=is_copy, is_paused=is_paused)
    said = consequences.deliveries_recovered(count, waits)
    return request.go(f"/console/webhook-events?webhook={webhook.id}", said, "success" if count else "warning")


def _filled(webhook: Webhook) -> Form:
    return Form.stored(
        name=webhook.name,
        url=webhook.url,
        event_types=[*webhook.event_types],
        honours_retry_after="on" if webhook.honours_retry_after else "",
        stops_on_gone="on" if webhook.stops_on_gone else "",
    )


class _WebhookFields(TypedDict):
    """What a form says about a new webhook."""

    name: str
    url: str
    event_types: list[EventType]
    honours_retry_after: bool
    stops_on_gone: bool


def _typed(form: Form) -> _WebhookFields:
    return _WebhookFields(
        name=form.text("name"),
        url=form.text("url").strip(),
        event_types=[kind for kind in EventType if kind.value in form.all("event_types")],
        honours_retry_after=form.is_on("honours_retry_after"),
        stops_on_gone=form.is_on("stops_on_gone"),
    )


async def _webhook(request: ConsoleRequest) -> Webhook:
    """The webhook that the path names. Raises NotFound."""
    return await webhooks.get_webhook(request.deps, request.account_id, request.id(WebhookId))


async def _count_waiting(request: ConsoleRequest, webhook: Webhook) -> int:
    return await deliveries.count_waiting(request.deps, request.account_id, webhook.id, MOST_COUNTED + 1)


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
    *confirmed("/webhooks/{id}/delete", ask_delete, delete, Action.WEBHOOKS_MANAGE),
    get("/webhooks/{id}/recover", show_recover, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/recover", count_recoverable, Action.WEBHOOKS_MANAGE),
    post("/webhooks/{id}/recover/send", recover, Action.WEBHOOKS_MANAGE),
)
