"""The SQL of roots and signing certificates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

import asyncpg
from cryptography import x509

from callmark.domain.ids import AccountId, SignerCertificateId, TrustRootId
from callmark.domain.signer_certificates.model import StoredCertificate, TrustRoot
from callmark.kit.errors import Conflict
from callmark.kit.postgres.database import Database, Row, Tx, affected
from callmark.kit.postgres.piecewise import delete_where

_ROOT = "SELECT id, name, certificate, sealed_key IS NOT NULL AS is_own, provider_code, added_at FROM trust_root"
_STORED = "SELECT id, account_id, serial, chain, is_imported, lot_start, not_before, not_after, created_at, retired_at"


def _root(row: Row) -> TrustRoot:
    certificate = x509.load_der_x509_certificate(row["certificate"])
    return TrustRoot(
        TrustRootId(row["id"]), row["name"], certificate, row["is_own"], row["provider_code"], row["added_at"]
    )


def _stored(row: Row) -> StoredCertificate:
    return StoredCertificate(
        id=SignerCertificateId(row["id"]),
        account_id=row["account_id"] and AccountId(row["account_id"]),
        serial=row["serial"],
        chain=row["chain"],
        is_imported=row["is_imported"],
        lot_start=row["lot_start"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        created_at=row["created_at"],
        retired_at=row["retired_at"],
    )


# roots ----------------------------------------------------------------------------------------------------------------


async def insert_root(tx: Tx, root: TrustRoot, der: bytes, sha256: bytes, sealed_key: bytes | None) -> bool:
    """Writes a root; whether it was not there before. Raises Conflict for a second one of the installation's own."""
    try:
        status = await tx.execute(
            "INSERT INTO trust_root (id, name, certificate, sha256, sealed_key, provider_code, added_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (sha256) DO NOTHING",
            root.id,
            root.name,
            der,
            sha256,
            sealed_key,
            root.provider_code,
            root.added_at,
        )
    except asyncpg.UniqueViolationError as exc:
        raise Conflict("this installation has a root of its own already") from exc
    return affected(status) == 1


async def select_roots(tx: Tx) -> list[TrustRoot]:
    """Every root, oldest first."""
    return [_root(row) for row in await tx.fetch(_ROOT + " ORDER BY added_at, id")]


async def lock_own_root(tx: Tx) -> tuple[TrustRoot, bytes] | None:
    """The installation's own root with its sealed key. Index trust_root_one_own.

    Until the transaction ends it cannot be removed, nor its key forgotten: both retire what was issued by then.
    """
    row = await tx.fetchrow(_ROOT.replace(" FROM", ", sealed_key FROM") + " WHERE sealed_key IS NOT NULL FOR SHARE")
    return (_root(row), row["sealed_key"]) if row else None


async def delete_root(tx: Tx, root_id: TrustRootId) -> bool:
    """Forgets a root and its key; whether there was one."""
    return affected(await tx.execute("DELETE FROM trust_root WHERE id = $1", root_id)) == 1


# certificates ---------------------------------------------------------------------------------------------------------


async def insert_certificate(tx: Tx, certificate: StoredCertificate, sealed_key: bytes) -> None:
    """Writes a certificate that is in use from now on. Raises Conflict when its serial number is taken."""
    try:
        await tx.execute(
            "INSERT INTO signer_certificate (id, account_id, serial, chain, sealed_key, is_imported, lot_start,"
            " not_before, not_after, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            certificate.id,
            certificate.account_id,
            certificate.serial,
            certificate.chain,
            sealed_key,
            certificate.is_imported,
            certificate.lot_start,
            certificate.not_before,
            certificate.not_after,
            certificate.created_at,
        )
    except asyncpg.UniqueViolationError as exc:
        raise Conflict("a certificate with this serial number is here already") from exc


async def select_same_serial(tx: Tx, serial: str) -> list[StoredCertificate]:
    """Certificates with this serial number, of whichever authority, in use or retired."""
    rows = await tx.fetch(_STORED + " FROM signer_certificate WHERE split_part(serial, '-', 1) = $1", serial)
    return list(map(_stored, rows))


async def delete_retired(tx: Tx, serial: str) -> None:
    """Makes room for one that comes back to its address."""
    await tx.execute("DELETE FROM signer_certificate WHERE serial = $1 AND retired_at IS NOT NULL", serial)


async def select_chain(tx: Tx, serial: str) -> str | None:
    """The PEM file of the certificate with this serial number, in use or retired."""
    return await tx.fetchval("SELECT chain FROM signer_certificate WHERE serial = $1", serial)


async def select_in_use(tx: Tx, account_id: AccountId | None) -> list[tuple[StoredCertificate, bytes]]:
    """The certificates that an account (None: the operator) signs with, and their sealed keys; the newest first.

    Index signer_certificate_in_use.
    """
    rows = await tx.fetch(
        _STORED + ", sealed_key FROM signer_certificate WHERE account_id IS NOT DISTINCT FROM $1 AND retired_at IS NULL"
        " ORDER BY created_at DESC, id DESC",
        account_id,
    )
    return [(_stored(row), row["sealed_key"]) for row in rows]


async def select_imported_in_use(tx: Tx) -> list[StoredCertificate]:
    """Imported certificates in use, of everyone."""
    rows = await tx.fetch(
        _STORED + " FROM signer_certificate WHERE retired_at IS NULL AND is_imported ORDER BY created_at, id"
    )
    return list(map(_stored, rows))


