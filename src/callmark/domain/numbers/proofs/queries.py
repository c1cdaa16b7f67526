"""The SQL of proofs (tables `number_proof`, `proof_request`).

Order of locks: the number, or the request; then the proofs, by phone number. A request that no number waits in goes
last, unless others hold it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from callmark.domain.ids import AccountId, FeatureSetId, ProofRequestId
from callmark.domain.numbers.model import NumberState
from callmark.domain.numbers.proofs.model import (
    NumberProof,
    ProofLetter,
    ProofRequest,
    ProofRequestState,
    ProofState,
    ProofWay,
)
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Database, Row, Tx, affected
from callmark.kit.postgres.piecewise import LARGE_ROWS, delete_where

_REQUEST = """
SELECT r.id, r.account_id, a.name AS account_name, r.state, r.number_count, r.letter_name, r.letter_type,
  r.requested_by_email, r.requested_at, r.reviewed_by_email, r.reviewed_at, r.why,
  (SELECT count(*) FROM number_proof p WHERE p.request_id = r.id AND p.state = 'waiting') AS waiting_count,
  ARRAY (
    SELECT p.phone_number FROM number_proof p WHERE p.request_id = r.id ORDER BY p.phone_number LIMIT 5
  ) AS examples
FROM proof_request r JOIN client_account a ON a.id = r.account_id
"""

_INSIDE = """
($2::uuid[] IS NULL OR (
  SELECT coalesce(bool_and(n.feature_set_id = ANY ($2)), false)
  FROM number_proof p JOIN number n ON n.phone_number = p.phone_number WHERE p.request_id = r.id
))
"""

_LEFT = (
    "state = 'waiting' AND NOT EXISTS ("
    "SELECT FROM number_proof p WHERE p.request_id = proof_request.id AND p.state = 'waiting')"
)
"""Of a request: all its numbers have been delisted, taken over, or decided on in another way."""


async def lock_states(
    tx: Tx, account_id: AccountId, numbers: Collection[PhoneNumber]
) -> dict[PhoneNumber, NumberState]:
    """Locks those of `numbers` that the account holds, in order of phone number; the state of each. Primary key."""
    rows = await tx.fetch(
        "SELECT phone_number, state FROM number WHERE phone_number = ANY ($2::text[]) AND account_id = $1"
        " ORDER BY phone_number FOR NO KEY UPDATE",
        account_id,
        list(numbers),
    )
    return {PhoneNumber(row["phone_number"]): NumberState(row["state"]) for row in rows}


async def select_proofs(tx: Tx, numbers: Collection[PhoneNumber]) -> dict[PhoneNumber, NumberProof]:
    """The proof of each of the numbers; those that are unproven are left out. Primary key.

    A proof of another account than the number's does not count, should there ever be one.
    """
    rows = await tx.fetch(
        """
        SELECT p.phone_number, p.state, p.way, p.by_email, p.at, p.why, p.request_id
        FROM number_proof p JOIN number n ON n.phone_number = p.phone_number AND n.account_id = p.account_id
        WHERE p.phone_number = ANY ($1::text[])
        """,
        list(numbers),
    )
    return {PhoneNumber(row["phone_number"]): _proof(row) for row in rows}


async def put_proofs(tx: Tx, account_id: AccountId, numbers: Sequence[PhoneNumber], proof: NumberProof) -> None:
    """Writes the same proof for locked numbers of the account, in the place of what they had."""
    await tx.execute(
        """
        INSERT INTO number_proof (phone_number, account_id, state, way, by_email, at, why, request_id)
        SELECT p, $2, $3, $4, $5, $6, $7, $8 FROM unnest($1::text[]) AS n (p) ORDER BY p COLLATE "C"
        ON CONFLICT (phone_number) DO UPDATE SET account_id = excluded.account_id, state = excluded.state,
          way = excluded.way, by_email = excluded.by_email, at = excluded.at, why = excluded.why,
          request_id = excluded.request_id
        """,
        list(numbers),
        account_id,
        proof.state,
        proof.way,
        proof.by_email,
        proof.at,
        proof.why,
        proof.request_id,
    )


async def delete_proofs(tx: Tx, numbers: Sequence[PhoneNumber]) -> set[AccountId]:
    """Makes locked numbers unproven; the accounts whose proofs they were. Primary key."""
    rows = await tx.fetch(
        "DELETE FROM number_proof WHERE phone_number = ANY ($1::text[]) RETURNING account_id", list(numbers)
    )
    return {AccountId(row["account_id"]) for row in rows}


async def settle_request(
    tx: Tx, request_id: ProofRequestId, state: ProofState, by_email: str, at: datetime, why: str | None
) -> int:
    """Decides what still waits in a locked request; how many numbers. Index number_proof_request."""
    tag = await tx.execute(
        """
        UPDATE number_proof SET state = $2, by_email = $3, at = $4, why = $5 WHERE phone_number IN (
          SELECT phone_number FROM number_proof WHERE request_id = $1 AND state = 'waiting'
          ORDER BY phone_number FOR NO KEY UPDATE
        )
        """,
        request_id,
        state,
        by_email,
        at,
        why,
    )
    return affected(tag)


# requests -------------------------------------------------------------------------------------------------------------


async def insert_request(
    tx: Tx,
    request_id: ProofRequestId,
    account_id: AccountId,
    number_count: int,
    letter: ProofLetter | None,
    by_email: str,
    now: datetime,
) -> None:
    """Writes a request that waits."""
    await tx.execute(
        "INSERT INTO proof_request (id, account_id, state, number_count, letter_name, letter_type, letter,"
        " requested_by_email, requested_at) VALUES ($1, $2, 'waiting', $3, $4, $5, $6, $7, $8)",
        request_id,
        account_id,
        number_count,
        letter and letter.name,
        letter and letter.media_type,
        letter and letter.content,
        by_email,
        now,
    )


async def count_waiting(tx: Tx, account_id: AccountId) -> int:
    """How many requests of the account wait. Index proof_request_account_newest."""
    return await tx.fetchval(
        "SELECT count(*) FROM proof_request WHERE account_id = $1 AND state = 'waiting'", account_id
    )


async def lock_waiting(tx: Tx, request_id: ProofRequestId, account_id: AccountId | None = None) -> Row | None:
    """The request's account, locked while it waits (one of that account); else None. Primary key."""
    return await tx.fetchrow(
        "SELECT account_id FROM proof_request"
        " WHERE id = $1 AND state = 'waiting' AND account_id = coalesce($2, account_id) FOR UPDATE",
        request_id,
        account_id,
    )


