"""The SQL of known browsers: a row for each person in each, found by the SHA-256 of what the browser keeps."""

from collections.abc import Sequence
from datetime import datetime

from callmark.domain.sessions.model import Person
from callmark.kit.postgres.database import Database, Tx
from callmark.kit.postgres.piecewise import delete_where


async def select_known(tx: Tx, sha256s: Sequence[bytes], person: Person, now: datetime) -> bytes | None:
    """The one of these by which the person is known, None when it is none of them."""
    return await tx.fetchval(
        "SELECT sha256 FROM known_browser WHERE sha256 = ANY ($1) AND (member_id = $2 OR operator_id = $3)"
        " AND expires_at > $4 ORDER BY expires_at DESC LIMIT 1",
        sha256s,
        person.member_id,
        person.operator_id,
        now,
    )


async def put_known(tx: Tx, sha256: bytes, person: Person, expires_at: datetime) -> None:
    """Makes a browser known for that person until then, from now on or for longer."""
    await tx.execute(
        "INSERT INTO known_browser (sha256, member_id, operator_id, expires_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (sha256) DO UPDATE SET expires_at = excluded.expires_at",
        sha256,
        person.member_id,
        person.operator_id,
        expires_at,
    )


async def delete_beyond(tx: Tx, person: Person, most: int) -> None:
    """Forgets all but `most` browsers of the person: those in which it signed in longest ago."""
    await tx.execute(
        "DELETE FROM known_browser WHERE sha256 IN (SELECT sha256 FROM known_browser"
        " WHERE member_id = $1 OR operator_id = $2 ORDER BY expires_at DESC, sha256 OFFSET $3)",
        person.member_id,
        person.operator_id,
        most,
    )


async def delete_known(tx: Tx, person: Person) -> None:
    """Forgets every browser of the person."""
    await tx.execute(
        "DELETE FROM known_browser WHERE member_id = $1 OR operator_id = $2", person.member_id, person.operator_id
    )


async def delete_expired(db: Database, now: datetime) -> None:
    """Forgets browsers whose time is over, piece by piece, but rows in use."""
    await delete_where(db, "known_browser", "expires_at <= $1", now, but_held=True)
