"""Use cases of keys and tokens. Source: contract, sections 3 and 1.7."""

import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.credentials import queries
from callmark.domain.credentials.model import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    MOST_KEYS,
    TOKEN_LENGTH,
    TOKEN_LIFETIME,
    TOKEN_PREFIX,
    Admission,
    ApiKey,
    NewKey,
    NewToken,
    looks_like_token,
)
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, KeyId, KeyReference
from callmark.domain.limits.model import TOKENS, TOKENS_QUOTA, TOKENS_WINDOW, Allowance, Bucket, allowance
from callmark.domain.policy.plan import Feature, check_wanted
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unauthenticated
from callmark.kit.ids import new_id, parse_uuid, random_text, random_uuid, sha256
from callmark.kit.text import clean_line, kept_or

log = structlog.get_logger(__name__)

_NOBODY = UUID(int=0)
_NO_KEY = "no API key with this id in this account"
_REFUSED = "invalid api_key or key_id"


async def admit(
    deps: Deps, token: str, account: str, *, feature: Feature | None = None, bucket: Bucket | None = None
) -> Admission:
    """Whether the bearer of `token` may act for the account of the path, and what it found in its bucket.

    Raises Unauthenticated (no live token of a live key) or Forbidden (another account's, a suspended account, a key or
    subscription without the feature). An allowance that is not granted is for the caller to answer.
    """
    if not looks_like_token(token):
        raise Unauthenticated
    now = deps.clock.now()
    knock = queries.Knock(sha256(token), parse_uuid(account) or _NOBODY, feature, bucket, now)
    (row,) = await deps.gather(queries.admit, [knock])
    if row is None:
        raise Unauthenticated
    if not row["allowed"]:
        raise Forbidden
    left = (
        allowance(bucket, granted=row["granted"], remaining=row["remaining"], reset_at=row["reset_at"], now=now)
        if bucket
        else None
    )
    return Admission(AccountId(row["account_id"]), KeyId(row["key_id"]), left)


async def create_token(deps: Deps, account: str, key_id: str, api_key: str) -> NewToken:
    """A token of 60 minutes for a live key pair; older ones stay valid.

    At most 10 in any 30 minutes per account, counted under the account's lock in the transaction that adds the new
    one, so that the count is exact across processes and survives a crash. Raises Unauthenticated (the same for every
    cause), Forbidden (suspended account), TooManyRequests.
    """
    account_id, key = parse_uuid(account) or _NOBODY, parse_uuid(key_id) or _NOBODY
    async with deps.db.transaction() as tx:
        pair = await queries.find_pair(tx, account_id, key)
        if pair is None or not hmac.compare_digest(pair["secret_sha256"], sha256(api_key.lower())):
            log.warning("token_refused", account=str(account_id), key_id=str(key))
            raise Unauthenticated(_REFUSED)
        if pair["state"] != AccountState.ACTIVE:
            raise Forbidden
        await accounts.lock_account(tx, AccountId(account_id))
        now = deps.clock.now()
        recent = await queries.tokens_since(tx, account_id, now - TOKENS_WINDOW)
        if len(recent) >= TOKENS_QUOTA:
            raise TooManyRequests(recent[-TOKENS_QUOTA] + TOKENS_WINDOW - now)
        frees = [*recent, now][0] + TOKENS_WINDOW - now
        left = Allowance(TOKENS, granted=True, remaining=TOKENS_QUOTA - len(recent) - 1, reset_in=frees)
        token = NewToken(random_text(TOKEN_LENGTH, prefix=TOKEN_PREFIX), now, left)
        await queries.insert_token(tx, sha256(token.token), account_id, key, now, TOKEN_LIFETIME)
    return token


async def create_key(
    deps: Deps,
    account_id: AccountId,
    *,
    name: str,
    description: str = "",
    features: Iterable[Feature],
    created_by_email: str = "",
) -> NewKey:
    """A new key pair, whose secret is shown this once. Conflict when five are live (contract, section 3.2)."""
    name, description = _name(name), _description(description)
    async with deps.db.transaction() as tx:
        features = frozenset(features)
        check_wanted((await accounts.lock_account(tx, account_id)).features, features, (), "features")
        if len(await queries.live_keys(tx, account_id)) >= MOST_KEYS:
            raise Conflict(f"an account can have {MOST_KEYS} API keys at the same time. delete one first.")
        key = ApiKey(
            KeyId(new_id()),
            KeyReference(random_uuid()),
            account_id,
            name,
            description,
            features,
            created_by_email,
            deps.clock.now(),
        )
        return await _store(tx, key)


