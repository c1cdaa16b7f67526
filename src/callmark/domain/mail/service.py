"""Mails: written in the transaction of the change that they report, sent afterwards by a worker (`jobs`).

A row is one mail to one recipient. In emulator mode mails are caught: kept and shown, never sent. Of a mail that was
sent, the text is not kept; one that lets someone in is encrypted while it waits (`sealing`).
"""

from datetime import datetime

from callmark.domain.ids import MailId
from callmark.domain.mail import queries, sealing
from callmark.domain.mail.model import LONGEST_SUBJECT, Mail
from callmark.kit.checks import CheckResult
from callmark.kit.installation import held_since
from callmark.kit.outbound import smtp
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import Sealer
from callmark.kit.settings import Settings

_JOINERS = "\u200c\u200d"
"""Of letters in many scripts, and of emoji."""


async def enqueue(
    tx: Tx,
    *,
    to: str,
    subject: str,
    text: str,
    html: str,
    now: datetime,
    expires_at: datetime | None = None,
    sealer: Sealer | None = None,
) -> None:
    """The mail will be sent once the transaction is committed, within about a second. `now` is of the product clock.

    A subject is one line; what a line cannot hold is dropped from it. From `expires_at` on it is not sent. With a
    `sealer` all but the subject is stored encrypted.
    """
    line = " ".join("".join(c if c.isprintable() or c in _JOINERS else " " for c in subject).split())[:LONGEST_SUBJECT]
    text, html, sealed = text.replace("\0", ""), html.replace("\0", ""), None
    if sealer:
        text, html, sealed = "", "", sealing.sealed(sealer, to, text, html)
    await queries.insert_mail(tx, to, line, text, html, now, sealed=sealed, expires_at=expires_at)


async def list_mails(tx: Tx, limit: int) -> list[Mail]:
    """The newest `limit` mails, oldest of them first."""
    return await queries.select_mails(tx, limit)


async def list_unsent(tx: Tx, limit: int) -> list[Mail]:
    """The newest `limit` mails that could not be sent so far, newest first: given up, or to be tried again."""
    return await queries.select_unsent(tx, limit)


async def count_waiting(tx: Tx) -> int:
    """How many mails wait to be sent."""
    return await queries.count_waiting(tx)


async def send_again(tx: Tx, mail_id: MailId | None, now: datetime) -> list[str]:
    """Makes that mail (None: each) that was given up, or waits for its next try, as new, due now; the recipients.

    Those that would come too late are left as they are.
    """
    return await queries.replace_unsent(tx, mail_id, now)


async def forget_waiting(tx: Tx) -> int:
    """Forgets every mail that waits to be sent; how many."""
    return await queries.delete_waiting(tx)


async def forget_all(tx: Tx) -> None:
    """Forgets every mail that was caught or waits."""
    await queries.delete_all(tx)


async def check(tx: Tx, settings: Settings, *, probes: bool) -> CheckResult:
    """Whether mails go out; with `probes` the mail server is asked."""
    waiting = await queries.count_waiting(tx)
    if settings.catches_mails:
        return CheckResult("mail", ok=True, detail="the emulator keeps emails and does not send them")
    told = "1 email waits" if waiting == 1 else f"{waiting} emails wait"
    if await held_since(tx):
        return CheckResult("mail", ok=True, detail=f"no mail server is needed: a copy sends none; {told}")
    if settings.smtp_host:
        if not probes:
            return CheckResult("mail", ok=True, detail=f"sent through {settings.smtp_host}; {told}")
        why = await smtp.probe(settings)
        advice = "Correct the settings CALLMARK_SMTP_…, or start the mail server." if why else ""
        return CheckResult(
            "mail", ok=not why, detail=f"{settings.smtp_host}: {why or 'answers'}; {told}", advice=advice
        )
    advice = "Set CALLMARK_SMTP_HOST and CALLMARK_MAIL_FROM, so that they are sent." if waiting else ""
    return CheckResult("mail", ok=not waiting, detail=f"no mail server is set; {told}", advice=advice)
