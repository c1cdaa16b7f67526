"""Use cases of alerts: tell whoever is to be told."""

from callmark.domain.alerts.model import Alert
from callmark.domain.deps import Deps
from callmark.domain.mail import letters, service as mail
from callmark.domain.members import service as members
from callmark.kit.db import Tx


async def tell(tx: Tx, deps: Deps, alert: Alert) -> None:
    """Queues the alert for its recipients; it goes out once the transaction is committed."""
    text, page = letters.letter(deps, alert.lines, alert.links)
    for address in await members.admin_emails(tx, alert.account_id):
        await mail.enqueue(tx, to=address, subject=alert.subject, text=text, html=page, now=deps.clock.now())
