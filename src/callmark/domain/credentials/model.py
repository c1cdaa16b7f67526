"""Keys, tokens and their rules (contract, section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from callmark.domain.ids import AccountId, KeyId, KeyReference
from callmark.domain.limits.model import Allowance
from callmark.domain.policy.plan import KeyAccess

TOKEN_LIFETIME = timedelta(minutes=60)
TOKEN_LENGTH = 64
TOKEN_PREFIX = "cmat"  # noqa: S105 - what every token begins with, no secret
LONGEST_NAME, LONGEST_DESCRIPTION = 100, 500


@dataclass(frozen=True)
class ApiKey:
    """A live key, without its secret, which can no longer be read.

    `id` is the Key ID, half of the pair: a business sees it once. Pages name a key by `reference` in addresses, and by
    `ending` for people (contract D47).
    """

    id: KeyId
    reference: KeyReference
    account_id: AccountId
    name: str
    description: str
    features: frozenset[KeyAccess]
    created_by_email: str
    created_at: datetime
    last_used_at: datetime | None = None
    """When a token was last made with it."""

    @property
    def ending(self) -> str:
        """The end of its Key ID, as a business sees it."""
        return ending(self.id)


@dataclass(frozen=True)
class NewKey:
    """A pair as it is shown this once: `key_id` and the secret `api_key`, both lower-case UUID strings on the wire."""

    key_id: KeyId
    api_key: str
    reference: KeyReference


@dataclass(frozen=True)
class NewToken:
    """An access token as it is shown this once; `left` is what its account may still make."""

    token: str
    created_at: datetime
    left: Allowance


class Admission(msgspec.Struct, frozen=True):
    """A request that may go on, or (its allowance not granted) one that came too soon.

    A Struct, because one is made for each request: a frozen dataclass takes longer to make.
    """

    account_id: AccountId
    key_id: KeyId
    allowance: Allowance | None


@dataclass(frozen=True)
class TokenUse:
    """A live token: its key's name and the end of its Key ID, until when, requests its windows hold by bucket."""

    key_name: str
    key_ending: str
    created_at: datetime
    expires_at: datetime
    used: Mapping[str, int]


@dataclass(frozen=True)
class TokensUsed:
    """Tokens created in the last 30 minutes, when the next may be created if that is not now, and the live ones."""

    recent: int
    next_at: datetime | None
    tokens: list[TokenUse]


def ending(key_id: KeyId) -> str:
    """The last four characters of a Key ID (contract D47)."""
    return str(key_id)[-4:]


def looks_like_token(text: str) -> bool:
    """Whether `text` can be one of our tokens at all; anything else is refused without asking the database."""
    return len(text) == TOKEN_LENGTH and text.isascii() and text.isalnum()
