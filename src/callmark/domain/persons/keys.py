"""The keys by which erased numbers are known: encrypted with the installation's secret key, kept with each erasure."""

import secrets
from collections.abc import Iterable
from functools import partial

from callmark.domain.persons import queries
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import Opener, Resealed, reseal, sealer
from callmark.kit.settings import Secret, Settings

PURPOSE = "erased numbers"
"""What the installation's secret key is used for here."""

_OWNER = b"erasures"


async def key_for_next(tx: Tx, settings: Settings) -> tuple[bytes, bytes]:
    """A key for a new erasure, plain and encrypted: that of the newest, so that one look finds the numbers of all."""
    newest = await queries.select_newest_key(tx)
    if newest is not None and (key := opened(settings, newest)) is not None:
        return key, newest
    key = secrets.token_bytes(32)
    return key, (await sealer(tx, settings, PURPOSE)).seal(key, _OWNER)


def opened(settings: Settings, sealed_key: bytes | None) -> bytes | None:
    """The key; None where no secret key here decrypts it."""
    if sealed_key is None:
        return None
    try:
        return Opener(settings, PURPOSE).open(sealed_key, _OWNER)
    except SetupError:
        return None


async def forget_all(tx: Tx) -> None:
    """The secret key is lost: numbers that were erased so far are not known again after a restore."""
    await queries.forget_keys(tx)


async def seal_all(tx: Tx, new: Secret, others: Iterable[Secret]) -> Resealed:
    """Encrypts every key with `new`, in the transaction that makes it the installation's. Safe to repeat."""
    found = await queries.select_sealed(tx)
    kept = [(_OWNER, key, partial(queries.update_sealed, tx, erasure_id)) for erasure_id, key in found]
    return await reseal(kept, PURPOSE, new, others)
