"""What workers do for webhooks: dispatch, and forget what has outlived the log."""

from datetime import datetime, timedelta

import structlog

from callmark.domain.deps import Deps
from callmark.domain.webhooks import queue_queries
from callmark.domain.webhooks.dispatch import Dispatcher
from callmark.kit.db import Tx
from callmark.kit.outbound import Outbound, allowed_networks
from callmark.kit.partitions import LOG_DAYS

log = structlog.get_logger(__name__)


async def _enqueue(tx: Tx, *, to: str, subject: str, text: str, html: str, now: datetime) -> None:  # noqa: ARG001 - the signature of kit.mail.enqueue
    """Stands in until there is `kit.mail`."""
    log.warning("mail_not_sent", subject=subject)


async def dispatch(deps: Deps) -> None:
    """Makes attempts until cancelled."""
    async with Outbound(allowed_networks(deps.settings)) as outbound:
        await Dispatcher(deps, outbound, _enqueue).run()


async def dispatch_due(deps: Deps) -> int:
    """Makes every attempt that is due now, once; how many."""
    async with Outbound(allowed_networks(deps.settings)) as outbound:
        return await Dispatcher(deps, outbound, _enqueue).run_due()


async def forget_old_deliveries(deps: Deps) -> None:
    """Drops what still waits (for a paused webhook) when its days in the log are over."""
    async with deps.db.connection() as tx:
        await queue_queries.delete_older(tx, deps.clock.now() - timedelta(days=LOG_DAYS + 1))
