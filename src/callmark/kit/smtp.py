"""Sends the mails that wait (`kit.mail`) through the mail server of the settings.

A mail that the server takes and a worker that is killed before it can write that down make a repeat; both copies carry
the same `Message-ID`, by which mail programs know them for one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING

import structlog

from callmark.kit.clock import Clock
from callmark.kit.db import Database
from callmark.kit.mail import Mail, MailState, count_waiting, delete_older, mail_of
from callmark.kit.settings import Settings
from callmark.kit.work import Claimed, Work

if TYPE_CHECKING:
    import aiosmtplib

log = structlog.get_logger(__name__)

PATIENCE_S = 30.0
"""How long the server may take for each step: connection, and each answer."""

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
"""Before each retry, from the failure before it; the last goes on."""

GIVES_UP_AFTER = timedelta(days=4)
"""A mail that could not be sent for so long, or waited so long for settings, is not sent any more."""

_PERMANENT = 500
"""SMTP answers from here on say that the same mail will not be taken later either."""

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True)
class Refused:
    """The server did not take the mail, or could not be reached; `final` when trying again is of no use."""

    error: str
    final: bool


def next_try_at(failed_at: datetime, attempts: int, created_at: datetime) -> datetime | None:
    """When to try again after failure number `attempts` (from 1); None when the mail has become too old."""
    due_at = failed_at + PAUSES[min(attempts, len(PAUSES)) - 1]
    return due_at if due_at < created_at + GIVES_UP_AFTER else None


def message(mail: Mail, sender: str) -> EmailMessage:
    """The mail as it goes out: text and HTML, the same `Message-ID` at every attempt.

    Raises MessageError for an address that cannot be one.
    """
    made = EmailMessage(SMTP_POLICY)
    name, address = parseaddr(sender)
    try:
        made["From"] = Address(name, addr_spec=address)
        made["To"] = Address(addr_spec=mail.to)
    except (ValueError, IndexError) as exc:  # the latter is how the library takes an empty part
        raise MessageError(str(exc)) from exc
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(mail.created_at)
    made["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    return made


async def send(settings: Settings, mail: Mail) -> Refused | None:
    """One attempt; None when the server took the mail. Raises nothing but cancellation and bugs."""
    import aiosmtplib

    try:
        made = message(mail, settings.mail_from)
        async with _server(settings) as server:
            await server.send_message(made)
    except MessageError as exc:
        refused = Refused(f"the mail cannot be written: {exc}", final=True)
    except aiosmtplib.SMTPRecipientsRefused as exc:
        first = exc.recipients[0]
        refused = Refused(_said(first), final=first.code >= _PERMANENT)
    except aiosmtplib.SMTPDataError as exc:
        refused = Refused(_said(exc), final=exc.code >= _PERMANENT)
    except aiosmtplib.SMTPResponseException as exc:  # of the log-in or the sender: the settings are wrong, not the mail
        refused = Refused(_said(exc), final=False)
    except aiosmtplib.SMTPException as exc:
        refused = Refused(exc.message or type(exc).__name__, final=False)
    except (OSError, ValueError) as exc:
        refused = Refused(str(exc) or type(exc).__name__, final=False)
    else:
        return None
    return refused


async def probe(settings: Settings) -> str | None:
    """Connects and logs in, sends nothing; what went wrong, in words, or None."""
    import aiosmtplib

    try:
        async with _server(settings, patience_s=5):
            return None
    except (aiosmtplib.SMTPException, OSError, ValueError) as exc:
        return _said(exc) if isinstance(exc, aiosmtplib.SMTPResponseException) else str(exc) or type(exc).__name__


def _server(settings: Settings, *, patience_s: float = PATIENCE_S) -> "aiosmtplib.SMTP":
    """The mail server of the settings; entered, it is connected and logged in."""
    import aiosmtplib

    return aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port or _PORTS[settings.smtp_tls],
        username=settings.smtp_user or None,
        password=settings.smtp_password.reveal() if settings.smtp_password else None,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        timeout=patience_s,
    )


def _said(exc: "aiosmtplib.SMTPResponseException") -> str:
    return " ".join(f"the mail server answered {exc.code}: {exc.message}".split())


def mails(settings: Settings, db: Database, clock: Clock) -> Work:
    """The work of sending; while no server is set, nothing is claimed and mails wait.

    Recipients take turns, so that a code for signing in does not wait behind a thousand notices to somebody else. In
    emulator mode mails are caught instead. An outcome is written with the end of its lease, so that of two workers
    only the one that still holds the mail decides.
    """
    ready = settings.emulator or bool(settings.smtp_host)

    async def run(claimed: Claimed) -> datetime | None:
        mail = mail_of(claimed.row)
        if settings.emulator:
            await _write(db, claimed, MailState.CAUGHT, clock.now(), attempts=0)
            return None
        refused = Refused("it waited too long", final=True)
        if mail.created_at > clock.now() - GIVES_UP_AFTER:
            refused = await send(settings, mail)
        now, attempts = clock.now(), mail.attempt_count + 1
        due_at = next_try_at(now, attempts, mail.created_at) if refused and not refused.final else None
        state = MailState.WAITING if due_at else MailState.FAILED if refused else MailState.SENT
        error = refused.error if refused else None
        await _write(db, claimed, state, now, attempts=attempts, due_at=due_at, error=error)
        (log.warning if refused else log.info)(
            "mail", mail=str(mail.id), state=state.value, number=attempts, error=error
        )
        return due_at

    return Work(
        name="mails",
        table="mail",
        key="id",
        columns="id, recipient, subject, plain, html, created_at, state, attempt_count, ended_at, last_error",
        run=run,
        at_once=4,
        owner="recipient",
        share=2,
        ready=lambda: ready,
    )


async def keep_mails(settings: Settings, db: Database, clock: Clock) -> None:
    """Forgets old mails, and says in the log when others wait for a mail server that nobody has set."""
    async with db.connection() as tx:
        await delete_older(tx, clock.now())
        if not (settings.emulator or settings.smtp_host) and (waiting := await count_waiting(tx)):
            log.warning("mails_wait", count=waiting, advice="set CALLMARK_SMTP_HOST and CALLMARK_MAIL_FROM")


async def _write(
    db: Database,
    claimed: Claimed,
    state: MailState,
    now: datetime,
    *,
    attempts: int,
    due_at: datetime | None = None,
    error: str | None = None,
) -> None:
    """Writes what became of an attempt and ends its lease, where the lease is still ours."""
    async with db.connection() as tx:
        await tx.execute(
            "UPDATE mail SET state = $3, attempt_count = $4, ended_at = $5, due_at = $6, last_error = $7,"
            " lease_id = NULL, leased_until = NULL WHERE id = $1 AND lease_id = $2",
            claimed.row["id"],
            claimed.lease_id,
            state.value,
            attempts,
            None if state is MailState.WAITING else now,
            due_at,
            error,
        )
