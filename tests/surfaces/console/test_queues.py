"""The page of queues: work and jobs by kind, and mails that could not be sent, sent again."""

from datetime import timedelta

from tests.surfaces.console.browser import Browser, cells_of, links_of, text_of

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.mail.model import MailState
from callmark.kit.ids import new_id

QUEUES = "/console/operator/queues"


async def failed_mail(deps: Deps, to: str, *, days_ago: int = 6) -> None:
    """A mail that was given up."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to=to, subject="Hello", text="secret text", html="", now=now - timedelta(days=days_ago))
        await tx.execute(
            "UPDATE mail SET state = 'failed', attempt_count = 9, ended_at = $2, due_at = NULL,"
            " last_error = 'the mail server answered 550: <b>no such user</b>' WHERE recipient = $1",
            to,
            now,
        )


async def test_work_is_told_by_kind_with_what_waits_longest(deps: Deps, olive: Browser) -> None:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        for minutes in (7, 3, -20):
            due_at = now - timedelta(minutes=minutes)
            await mail.enqueue(tx, to="carl@acme.example", subject="Hello", text="", html="", now=due_at)
    assert cells_of((await olive.get(QUEUES)).text, "<strong>Emails</strong>") == "Emails 2 0 1 7 minutes ago"
    async with deps.db.connection() as tx:
        held = deps.real_clock.now() + timedelta(seconds=10)
        await tx.execute("UPDATE mail SET lease_id = $1, leased_until = $2 WHERE due_at <= $3", new_id(), held, now)
    assert cells_of((await olive.get(QUEUES)).text, "<strong>Emails</strong>") == "Emails 0 2 1 none"


async def test_jobs_that_come_round_say_when(deps: Deps, olive: Browser) -> None:
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO periodic_job (name, due_at) VALUES ('sweep', $1)"
            " ON CONFLICT (name) DO UPDATE SET due_at = $1, lease_id = NULL, leased_until = NULL",
            deps.clock.now() + timedelta(minutes=5),
        )
    assert cells_of((await olive.get(QUEUES)).text, "Ends pushes").endswith("Waiting in 5 minutes")


async def test_a_mail_that_was_given_up_is_sent_again(deps: Deps, olive: Browser) -> None:
    await failed_mail(deps, "carl@acme.example")
    page = await olive.get(QUEUES)
    assert "550: &lt;b&gt;no such user&lt;/b&gt;" in page.text
    assert "secret text" not in page.text
    (link,) = [one for one in links_of(page) if one.endswith("/send-again")]
    after = await olive.follow(await olive.post(link))
    assert "The email to carl@acme.example is being sent again." in text_of(after)
    async with deps.db.connection() as tx:
        (again,) = await mail.list_mails(tx, 10)
    assert (again.state, again.attempt_count, again.text) == (MailState.WAITING, 0, "secret text")
    assert again.created_at == deps.clock.now()
    assert "may have been sent in the meantime" in text_of(await olive.follow(await olive.post(link)))
    (entry, *_) = await audit.list_entries(deps, None, AuditFilter(action="mail.sent_again"))
    assert entry.subject == "carl@acme.example"


async def test_a_mail_whose_link_has_ended_is_not_sent_again(deps: Deps, olive: Browser) -> None:
    now = deps.clock.now()
    await failed_mail(deps, "carl@acme.example")
    await failed_mail(deps, "late@acme.example")
    async with deps.db.connection() as tx:
        late = await tx.fetchval("UPDATE mail SET expires_at = $1 WHERE recipient LIKE 'late@%' RETURNING id", now)
    page = await olive.get(QUEUES)
    assert "Too late to send" in cells_of(page.text, "late@acme.example")
    assert len([one for one in links_of(page) if one.endswith("/send-again")]) == 1  # not even all at once
    assert "would come too late" in text_of(await olive.follow(await olive.post(f"{QUEUES}/mails/{late}/send-again")))
    assert "Sending 1 email again." in text_of(await olive.follow(await olive.post(f"{QUEUES}/mails/send-again")))
    async with deps.db.connection() as tx:
        states = {one.to: one.state for one in await mail.list_mails(tx, 10)}
    assert states == {"carl@acme.example": MailState.WAITING, "late@acme.example": MailState.FAILED}


async def test_all_mails_that_could_not_be_sent_are_sent_again_at_once(deps: Deps, olive: Browser) -> None:
    for who in ("carl", "dina"):
        await failed_mail(deps, f"{who}@acme.example")
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to="emil@acme.example", subject="Hello", text="", html="", now=deps.clock.now())
    page = await olive.follow(await olive.post(f"{QUEUES}/mails/send-again"))
    assert "Sending 2 emails again." in text_of(page)
    async with deps.db.connection() as tx:
        assert {one.state for one in await mail.list_mails(tx, 10)} == {MailState.WAITING}
        assert await mail.list_unsent(tx, 10) == []
