"""Operator tokens and their rules."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from callmark.domain.ids import OperatorTokenId
from callmark.domain.limits.model import Allowance
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import SecretForm
from callmark.kit.text import clean_line

TOKEN_FORM = SecretForm("cmop_", 48)
LONGEST_NAME = 100
MOST_DAYS = 3650
"""Until when a token that expires can be valid at most."""

USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a write with every request would say little more."""


class TokenState(StrEnum):
    """Whether a token is accepted."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class OperatorToken(Struct, frozen=True):
    """A token without its secret, which can no longer be read. `expires_at` None: it does not expire."""

    id: OperatorTokenId
    name: str
    created_by_email: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def state_at(self, now: datetime) -> TokenState:
        """Whether it is accepted at `now`."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        is_over = self.expires_at is not None and self.expires_at <= now
        return TokenState.EXPIRED if is_over else TokenState.LIVE


class NewOperatorToken(Struct, frozen=True):
    """A token as it is shown this once."""

    token: OperatorToken
    secret: str


class OperatorAdmission(Struct, frozen=True):
    """A request of a live token, and what it found in its bucket; an allowance may be one that is not granted."""

    token_name: str
    created_by_email: str
    allowance: Allowance


def token_name(text: str) -> str:
    """The name without outer spaces. Raises InvalidInput when it has no or over 100 characters."""
    return clean_line(text, "name", longest=LONGEST_NAME)


def expiry(days: int | None, now: datetime) -> datetime | None:
    """When a token that is valid for that many days expires; None never. Raises InvalidInput."""
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"days must be a whole number from 1 to {MOST_DAYS}", field="days")
    return now + timedelta(days=days)
