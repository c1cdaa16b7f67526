"""A mail server on a real socket, whose answers the test changes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from msgspec import Struct, field


class Inbox(Struct):
    """Takes mails; `at_rcpt` and `at_data` are what the server says instead of taking the next ones, in turn.

    `while_taken` is called before it answers the end of a mail.
    """

    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    logins: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    encrypted: list[bool] = field(default_factory=list[bool])
    at_rcpt: list[str] = field(default_factory=list[str])
    at_data: list[str] = field(default_factory=list[str])
    at_login: bool = True
    while_taken: Callable[[], None] | None = None
    port: int = 0

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:
        if self.at_rcpt:
            return self.at_rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, __: Session, envelope: Envelope) -> str:
        if self.at_data:
            return self.at_data.pop(0)
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        assert server.transport
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        if self.while_taken:
            self.while_taken()
            await asyncio.sleep(0.05)  # for what is due by then
        return "250 taken"

    def log_in(self, _: SMTP, __: Session, ___: Any, ____: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(
            success=self.at_login, handled=self.at_login
        )  # else aiosmtpd would think that we had answered


@asynccontextmanager
async def mail_server(*, tls: SSLContext | None = None, start_tls: SSLContext | None = None) -> AsyncGenerator[Inbox]:
    """A server on a port of its own, in the test's own loop."""
    made = Inbox()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            made,
            enable_SMTPUTF8=True,
            tls_context=start_tls,
            authenticator=made.log_in,
            auth_require_tls=False,
            loop=loop,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
