"""The SQL of the audit log's chain."""

from collections.abc import Collection
from datetime import datetime

from callmark.domain.audit.chain import START, AuditSeal, SealableEntry, SealedEntry
from callmark.domain.audit.model import AuditAction
from callmark.domain.ids import AccountId, AuditId
from callmark.kit.postgres.database import Row, Tx, affected, fetch_one

_SAID = "id, account_id, actor_email, by_operator, action, subject, details, address, at"


async def lock_head(tx: Tx) -> AuditSeal:
    """The newest seal; until the transaction ends nobody else seals or prunes."""
    return _seal(await fetch_one(tx, "SELECT seal_number, seal_sha256 FROM audit_head FOR UPDATE"))


async def select_head(tx: Tx) -> AuditSeal:
    """The newest seal."""
    return _seal(await fetch_one(tx, "SELECT seal_number, seal_sha256 FROM audit_head"))


async def select_unsealed(tx: Tx, limit: int) -> list[SealableEntry]:
    """The oldest entries without a seal. Index audit_entry_unsealed."""
    rows = await tx.fetch(f"SELECT {_SAID} FROM audit_entry WHERE seal_number IS NULL ORDER BY id LIMIT $1", limit)
    return [_entry(row) for row in rows]


async def select_unsealed_erasures(tx: Tx) -> list[SealableEntry]:
    """Entries without a seal that name what an erasure has redacted. Index audit_entry_unsealed."""
    rows = await tx.fetch(
        f"SELECT {_SAID} FROM audit_entry WHERE seal_number IS NULL AND action = $1", AuditAction.PERSON_ERASED
    )
    return [_entry(row) for row in rows]


async def select_in_erasure(tx: Tx) -> set[str]:
    """The ids of entries that erasures have redacted so far which have not ended. There are few such erasures."""
    rows = await tx.fetch("SELECT DISTINCT unnest(redacted)::text AS id FROM erasure WHERE ended_at IS NULL")
    return {row["id"] for row in rows}


async def count_unsealed(tx: Tx, before: datetime) -> tuple[int, int]:
    """How many entries have no seal, and how many of these are older than the instant."""
    row = await fetch_one(
        tx,
        "SELECT count(*) AS total, count(*) FILTER (WHERE at < $1) AS old FROM audit_entry WHERE seal_number IS NULL",
        before,
    )
    return row["total"], row["old"]


async def update_sealed(
    tx: Tx, sealed: Collection[tuple[SealableEntry, bytes, AuditSeal]], head: AuditSeal, now: datetime
) -> None:
    """Writes the seals, made now, and the newest of them as the head."""
    await tx.execute(
        "UPDATE audit_entry e SET seal_number = s.number, content_sha256 = s.content, seal_sha256 = s.seal,"
        " sealed_at = $5"
        " FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[]) s (id, number, content, seal)"
        " WHERE e.id = s.id",
        [entry.id for entry, _, _ in sealed],
        [seal.number for _, _, seal in sealed],
        [content for _, content, _ in sealed],
        [seal.sha256 for _, _, seal in sealed],
        now,
    )
    await tx.execute("UPDATE audit_head SET seal_number = $1, seal_sha256 = $2", head.number, head.sha256)


async def select_sealed(tx: Tx, after: int, limit: int) -> list[SealedEntry]:
    """The entries that follow the place `after` in the chain. Index audit_entry_seal."""
    rows = await tx.fetch(
        f"SELECT {_SAID}, seal_number, content_sha256, seal_sha256, redacted_at FROM audit_entry"
        " WHERE seal_number > $1 ORDER BY seal_number LIMIT $2",
        after,
        limit,
    )
    return [
        SealedEntry(_entry(row), row["content_sha256"] or b"", _seal(row), row["redacted_at"] is not None)
        for row in rows
    ]


async def select_checkpoint(tx: Tx) -> AuditSeal | None:
    """The seal of the newest entry that was pruned."""
    row = await tx.fetchrow("SELECT seal_number, seal_sha256 FROM audit_checkpoint ORDER BY seal_number DESC LIMIT 1")
    return _seal(row) if row else None


async def select_last_older(tx: Tx, before: datetime, most: int) -> AuditSeal:
    """The last of the chain's first `most` places up to which every entry is older than the instant; START for none.

    An entry is also old when it was sealed before it, as one whose own instant is of a clock that was ahead.
    Index audit_entry_seal.
    """
    row = await tx.fetchrow(
        """
        SELECT seal_number, seal_sha256 FROM (
          SELECT seal_number, seal_sha256, bool_and(made_at < $1) OVER (ORDER BY seal_number) AS is_older FROM (
            SELECT seal_number, seal_sha256, least(at, sealed_at) AS made_at FROM audit_entry
            WHERE seal_number IS NOT NULL
            ORDER BY seal_number LIMIT $2
          ) first
        ) judged WHERE is_older ORDER BY seal_number DESC LIMIT 1
        """,
        before,
        most,
    )
    return _seal(row) if row else START


async def prune(tx: Tx, up_to: AuditSeal, now: datetime) -> int:
    """Deletes the entries up to that place and keeps its seal; how many were deleted."""
    status = await tx.execute("DELETE FROM audit_entry WHERE seal_number <= $1", up_to.number)
    count = affected(status)
    await tx.execute(
        "INSERT INTO audit_checkpoint (seal_number, seal_sha256, entry_count, pruned_at) VALUES ($1, $2, $3, $4)",
        up_to.number,
        up_to.sha256,
        count,
        now,
    )
    return count


def _seal(row: Row) -> AuditSeal:
    return AuditSeal(row["seal_number"], row["seal_sha256"] or b"")


def _entry(row: Row) -> SealableEntry:
    return SealableEntry(
        id=AuditId(row["id"]),
        account_id=AccountId(row["account_id"]) if row["account_id"] else None,
        actor_email=row["actor_email"],
        by_operator=row["by_operator"],
        action=row["action"],
        subject=row["subject"],
        details=row["details"],
        address=row["address"],
        at=row["at"],
    )
