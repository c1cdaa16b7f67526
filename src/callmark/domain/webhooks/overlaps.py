"""Says that a replaced secret is about to stop signing, so that no receiver still verifies with it."""

from datetime import timedelta

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.deps import Deps
from callmark.domain.webhooks import queries
from callmark.domain.webhooks.model import Webhook

WARNED_BEFORE = timedelta(hours=24)
QUIET_AFTER_CHANGE = timedelta(hours=12)
"""Who has just rotated a secret knows when the one before ends."""


async def watch_overlaps(deps: Deps) -> None:
    """Tells of each overlap once."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        found = await queries.select_with_overlap_until(tx, now + WARNED_BEFORE, now - QUIET_AFTER_CHANGE)
    for webhook in found:
        if webhook.old_secret_until is None or not now < webhook.old_secret_until <= now + WARNED_BEFORE:
            continue
        async with deps.db.transaction() as tx:
            account = await accounts.find_account(tx, webhook.account_id)
            what = f"{webhook.id} {webhook.old_secret_until.isoformat()}"
            await alerts.tell_once(tx, deps, _alert(deps, webhook, account.name), what)


def _alert(deps: Deps, webhook: Webhook, account_name: str) -> Alert:
    return Alert(
        AlertKind.OVERLAP_ENDING,
        webhook.account_id,
        f"{account_name}: an old secret of webhook {webhook.name} ends soon",
        [
            f"The secret of the webhook {webhook.name} of {account_name} was rotated.",
            f"The one before it stops signing on {webhook.old_secret_until:%-d %B %Y at %H:%M} UTC.",
            "Make sure that your receiver verifies events with the new secret.",
        ],
        [("Open the webhook", f"{deps.public_url}/console/webhooks#hook-{webhook.id}")],
    )
