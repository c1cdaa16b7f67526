"""Roots and signing certificates."""

from dataclasses import dataclass
from datetime import datetime

from callmark.domain.ids import AccountId, SignerCertificateId


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A signing certificate as it is stored. Without an account it is the operator's.

    `chain` is the PEM file that verifiers get: the certificate, then those that issued it, without the root.
    """

    id: SignerCertificateId
    account_id: AccountId | None
    serial: str
    chain: str
    is_imported: bool
    lot_start: str
    not_before: datetime
    not_after: datetime
    created_at: datetime
    retired_at: datetime | None = None
