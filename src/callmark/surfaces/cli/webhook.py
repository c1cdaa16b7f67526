"""`callmark webhook`: where an account's events are delivered, and the log of deliveries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, DeliveryId, WebhookId
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as delivery_log
from callmark.domain.webhooks.deliveries.service import DeliveryFilter
from callmark.domain.webhooks.model import Attempt, Delivery, DeliveryDetails, DeliveryState, Webhook
from callmark.domain.webhooks.service import NewSecret
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.exit_status import AnsweringCommand
from callmark.kit.installation import held_since
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import CommaList, account_option, at_least_one, id_argument, where_again, yes_option
from callmark.surfaces.cli.paging import part
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "name", "url", "event_types", "paused_at")
_LOG_COLUMNS = (
    "id",
    "created_at",
    "event_type",
    "is_test",
    "webhook_name",
    "state",
    "attempt_count",
    "next_attempt_at",
)
_SHOWN_ONCE = "Copy the secret now. It is shown only once. Receivers use it to verify the webhook-signature header."

_instant = click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"])


_EVENT = click.Choice([kind.value for kind in EventType])
"""One event type by its name on the wire, which is not that of the enumeration."""
_EVENTS = CommaList("types", EventType)


@click.group
def group() -> None:
    """Manage webhooks: the URLs that an account's events are sent to."""


@group.command
@account_option
@click.option("--name", required=True, help="At most 50 characters, unique among the account's webhooks.")
@click.option("--url", required=True, help="The URL to call, used exactly as given, including its query.")
@click.option(
    "--events",
    type=_EVENTS,
    default="cmb,user_feedback",
    show_default=True,
    help="Event types, separated by commas.",
)
@click.option(
    "--honour-retry-after", is_flag=True, help="Let the receiver delay the next attempt with a Retry-After header."
)
@click.option("--stop-on-410", is_flag=True, help="Stop a delivery when the receiver answers 410.")
@operator
async def create(
    deps: Deps,
    out: Output,
    account: AccountId,
    name: str,
    url: str,
    events: frozenset[EventType],
    *,
    honour_retry_after: bool,
    stop_on_410: bool,
) -> None:
    """Create a webhook and print its signing secret."""
    made = await webhooks.create_webhook(
        deps,
        account,
        name=name,
        url=url,
        event_types=events,
        by=operator_at_terminal(),
        honours_retry_after=honour_retry_after,
        stops_on_gone=stop_on_410,
    )
    _show_secret(out, made, "is created")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List an account's webhooks, oldest first."""
    rows = [_row(webhook) for webhook in await webhooks.list_webhooks(deps, account)]
    hint = f"No webhooks yet. Create one with `callmark webhook create --account {account} --name NAME --url URL`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: WebhookId, account: AccountId) -> None:
    """Show one webhook."""
    out.item(_row(await webhooks.get_webhook(deps, account, id)))


@group.command
@id_argument
@account_option
@click.option("--name", help="A new name.")
@click.option("--url", help="A new URL; attempts that are already due go there too.")
@click.option(
    "--events",
    type=_EVENTS,
    help="Event types, separated by commas; waiting events of a type that you remove are not sent.",
)
@click.option(
    "--honour-retry-after/--ignore-retry-after",
    default=None,
    help="Whether the receiver can delay the next attempt with a Retry-After header.",
)
@click.option("--stop-on-410/--retry-on-410", default=None, help="Whether a 410 answer stops a delivery.")
@operator
async def update(
    deps: Deps,
    out: Output,
    id: WebhookId,
    account: AccountId,
    name: str | None,
    url: str | None,
    events: frozenset[EventType] | None,
    *,
    honour_retry_after: bool | None,
    stop_on_410: bool | None,
) -> None:
    """Change a webhook; every attempt from now on uses the new settings."""
    at_least_one(name, url, events, honour_retry_after is not None, stop_on_410 is not None)
    webhook = await webhooks.update_webhook(
        deps,
        account,
        id,
        by=operator_at_terminal(),
        name=name,
        url=url,
        event_types=events,
        honours_retry_after=honour_retry_after,
        stops_on_gone=stop_on_410,
    )
    out.item(_row(webhook), "Webhook updated.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: WebhookId, account: AccountId, *, yes: bool) -> None:
    """Delete a webhook; events that wait for it are not sent."""
    webhook = await webhooks.get_webhook(deps, account, id)
    sure(f"Delete {webhook.name!r}? Events that wait for it will not be sent.", yes=yes)
    await webhooks.delete_webhook(deps, webhook.account_id, webhook.id, by=operator_at_terminal())
    out.done({"id": webhook.id}, f"Webhook {webhook.name!r} deleted.")


@group.command
@id_argument
@account_option
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, 168),
    default=24.0,
    show_default=True,
    help="Hours during which the old secret stays valid.",
)
@operator
async def rotate(deps: Deps, out: Output, id: WebhookId, account: AccountId, overlap_hours: float) -> None:
    """Replace a webhook's signing secret and print the new one."""
    overlap = timedelta(hours=overlap_hours)
    made = await webhooks.rotate_secret(deps, account, id, overlap=overlap, by=operator_at_terminal())
    _show_secret(out, made, "has a new secret")


