"""Use cases of the installation: a copy gets an id of its own and sends nothing until it is released (docs/copies.md).

They take a bare connection, because a copy is renewed while nothing runs on it.
"""

from datetime import datetime
from uuid import UUID

import structlog

from callmark.domain.alerts import service as alerts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.installation import queries
from callmark.domain.installation.model import Dropped, InstallationState
from callmark.domain.mail import service as mail
from callmark.domain.policy.model import Actor
from callmark.domain.signer_certificates import keys as signing_keys
from callmark.domain.webhooks import service as webhooks
from callmark.kit.errors import Conflict
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx

log = structlog.get_logger(__name__)

_SUBJECT = "the installation"


async def look(tx: Tx, place: str) -> InstallationState:
    """How it stands; `place` is where its database is now."""
    row = await queries.select_state(tx)
    mails = await mail.count_waiting(tx)
    return InstallationState(row["id"], row["place"] or "", place, row["held_at"], row["deliveries"], mails)


async def renew(tx: Tx, place: str, now: datetime, *, by: Actor) -> UUID:
    """Makes a copy an installation of its own: another id, and nothing is sent until `release`. Its new id.

    It forgets the keys that sign calls: what it signed would count as the original's.

    `now` is of the real clock. Raises Conflict while processes run on the database.
    """
    if running := await queries.count_processes(tx):
        raise Conflict(
            f"processes run on this database ({running}); stop them first. If they belong to another installation that"
            " uses the same database, give the copy a database of its own"
        )
    old, new = (await queries.select_state(tx))["id"], new_id()
    await queries.update_renewed(tx, new, now, place)
    await signing_keys.forget_all(tx, now)
    await audit.note(
        tx, by, AuditAction.INSTALLATION_RENEWED, _SUBJECT, account_id=None, at=now, old_id=str(old), id=str(new)
    )
    return new


async def keep(tx: Tx, place: str, now: datetime, *, by: Actor) -> None:
    """Records that the same installation is now in this place: the original no longer runs."""
    before = (await queries.select_state(tx))["place"] or ""
    await queries.update_place(tx, place)
    await audit.note(
        tx, by, AuditAction.INSTALLATION_MOVED, _SUBJECT, account_id=None, at=now, before=before, place=place
    )


async def release(tx: Tx, now: datetime, *, by: Actor, drop: bool = False) -> Dropped:
    """Lets it send: what waits, and what comes. With `drop` every webhook is deleted before, and every waiting mail.

    `now` is of the product clock. Raises Conflict when it is not held.
    """
    if not await queries.update_released(tx):
        raise Conflict("nothing is held: this installation sends its webhooks and emails")
    dropped = Dropped(0, 0)
    if drop:
        await alerts.drop_channels(tx)
        dropped = Dropped(await webhooks.delete_all(tx, now, by=by), await mail.forget_waiting(tx))
    facts = {"webhooks_deleted": dropped.webhooks, "mails_deleted": dropped.mails}
    await audit.note(tx, by, AuditAction.INSTALLATION_RELEASED, _SUBJECT, account_id=None, at=now, **facts)
    log.warning("installation_released", **facts)
    return dropped
