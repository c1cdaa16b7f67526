"""Client accounts and the features they subscribe to (contract, section 13)."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from callmark.domain.ids import AccountId
from callmark.domain.limits.model import DEFAULT_LIMITS, AccountLimits
from callmark.domain.policy.plan import Feature
from callmark.kit.text import clean_line

LONGEST_NAME = 100


class AccountState(StrEnum):
    """Whether the account may use the platform; a suspended one is refused everywhere (contract D4b)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Account(Struct, frozen=True):
    """A client account."""

    id: AccountId
    name: str
    state: AccountState
    features: frozenset[Feature]
    created_at: datetime
    requires_code: bool = False
    """Whether its members confirm a sign-in with a code sent by mail."""
    limits: AccountLimits = DEFAULT_LIMITS
    announced_calls_only: bool = False
    """Whether its static identities show only in calls that it announced (docs/number-ownership.md)."""


def account_name(text: str) -> str:
    """The name as it is stored: outer spaces dropped, 1 to 100 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="account name")
