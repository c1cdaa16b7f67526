"""What a mail server answers, and which of it is final."""

import pytest
from tests.kit.outbound.mailing import mail_server

from callmark.kit.clock import SystemClock
from callmark.kit.ids import random_uuid
from callmark.kit.outbound.smtp import OutgoingMail, send
from callmark.kit.settings import read_settings

FINAL = [
    "550 no such mailbox",
    "551 user not local",
    "553 mailbox name not allowed",
    "556 the domain does not accept mail",
    "550 5.1.1 The email account does not exist",
    "554 5.1.2 bad destination system",
    "550-5.1.1 The email account\r\n550 5.1.1 does not exist",
    "556 5.1.10 null MX",
    "550 5.2.1 mailbox disabled",
    "552 5.3.4 message too big for system",
    "550 5.6.0 not to be read",
]
OURS = [
    "450 4.2.1 too fast",
    "500 command not recognised",
    "530 5.7.0 Authentication required",
    "552 mailbox full",
    "552 5.2.2 mailbox full",
    "554 Daily message quota exceeded",
    "550 5.1.7 bad sender",
    "550 5.1.8 Sender address rejected: Domain not found",
    "550 5.1.90 daily limit of recipients",
    "550 5.4.5 Daily user sending limit exceeded",
    "550-5.4.5 Daily user sending limit\r\n550 5.4.5 exceeded",
    "504 5.5.2 Helo command rejected",
    "554 5.7.1 Relay access denied",
    "550 5.7.26 not authenticated",
    "550 5.3.5 system incorrectly configured",
]


@pytest.mark.parametrize("where", ["at_rcpt", "at_data"])
@pytest.mark.parametrize(("answer", "final"), [*((one, True) for one in FINAL), *((one, False) for one in OURS)])
async def test_a_refusal_is_final_where_it_is_about_the_recipient_or_the_mail(
    where: str, answer: str, *, final: bool
) -> None:
    async with mail_server() as inbox:
        setattr(inbox, where, [answer])
        settings = read_settings(
            {
                "CALLMARK_SMTP_HOST": "127.0.0.1",
                "CALLMARK_SMTP_PORT": str(inbox.port),
                "CALLMARK_SMTP_TLS": "none",
                "CALLMARK_MAIL_FROM": "no-reply@callmark.example",
            }
        )
        mail = OutgoingMail(random_uuid(), "alice@acme.example", "s", "t", "<p>t</p>", SystemClock().now())
        refused = await send(settings, mail)
    assert refused
    assert refused.error.startswith(f"the mail server answered {answer[:3]}: ")
    assert refused.final is final