@group.command
@id_argument
@account_option
@operator
async def pause(deps: Deps, out: Output, id: WebhookId, account: AccountId) -> None:
    """Pause a webhook: keep its events and send nothing until you resume it."""
    webhook = await webhooks.pause_webhook(deps, account, id, by=operator_at_terminal())
    out.item(_row(webhook), "Webhook paused.")


@group.command
@id_argument
@account_option
@operator
async def resume(deps: Deps, out: Output, id: WebhookId, account: AccountId) -> None:
    """Resume a paused webhook and send everything that is due."""
    webhook = await webhooks.resume_webhook(deps, account, id, by=operator_at_terminal())
    oldest = await delivery_log.oldest_recoverable(deps, account, id)
    recover = f"callmark webhook recover {id} --account {account}{where_again()} --since"
    again = f"{recover} {iso_ms(oldest)}" if oldest else ""
    out.item(_row(webhook), f"Webhook resumed. To send again what had failed: {again}" if again else "Webhook resumed.")


@group.command(cls=AnsweringCommand)
@id_argument
@account_option
@click.option("--event", type=_EVENT, default=EventType.CALL_ME_BACK.value, show_default=True)
@operator
async def test(deps: Deps, out: Output, id: WebhookId, account: AccountId, event: str) -> None:
    """Send a sample event once and print the result; exit status 1 when the receiver refuses it, 2 for errors."""
    made = await delivery_log.send_test(deps, account, id, EventType(event), by=operator_at_terminal())
    accepted = made.delivery.state is DeliveryState.SUCCESS
    said = "The receiver accepted the event." if accepted else "The receiver did not accept the event."
    _print_details(out, made, said)
    if not accepted:
        click.get_current_context().exit(1)


