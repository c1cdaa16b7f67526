"""The SQL of keys and tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from callmark.domain.credentials.admission import ADMITTED, AdmissionRequest, columns_of
from callmark.domain.credentials.model import ApiKey
from callmark.domain.ids import AccountId, KeyId, KeyReference
from callmark.domain.limits.model import Bucket
from callmark.domain.policy.plan import key_access
from callmark.kit.postgres.database import Database, Row, Tx
from callmark.kit.postgres.piecewise import delete_where

_LIVE = (
    "SELECT id, reference, account_id, name, description, features, created_by_email, created_at, last_used_at"
    " FROM api_key WHERE account_id = $1 AND revoked_at IS NULL"
)


def _key(row: Row) -> ApiKey:
    return ApiKey(
        KeyId(row["id"]),
        KeyReference(row["reference"]),
        AccountId(row["account_id"]),
        row["name"],
        row["description"],
        frozenset(map(key_access, row["features"])),
        row["created_by_email"],
        row["created_at"],
        row["last_used_at"],
    )


async def admit(tx: Tx, requests: Sequence[AdmissionRequest]) -> list[Row | None]:
    """For each what `admission.ADMITTED` gives, None where that gives no row. Must run outside a transaction."""
    rows = await tx.fetch(f"WITH {ADMITTED} SELECT * FROM admitted", *columns_of(requests))
    found = {row["number"]: row for row in rows}
    return [found.get(number) for number in range(1, len(requests) + 1)]


async def find_pair(tx: Tx, account_id: UUID, key_id: UUID) -> Row | None:
    """The secret's hash of a live key of that account, and the account's state."""
    return await tx.fetchrow(
        "SELECT k.secret_sha256, a.state FROM api_key k JOIN client_account a ON a.id = k.account_id"
        " WHERE k.id = $1 AND k.account_id = $2 AND k.revoked_at IS NULL",
        key_id,
        account_id,
    )


async def tokens_in(tx: Tx, account_id: UUID, after: datetime, to: datetime) -> list[datetime]:
    """When the account's tokens created after one instant, and not after the other, were created, oldest first."""
    rows = await tx.fetch(
        "SELECT created_at FROM access_token WHERE account_id = $1 AND created_at > $2 AND created_at <= $3"
        " ORDER BY created_at",
        account_id,
        after,
        to,
    )
    return [row["created_at"] for row in rows]


async def live_tokens(tx: Tx, account_id: UUID, now: datetime) -> list[Row]:
    """The account's tokens that are accepted now, newest first: hash, id and name of the key, instants.

    At most those of two counting windows. Index access_token_account_created.
    """
    return await tx.fetch(
        "SELECT t.sha256, k.id AS key_id, k.name, t.created_at, t.expires_at"
        " FROM access_token t JOIN api_key k ON k.id = t.key_id"
        " WHERE t.account_id = $1 AND t.expires_at > $2 AND k.revoked_at IS NULL ORDER BY t.created_at DESC",
        account_id,
        now,
    )


async def requests_in_windows(
    tx: Tx, tokens: Sequence[bytes], buckets: Sequence[Bucket], now: datetime | None
) -> dict[tuple[bytes, str], int]:
    """How many requests each token's windows hold, by token and bucket; none for what is not there.

    As `take_place` counts them: at the present of the database's clock, unless `now` is given.
    """
    rows = await tx.fetch(
        "SELECT w.token_sha256, w.bucket,"
        " (SELECT count(*) FROM unnest(w.instants) i"
        " WHERE i > coalesce($4::timestamptz, statement_timestamp()) - b.per) AS used"
        " FROM request_window w JOIN unnest($2::text[], $3::interval[]) b (bucket, per) ON b.bucket = w.bucket"
        " WHERE w.token_sha256 = ANY ($1::bytea[])",
        list(tokens),
        [bucket.name for bucket in buckets],
        [bucket.window for bucket in buckets],
        now,
    )
    return {(row["token_sha256"], row["bucket"]): row["used"] for row in rows}


async def insert_token(
    tx: Tx, token_sha256: bytes, account_id: UUID, key_id: UUID, created_at: datetime, lifetime: timedelta
) -> None:
    """Stores a token's hash, and that its key was used."""
    await tx.execute("UPDATE api_key SET last_used_at = $2 WHERE id = $1", key_id, created_at)
    await tx.execute(
        "INSERT INTO access_token (sha256, account_id, key_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        token_sha256,
        account_id,
        key_id,
        created_at,
        created_at + lifetime,
    )


async def delete_dead_tokens(db: Database, expired_before: datetime) -> int:
    """Forgets tokens that expired before that instant, and windows that no token uses; how many tokens. In pieces."""
    count = await delete_where(db, "access_token", "expires_at < $1", expired_before)
    await delete_where(
        db,
        "request_window",
        "NOT EXISTS (SELECT FROM access_token t WHERE t.sha256 = token_sha256) AND"
        " NOT EXISTS (SELECT FROM operator_token o WHERE o.sha256 = token_sha256 AND o.revoked_at IS NULL)",
    )
    return count


async def insert_key(tx: Tx, key: ApiKey, secret_sha256: bytes) -> None:
    """Stores a key."""
    await tx.execute(
        "INSERT INTO api_key (id, account_id, name, description, secret_sha256, features, created_by_email, created_at,"
        " reference) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.id,
        key.account_id,
        key.name,
        key.description,
        secret_sha256,
        sorted(key.features),
        key.created_by_email,
        key.created_at,
        key.reference,
    )


async def select_keys(tx: Tx, account_id: AccountId) -> list[ApiKey]:
    """The account's live keys, oldest first."""
    rows = await tx.fetch(_LIVE + " ORDER BY created_at, id", account_id)
    return [_key(row) for row in rows]


async def select_key(tx: Tx, account_id: AccountId, key_id: KeyId) -> ApiKey | None:
    """One live key."""
    row = await tx.fetchrow(_LIVE + " AND id = $2", account_id, key_id)
    return _key(row) if row else None


async def select_key_by_reference(tx: Tx, account_id: AccountId, reference: KeyReference) -> ApiKey | None:
    """One live key. Index api_key_reference."""
    row = await tx.fetchrow(_LIVE + " AND reference = $2", account_id, reference)
    return _key(row) if row else None


async def select_key_name(tx: Tx, key_id: KeyId) -> str:
    """The name of a key, revoked or not; empty for none."""
    return await tx.fetchval("SELECT name FROM api_key WHERE id = $1", key_id) or ""


async def lock_key(tx: Tx, account_id: AccountId, key_id: KeyId) -> ApiKey | None:
    """One live key, locked until the transaction ends."""
    row = await tx.fetchrow(_LIVE + " AND id = $2 FOR NO KEY UPDATE", account_id, key_id)
    return _key(row) if row else None


async def update_key(tx: Tx, key: ApiKey) -> None:
    """Writes what may be changed of a key."""
    await tx.execute(
        "UPDATE api_key SET name = $2, description = $3, features = $4 WHERE id = $1",
        key.id,
        key.name,
        key.description,
        sorted(key.features),
    )


async def revoke_key(tx: Tx, key_id: KeyId, now: datetime) -> None:
    """Ends a key; every token made from it is refused from the commit on, because admission joins the key."""
    await tx.execute("UPDATE api_key SET revoked_at = $2 WHERE id = $1", key_id, now)