async def update_decision(
    tx: Tx, request_id: ProofRequestId, state: ProofRequestState, by_email: str, now: datetime, why: str | None
) -> None:
    """Writes what the operator decided about a locked request."""
    await tx.execute(
        "UPDATE proof_request SET state = $2, reviewed_by_email = $3, reviewed_at = $4, why = $5 WHERE id = $1",
        request_id,
        state,
        by_email,
        now,
        why,
    )


async def delete_request(tx: Tx, request_id: ProofRequestId) -> None:
    """Forgets a locked request that waits, and that its numbers do. Index number_proof_request."""
    await tx.execute("DELETE FROM number_proof WHERE request_id = $1 AND state = 'waiting'", request_id)
    await tx.execute("DELETE FROM proof_request WHERE id = $1", request_id)


async def delete_left(tx: Tx, accounts: Collection[AccountId]) -> None:
    """Forgets requests of the accounts that wait and that all numbers have left, but not one that others hold.

    Who decides on a request holds it and waits for its proofs, which this transaction may hold.
    Indexes proof_request_account_newest, number_proof_request.
    """
    await tx.execute(
        f"""
        DELETE FROM proof_request WHERE id = ANY (ARRAY (
          SELECT id FROM proof_request WHERE account_id = ANY ($1::uuid[]) AND {_LEFT} FOR UPDATE SKIP LOCKED
        ))
        """,
        list(accounts),
    )


async def delete_left_of_all(db: Database) -> None:
    """As `delete_left`, for all accounts, piece by piece. Indexes proof_request_waiting, number_proof_request."""
    await delete_where(db, "proof_request", _LEFT, most=LARGE_ROWS, but_held=True)