async def select_certificates(tx: Tx, account_id: AccountId | None, *, of_all: bool) -> list[StoredCertificate]:
    """Certificates, retired ones too, the newest first: of every account, or of one (None: the operator's)."""
    rows = await tx.fetch(
        _STORED + " FROM signer_certificate WHERE $2 OR account_id IS NOT DISTINCT FROM $1"
        " ORDER BY created_at DESC, id DESC",
        account_id,
        of_all,
    )
    return list(map(_stored, rows))


async def select_page(
    tx: Tx, account_id: AccountId | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[StoredCertificate, str]]:
    """Certificates of every account, or of one, with its name (empty: the operator's); newest first, after that key."""
    at, last = after or (None, None)
    rows = await tx.fetch(
        "SELECT c.*, coalesce(a.name, '') AS account_name"
        " FROM signer_certificate c LEFT JOIN client_account a ON a.id = c.account_id"
        " WHERE ($1::uuid IS NULL OR c.account_id = $1)"
        " AND ($2::timestamptz IS NULL OR (c.created_at, c.id) < ($2, $3::uuid))"
        " ORDER BY c.created_at DESC, c.id DESC LIMIT $4",
        account_id,
        at,
        last,
        limit,
    )
    return [(_stored(row), row["account_name"]) for row in rows]


async def select_issued_accounts(tx: Tx, after: UUID, limit: int) -> list[AccountId]:
    """Accounts after `after`, in order, that sign with a certificate of our own root."""
    rows = await tx.fetch(
        "SELECT DISTINCT account_id FROM signer_certificate WHERE account_id > $1 AND retired_at IS NULL"
        " AND NOT is_imported ORDER BY account_id LIMIT $2",
        after,
        limit,
    )
    return [AccountId(row["account_id"]) for row in rows]


async def retire(tx: Tx, ids: Sequence[SignerCertificateId], now: datetime) -> None:
    """Nothing more is signed with these: their keys are forgotten."""
    await tx.execute(
        "UPDATE signer_certificate SET retired_at = $2, sealed_key = NULL"
        " WHERE id = ANY ($1::uuid[]) AND retired_at IS NULL",
        list(ids),
        now,
    )


async def retire_all(tx: Tx, now: datetime, *, also_imported: bool) -> int:
    """As `retire`, every certificate of our own root, perhaps also those of others; how many."""
    status = await tx.execute(
        "UPDATE signer_certificate SET retired_at = $1, sealed_key = NULL"
        " WHERE retired_at IS NULL AND ($2 OR NOT is_imported)",
        now,
        also_imported,
    )
    return affected(status)


FORGET_ALL: LiteralString = (
    "UPDATE trust_root SET sealed_key = NULL, provider_code = NULL WHERE sealed_key IS NOT NULL;"
    " UPDATE signer_certificate SET retired_at = clock_timestamp(), sealed_key = NULL WHERE retired_at IS NULL;\n"
)
"""As `drop_root_keys` and `retire_all`, for SQL that runs at the end of a restore, where nothing takes parameters."""


async def select_ends(tx: Tx) -> dict[str, datetime]:
    """When the first certificate in use ends, of those `issued` here and of those `imported`; none for none."""
    rows = await tx.fetch(
        "SELECT is_imported, min(not_after) AS not_after FROM signer_certificate WHERE retired_at IS NULL"
        " GROUP BY is_imported"
    )
    return {"imported" if row["is_imported"] else "issued": row["not_after"] for row in rows}


async def select_by_serial(tx: Tx, serial: str) -> StoredCertificate | None:
    """The certificate with this serial number, in use or retired."""
    row = await tx.fetchrow(_STORED + " FROM signer_certificate WHERE serial = $1", serial)
    return _stored(row) if row else None


async def delete_expired(db: Database, before: datetime) -> None:
    """Forgets certificates whose time was over before that instant, piece by piece."""
    await delete_where(db, "signer_certificate", "not_after < $1", before)


# keys, when the secret key is replaced --------------------------------------------------------------------------------


KeyTable = Literal["trust_root", "signer_certificate"]
"""Where sealed keys are."""
_KEY_TABLES: tuple[KeyTable, ...] = ("trust_root", "signer_certificate")


async def select_sealed(tx: Tx) -> list[tuple[KeyTable, UUID, bytes]]:
    """Every sealed key: its table, its row, and itself. Locked until the transaction ends."""
    return [
        (table, row["id"], row["sealed_key"])
        for table in _KEY_TABLES
        for row in await tx.fetch(
            f"SELECT id, sealed_key FROM {table} WHERE sealed_key IS NOT NULL ORDER BY id FOR NO KEY UPDATE"
        )
    ]


async def update_sealed(tx: Tx, table: KeyTable, row_id: UUID, sealed_key: bytes) -> None:
    """Writes a key that was sealed again."""
    await tx.execute(f"UPDATE {table} SET sealed_key = $2 WHERE id = $1", row_id, sealed_key)


async def drop_root_keys(tx: Tx) -> int:
    """Forgets the key of the installation's own root, which stays trusted; how many there were."""
    status = await tx.execute(
        "UPDATE trust_root SET sealed_key = NULL, provider_code = NULL WHERE sealed_key IS NOT NULL"
    )
    return affected(status)