@group.command
@account_option
@click.option("--webhook", type=click.UUID, metavar="ID", help="Only for this webhook.")
@click.option("--state", type=click.Choice(DeliveryState, case_sensitive=False), help="Only in this state.")
@click.option("--event", type=_EVENT, help="Only for this event type.")
@click.option("--since", type=_instant, help="Only events since this UTC time: 2026-01-01T10:00:00Z.")
@click.option("--after", type=click.UUID, metavar="ID", help="Show the page after this delivery.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@operator
async def deliveries(
    deps: Deps,
    out: Output,
    account: AccountId,
    webhook: WebhookId | None,
    state: DeliveryState | None,
    event: str | None,
    *,
    since: datetime | None,
    after: DeliveryId | None,
    limit: int,
) -> None:
    """List deliveries, newest first."""
    last = await delivery_log.delivery_details(deps, account, after) if after else None
    filters = DeliveryFilter(
        webhook,
        state,
        EventType(event) if event else None,
        _utc(since),
        delivery_log.page_after([last.delivery]) if last else None,
    )
    found = await delivery_log.list_deliveries(deps, account, filters, limit=limit + 1)
    shown = part(found, limit, lambda one: one.id)
    out.rows([_delivery_row(one) for one in shown], _LOG_COLUMNS, empty="No deliveries match.")


@group.command
@id_argument
@account_option
@operator
async def delivery(deps: Deps, out: Output, id: DeliveryId, account: AccountId) -> None:
    """Show one delivery with its body and all attempts."""
    _print_details(out, await delivery_log.delivery_details(deps, account, id))


@group.command
@id_argument
@account_option
@operator
async def resend(deps: Deps, out: Output, id: DeliveryId, account: AccountId) -> None:
    """Send one delivery again, now; to a paused webhook, when you resume it."""
    again = await delivery_log.resend(deps, account, id, by=operator_at_terminal())
    waits = await _waits(deps, account, again.webhook_id)
    out.item(_delivery_row(again), f"It will be sent {waits}." if waits else "Sending it again now.")


@group.command
@id_argument
@account_option
@click.option("--since", type=_instant, required=True, help="Events since this UTC time: 2026-01-01T10:00:00Z.")
@click.option("--dry-run", is_flag=True, help="Count them without sending.")
@operator
async def recover(
    deps: Deps, out: Output, id: WebhookId, account: AccountId, since: datetime, *, dry_run: bool
) -> None:
    """Send again every failed event since a given time; to a paused webhook, when you resume it."""
    instant = _utc(since)
    if instant is None:
        raise InvalidInput("since is required", field="since")
    of = deps, account, id
    count = (
        await delivery_log.count_recoverable(*of, since=instant)
        if dry_run
        else await delivery_log.recover(*of, since=instant, by=operator_at_terminal())
    )
    what = "1 delivery" if count == 1 else f"{count} deliveries"
    waits = "" if dry_run else await _waits(deps, account, id)
    done = f"To be sent {waits}" if waits else "Sent again"
    said = f"{'To be sent again' if dry_run else done}: {what}."
    out.done({"count": count, "dry_run": dry_run}, said)


async def _waits(deps: Deps, account: AccountId, webhook_id: WebhookId) -> str:
    """When a delivery that is due is sent; empty for at once."""
    async with deps.db.connection() as tx:
        if await held_since(tx):
            return "when this installation, which is a copy, is released"
    if (await webhooks.get_webhook(deps, account, webhook_id)).paused_at:
        return "when you resume the webhook, which is paused"
    if (await accounts.get_account(deps, account)).state is AccountState.SUSPENDED:
        return "when the account, which is suspended, is active again"
    return ""


def _utc(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant else None


def _row(webhook: Webhook) -> Row:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "event_types": webhook.event_types,
        "honour_retry_after": webhook.honours_retry_after,
        "stop_on_410": webhook.stops_on_gone,
        "paused_at": webhook.paused_at,
        "pause_reason": webhook.pause_reason,
        "old_secret_until": webhook.old_secret_until,
        "created_by_email": webhook.created_by_email,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }


def _show_secret(out: Output, made: NewSecret, what: str) -> None:
    one = made.webhook
    again = f"callmark webhook rotate {one.id} --account {one.account_id}{where_again()}"
    out.made_with_secret(
        {**_row(one), "secret": made.secret},
        "Webhook created." if what == "is created" else "Secret replaced.",
        _SHOWN_ONCE,
        f"Webhook {one.id} {what}, which is lost. Replace it: {again}",
    )


def _delivery_row(one: Delivery) -> Row:
    return {
        "id": one.id,
        "webhook_id": one.webhook_id,
        "webhook_name": one.webhook_name,
        "event_id": one.event_id,
        "event_type": one.event_type,
        "event_number": one.event_number,
        "is_test": one.is_test,
        "created_at": one.created_at,
        "state": one.state,
        "attempt_count": one.attempt_count,
        "next_attempt_at": one.next_attempt_at,
        "ended_at": one.ended_at,
    }


def _attempt_row(one: Attempt) -> Row:
    return {
        "number": one.number,
        "began_at": one.began_at,
        "duration_ms": one.duration_ms,
        "url": one.url,
        "status": one.status,
        "error": one.error,
        "note": one.note,
        "request_headers": one.request_headers,
        "answer_headers": one.answer_headers,
        "answer_body": one.answer_body.decode(errors="replace") if one.answer_body is not None else None,
    }


def _print_details(out: Output, found: DeliveryDetails, said: str = "") -> None:
    attempts: Sequence[Row] = [_attempt_row(one) for one in found.attempts]
    row = {**_delivery_row(found.delivery), "body": found.body}
    if out.as_json:
        out.item({**row, "attempts": attempts})
        return
    out.item(row, said)
    out.rows(attempts, ("number", "began_at", "duration_ms", "status", "error", "note"), empty="No attempts yet.")
