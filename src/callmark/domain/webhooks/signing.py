"""The secrets that sign deliveries, kept encrypted (contract D43)."""

import secrets
from datetime import datetime

from callmark.domain.ids import WebhookId
from callmark.domain.webhooks.model import Secrets, signing_at
from callmark.kit import secret_key
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import Opener, Sealer
from callmark.kit.settings import Secret, Settings

PURPOSE = "webhook secrets"
"""What the installation's secret key is used for here."""

_SECRET_BYTES = 24
_MOST_KEPT = 2000


def new_secret() -> bytes:
    """A fresh random secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def sealer_of(key: Secret) -> Sealer:
    """What encrypts webhook secrets with this key of the installation."""
    return secret_key.sealer_of(key, PURPOSE)


async def sealer(tx: Tx, settings: Settings) -> Sealer:
    """What encrypts a secret that is written in this transaction. Raises SetupError without the installation's key."""
    return await secret_key.sealer(tx, settings, PURPOSE)


def opener(settings: Settings) -> Opener:
    """What decrypts webhook secrets."""
    return Opener(settings, PURPOSE, most_kept=_MOST_KEPT)


def living(secrets_: Secrets, webhook_id: WebhookId, opener: Opener, now: datetime) -> list[bytes]:
    """The secrets that sign at the product instant `now`: the new one, and each old one until its overlap ends."""
    sealed = [secrets_.sealed, *(one.sealed for one in signing_at(secrets_, now))]
    return [opener.open(one, webhook_id.bytes) for one in sealed]
