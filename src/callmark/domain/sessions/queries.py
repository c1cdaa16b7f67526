"""The SQL of signing in: passwords, sessions, links by mail, codes, known devices."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from callmark.domain.accounts.model import AccountState
from callmark.domain.ids import AccountId, MemberId, OperatorId, SessionId
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.domain.sessions.acting.model import Acting
from callmark.domain.sessions.model import EMAIL_TAKEN, KnownPerson, LinkKind, MemberState, NewSession, Person, Session
from callmark.kit.domain_names import spellings
from callmark.kit.errors import Conflict, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Database, Row, Tx
from callmark.kit.postgres.piecewise import delete_where
from callmark.kit.zones import zone_or_utc

_SESSION = """
SELECT s.id, s.created_at, s.seen_at, s.address, s.user_agent, s.member_id, s.operator_id,
  coalesce(m.zone, o.zone) AS zone, coalesce(m.email, o.email) AS email, coalesce(m.name, o.name) AS name, m.role,
  coalesce(m.department_id, m.operation_id, m.process_id) AS node_id,
  a.id AS account_id, a.name AS account_name, a.state AS account_state, a.features,
  (SELECT held_at FROM installation) AS held_since
FROM console_session s
LEFT JOIN member m ON m.id = s.member_id
LEFT JOIN operator_user o ON o.id = s.operator_id
LEFT JOIN client_account a ON a.id = coalesce(m.account_id, s.acting_account_id)
WHERE s.created_at > $2 AND s.seen_at > $3 AND (m.state = 'active' OR o.id IS NOT NULL)
"""
_SPELLINGS = "ANY (ARRAY (SELECT lower(one) FROM unnest($1::text[]) AS one))"


async def select_known(tx: Tx, email: str) -> KnownPerson | None:
    """The operator, else the member who uses this address, else the newest who is invited. Indexes on lower(email).

    Whatever its spelling: versions before this one stored domains in their own letters.
    """
    row = await tx.fetchrow(
        "SELECT o.id AS operator_id, NULL::uuid AS member_id, o.email, o.name, o.password_hash, NULL AS member_state,"
        " NULL::uuid AS account_id, '' AS account_name, NULL AS account_state, false AS requires_code,"
        " 0 AS place, NULL::timestamptz AS created_at"
        f" FROM operator_user o WHERE lower(o.email) = {_SPELLINGS}"
        " UNION ALL SELECT NULL, m.id, m.email, m.name, m.password_hash, m.state, a.id, a.name, a.state,"
        " a.requires_code, CASE WHEN m.state = 'active' OR m.password_hash IS NOT NULL THEN 1 ELSE 2 END, m.created_at"
        f" FROM member m JOIN client_account a ON a.id = m.account_id WHERE lower(m.email) = {_SPELLINGS}"
        " ORDER BY place, created_at DESC LIMIT 1",
        spellings(email),
    )
    return _known(row) if row else None


async def select_known_person(tx: Tx, person: Person) -> KnownPerson | None:
    """That person, or None when it is gone."""
    row = await tx.fetchrow(
        "SELECT o.id AS operator_id, NULL::uuid AS member_id, o.email, o.name, o.password_hash, NULL AS member_state,"
        " NULL::uuid AS account_id, '' AS account_name, NULL AS account_state, false AS requires_code"
        " FROM operator_user o WHERE o.id = $2"
        " UNION ALL SELECT NULL, m.id, m.email, m.name, m.password_hash, m.state, a.id, a.name, a.state,"
        " a.requires_code FROM member m JOIN client_account a ON a.id = m.account_id WHERE m.id = $1",
        person.member_id,
        person.operator_id,
    )
    return _known(row) if row else None


async def lock_known_person(tx: Tx, person: Person) -> KnownPerson | None:
    """As `select_known_person`; its password and its state stay so until the transaction ends."""
    await tx.execute("SELECT FROM member WHERE id = $1 FOR NO KEY UPDATE", person.member_id)
    await tx.execute("SELECT FROM operator_user WHERE id = $1 FOR NO KEY UPDATE", person.operator_id)
    return await select_known_person(tx, person)


async def set_password(tx: Tx, person: Person, password_hash: str) -> None:
    """Stores a person's password. NotFound when it was removed, Conflict when someone else uses its address by now."""
    statement = (
        "UPDATE member SET password_hash = $2 WHERE id = $1 RETURNING id"
        if person.member_id
        else "UPDATE operator_user SET password_hash = $2 WHERE id = $1 RETURNING id"
    )
    try:
        done = await tx.fetchval(statement, person.member_id or person.operator_id, password_hash)
    except asyncpg.UniqueViolationError as exc:
        raise Conflict("another member uses this email address") from exc
    found(done, "this person was removed meanwhile")


async def activate_member(tx: Tx, member_id: MemberId, name: str) -> None:
    """An invited member has chosen a name and is active. Conflict when someone else uses its address by now."""
    try:
        await tx.execute(
            "UPDATE member SET name = $2, state = 'active' WHERE id = $1 AND state = 'invited'", member_id, name
        )
    except asyncpg.UniqueViolationError as exc:
        raise Conflict(EMAIL_TAKEN) from exc