async def delete_unused(db: Database, before: datetime) -> None:
    """Forgets requests that were decided before that instant and that no number refers to, piece by piece."""
    unused = "reviewed_at < $1 AND NOT EXISTS (SELECT FROM number_proof p WHERE p.request_id = proof_request.id)"
    await delete_where(db, "proof_request", unused, before, most=LARGE_ROWS)


async def select_request(
    tx: Tx,
    request_id: ProofRequestId,
    account_id: AccountId | None = None,
    feature_sets: Sequence[FeatureSetId] | None = None,
) -> ProofRequest | None:
    """The request, or None: of that account, if one is given, and with numbers of the sets alone, if those are."""
    row = await tx.fetchrow(
        f"{_REQUEST} WHERE r.id = $1 AND r.account_id = coalesce($3, r.account_id) AND {_INSIDE}",
        request_id,
        feature_sets,
        account_id,
    )
    return _request(row) if row else None


async def select_requests(
    tx: Tx,
    account_id: AccountId,
    feature_sets: Sequence[FeatureSetId] | None,
    before: tuple[datetime, ProofRequestId] | None,
    limit: int,
) -> list[ProofRequest]:
    """Up to `limit` of the account's requests before that key, newest first; with numbers of the sets alone, if given.

    Index proof_request_account_newest.
    """
    at, last = before or (None, None)
    rows = await tx.fetch(
        f"{_REQUEST} WHERE r.account_id = $1 AND {_INSIDE}"
        " AND ($3::timestamptz IS NULL OR (r.requested_at, r.id) < ($3, $4::uuid))"
        " ORDER BY r.requested_at DESC, r.id DESC LIMIT $5",
        account_id,
        feature_sets,
        at,
        last,
        limit,
    )
    return [_request(row) for row in rows]


async def select_waiting(tx: Tx, limit: int) -> list[ProofRequest]:
    """Up to `limit` requests of all accounts that wait, longest waiting first. Index proof_request_waiting."""
    rows = await tx.fetch(f"{_REQUEST} WHERE r.state = 'waiting' ORDER BY r.requested_at, r.id LIMIT $1", limit)
    return [_request(row) for row in rows]


async def select_numbers(tx: Tx, request_id: ProofRequestId) -> list[tuple[PhoneNumber, ProofState]]:
    """The numbers of a request that still belong to it, each with its proof, by number. Index number_proof_request."""
    rows = await tx.fetch(
        "SELECT phone_number, state FROM number_proof WHERE request_id = $1 ORDER BY phone_number", request_id
    )
    return [(PhoneNumber(row["phone_number"]), ProofState(row["state"])) for row in rows]


async def select_letter(tx: Tx, request_id: ProofRequestId) -> ProofLetter | None:
    """The letter of a request, or None. Primary key."""
    row = await tx.fetchrow(
        "SELECT letter_name, letter_type, letter FROM proof_request WHERE id = $1 AND letter IS NOT NULL", request_id
    )
    return ProofLetter(row["letter_name"], row["letter_type"], row["letter"]) if row else None


def _proof(row: Row) -> NumberProof:
    request_id = None if row["request_id"] is None else ProofRequestId(row["request_id"])
    return NumberProof(
        ProofState(row["state"]), ProofWay(row["way"]), row["by_email"], row["at"], row["why"], request_id
    )


def _request(row: Row) -> ProofRequest:
    return ProofRequest(
        id=ProofRequestId(row["id"]),
        account_id=AccountId(row["account_id"]),
        account_name=row["account_name"],
        state=ProofRequestState(row["state"]),
        number_count=row["number_count"],
        waiting_count=row["waiting_count"],
        examples=[PhoneNumber(number) for number in row["examples"]],
        letter_name=row["letter_name"],
        letter_type=row["letter_type"],
        requested_by_email=row["requested_by_email"],
        requested_at=row["requested_at"],
        reviewed_by_email=row["reviewed_by_email"],
        reviewed_at=row["reviewed_at"],
        why=row["why"],
    )
