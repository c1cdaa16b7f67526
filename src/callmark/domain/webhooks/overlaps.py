"""Says that a replaced secret is about to stop signing, so that no receiver still verifies with it."""

from datetime import datetime, timedelta

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.deps import Deps
from callmark.domain.webhooks import queries
from callmark.domain.webhooks.model import Webhook
from callmark.kit.text import moment

WARNED_BEFORE = timedelta(hours=24)
QUIET_AFTER_CHANGE = timedelta(hours=12)
"""Who has just rotated a secret knows when the one before ends."""


async def watch_overlaps(deps: Deps) -> None:
    """Tells of the end of each overlap once; a webhook may have several."""
    now = deps.clock.now()
    last = now + WARNED_BEFORE
    async with deps.db.connection() as tx:
        found = await queries.select_with_overlap_end(tx, now, last, now - QUIET_AFTER_CHANGE)
    for webhook in found:
        for until in (one for one in webhook.overlap_ends(now) if one <= last):
            async with deps.db.transaction() as tx:
                account = await accounts.get_account_in(tx, webhook.account_id)
                alert = _alert(deps, webhook, account.name, until)
                await alerts.tell_once(tx, deps, alert, f"{webhook.id} {until.isoformat()}")


def _alert(deps: Deps, webhook: Webhook, account_name: str, until: datetime) -> Alert:
    return Alert(
        AlertKind.OVERLAP_ENDING,
        webhook.account_id,
        f"{account_name}: an old secret of webhook {webhook.name} ends soon",
        [
            f"The secret of the webhook {webhook.name} of {account_name} was rotated.",
            f"A secret that was replaced stops signing on {moment(until)}.",
            "Make sure that your receiver verifies events with the newest secret.",
        ],
        [("Open the webhook", f"{deps.public_url}/console/webhooks#hook-{webhook.id}")],
    )
