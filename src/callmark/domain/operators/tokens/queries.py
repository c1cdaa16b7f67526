"""The SQL of operator tokens."""

from datetime import datetime

from callmark.domain.ids import OperatorTokenId
from callmark.domain.limits.model import Bucket
from callmark.domain.operators.tokens.model import USE_NOTED_EVERY, OperatorToken
from callmark.kit.errors import Conflict
from callmark.kit.postgres.database import Row, Tx
from callmark.record_rules.same_names import alike

_COLUMNS = "id, name, created_by_email, created_at, expires_at, last_used_at, revoked_at"
_TAKEN = "an operator token of this name exists; revoke it first, or choose another name"


async def insert_token(tx: Tx, token: OperatorToken, sha256: bytes) -> None:
    """Writes a new token. Conflict when one that is not revoked has the name, in any spelling of case."""
    names = await tx.fetch("SELECT name FROM operator_token WHERE revoked_at IS NULL")
    if any(alike(row["name"], token.name) for row in names):
        raise Conflict(_TAKEN, field="name")
    tag = await tx.execute(
        "INSERT INTO operator_token (id, name, sha256, created_by_email, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (lower(name)) WHERE revoked_at IS NULL DO NOTHING",
        token.id,
        token.name,
        sha256,
        token.created_by_email,
        token.created_at,
        token.expires_at,
    )
    if tag != "INSERT 0 1":
        raise Conflict(_TAKEN, field="name")


async def select_tokens(tx: Tx) -> list[OperatorToken]:
    """All tokens, expired and revoked ones too, oldest first."""
    return [_token(row) for row in await tx.fetch(f"SELECT {_COLUMNS} FROM operator_token ORDER BY created_at, id")]


async def select_token(tx: Tx, token_id: OperatorTokenId) -> OperatorToken | None:
    """The token, or None."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM operator_token WHERE id = $1", token_id)
    return _token(row) if row else None


async def revoke_token(tx: Tx, token_id: OperatorTokenId, now: datetime) -> bool:
    """Ends a token from the commit on; False when it is revoked already, or there is none."""
    sql = "UPDATE operator_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"
    return await tx.execute(sql, token_id, now) == "UPDATE 1"


async def admit(tx: Tx, sha256: bytes, bucket: Bucket, now: datetime, *, is_moved: bool) -> Row | None:
    """A live token's name and maker, and one request taken out of its bucket; None without a live token.

    `now` is by the product's clock. The bucket counts by the database's, unless the product's `is_moved`.
    One statement, so that a revocation holds at once. Must run outside a transaction, as the admission of API keys.
    """
    return await tx.fetchrow(
        """
        WITH token AS MATERIALIZED (
          SELECT id, name, created_by_email FROM operator_token
          WHERE sha256 = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
        ), used AS (
          UPDATE operator_token o SET last_used_at = $2 FROM token
          WHERE o.id = token.id AND NOT coalesce(o.last_used_at > $2 - $6::interval AND o.last_used_at <= $2, false)
        )
        SELECT token.name, token.created_by_email, w.granted, w.remaining, w.reset_in
        FROM token CROSS JOIN LATERAL take_place($1, $3, $4, $5, CASE WHEN $7::boolean THEN $2::timestamptz END) w
        """,
        sha256,
        now,
        bucket.name,
        bucket.quota,
        bucket.window,
        USE_NOTED_EVERY,
        is_moved,
    )


def _token(row: Row) -> OperatorToken:
    return OperatorToken(
        OperatorTokenId(row["id"]),
        row["name"],
        row["created_by_email"],
        row["created_at"],
        row["expires_at"],
        row["last_used_at"],
        row["revoked_at"],
    )
