"""Mails: queued in a transaction, sent through a real mail server, refused, postponed, given up, caught."""

from datetime import timedelta
from email.header import decode_header, make_header
from pathlib import Path

import pytest
import structlog
from tests.domain.mail.post_office import FROM, Post
from tests.kit.outbound.mailing import mail_server
from tests.support.certificates import certificate
from tests.support.engines import Engines
from tests.support.fake_clock import FakeClock
from tests.support.loop_time import LoopTime

from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.domain.mail import jobs, queries, service as mail
from callmark.domain.mail.model import GIVES_UP_AFTER, MailState
from callmark.kit.errors import SetupError
from callmark.kit.outbound import smtp
from callmark.kit.settings import read_settings
from callmark.kit.worker import Worker
from callmark.processes import doctor_engines
from callmark.processes.doctor import CheckResult, examine

MINUTE = timedelta(minutes=1)


@pytest.fixture
def post(deps: Deps) -> Post:
    return Post(deps)


async def test_a_mail_goes_out_as_text_and_html_to_its_one_recipient(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await post.enqueue(subject="A webhook\r\nBcc: eve@evil.example")
        assert await post.run_due() == 1
        assert await post.run_due() == 0
    (came,) = inbox.mails
    assert inbox.envelopes == [("no-reply@callmark.example", ["alice@acme.example"])]
    assert (came["From"], came["To"]) == (FROM, "alice@acme.example")
    assert came["Subject"] == "A webhook Bcc: eve@evil.example"
    assert came["Bcc"] is None
    assert came["Message-ID"] == f"<{(await post.only()).id}@callmark.example>"
    assert (came["Auto-Submitted"], came["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    text, html = came.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().strip() == "Hello."
    sent = await post.only()
    assert (sent.state, sent.attempt_count, sent.last_error) == (MailState.SENT, 1, None)


async def test_a_mail_to_a_domain_in_other_letters_needs_nothing_special_of_the_server(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await post.enqueue(to="info@müller.example")
        assert await post.run_due() == 1
    assert inbox.envelopes == [("no-reply@callmark.example", ["info@xn--mller-kva.example"])]


@pytest.mark.parametrize(
    "subject",
    [
        "Invitation to =?utf-8?q?Acme=0D=0ABcc:_eve@evil.example=0D=0A=0D=0APlease_sign_in_again_at_//evil.example?=",
        "=?utf-8?b?QQ0KQmNjOiBlQGV2aWwuZXhhbXBsZQ==?=",
        "Ünïon Söhne & Ünïon Söhne, Ünïon Söhne & Ünïon Söhne: webhook Ünïon could not get an event",
        "A " * 98 + "Z",
    ],
)
async def test_a_subject_comes_as_it_was_written_and_changes_nothing_else(post: Post, subject: str) -> None:
    async with mail_server() as inbox:
        await post.at(inbox).enqueue(subject=subject)
        assert await post.at(inbox).run_due() == 1
    (came,) = inbox.mails
    written = dict(came.raw_items())["Subject"]
    assert str(make_header(decode_header("".join(written.splitlines())))) == subject
    assert came["Bcc"] is None
    assert [part.get_content().strip() for part in came.iter_parts()] == ["Hello.", "<p>Hello.</p>"]


async def test_an_address_beyond_ascii_is_written_to(post: Post) -> None:
    async with mail_server() as inbox:
        await post.at(inbox).enqueue(to="søren@blåbær.example")
        assert await post.at(inbox).run_due() == 1
    assert inbox.envelopes == [("no-reply@callmark.example", ["søren@xn--blbr-roah.example"])]
    assert inbox.mails[0]["To"] == "søren@xn--blbr-roah.example"


async def test_a_server_may_take_long_to_take_a_mail(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    async with mail_server() as inbox:
        time = LoopTime(monkeypatch)
        inbox.while_taken = lambda: time.move(4 * 60)
        await post.at(inbox).enqueue()
        assert await post.at(inbox).run_due() == 1
    assert (await post.only()).state is MailState.SENT


async def test_a_transaction_that_fails_sends_nothing(post: Post) -> None:
    async def fail() -> None:
        async with post.deps.db.transaction() as tx:
            await mail.enqueue(tx, to="a@b.example", subject="s", text="t", html="h", now=post.deps.clock.now())
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await post.kept() == []


async def test_what_is_refused_for_now_is_tried_again_with_longer_pauses(post: Post, clock: FakeClock) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        inbox.at_rcpt = ["450 try later"]
        inbox.at_data = ["451 not now"]
        await post.enqueue()
        await post.run_due()
        waits = await post.only()
        assert (waits.state, waits.attempt_count) == (MailState.WAITING, 1)
        assert waits.last_error == "the mail server answered 450: try later"
        clock.advance(MINUTE - timedelta(seconds=1))
        assert await post.run_due() == 0
        clock.advance(timedelta(seconds=1))
        assert await post.run_due() == 1
        clock.advance(5 * MINUTE)
        assert await post.run_due() == 1
    assert len(inbox.mails) == 1
    assert (await post.only()).attempt_count == 3


@pytest.mark.parametrize("where", ["at_rcpt", "at_data"])
async def test_what_is_refused_for_good_is_not_tried_again(post: Post, where: str) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        setattr(inbox, where, ["550 no such mailbox"])
        await post.enqueue()
        await post.run_due()
    found = await post.only()
    assert (found.state, found.last_error) == (MailState.FAILED, "the mail server answered 550: no such mailbox")


async def test_one_refused_mail_keeps_no_other_from_going_out(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await post.enqueue(to="not an address")
        await post.enqueue(to="")
        await post.enqueue()
        assert await post.run_due() == 3
    assert len(inbox.mails) == 1
    assert [found.state for found in await post.kept()] == [MailState.FAILED, MailState.FAILED, MailState.SENT]


async def test_a_refused_login_is_a_fault_of_the_settings_and_loses_no_mail(post: Post, clock: FakeClock) -> None:
    async with mail_server() as inbox:
        inbox.at_login = False
        post = post.at(
            inbox,
            smtp_user="callmark",
            smtp_password=read_settings({"CALLMARK_SMTP_USER": "u", "CALLMARK_SMTP_PASSWORD": "wrong"}).smtp_password,
        )
        await post.enqueue()
        await post.run_due()
        assert (await post.only()).state is MailState.WAITING
        assert "535" in str((await post.only()).last_error)
        inbox.at_login = True
        clock.advance(MINUTE)
        await post.run_due()
    assert (await post.only()).state is MailState.SENT
    assert set(inbox.logins) == {(b"callmark", b"wrong")}


async def test_a_server_that_is_away_is_tried_for_four_days(post: Post, clock: FakeClock) -> None:
    async with mail_server() as inbox:
        pass  # nobody listens there any more
    post = post.at(inbox)
    await post.enqueue()
    began = clock.now()
    while (await post.only()).state is MailState.WAITING:
        assert await post.run_due() == 1
        clock.advance(timedelta(hours=3))
    given_up = await post.only()
    assert given_up.state is MailState.FAILED
    assert given_up.ended_at
    assert timedelta(days=3, hours=20) < given_up.ended_at - began <= timedelta(days=4)
    assert given_up.last_error


async def test_a_repeat_after_a_killed_worker_has_the_same_message_id(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await post.enqueue()
        killed = Worker(
            post.deps.db, post.deps.gather, post.deps.fabric, post.deps.clock, FakeClock()
        )  # its lease is of long ago
        (claimed,) = await killed.claim(jobs.mails(post.deps), 1)
        assert await smtp.send(post.settings, queries.mail_of(claimed.row)) is None
        assert await post.run_due() == 1
    first, second = inbox.mails
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize("how", ["tls", "starttls"])
async def test_the_way_to_the_server_is_encrypted_and_its_certificate_checked(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    context = certificate(tmp_path, "localhost")
    async with mail_server(**{"tls" if how == "tls" else "start_tls": context}) as inbox:
        post = post.at(inbox).with_(smtp_tls=how, smtp_host="localhost")
        await post.enqueue()
        await post.run_due()
        assert "certificate" in str((await post.only()).last_error).lower()
        assert inbox.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert await smtp.send(post.settings, await post.only()) is None
    assert inbox.encrypted == [True]


async def test_nothing_goes_out_in_clear_when_encryption_was_asked_for(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox).with_(smtp_tls="starttls")
        await post.enqueue()
        await post.run_due()
    assert inbox.mails == []
    assert (await post.only()).state is MailState.WAITING


async def test_in_the_emulator_mails_are_caught_and_never_sent(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox).with_(emulator=True)
        await post.enqueue()
        assert await post.run_due() == 1
    assert inbox.mails == []
    assert (await post.only()).state is MailState.CAUGHT


async def test_without_a_server_mails_wait_and_the_log_says_so(post: Post) -> None:
    await post.enqueue()
    assert await post.run_due() == 0
    with structlog.testing.capture_logs() as logged:
        await jobs.log_waiting(post.deps)
    assert [(line["event"], line["count"]) for line in logged] == [("mails_wait", 1)]
    assert (await post.only()).state is MailState.WAITING


async def test_the_doctor_says_whether_mails_go_out(
    post: Post, monkeypatch: pytest.MonkeyPatch, engines: Engines
) -> None:
    monkeypatch.setenv("CALLMARK_POSTGRES_DSN", engines.dsn)
    monkeypatch.setenv("CALLMARK_NATS_URL", engines.nats_url)
    monkeypatch.setattr(doctor_engines, "WITHIN_S", 60)  # without PostgreSQL it knows of no mails
    assert (await mail_finding()).ok
    await post.enqueue()
    waits = await mail_finding()
    assert (waits.ok, waits.detail) == (False, "no mail server is set; 1 email waits")
    assert "CALLMARK_SMTP_HOST" in waits.advice
    monkeypatch.setenv("CALLMARK_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("CALLMARK_SMTP_TLS", "none")
    monkeypatch.setenv("CALLMARK_MAIL_FROM", FROM)
    async with mail_server() as inbox:
        monkeypatch.setenv("CALLMARK_SMTP_PORT", str(inbox.port))
        assert (await mail_finding()).ok
    assert not (await mail_finding()).ok
    assert inbox.mails == []


async def mail_finding() -> CheckResult:
    return next(finding for finding in await examine(None) if finding.name == "mail")


async def test_a_mail_that_waited_too_long_for_a_server_is_not_sent_any_more(post: Post, clock: FakeClock) -> None:
    await post.enqueue()
    clock.advance(GIVES_UP_AFTER)
    async with mail_server() as inbox:
        await post.at(inbox).run_due()
    assert inbox.mails == []
    assert (await post.only()).state is MailState.FAILED


async def test_old_mails_are_forgotten(post: Post, clock: FakeClock) -> None:
    await post.enqueue()
    clock.advance(timedelta(days=post.deps.settings.mail_retention_days, seconds=1))
    await post.enqueue()
    await PERIODIC["old_emails"].run(post.deps)
    assert (await post.only()).created_at == clock.now()


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"SMTP_HOST": "mail.example"}, "CALLMARK_MAIL_FROM"),
        ({"SMTP_HOST": "mail.example", "MAIL_FROM": "nobody"}, "CALLMARK_MAIL_FROM"),
        ({"SMTP_USER": "u"}, "or neither"),
        ({"SMTP_PASSWORD": "p"}, "or neither"),
        ({"SMTP_TLS": "perhaps"}, "CALLMARK_SMTP_TLS"),
    ],
)
def test_settings_of_mail_that_cannot_be_meant_stop_the_start(variables: dict[str, str], why: str) -> None:
    with pytest.raises(SetupError, match=why):
        read_settings({f"CALLMARK_{name}": value for name, value in variables.items()})
