"""The SQL of roots and signing certificates."""

from callmark.domain.signer_certificates.model import StoredCertificate
from callmark.kit.db import Tx


async def insert_certificate(tx: Tx, certificate: StoredCertificate, sealed_key: bytes) -> None:
    """Writes a certificate that is in use from now on."""
    await tx.execute(
        "INSERT INTO signer_certificate (id, account_id, serial, chain, sealed_key, is_imported, lot_start, not_before,"
        " not_after, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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


async def select_chain(tx: Tx, serial: str) -> str | None:
    """The PEM file of the certificate with this serial number, in use or retired."""
    return await tx.fetchval("SELECT chain FROM signer_certificate WHERE serial = $1", serial)
