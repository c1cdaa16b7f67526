"""Recipients as tests make them."""

from datetime import UTC, datetime
from uuid import uuid4

from callmark.domain.alerts.model import DEFAULT_KINDS, Recipient, RecipientKind
from callmark.domain.ids import AccountId, RecipientId


def channel(url: str) -> Recipient:
    """A channel that is not stored."""
    return Recipient(
        RecipientId(uuid4()),
        AccountId(uuid4()),
        RecipientKind.CHANNEL,
        DEFAULT_KINDS,
        "alice@example.com",
        datetime(2026, 1, 1, tzinfo=UTC),
        name="Operations",
        url=url,
    )
