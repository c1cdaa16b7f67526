"""Tells an account's admins by mail that a delivery has failed for good (contract D40)."""

from datetime import datetime
from html import escape
from typing import Protocol

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.webhooks import queue_queries
from callmark.domain.webhooks.queue_queries import Ended
from callmark.kit.clock import iso_ms
from callmark.kit.db import Tx


class Enqueue(Protocol):
    """Queues a mail in the transaction (`kit.mail.enqueue`)."""

    async def __call__(self, tx: Tx, *, to: str, subject: str, text: str, html: str, now: datetime) -> None:
        """The mail will be sent once the transaction is committed."""
        ...


async def record_and_tell(deps: Deps, ended: Ended, enqueue: Enqueue) -> None:
    """Writes a last failed attempt and queues the mails about it, in one transaction; one mail per delivery, once."""
    async with deps.db.transaction() as tx:
        await queue_queries.record(tx, [ended])
        if not await queue_queries.mark_mailed(tx, ended.due, ended.at):
            return
        subject, text = _letter(ended)
        page = "".join(f"<p>{escape(line)}</p>" for line in text.splitlines() if line)
        for address in await accounts.admin_emails(tx, ended.due.to.account_id):
            await enqueue(tx, to=address, subject=subject, text=text, html=page, now=ended.at)


def _letter(ended: Ended) -> tuple[str, str]:
    """Subject and text. The address stays out of it, because it may carry the business's key."""
    due, attempt = ended.due, ended.attempt
    last = (attempt and attempt.error) or "unknown"
    return (
        f"Webhook {due.to.name}: an event could not be delivered",
        (
            f"An event could not be delivered to the webhook {due.to.name}, and no further attempt will be made.\n"
            "\n"
            f"Event: {due.event_id}\n"
            f"Created: {iso_ms(due.created_at)}\n"
            f"Attempts: {due.attempt_count + 1}\n"
            f"Last error: {last}\n"
            "\n"
            "Once the receiver works again, the event can be sent again from the delivery log. A webhook whose"
            " receiver is down can be paused until then.\n"
        ),
    )
