"""The library's client of a mail server, which waits longer for the end of a mail than for other steps.

Apart from `smtp`, which imports the library when a mail is sent.
"""

import aiosmtplib

TAKEN_WITHIN_S = 600.0
"""How long the server may take to answer the end of a mail (RFC 5321, 4.5.3.2.6): who gives up earlier sends it twice.

The library knows one patience for it and for the answer to DATA before.
"""


class MailClient(aiosmtplib.SMTP):
    """Its `timeout` is of the other steps."""

    async def data(self, message: str | bytes, /, **_: object) -> aiosmtplib.SMTPResponse:
        """Hands over the mail, and waits until the server has taken it."""
        return await super().data(message, timeout=TAKEN_WITHIN_S)
