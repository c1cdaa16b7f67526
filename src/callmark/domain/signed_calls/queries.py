"""The SQL of signed and verified calls."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from callmark.domain.calls.model import CallSource
from callmark.domain.ids import AccountId, EdgeId, SignedCallId, VerifiedCallId
from callmark.domain.signed_calls.model import CountedToken, SignedCall, SignedToken, VerifiedCall, Verstat
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx
from callmark.passport import Attestation


async def insert_signed(tx: Tx, calls: Sequence[SignedCall]) -> None:
    """Keeps what was signed; the same request again changes nothing. Fits `deps.gather`."""
    await tx.execute(
        """
        INSERT INTO signed_call (id, edge_id, account_id, caller_number, receiver_number, origid, issued_at, attest,
          source, record_id, signed_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
          $8::text[], $9::text[], $10::uuid[], $11::timestamptz[])
        ON CONFLICT ON CONSTRAINT signed_call_once DO NOTHING
        """,
        [one.id for one in calls],
        [one.edge_id for one in calls],
        [one.account_id for one in calls],
        [one.caller_number for one in calls],
        [one.receiver_number for one in calls],
        [one.origid for one in calls],
        [one.issued_at for one in calls],
        [one.attest.value for one in calls],
        [one.source.value for one in calls],
        [one.record_id for one in calls],
        [one.signed_at for one in calls],
    )


async def select_signed_each(tx: Tx, tokens: Sequence[SignedToken]) -> list[SignedCall | None]:
    """For each token: the call that it was signed for here. Index `signed_call_once`."""
    rows = await tx.fetch(
        """
        SELECT asked.position AS asked_position, s.*
        FROM unnest($1::text[], $2::text[], $3::uuid[], $4::timestamptz[])
          WITH ORDINALITY AS asked (receiver, caller, origid, issued_at, position)
        JOIN signed_call s ON s.receiver_number = asked.receiver AND s.caller_number = asked.caller
          AND s.origid = asked.origid AND s.issued_at = asked.issued_at
        """,
        [one.receiver for one in tokens],
        [one.caller for one in tokens],
        [one.origid for one in tokens],
        [one.issued_at for one in tokens],
    )
    found = {row["asked_position"]: _signed(row) for row in rows}
    return [found.get(position) for position in range(1, len(tokens) + 1)]


async def newest_signed(
    tx: Tx, receivers: Collection[PhoneNumber], caller: PhoneNumber, since: datetime, until: datetime
) -> SignedCall | None:
    """The caller's call to one of these that was signed last in that time. Index `signed_call_once`, over all such."""
    row = await tx.fetchrow(
        "SELECT * FROM signed_call WHERE receiver_number = ANY ($1::text[]) AND caller_number = $2"
        " AND signed_at BETWEEN $3 AND $4 ORDER BY signed_at DESC, id DESC LIMIT 1",
        list(receivers),
        caller,
        since,
        until,
    )
    return _signed(row) if row else None


async def signed_of_record(tx: Tx, record_id: UUID) -> list[SignedCall]:
    """The calls in which a record was signed, in order. Index `signed_call_of_record`."""
    rows = await tx.fetch("SELECT * FROM signed_call WHERE record_id = $1 ORDER BY signed_at, id", record_id)
    return [_signed(row) for row in rows]


async def signed_among(tx: Tx, ids: Sequence[SignedCallId]) -> dict[SignedCallId, SignedCall]:
    """Those of these signed calls that are there, by id. Primary key."""
    rows = await tx.fetch("SELECT * FROM signed_call WHERE id = ANY ($1::uuid[])", ids)
    return {one.id: one for one in map(_signed, rows)}


def _signed(row: Row) -> SignedCall:
    return SignedCall(
        SignedCallId(row["id"]),
        EdgeId(row["edge_id"]),
        AccountId(row["account_id"]),
        PhoneNumber(row["caller_number"]),
        PhoneNumber(row["receiver_number"]),
        row["origid"],
        row["issued_at"],
        Attestation(row["attest"]),
        CallSource(row["source"]),
        row["record_id"],
        row["signed_at"],
    )