async def is_in_use(tx: Tx, email: str, but: MemberId | None) -> bool:
    """Whether an operator, or a member other than that one who has ever signed in, has this address."""
    return await tx.fetchval(
        f"SELECT EXISTS (SELECT FROM member WHERE lower(email) = {_SPELLINGS} AND id IS DISTINCT FROM $2"
        " AND (state = 'active' OR password_hash IS NOT NULL))"
        f" OR EXISTS (SELECT FROM operator_user WHERE lower(email) = {_SPELLINGS})",
        spellings(email),
        but,
    )


# sessions -------------------------------------------------------------------------------------------------------------


async def insert_session(tx: Tx, session: NewSession) -> None:
    """Writes a session."""
    await tx.execute(
        "INSERT INTO console_session"
        " (id, token_sha256, member_id, operator_id, created_at, seen_at, address, user_agent)"
        " VALUES ($1, $2, $3, $4, $5, $5, $6, $7)",
        session.id,
        session.token_sha256,
        session.person.member_id,
        session.person.operator_id,
        session.created_at,
        session.address,
        session.user_agent,
    )


async def select_session(tx: Tx, token_sha256: bytes, created_after: datetime, seen_after: datetime) -> Session | None:
    """The live session of a token, with who it is and the account it acts for. Index console_session_token_unique."""
    row = await tx.fetchrow(_SESSION + "AND s.token_sha256 = $1", token_sha256, created_after, seen_after)
    return _session(row) if row else None


async def select_sessions(tx: Tx, person: Person, created_after: datetime, seen_after: datetime) -> list[Session]:
    """A person's live sessions, the one used last first."""
    rows = await tx.fetch(
        _SESSION + "AND (s.member_id = $1 OR s.operator_id = $4) ORDER BY s.seen_at DESC, s.id DESC",
        person.member_id,
        created_after,
        seen_after,
        person.operator_id,
    )
    return [_session(row) for row in rows]


async def set_zone(tx: Tx, person: Person, zone: str, *, only_first: bool) -> None:
    """Stores in which zone pages show times to that person; with `only_first`, unless one is stored already."""
    await tx.execute(
        "UPDATE member SET zone = $2 WHERE id = $1 AND (zone IS NULL OR NOT $3)", person.member_id, zone, only_first
    )
    await tx.execute(
        "UPDATE operator_user SET zone = $2 WHERE id = $1 AND (zone IS NULL OR NOT $3)",
        person.operator_id,
        zone,
        only_first,
    )


async def touch_session(tx: Tx, session_id: SessionId, now: datetime) -> None:
    """Notes that the session is used."""
    await tx.execute("UPDATE console_session SET seen_at = $2 WHERE id = $1", session_id, now)


async def delete_session(tx: Tx, person: Person, session_id: SessionId) -> Acting | None:
    """Ends one session of that person; for which account it acted. None when there was none."""
    row = await tx.fetchrow(
        "DELETE FROM console_session WHERE id = $1 AND (member_id = $2 OR operator_id = $3)"
        " RETURNING operator_id, acting_account_id",
        session_id,
        person.member_id,
        person.operator_id,
    )
    return _acting(row) if row else None


async def delete_sessions(tx: Tx, person: Person, *, but: SessionId | None = None) -> list[Acting]:
    """Ends all sessions of that person, but one; for which accounts they acted."""
    rows = await tx.fetch(
        "DELETE FROM console_session WHERE (member_id = $1 OR operator_id = $2) AND id IS DISTINCT FROM $3"
        " RETURNING operator_id, acting_account_id",
        person.member_id,
        person.operator_id,
        but,
    )
    return [_acting(row) for row in rows]


async def delete_dead(db: Database, created_by: datetime, seen_by: datetime, now: datetime) -> None:
    """Forgets ended sessions that act for no account, links, codes and devices, piece by piece, but rows in use."""
    idle = "acting_account_id IS NULL AND (created_at <= $1 OR seen_at <= $2)"
    await delete_where(db, "console_session", idle, created_by, seen_by, but_held=True)
    for table in ("mailed_link", "sign_in_code", "known_device", "handed_over"):
        await delete_where(db, table, "expires_at <= $1", now, but_held=True)


# links by mail --------------------------------------------------------------------------------------------------------


async def replace_link(tx: Tx, sha256: bytes, kind: LinkKind, person: Person, expires_at: datetime) -> None:
    """Stores a link; earlier ones of its kind for that person, who is locked, work no more."""
    await delete_links(tx, person, kind)
    await tx.execute(
        "INSERT INTO mailed_link (sha256, kind, member_id, operator_id, expires_at) VALUES ($1, $2, $3, $4, $5)",
        sha256,
        kind,
        person.member_id,
        person.operator_id,
        expires_at,
    )


async def delete_links(tx: Tx, person: Person, kind: LinkKind) -> None:
    """Ends all links of that kind for that person."""
    await tx.execute(
        "DELETE FROM mailed_link WHERE kind = $1 AND (member_id = $2 OR operator_id = $3)",
        kind,
        person.member_id,
        person.operator_id,
    )