async def list_keys(deps: Deps, account_id: AccountId) -> list[ApiKey]:
    """The account's live keys, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.live_keys(tx, account_id)


async def get_key(deps: Deps, account_id: AccountId, key_id: KeyId) -> ApiKey:
    """One live key. Raises NotFound."""
    async with deps.db.transaction() as tx:
        return await _find(tx, account_id, key_id)


async def key_id_of(deps: Deps, account_id: AccountId, reference: KeyReference) -> KeyId:
    """The Key ID of the live key that pages address by `reference`. Raises NotFound."""
    async with deps.db.connection() as tx:
        found = await queries.select_key_id(tx, account_id, reference)
    if found is None:
        raise NotFound(_NO_KEY)
    return found


async def key_name(deps: Deps, key_id: KeyId) -> str:
    """What a key is called, also one that was deleted meanwhile."""
    async with deps.db.connection() as tx:
        return await queries.select_key_name(tx, key_id)


async def update_key(
    deps: Deps,
    account_id: AccountId,
    key_id: KeyId,
    *,
    name: str | None = None,
    description: str | None = None,
    features: Iterable[Feature] | None = None,
) -> ApiKey:
    """The key with what was given changed; its tokens act by the new features at once. Raises NotFound."""
    async with deps.db.transaction() as tx:
        key = await _find(tx, account_id, key_id)
        if features is not None:
            features = frozenset(features)
            check_wanted((await accounts.lock_account(tx, account_id)).features, features, key.features, "features")
        changed = replace(
            key,
            name=kept_or(key.name, name, _name),
            description=kept_or(key.description, description, _description),
            features=key.features if features is None else features,
        )
        await queries.update_key(tx, key_id, changed.name, changed.description, changed.features)
    return changed


async def regenerate_key(deps: Deps, account_id: AccountId, key_id: KeyId) -> NewKey:
    """A new pair in the place of the old one, which stops at once with every token made from it (contract D37)."""
    async with deps.db.transaction() as tx:
        key = await _find(tx, account_id, key_id)
        now = deps.clock.now()
        await queries.revoke_key(tx, key_id, now)
        return await _store(tx, replace(key, id=KeyId(new_id()), reference=KeyReference(random_uuid()), created_at=now))


async def delete_key(deps: Deps, account_id: AccountId, key_id: KeyId) -> None:
    """Ends a key and every token made from it at once; its place is free. Raises NotFound."""
    async with deps.db.transaction() as tx:
        await _find(tx, account_id, key_id)
        await queries.revoke_key(tx, key_id, deps.clock.now())


async def forget_dead_tokens(deps: Deps) -> int:
    """Deletes tokens that expired at least one counting window ago; how many."""
    async with deps.db.transaction() as tx:
        return await queries.delete_dead_tokens(tx, deps.clock.now() - TOKENS_WINDOW)


async def end_expired_tokens(tx: Tx, now: datetime) -> None:
    """Deletes tokens that have expired, so that a clock that goes back brings none to life (emulator: reset)."""
    await queries.delete_dead_tokens(tx, now)


async def forget_limits(tx: Tx, now: datetime) -> None:
    """No request and no token created so far counts any more (emulator: reset).

    Live tokens stay valid, those made while the clock was ahead of `now` for a whole lifetime from now.
    """
    await queries.forget_windows(tx)
    await queries.age_tokens(tx, now - TOKENS_WINDOW, now + TOKEN_LIFETIME)


async def _store(tx: Tx, key: ApiKey) -> NewKey:
    secret = str(random_uuid())
    await queries.insert_key(tx, key, sha256(secret))
    return NewKey(key.id, secret, key.reference)


async def _find(tx: Tx, account_id: AccountId, key_id: KeyId) -> ApiKey:
    key = await queries.find_key(tx, account_id, key_id)
    if key is None:
        raise NotFound(_NO_KEY)
    return key


def _name(text: str) -> str:
    return clean_line(text, "name", longest=LONGEST_NAME)


def _description(text: str) -> str:
    return clean_line(text, "description", longest=LONGEST_DESCRIPTION) if text.strip() else ""