async def count_tokens(tx: Tx, tokens: Sequence[CountedToken]) -> dict[bytes, CountedToken]:
    """Who counted each of these tokens first, by digest: the one given, where nobody did before.

    In the order of digests, so that two statements at once cannot deadlock. To be run outside a transaction: the second
    statement sees what others committed while the first one waited for them.
    """
    each = sorted(tokens, key=lambda one: one.digest)
    await tx.execute(
        "INSERT INTO counted_token (digest, verified_call_id, edge_id, request_id, counted_at)"
        " SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])"
        " ON CONFLICT (digest) DO NOTHING",
        [one.digest for one in each],
        [one.verified_call_id for one in each],
        [one.edge_id for one in each],
        [one.request_id for one in each],
        [one.counted_at for one in each],
    )
    rows = await tx.fetch(
        "SELECT * FROM counted_token WHERE digest = ANY ($1::bytea[])", list({one.digest for one in each})
    )
    return {row["digest"]: _counted(row) for row in rows}


async def insert_verified(tx: Tx, calls: Sequence[VerifiedCall]) -> None:
    """Keeps what was verified; of a call that is kept, the first verdict stays. Fits `deps.gather`.

    In the order of ids, so that two statements at once cannot deadlock.
    """
    each = sorted(calls, key=lambda one: one.id)
    await tx.execute(
        """
        INSERT INTO verified_call (id, edge_id, account_id, caller_number, receiver_number, verstat, reason_code,
          detail, name, record_id, verified_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::integer[],
          $8::text[], $9::text[], $10::uuid[], $11::timestamptz[])
        ON CONFLICT (id) DO NOTHING
        """,
        [one.id for one in each],
        [one.edge_id for one in each],
        [one.account_id for one in each],
        [one.caller_number for one in each],
        [one.receiver_number for one in each],
        [one.verstat.value for one in each],
        [one.reason_code for one in each],
        [one.detail for one in each],
        [one.name for one in each],
        [one.record_id for one in each],
        [one.verified_at for one in each],
    )


async def newest_verified(
    tx: Tx, receiver: PhoneNumber, caller: PhoneNumber, since: datetime, until: datetime
) -> VerifiedCall | None:
    """The pair's call that was verified last in that time. Index `verified_call_pair`.

    Verified by an edge of the operator or of the call's account: what another account asked says nothing of the call.
    """
    row = await tx.fetchrow(
        "SELECT v.* FROM verified_call v JOIN edge e ON e.id = v.edge_id"
        " WHERE v.receiver_number = $1 AND v.caller_number = $2 AND v.verified_at BETWEEN $3 AND $4"
        " AND (e.account_id IS NULL OR e.account_id = v.account_id) ORDER BY v.verified_at DESC LIMIT 1",
        receiver,
        caller,
        since,
        until,
    )
    return _verified(row) if row else None


async def verified_of_record(tx: Tx, record_id: UUID) -> list[VerifiedCall]:
    """The calls in which a record was verified, in order. Index `verified_call_of_record`."""
    rows = await tx.fetch("SELECT * FROM verified_call WHERE record_id = $1 ORDER BY verified_at, id", record_id)
    return [_verified(row) for row in rows]


async def verified_among(tx: Tx, ids: Sequence[VerifiedCallId]) -> dict[VerifiedCallId, VerifiedCall]:
    """Those of these verified calls that are there, by id. Primary key."""
    rows = await tx.fetch("SELECT * FROM verified_call WHERE id = ANY ($1::uuid[])", ids)
    return {one.id: one for one in map(_verified, rows)}


def _verified(row: Row) -> VerifiedCall:
    return VerifiedCall(
        VerifiedCallId(row["id"]),
        EdgeId(row["edge_id"]),
        AccountId(row["account_id"]) if row["account_id"] else None,
        PhoneNumber(row["caller_number"]),
        PhoneNumber(row["receiver_number"]),
        Verstat(row["verstat"]),
        row["reason_code"],
        row["detail"],
        row["name"],
        row["record_id"],
        row["verified_at"],
    )


def _counted(row: Row) -> CountedToken:
    return CountedToken(
        row["digest"],
        VerifiedCallId(row["verified_call_id"]),
        EdgeId(row["edge_id"]),
        row["request_id"],
        row["counted_at"],
    )
