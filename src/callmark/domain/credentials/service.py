"""Use cases of keys and tokens. Source: contract, sections 3 and 1.7."""

import hmac
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import structlog
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.credentials import queries
from callmark.domain.credentials.admission import AdmissionRequest, admission_of
from callmark.domain.credentials.model import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    TOKEN_FORM,
    TOKEN_LIFETIME,
    Admission,
    ApiKey,
    NewKey,
    NewToken,
    TokensUsed,
    TokenUse,
    ending,
)
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, KeyId, KeyReference
from callmark.domain.limits.model import (
    BUCKETS,
    KEYS,
    TOKENS,
    TOKENS_WINDOW,
    Allowance,
    Bucket,
    TooManyTokens,
)
from callmark.domain.policy.model import Actor
from callmark.domain.policy.plan import KeyAccess, check_wanted
from callmark.kit.changes import carried_out
from callmark.kit.choices import SetChange, chosen
from callmark.kit.clock_watch import AHEAD_WITHIN
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, Unauthenticated, found
from callmark.kit.ids import new_id, parse_uuid, random_uuid, sha256
from callmark.kit.postgres.database import Tx
from callmark.kit.text import clean_line, kept_or

log = structlog.get_logger(__name__)

_NOBODY = UUID(int=0)
_REFUSED = "invalid api_key or key_id"
_UNKNOWN = "no API key with this id in this account"


async def admit(
    deps: Deps,
    token: str,
    account: str,
    *,
    feature: KeyAccess | None = None,
    bucket: Bucket | None = None,
    at: datetime | None = None,
) -> Admission:
    """Whether the bearer of `token` may act for the account of the path, and what it found in its bucket.

    The token's age counts as it was `at` an instant, else now.

    Raises Unauthenticated (no live token of a live key) or Forbidden (another account's, a suspended account, a key or
    subscription without the feature). An allowance that is not granted is for the caller to answer.
    """
    asked = admission_request(deps, token, account, feature, bucket, at or deps.clock.now())
    (row,) = await deps.gather(queries.admit, [asked])
    return admission_of(asked, row)


def admission_request(
    deps: Deps, token: str, account: str, feature: KeyAccess | None, bucket: Bucket | None, now: datetime
) -> AdmissionRequest:
    """The question of a request. Raises Unauthenticated for what can be no token."""
    if not TOKEN_FORM.fits(token):
        raise Unauthenticated
    return AdmissionRequest(sha256(token), parse_uuid(account) or _NOBODY, feature, bucket, now, deps.is_clock_moved)


async def create_token(deps: Deps, account: str, key_id: str, api_key: str) -> NewToken:
    """A token of 60 minutes for a live key pair; older ones stay valid.

    At most 10 in any 30 minutes per account, or its own limit, counted under the account's lock in the transaction that
    adds the new one, so that the count is exact across processes and survives a crash. Raises Unauthenticated (the same
    for every cause), Forbidden (suspended account), TooManyTokens.
    """
    account_id, key = parse_uuid(account) or _NOBODY, parse_uuid(key_id) or _NOBODY
    async with deps.db.transaction() as tx:
        pair = await queries.find_pair(tx, account_id, key)
        if pair is None or not hmac.compare_digest(pair["secret_sha256"], sha256(api_key.lower())):
            known = str(key) if pair else None  # what is no Key ID may be a secret, sent in its place
            log.warning("token_refused", account=str(account_id), key_id=known)
            raise Unauthenticated(_REFUSED)
        if pair["state"] != AccountState.ACTIVE:
            raise Forbidden
        tokens = (await accounts.lock_account(tx, AccountId(account_id))).limits.bucket(TOKENS)
        now = deps.clock.now()
        recent = await _recent_tokens(tx, account_id, now)
        if len(recent) >= tokens.quota:
            raise TooManyTokens(tokens, recent[-tokens.quota] + TOKENS_WINDOW - now)
        frees = [*recent, now][0] + TOKENS_WINDOW - now
        left = Allowance(tokens, granted=True, remaining=tokens.quota - len(recent) - 1, reset_in=frees)
        token = NewToken(TOKEN_FORM.new(), now, left)
        await queries.insert_token(tx, sha256(token.token), account_id, key, now, TOKEN_LIFETIME)
    return token


async def create_key(
    deps: Deps, account_id: AccountId, *, by: Actor, name: str, description: str = "", features: Iterable[KeyAccess]
) -> NewKey:
    """A new key pair, whose secret is shown this once. Conflict when the account has as many as it can.

    Five, unless an operator has set another number (contract, section 3.2).
    """
    name, description, features = _name(name), _description(description), frozenset(features)
    async with deps.db.transaction() as tx:
        account = await accounts.lock_account(tx, account_id)
        check_wanted(account.features, features, (), "features")
        most = account.limits.of(KEYS)
        if len(await queries.select_keys(tx, account_id)) >= most:
            raise Conflict(f"an account can have {most} API keys at the same time; delete one first")
        now = deps.clock.now()
        key_id, reference = KeyId(new_id()), KeyReference(random_uuid())
        key = ApiKey(key_id, reference, account_id, name, description, features, by.email, now)
        facts = {"key_id": str(key.id), "features": sorted(features)}
        await audit.note(tx, by, AuditAction.KEY_CREATED, name, account_id=account_id, at=now, **facts)
        return await _store(tx, key)


