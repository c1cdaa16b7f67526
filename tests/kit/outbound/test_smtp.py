"""What a mail server answers, and which of it is final."""

import asyncio

import msgspec
import pytest
from tests.kit.outbound.mailing import mail_server

from callmark.kit.clock import SystemClock
from callmark.kit.ids import random_uuid
from callmark.kit.outbound import smtp, smtp_client
from callmark.kit.outbound.smtp import OutgoingMail, Refused, send
from callmark.kit.settings import Settings, read_settings

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


def settings_for(port: int) -> Settings:
    return read_settings(
        {
            "CALLMARK_SMTP_HOST": "127.0.0.1",
            "CALLMARK_SMTP_PORT": str(port),
            "CALLMARK_SMTP_TLS": "none",
            "CALLMARK_MAIL_FROM": "no-reply@callmark.example",
        }
    )


def a_mail() -> OutgoingMail:
    return OutgoingMail(random_uuid(), "alice@acme.example", "s", "t", "<p>t</p>", SystemClock().now())


@pytest.mark.parametrize("where", ["at_rcpt", "at_data"])
@pytest.mark.parametrize(("answer", "final"), [*((one, True) for one in FINAL), *((one, False) for one in OURS)])
async def test_a_refusal_is_final_where_it_is_about_the_recipient_or_the_mail(
    where: str, answer: str, *, final: bool
) -> None:
    async with mail_server() as inbox:
        setattr(inbox, where, [answer])
        refused = await send(settings_for(inbox.port), a_mail())
    assert refused
    assert refused.error.startswith(f"the mail server answered {answer[:3]}: ")
    assert refused.final is final


async def _send_to_silent(step: str) -> tuple[Refused | None, list[str]]:
    """A mail to a server that says nothing from this step on; what came of it, and the steps that it got."""
    steps: list[str] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            steps.append(line[:4].upper())
            if steps[-1] == "DATA":
                writer.write(b"354 yes\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                steps.append("end")
            if step in steps:
                break
            writer.write(b"250 OK\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        refused = await send(settings_for(server.sockets[0].getsockname()[1]), a_mail())
        await ended.wait()
    return refused, steps


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
async def test_ten_minutes_are_not_for_what_comes_before_the_mail(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PATIENCE_S", 0.5)
    refused, steps = await _send_to_silent(step)
    assert refused == Refused("Timed out waiting for server response", final=False)
    assert steps[-1] == step


async def test_the_end_of_a_mail_has_a_patience_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert smtp_client.TAKEN_WITHIN_S == 600
    monkeypatch.setattr(smtp_client, "TAKEN_WITHIN_S", 0.5)
    refused, steps = await _send_to_silent("end")
    assert refused == Refused("Timed out waiting for server response", final=False)
    assert steps[-1] == "end"


async def test_a_fault_of_the_sender_ends_no_mail() -> None:
    async with mail_server() as inbox:
        settings = settings_for(inbox.port)
        msgspec.structs.force_setattr(settings, "mail_from", '"Callmark <no-reply@example.com>"')
        refused = await send(settings, a_mail())
    assert refused
    assert "without quotes around the whole" in refused.error
    assert not refused.final
