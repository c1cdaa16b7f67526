"""One mail through the mail server of the settings: taken, or refused and why."""

import re
from datetime import datetime
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from callmark.kit.domain_names import with_ascii_domain
from callmark.kit.outbound.sender import sender_of
from callmark.kit.settings import Settings

if TYPE_CHECKING:
    import aiosmtplib

PATIENCE_S = 30.0
"""How long the server may take for each step, but for the end of a mail."""

_PERMANENT = 500
"""SMTP answers from here on say that the same mail will not be taken later either: for whatever reason."""
_OF_RECIPIENT = {550, 551, 553, 556}
"""Of these, those that mean the recipient where nothing more is said (RFC 5321, 4.2.3; RFC 7504)."""
_ENHANCED = re.compile(r"5\.\d+\.\d+")
_OF_RECIPIENT_OR_MAIL = re.compile(r"5\.(?:1\.(?:[0-6]|10)|2\.[0134]|3\.4|6\.\d+)")
"""Enhanced codes (RFC 3463) about the recipient's address or mailbox, or the mail itself.

A full mailbox is emptied some day. The others are about us (sender, name, rights, quota, reputation) or about the way:
someone can set that right.
"""

_PORTS = {"starttls": 587, "tls": 465, "none": 25}

ENCODED = "=?"
"""Begins an encoded word (RFC 2047)."""


class OutgoingMail(Struct, frozen=True):
    """A mail to one recipient."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str
    created_at: datetime


class Refused(Struct, frozen=True):
    """The server did not take the mail, or could not be reached; `final` when trying again is of no use."""

    error: str
    final: bool


class _Policy(EmailPolicy):
    """Takes a subject as it is. The library would decode what looks encoded in it, line breaks included."""

    def header_store_parse(self, name: str, value: object) -> tuple[str, Any]:
        """What is kept of a header that is set."""
        return (name, value) if name == "Subject" else super().header_store_parse(name, value)


def message(mail: OutgoingMail, sender: Address) -> EmailMessage:
    """The mail as it goes out: text and HTML, the same `Message-ID` at every attempt.

    Raises MessageError when the recipient's address cannot be one.
    """
    if ENCODED in mail.to:
        raise MessageError("the address looks like an encoded word")
    made = EmailMessage(_Policy(linesep="\r\n"))
    made["From"] = sender
    try:
        made["To"] = _address(with_ascii_domain(mail.to))
    except (ValueError, IndexError) as exc:  # the latter is how the library takes an empty part
        raise MessageError(str(exc)) from exc
    made["Subject"] = _subject(mail.subject)
    made["Date"] = format_datetime(mail.created_at)
    made["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"  # Exchange answers mails of the line above, but none of this one
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    return made


def _address(text: str) -> Address:
    """One beyond ASCII in its parts, which the library does not judge then; a server with SMTPUTF8 takes it."""
    if text.isascii():
        return Address(addr_spec=text)
    local, _, domain = text.rpartition("@")
    return Address(username=local, domain=domain)


def _subject(text: str) -> str:
    """As it is written: in lines, and encoded where it is not plain, or looks encoded already."""
    is_plain = text.isascii() and ENCODED not in text
    return Header(text, "us-ascii" if is_plain else "utf-8", header_name="Subject").encode()


async def send(settings: Settings, mail: OutgoingMail) -> Refused | None:
    """One attempt; None when the server took the mail. Raises nothing but cancellation and bugs."""
    import aiosmtplib

    try:
        made = message(mail, sender_of(settings.mail_from))
        async with _server(settings, PATIENCE_S) as server:
            await server.send_message(made)
    except MessageError as exc:
        refused = Refused(f"the mail cannot be written: {exc}", final=True)
    except aiosmtplib.SMTPRecipientsRefused as exc:
        refused = Refused(_said(exc.recipients[0]), final=_is_final(exc.recipients[0]))
    except aiosmtplib.SMTPDataError as exc:
        refused = Refused(_said(exc), final=_is_final(exc))
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
        async with _server(settings, 5):
            return None
    except (aiosmtplib.SMTPException, OSError, ValueError) as exc:
        return _said(exc) if isinstance(exc, aiosmtplib.SMTPResponseException) else str(exc) or type(exc).__name__


def _server(settings: Settings, patience_s: float) -> "aiosmtplib.SMTP":
    """The mail server of the settings; entered, it is connected and logged in."""
    from callmark.kit.outbound.smtp_client import MailClient

    return MailClient(
        hostname=settings.smtp_host,
        port=settings.smtp_port or _PORTS[settings.smtp_tls],
        username=settings.smtp_user or None,
        password=settings.smtp_password.reveal() if settings.smtp_password else None,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        timeout=patience_s,
    )


def _is_final(exc: "aiosmtplib.SMTPResponseException") -> bool:
    """Whether the recipient or the mail is at fault."""
    if exc.code < _PERMANENT:
        return False
    said = _ENHANCED.match(exc.message)
    return bool(_OF_RECIPIENT_OR_MAIL.fullmatch(said[0])) if said else exc.code in _OF_RECIPIENT


def _said(exc: "aiosmtplib.SMTPResponseException") -> str:
    return " ".join(f"the mail server answered {exc.code}: {exc.message}".split())