async def list_keys(deps: Deps, account_id: AccountId) -> list[ApiKey]:
    """The account's live keys, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.select_keys(tx, account_id)


async def get_key(deps: Deps, account_id: AccountId, key_id: KeyId) -> ApiKey:
    """One live key. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_key(tx, account_id, key_id), _UNKNOWN)


async def get_key_by_reference(deps: Deps, account_id: AccountId, reference: KeyReference) -> ApiKey:
    """The live key that pages address by `reference`. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_key_by_reference(tx, account_id, reference), _UNKNOWN)


async def key_name(deps: Deps, key_id: KeyId) -> str:
    """What a key is called, also one that was deleted meanwhile."""
    async with deps.db.connection() as tx:
        return await queries.select_key_name(tx, key_id)


async def update_key(
    deps: Deps,
    account_id: AccountId,
    key_id: KeyId,
    *,
    by: Actor,
    name: str | None = None,
    description: str | None = None,
    features: Collection[KeyAccess] | SetChange[KeyAccess] | None = None,
) -> ApiKey:
    """The key with what was given changed; its tokens act by the new features at once.

    Raises NotFound, and InvalidInput for a change that would take the last feature away.
    """
    async with deps.db.transaction() as tx:
        plan = (await accounts.lock_account(tx, account_id)).features  # first, as where tokens are made
        key = found(await queries.lock_key(tx, account_id, key_id), _UNKNOWN)
        changed = replace(
            key,
            name=kept_or(key.name, name, _name),
            description=kept_or(key.description, description, _description),
            features=chosen(key.features, features),
        )
        check_wanted(plan, changed.features, key.features, "features")
        if isinstance(features, SetChange) and not changed.features:
            raise InvalidInput("choose at least one feature", field="features")
        facts = {"key_id": str(key_id), "features": sorted(changed.features)}
        action, at = AuditAction.KEY_CHANGED, deps.clock.now()
        return await carried_out(
            key,
            changed,
            lambda: queries.update_key(tx, changed),
            lambda: audit.note(tx, by, action, changed.name, account_id=account_id, at=at, **facts),
        )


async def regenerate_key(deps: Deps, account_id: AccountId, key_id: KeyId, *, by: Actor) -> NewKey:
    """A new pair in the place of the old one, which stops at once with every token made from it (contract D37)."""
    async with deps.db.transaction() as tx:
        key = found(await queries.lock_key(tx, account_id, key_id), _UNKNOWN)
        now = deps.clock.now()
        await queries.revoke_key(tx, key_id, now)
        new = replace(key, id=KeyId(new_id()), reference=KeyReference(random_uuid()), created_at=now)
        await audit.note(
            tx,
            by,
            AuditAction.KEY_REGENERATED,
            key.name,
            account_id=account_id,
            at=now,
            old_key_id=str(key_id),
            key_id=str(new.id),
        )
        return await _store(tx, new)


async def delete_key(deps: Deps, account_id: AccountId, key_id: KeyId, *, by: Actor) -> ApiKey:
    """Ends a key and every token made from it at once; its place is free. What it was. Raises NotFound."""
    async with deps.db.transaction() as tx:
        key = found(await queries.lock_key(tx, account_id, key_id), _UNKNOWN)
        now = deps.clock.now()
        await queries.revoke_key(tx, key_id, now)
        await audit.note(tx, by, AuditAction.KEY_DELETED, key.name, account_id=account_id, at=now, key_id=str(key_id))
    return key


async def tokens_used(deps: Deps, account_id: AccountId) -> TokensUsed:
    """What the account has used of its token limit, and each live token of its requests; newest token first."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        most = (await accounts.get_account_in(tx, account_id)).limits.of(TOKENS.name)
        recent = await _recent_tokens(tx, account_id, now)
        live = await queries.live_tokens(tx, account_id, now)
        moved = now if deps.is_clock_moved else None
        used = await queries.requests_in_windows(tx, [row["sha256"] for row in live], BUCKETS, moved)
    next_at = recent[-most] + TOKENS_WINDOW if len(recent) >= most else None
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


async def _recent_tokens(tx: Tx, account_id: UUID, now: datetime) -> list[datetime]:
    """The instants that count in the token limit at `now`; none from a clock that was ahead and is set right."""
    return await queries.tokens_in(tx, account_id, now - TOKENS_WINDOW, now + AHEAD_WITHIN)


async def forget_dead_tokens(deps: Deps) -> int:
    """Deletes tokens that expired at least one counting window ago; how many."""
    return await queries.delete_dead_tokens(deps.db, deps.clock.now() - TOKENS_WINDOW)


async def _store(tx: Tx, key: ApiKey) -> NewKey:
    secret = str(random_uuid())
    await queries.insert_key(tx, key, sha256(secret))
    return NewKey(key.id, secret, key.reference)


def _name(text: str) -> str:
    return clean_line(text, "name", longest=LONGEST_NAME)


def _description(text: str) -> str:
    return clean_line(text, "description", longest=LONGEST_DESCRIPTION) if text.strip() else ""
