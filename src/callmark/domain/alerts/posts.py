"""Posts alerts to channels. What a channel answers is shown on its page and announced to nobody."""

from datetime import datetime

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import model, queries
from callmark.domain.alerts.model import KEPT_ONCE, Alert, AlertKind, Recipient
from callmark.domain.alerts.recipients import get_recipient
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, RecipientId
from callmark.domain.policy.model import Actor
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict
from callmark.kit.installation import held_since
from callmark.kit.outbound.client import Outbound, Patience, Unreachable, allowed_networks
from callmark.kit.postgres.piecewise import delete_older
from callmark.kit.work import Claimed, Work
from callmark.kit.workload import aside

log = structlog.get_logger(__name__)

_PATIENCE = Patience(connect_s=5, read_s=10, total_s=15)
_HEADERS = {"Content-Type": "application/json"}
"""No more is said to a chat; the address is the secret."""


def alert_posts(deps: Deps) -> Work:
    """The work of posting. A post that fails is tried again a few times and then given up.

    A worker that dies after a post was taken makes a repeat.
    """

    async def run(claimed: Claimed) -> datetime | None:
        recipient_id, attempts = RecipientId(claimed.row["recipient_id"]), claimed.row["attempt_count"] + 1
        async with deps.db.connection() as tx:
            recipient = await queries.select_recipient(tx, recipient_id)
        if recipient is None or recipient.url is None:  # removed meanwhile
            return None
        error = await _post(deps, recipient.url, claimed.row["body"])
        now = deps.clock.now()
        due_at = model.next_post_at(now, attempts) if error else None
        async with deps.db.transaction() as tx:
            await queries.update_result(tx, recipient_id, now, error)
            await queries.update_attempts(tx, claimed.row["id"], attempts)
            if due_at is None:
                await queries.delete_post(tx, claimed.row["id"])
        log.info("alert_posted", recipient=str(recipient_id), number=attempts, error=error)
        return due_at

    return Work(
        name=WorkName.ALERT_POSTS,
        table="alert_post",
        key="id",
        columns="id, recipient_id, body, attempt_count",
        run=run,
        at_once=8,
        owner="recipient_id",
        share=1,
        is_outgoing=True,
    )


async def send_test(deps: Deps, account_id: AccountId, recipient_id: RecipientId, *, by: Actor) -> Recipient:
    """Posts a sample to a channel once; the channel with what it answered.

    Raises NotFound, Conflict for what is no channel and on a copy that sends nothing.
    """
    recipient = await get_recipient(deps, account_id, recipient_id)
    if recipient.url is None:
        raise Conflict("only a channel can be tested")
    async with deps.db.connection() as tx:
        account, is_held = await accounts.get_account_in(tx, account_id), await held_since(tx)
    if is_held:
        raise Conflict("this installation is a copy that sends nothing until its operator releases it")
    sample = _sample(deps, account_id, account.name)
    body = model.post_body(sample, account.name, deps.clock.now(), is_test=True)
    with aside():
        error = await _post(deps, recipient.url, body)
    async with deps.db.transaction() as tx:
        await queries.update_result(tx, recipient_id, deps.clock.now(), error)
        facts = {"is_success": error is None}
        await audit.note(
            tx, by, AuditAction.ALERTS_TESTED, recipient.name or "", account_id=account_id, at=deps.clock.now(), **facts
        )
    return await get_recipient(deps, account_id, recipient_id)


async def forget_old(deps: Deps) -> None:
    """Forgets what was announced so long ago that it cannot come again."""
    await delete_older(deps.db, "alert_once", "at", deps.clock.now() - KEPT_ONCE)


async def _post(deps: Deps, url: str, body: str) -> str | None:
    """Why a post was not taken; None when it was."""
    async with Outbound(allowed_networks(deps.settings), patience=_PATIENCE) as outbound:
        result = await outbound.post(url, body.encode(), _HEADERS)
    if isinstance(result, Unreachable):
        return result.error
    return None if result.is_success else result.error or f"the answer was {result.status}"


def _sample(deps: Deps, account_id: AccountId, account_name: str) -> Alert:
    return Alert(
        AlertKind.WEBHOOK_WORKING,
        account_id,
        f"{account_name}: a test of this channel",
        ["This is a test. Alerts of Callmark will look like this."],
        [("Choose alerts", f"{deps.public_url}/console/alerts")],
    )
