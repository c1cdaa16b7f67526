"""Records how attempts ended: in the delivery log, on the deliveries, and in the outages of their webhooks."""

from collections.abc import Sequence

from callmark.domain.webhooks.dispatch import queries as dispatch_queries
from callmark.domain.webhooks.dispatch.queries import EndedAttempt
from callmark.domain.webhooks.model import DeliveryState
from callmark.domain.webhooks.outages import service as outages
from callmark.domain.webhooks.outages.service import AttemptEnd
from callmark.kit.postgres.database import DatabaseConnection, Tx, transaction_on


async def record(connection: DatabaseConnection, ended: Sequence[EndedAttempt]) -> None:
    """As `record_within`, gathered from many attempts, in a transaction of its own."""
    async with transaction_on(connection):
        await record_within(connection, ended)


async def record_within(tx: Tx, ended: Sequence[EndedAttempt]) -> None:
    """Writes attempts and moves their deliveries on, in the transaction that is open."""
    await dispatch_queries.record_within(tx, ended)
    made = [one for one in ended if one.attempt is not None]
    await outages.note(
        tx, [AttemptEnd(one.due.to.webhook_id, one.at, one.verdict.state is DeliveryState.SUCCESS) for one in made]
    )
