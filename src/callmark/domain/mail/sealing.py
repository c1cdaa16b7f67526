"""Mails with a link or a code that lets someone in: encrypted with the installation's secret key while they wait.

So neither who reads the database nor who has a copy of it can use what only the recipient may know. Where mails are
shown instead of sent, they are readable; so are those that are written on a host without the key, which `doctor` and
the log complain of: without them nobody could sign in there.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

import msgspec

from callmark.domain.mail import queries
from callmark.domain.mail.model import Mail
from callmark.kit import secret_key
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import Opener, Resealed, Sealer, reseal
from callmark.kit.settings import Secret, Settings

PURPOSE = "mails"
"""What the installation's secret key is used for here."""


async def sealer(tx: Tx, settings: Settings) -> Sealer | None:
    """What encrypts a mail that is written in this transaction; None where it has to stay readable."""
    if settings.catches_mails:
        return None
    try:
        return await secret_key.sealer(tx, settings, PURPOSE)
    except SetupError:
        return None


def sealed(sealer: Sealer, to: str, text: str, html: str) -> bytes:
    """Both forms of a mail as they are stored; they open for the same recipient only."""
    return sealer.seal(msgspec.json.encode((text, html)), to.encode())


def opened(settings: Settings, mail: Mail) -> Mail | None:
    """The mail as its recipient gets it; None where no secret key here opens it."""
    if mail.sealed is None:
        return mail
    try:
        plain = Opener(settings, PURPOSE).open(mail.sealed, mail.to.encode())
    except SetupError:
        return None
    text, html = msgspec.json.decode(plain, type=tuple[str, str])
    return msgspec.structs.replace(mail, text=text, html=html)


async def seal_all(tx: Tx, new: Secret, others: Iterable[Secret]) -> Resealed:
    """Encrypts every sealed mail with `new`, in the transaction that makes it the installation's."""
    found = await queries.select_sealed(tx)
    kept = [(to.encode(), text, partial(queries.update_sealed, tx, mail_id)) for mail_id, to, text in found]
    return await reseal(kept, PURPOSE, new, others)


async def give_up_all(tx: Tx, now: datetime) -> int:
    """Gives up every sealed mail, because the secret key is lost; how many."""
    return await queries.end_sealed(tx, "the secret key that it was encrypted with is lost", now)
