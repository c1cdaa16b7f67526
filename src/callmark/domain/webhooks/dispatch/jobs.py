"""What workers do for webhooks: dispatch, and forget what has outlived the log."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.webhooks import queries, signing
from callmark.domain.webhooks.dispatch.dispatcher import Dispatcher
from callmark.kit.outbound import Outbound
from callmark.kit.pieces import delete_older
from callmark.kit.secret_key import derived
from callmark.kit.work import Work


def check(deps: Deps) -> None:
    """Raises SetupError without the secret key: every delivery is signed."""
    derived(deps.settings, signing.PURPOSE)


def deliveries(deps: Deps, outbound: Outbound) -> Work:
    """The work of delivering events to webhooks."""
    return Dispatcher(deps, outbound, mail.enqueue).work


async def forget_old_deliveries(deps: Deps) -> None:
    """Drops what still waits (for a paused webhook) when its days in the log are over.

    Also secrets of webhooks that an earlier version deleted.
    """
    async with deps.db.connection() as tx:
        await queries.delete_secrets_of_deleted(tx)
    before = deps.clock.now() - timedelta(days=deps.settings.event_retention_days)
    await delete_older(deps.db, "waiting_delivery", "created_at", before)
