"""Sends the mails that wait through the mail server of the settings.

A mail that the server takes and a worker that is killed before it can write that down make a repeat; both copies carry
the same `Message-ID`, by which mail programs know them for one.
"""

from datetime import datetime

import structlog

from callmark.domain.deps import Deps
from callmark.domain.mail import queries, sealing
from callmark.domain.mail.model import GIVES_UP_AFTER, Mail, MailState, next_try_at
from callmark.domain.work_names import WorkName
from callmark.kit.outbound import smtp
from callmark.kit.settings import Settings
from callmark.kit.telemetry.metrics import counter
from callmark.kit.work import Claimed, Work

log = structlog.get_logger(__name__)

ATTEMPTS = counter(
    "callmark_mail_attempts_total",
    "Attempts to send an email, by the state that they left it in: sent, waiting (for its retry) or failed.",
    ["state"],
    known=(MailState.SENT, MailState.WAITING, MailState.FAILED),
)


def mails(deps: Deps) -> Work:
    """The work of sending; while no server is set, nothing is claimed and mails wait.

    Recipients take turns, so that a code for signing in does not wait behind a thousand notices to someone else. In
    emulator mode mails are caught instead. An outcome is written with the end of its lease, so that of two workers
    only the one that still holds the mail decides.
    """
    settings, db, clock = deps.settings, deps.db, deps.clock

    async def run(claimed: Claimed) -> datetime | None:
        mail = queries.mail_of(claimed.row)
        if settings.catches_mails:
            async with db.connection() as tx:
                await queries.update_outcome(tx, claimed, MailState.CAUGHT, clock.now())
            return None
        refused = await _try(settings, mail, clock.now())
        now, attempts, error = clock.now(), mail.attempt_count + 1, refused.error if refused else None
        due_at = next_try_at(now, attempts, mail) if refused and not refused.final else None
        state = MailState.WAITING if due_at else MailState.FAILED if refused else MailState.SENT
        async with db.connection() as tx:
            await queries.update_outcome(tx, claimed, state, now, attempts=attempts, due_at=due_at, error=error)
        _tell(mail, state, attempts, error)
        return due_at

    return Work(
        name=WorkName.MAILS,
        table="mail",
        key="id",
        columns="id, recipient, subject, plain, html, created_at, state, attempt_count, ended_at, last_error,"
        " sealed, expires_at",
        run=run,
        at_once=4,
        owner="recipient",
        share=2,
        ready=lambda: settings.mails_leave,
        is_outgoing=True,
    )


async def _try(settings: Settings, mail: Mail, now: datetime) -> smtp.Refused | None:
    """One attempt; None when the server took the mail."""
    if mail.is_too_late(now):
        return smtp.Refused("it would have come too late", final=True)
    if mail.created_at <= now - GIVES_UP_AFTER:
        return smtp.Refused("it waited too long", final=True)
    readable = sealing.opened(settings, mail)
    if readable is None:
        return smtp.Refused("the secret key that it is encrypted with is not here", final=False)
    return await smtp.send(settings, readable)


def _tell(mail: Mail, state: MailState, attempts: int, error: str | None) -> None:
    ATTEMPTS.labels(state.value).inc()
    (log.warning if error else log.info)("mail", mail=str(mail.id), state=state.value, number=attempts, error=error)


async def log_waiting(deps: Deps) -> None:
    """The log says when mails wait for a server that nobody has set."""
    settings = deps.settings
    async with deps.db.connection() as tx:
        if not settings.mails_leave and (waiting := await queries.count_waiting(tx)):
            log.warning("mails_wait", count=waiting, advice="set CALLMARK_SMTP_HOST and CALLMARK_MAIL_FROM")
