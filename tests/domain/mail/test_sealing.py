"""What the database knows of a mail that lets someone in: nothing that opens a door, before it was sent or after."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from tests.domain.mail.post_office import Post
from tests.kit.outbound.mailing import mail_server
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.mail import letters
from callmark.domain.mail.model import PAUSES, MailState
from callmark.domain.mail.service import send_again
from callmark.kit.postgres.database import Tx, own_names
from callmark.kit.postgres.migrate import migrations
from callmark.kit.settings import Secret

TO = "new@acme.example"
WAY_IN = "T0ken" * 6


def soon(deps: Deps) -> datetime:
    return deps.clock.now() + timedelta(hours=1)


Send = Callable[[Deps, Tx], Awaitable[None]]
LETTERS: dict[str, Send] = {
    "invitation": lambda deps, tx: letters.send_invitation(deps, tx, TO, "Acme", "alice", WAY_IN, soon(deps)),
    "reset": lambda deps, tx: letters.send_reset(deps, tx, TO, "Acme", WAY_IN, soon(deps)),
    "code": lambda deps, tx: letters.send_code(deps, tx, TO, "Acme", WAY_IN, soon(deps)),
    "confirmation": lambda deps, tx: letters.send_alert_confirmation(deps, tx, TO, "Acme", "alice", WAY_IN, soon(deps)),
}


@pytest.fixture
def post(deps: Deps) -> Post:
    return Post(deps)


async def write(post: Post, letter: str = "invitation") -> None:
    async with post.deps.db.transaction() as tx:
        await LETTERS[letter](post.deps, tx)


async def stored(post: Post) -> str:
    """Every mail as a dump of the database has it."""
    async with post.deps.db.connection() as tx:
        return str(await tx.fetchval("SELECT string_agg(to_jsonb(mail)::text, ' ') FROM mail"))


@pytest.mark.parametrize("letter", LETTERS)
async def test_a_way_in_is_in_the_mail_and_nowhere_in_the_database(post: Post, letter: str) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await write(post, letter)
        assert WAY_IN not in await stored(post)
        assert await post.run_due() == 1
        assert WAY_IN not in await stored(post)
    (came,) = inbox.mails
    text, page = came.iter_parts()
    assert WAY_IN in text.get_content()
    assert WAY_IN in page.get_content()
    assert (await post.only()).state is MailState.SENT


async def test_of_a_mail_that_was_sent_no_text_is_kept(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await post.enqueue()
        await post.run_due()
    sent = await post.only()
    assert (sent.text, sent.html, sent.subject, sent.to) == ("", "", "Grüße", "alice@acme.example")


async def test_what_is_shown_instead_of_sent_can_be_read(post: Post) -> None:
    post = post.with_(emulator=True)
    await write(post)
    assert WAY_IN in (await post.only()).text
    await post.run_due()
    caught = await post.only()
    assert caught.state is MailState.CAUGHT
    assert WAY_IN in caught.text


async def test_a_mail_that_is_sent_again_still_opens(post: Post, clock: FakeClock) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        inbox.at_rcpt = ["550 no such mailbox"]
        await write(post)
        await post.run_due()
        assert (await post.only()).state is MailState.FAILED
        async with post.deps.db.transaction() as tx:
            assert await send_again(tx, None, clock.now()) == [TO]
        await post.run_due()
    assert re.search(WAY_IN, inbox.mails[0].as_string())


async def test_a_worker_without_the_key_leaves_the_mail_to_one_that_has_it(post: Post, clock: FakeClock) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        await write(post)
        other = post.with_(secret_key=Secret("o" * 32))
        await other.run_due()
        waits = await post.only()
        assert (waits.state, inbox.mails) == (MailState.WAITING, [])
        assert waits.last_error == "the secret key that it is encrypted with is not here"
        clock.advance(PAUSES[0])
        await post.run_due()
    assert len(inbox.mails) == 1


async def test_without_the_key_people_are_still_invited(post: Post) -> None:
    async with mail_server() as inbox:
        post = post.at(inbox)
        lost = post.with_(secret_key=None)
        await write(lost)
        await lost.run_due()
    assert len(inbox.mails) == 1


async def test_an_upgrade_takes_the_text_of_mails_that_were_sent_or_given_up_with_a_link(post: Post) -> None:
    link = f"https://callmark.example/console/invitations/{WAY_IN}"
    for to, text in (("sent@a.example", WAY_IN), ("failed@a.example", link), ("waits@a.example", link)):
        await post.enqueue(to=to, text=text)
    await post.enqueue(to="alerted@a.example", text="An alert")
    async with post.deps.db.connection() as tx:
        for to, state in (("sent", "sent"), ("failed", "failed"), ("alerted", "failed")):
            statement = (
                "UPDATE mail SET state = $2, ended_at = created_at, due_at = NULL WHERE recipient LIKE $1 || '@%'"
            )
            await tx.execute(statement, to, state)
        (step,) = [one for one in migrations() if one.name == "empty_sent_mails"]
        await tx.execute(own_names(step.sql))
    texts = {one.to.partition("@")[0]: one.text for one in await post.kept()}
    assert texts == {"sent": "", "failed": "", "waits": link, "alerted": "An alert"}


async def test_an_upgrade_takes_the_code_from_subjects(post: Post) -> None:
    for subject in ("123456 is your Callmark code", "An alert"):
        await post.enqueue(subject=subject)
    async with post.deps.db.connection() as tx:
        (step,) = [one for one in migrations() if one.name == "hide_codes_of_subjects"]
        await tx.execute(own_names(step.sql))
    assert sorted(one.subject for one in await post.kept()) == ["An alert", "Your Callmark sign-in code"]
