"""Keys, tokens and their rules (contract, section 3)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from callmark.domain.ids import AccountId, KeyId, KeyReference
from callmark.domain.limits.model import Allowance
from callmark.domain.policy.plan import KeyAccess
from callmark.kit.ids import SecretForm

TOKEN_LIFETIME = timedelta(minutes=60)
TOKEN_FORM = SecretForm("cmat", 64)
LONGEST_NAME, LONGEST_DESCRIPTION = 100, 500


class ApiKey(Struct, frozen=True):
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


class NewKey(Struct, frozen=True):
    """A pair as it is shown this once: `key_id` and the secret `api_key`, both lower-case UUID strings on the wire."""

    key_id: KeyId
    api_key: str
    reference: KeyReference


class NewToken(Struct, frozen=True):
    """An access token as it is shown this once; `left` is what its account may still make."""

    token: str
    created_at: datetime
    left: Allowance


class Admission(msgspec.Struct, frozen=True):
    """A request that may continue, or (its allowance not granted) one that came too soon."""

    account_id: AccountId
    key_id: KeyId
    allowance: Allowance | None


class TokenUse(Struct, frozen=True):
    """A live token: its key's name and the end of its Key ID, until when, requests its windows hold by bucket."""

    key_name: str
    key_ending: str
    created_at: datetime
    expires_at: datetime
    used: Mapping[str, int]


class TokensUsed(Struct, frozen=True):
    """Tokens created in the last 30 minutes, when the next may be created if that is not now, and the live ones."""

    recent: int
    next_at: datetime | None
    tokens: list[TokenUse]


def ending(key_id: KeyId) -> str:
    """The last four characters of a Key ID (contract D47)."""
    return str(key_id)[-4:]
