"""Use cases of operator tokens: created, listed and revoked by operators; none of them by a token itself."""

from datetime import datetime

import structlog

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import OperatorTokenId
from callmark.domain.limits.model import OPERATING, allowance
from callmark.domain.operators.locks import lock_operators_for
from callmark.domain.operators.tokens import model, queries
from callmark.domain.operators.tokens.model import (
    TOKEN_FORM,
    NewOperatorToken,
    OperatorAdmission,
    OperatorToken,
    TokenState,
)
from callmark.domain.policy.model import Actor
from callmark.kit.errors import Unauthenticated, found
from callmark.kit.ids import new_id, sha256
from callmark.kit.postgres.database import Tx

log = structlog.get_logger(__name__)

REFUSED = "not authorized: this needs a valid operator token"
_UNKNOWN = "no operator token with this id"


async def create_token(deps: Deps, name: str, *, days: int | None = None, by: Actor) -> NewOperatorToken:
    """The new token, shown this once; it expires after that many days (None: never).

    Raises InvalidInput, Forbidden for an operator who was removed meanwhile, and Conflict when one that is not revoked
    has the name.
    """
    now = deps.clock.now()
    expires_at = model.expiry(days, now)
    token = OperatorToken(OperatorTokenId(new_id()), model.token_name(name), by.email, now, expires_at)
    secret = TOKEN_FORM.new()
    async with deps.db.transaction() as tx:
        await lock_operators_for(tx, by)
        await queries.insert_token(tx, token, sha256(secret))
        facts = {"token_id": str(token.id), "days": days}
        await audit.note(tx, by, AuditAction.OPERATOR_TOKEN_CREATED, token.name, account_id=None, at=now, **facts)
    return NewOperatorToken(token, secret)


async def list_tokens(deps: Deps) -> list[OperatorToken]:
    """Every token, expired and revoked ones too, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.select_tokens(tx)


async def list_live_names(deps: Deps, email: str) -> list[str]:
    """The tokens that the operator with this address created, and that are accepted now: they outlast the operator."""
    async with deps.db.connection() as tx:
        return await live_names(tx, email, deps.clock.now())


async def live_names(tx: Tx, email: str, now: datetime) -> list[str]:
    """As `list_live_names`, in a transaction."""
    every = await queries.select_tokens(tx)
    return [one.name for one in every if one.created_by_email == email and one.state_at(now) is TokenState.LIVE]


async def get_token(deps: Deps, token_id: OperatorTokenId) -> OperatorToken:
    """The token. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_token(tx, token_id), _UNKNOWN)


async def revoke_token(deps: Deps, token_id: OperatorTokenId, *, by: Actor) -> OperatorToken:
    """Ends the token, from the next request on; safe to repeat. Raises NotFound."""
    async with deps.db.transaction() as tx:
        now = deps.clock.now()
        is_new = await queries.revoke_token(tx, token_id, now)
        token = found(await queries.select_token(tx, token_id), _UNKNOWN)
        if is_new:
            await audit.note(
                tx, by, AuditAction.OPERATOR_TOKEN_REVOKED, token.name, account_id=None, at=now, token_id=str(token.id)
            )
    return token


async def admit(deps: Deps, token: str) -> OperatorAdmission:
    """Whose request it is, and what it found in its bucket. An allowance that is not granted is for the caller.

    Raises Unauthenticated for what is no live operator token.
    """
    if not TOKEN_FORM.fits(token):
        raise Unauthenticated(REFUSED)
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        row = await queries.admit(tx, sha256(token), OPERATING, now, is_moved=deps.is_clock_moved)
    if row is None:
        log.warning("operator_token_refused")
        raise Unauthenticated(REFUSED)
    left = allowance(OPERATING, granted=row["granted"], remaining=row["remaining"], reset_in=row["reset_in"])
    return OperatorAdmission(row["name"], row["created_by_email"], left)
