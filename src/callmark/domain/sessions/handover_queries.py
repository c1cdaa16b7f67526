"""The SQL of what one page hands to the next."""

from datetime import datetime

import asyncpg

from callmark.domain.ids import SessionId
from callmark.domain.sessions.model import Person
from callmark.kit.errors import NotFound
from callmark.kit.postgres.database import Tx

_MINE = (
    "sha256 = $1 AND kind = $2 AND (session_id IS NULL OR session_id = $3) AND (member_id IS NULL OR member_id = $4)"
    " AND (operator_id IS NULL OR operator_id = $5) AND expires_at > $6"
)


async def insert_handover(
    tx: Tx,
    sha256: bytes,
    kind: str,
    session_id: SessionId | None,
    person: Person,
    sealed: bytes,
    expires_at: datetime,
) -> None:
    """Stores what the next page takes. Raises NotFound for a person who does not exist."""
    try:
        await tx.execute(
            "INSERT INTO handed_over (sha256, kind, session_id, member_id, operator_id, sealed, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            sha256,
            kind,
            session_id,
            person.member_id,
            person.operator_id,
            sealed,
            expires_at,
        )
    except asyncpg.ForeignKeyViolationError as exc:
        raise NotFound from exc


async def take_handover(
    tx: Tx, sha256: bytes, kind: str, session_id: SessionId, person: Person, now: datetime
) -> bytes | None:
    """Deletes and gives what was stored for this session, or for this person, or for nobody by name; None otherwise."""
    statement = f"DELETE FROM handed_over WHERE {_MINE} RETURNING sealed"
    return await tx.fetchval(statement, sha256, kind, session_id, person.member_id, person.operator_id, now)


async def select_handover(
    tx: Tx, sha256: bytes, kind: str, session_id: SessionId, person: Person, now: datetime
) -> bytes | None:
    """As `take_handover`, without deleting it."""
    statement = f"SELECT sealed FROM handed_over WHERE {_MINE}"
    return await tx.fetchval(statement, sha256, kind, session_id, person.member_id, person.operator_id, now)


async def select_of_another(tx: Tx, sha256: bytes, kind: str, person: Person, now: datetime) -> bytes | None:
    """What was stored for a person other than this one."""
    statement = (
        "SELECT sealed FROM handed_over"
        " WHERE sha256 = $1 AND kind = $2 AND coalesce(member_id, operator_id) <> $3 AND expires_at > $4"
    )
    return await tx.fetchval(statement, sha256, kind, person.member_id or person.operator_id, now)
