"""Private keys at rest: encrypted with the installation's secret key, each bound to its row."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import LiteralString

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from callmark.domain.signer_certificates import queries
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import Opener, Resealed, Sealer, reseal
from callmark.kit.settings import Secret, Settings

PURPOSE = "signing keys"
"""What the installation's secret key is used for here."""


def opener(settings: Settings) -> Opener:
    """What decrypts signing keys."""
    return Opener(settings, PURPOSE)


def sealed(sealer: Sealer, key: ec.EllipticCurvePrivateKey, owner: bytes) -> bytes:
    """The key as it is stored."""
    return sealer.seal(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), owner)


def opened(opener_: Opener, sealed_key: bytes, owner: bytes) -> ec.EllipticCurvePrivateKey:
    """The key that was stored. Raises SetupError without the secret key that it was stored with."""
    key = load_der_private_key(opener_.open(sealed_key, owner), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SetupError("a stored signing key is not one for ES256")
    return key


async def seal_all(tx: Tx, new: Secret, others: Iterable[Secret]) -> Resealed:
    """Encrypts every signing key with `new`, in the transaction that makes it the installation's key.

    One step is enough: there are few, and only who issues certificates waits. Safe to repeat.
    """
    found = await queries.select_sealed(tx)
    kept = [(row_id.bytes, key, partial(queries.update_sealed, tx, table, row_id)) for table, row_id, key in found]
    return await reseal(kept, PURPOSE, new, others)


def sql_forget_all() -> LiteralString:
    """As `forget_all`, for a restore as a copy: a call that the copy signed would count as the original's."""
    return queries.FORGET_ALL


async def forget_all(tx: Tx, now: datetime) -> int:
    """Forgets every signing key, because the secret key is lost; how many. Their certificates sign nothing more."""
    return await queries.drop_root_keys(tx) + await queries.retire_all(tx, now, also_imported=True)
