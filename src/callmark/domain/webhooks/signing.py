"""The secrets that sign deliveries, kept encrypted (contract D43)."""

import secrets
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from callmark.domain.ids import WebhookId
from callmark.domain.webhooks.model import Secrets, signing_at
from callmark.kit.db import Tx
from callmark.kit.errors import SetupError
from callmark.kit.secret_key import Sealer, current_key, derive, known_keys, marked_key
from callmark.kit.settings import Secret, Settings

PURPOSE = "webhook secrets"
"""What the installation's secret key is used for here."""

_SECRET_BYTES = 24


def new_secret() -> bytes:
    """A fresh random secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def sealer_of(key: Secret) -> Sealer:
    """What encrypts webhook secrets with this key of the installation."""
    return Sealer(derive(key, PURPOSE))


async def sealer(tx: Tx, settings: Settings) -> Sealer:
    """What encrypts a secret that is written in this transaction. Raises SetupError without the installation's key.

    The key cannot be replaced before the transaction has ended.
    """
    return sealer_of(current_key(settings, await marked_key(tx)))


class Opener:
    """Decrypts webhook secrets with any key that this process can find, also one that came after its start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealers = [sealer_of(key) for key in known_keys(settings)]

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """What was sealed. Raises SetupError when no key here fits."""
        for sealer_ in chain(self._sealers, self._look_up()):
            if (found := sealer_.opened(sealed, owner)) is not None:
                return found
        raise SetupError("a secret cannot be decrypted: CALLMARK_SECRET_KEY is not the one it was stored with")

    def _look_up(self) -> Iterator[Sealer]:
        """Reads the keys again, once none of those before has fitted."""
        self._sealers = [sealer_of(key) for key in known_keys(self._settings)]
        yield from self._sealers


def living(secrets_: Secrets, webhook_id: WebhookId, opener: Opener, now: datetime) -> list[bytes]:
    """The secrets that sign at the product instant `now`: the new one, and each old one until its overlap ends."""
    sealed = [secrets_.sealed, *(one.sealed for one in signing_at(secrets_, now))]
    return [opener.open(one, webhook_id.bytes) for one in sealed]
