"""What an account has used of its limits, for people to look at; counts nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from callmark.domain.credentials import queries
from callmark.domain.credentials.model import ending
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.limits.model import BUCKETS, TOKENS_QUOTA, TOKENS_WINDOW


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


async def tokens_used(deps: Deps, account_id: AccountId) -> TokensUsed:
    """As of now by the product clock; live tokens newest first."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        recent = await queries.tokens_since(tx, account_id, now - TOKENS_WINDOW)
        live = await queries.live_tokens(tx, account_id, now)
        used = await queries.requests_in_windows(tx, [row["sha256"] for row in live], BUCKETS, now)
    next_at = recent[-TOKENS_QUOTA] + TOKENS_WINDOW if len(recent) >= TOKENS_QUOTA else None
    tokens = [
        TokenUse(
            row["name"],
            ending(KeyId(row["key_id"])),
            row["created_at"],
            row["expires_at"],
            {bucket.name: used.get((row["sha256"], bucket.name), 0) for bucket in BUCKETS},
        )
        for row in live
    ]
    return TokensUsed(len(recent), next_at, tokens)