async def select_link(tx: Tx, sha256: bytes, kind: LinkKind, now: datetime) -> Person | None:
    """Whom a live link is for. It stays live while the person is locked, as who ends links locks the person first."""
    row = await tx.fetchrow(
        "SELECT member_id, operator_id FROM mailed_link WHERE sha256 = $1 AND kind = $2 AND expires_at > $3",
        sha256,
        kind,
        now,
    )
    return _person(row) if row else None


async def insert_reset_request(tx: Tx, email: str, now: datetime) -> None:
    """Writes that a new password was requested for an address; the row is work, due now."""
    await tx.execute(
        "INSERT INTO reset_request (id, email, requested_at, due_at) VALUES ($1, $2, $3, $3)", new_id(), email, now
    )


async def delete_reset_request(tx: Tx, request_id: UUID, lease_id: UUID) -> bool:
    """The request is answered; whether it still was under that lease."""
    tag = await tx.execute("DELETE FROM reset_request WHERE id = $1 AND lease_id = $2", request_id, lease_id)
    return tag == "DELETE 1"


# codes and devices ----------------------------------------------------------------------------------------------------


async def replace_code(
    tx: Tx, sha256: bytes, member_id: MemberId, code_sha256: bytes, tries: int, expires_at: datetime
) -> None:
    """Stores an awaited code; earlier ones of the member work no more."""
    await tx.execute("DELETE FROM sign_in_code WHERE member_id = $1", member_id)
    await tx.execute(
        "INSERT INTO sign_in_code (sha256, member_id, code_sha256, tries_left, expires_at) VALUES ($1, $2, $3, $4, $5)",
        sha256,
        member_id,
        code_sha256,
        tries,
        expires_at,
    )


async def take_code_try(tx: Tx, sha256: bytes, now: datetime) -> tuple[MemberId, bytes] | None:
    """Uses up a try: whose code is awaited, and its hash; None when there is no try left, or it is too late."""
    row = await tx.fetchrow(
        "UPDATE sign_in_code SET tries_left = tries_left - 1 WHERE sha256 = $1 AND tries_left > 0 AND expires_at > $2"
        " RETURNING member_id, code_sha256",
        sha256,
        now,
    )
    return (MemberId(row["member_id"]), row["code_sha256"]) if row else None


async def delete_code(tx: Tx, sha256: bytes) -> bool:
    """The code is used; whether it still was there."""
    return await tx.execute("DELETE FROM sign_in_code WHERE sha256 = $1", sha256) == "DELETE 1"


async def insert_device(tx: Tx, sha256: bytes, member_id: MemberId, expires_at: datetime) -> None:
    """Remembers a browser of a member."""
    await tx.execute(
        "INSERT INTO known_device (sha256, member_id, expires_at) VALUES ($1, $2, $3)", sha256, member_id, expires_at
    )


async def is_known_device(tx: Tx, sha256s: Sequence[bytes], member_id: MemberId, now: datetime) -> bool:
    """Whether the member's browser, which keeps these, is remembered."""
    statement = (
        "SELECT EXISTS (SELECT FROM known_device WHERE sha256 = ANY ($1) AND member_id = $2 AND expires_at > $3)"
    )
    return await tx.fetchval(statement, sha256s, member_id, now)


# ways in -------------------------------------------------------------------------------------------------------------


async def forget_ways_in(tx: Tx, person: Person) -> None:
    """What an old password opened is over, beside sessions: links, awaited codes, browsers that need no code."""
    for kind in LinkKind:
        await delete_links(tx, person, kind)
    await tx.execute("DELETE FROM sign_in_code WHERE member_id = $1", person.member_id)
    await tx.execute("DELETE FROM known_device WHERE member_id = $1", person.member_id)


def _person(row: Row) -> Person:
    return Person(
        member_id=MemberId(row["member_id"]) if row["member_id"] else None,
        operator_id=OperatorId(row["operator_id"]) if row["operator_id"] else None,
    )


def _acting(row: Row) -> Acting:
    return Acting(row["operator_id"], row["acting_account_id"])


def _known(row: Row) -> KnownPerson:
    return KnownPerson(
        person=_person(row),
        email=row["email"],
        name=row["name"],
        password_hash=row["password_hash"],
        member_state=MemberState(row["member_state"]) if row["member_state"] else None,
        account_id=AccountId(row["account_id"]) if row["account_id"] else None,
        account_name=row["account_name"],
        account_state=AccountState(row["account_state"]) if row["account_state"] else None,
        requires_code=row["requires_code"],
    )


def _session(row: Row) -> Session:
    return Session(
        id=SessionId(row["id"]),
        person=_person(row),
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]) if row["role"] else None,
        node_id=row["node_id"],
        account_id=AccountId(row["account_id"]) if row["account_id"] else None,
        account_name=row["account_name"] or "",
        account_state=AccountState(row["account_state"]) if row["account_state"] else None,
        features=frozenset(Feature(feature) for feature in row["features"] or ()),
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        address=row["address"],
        user_agent=row["user_agent"],
        zone=zone_or_utc(row["zone"] or ""),
        held_since=row["held_since"],
    )
