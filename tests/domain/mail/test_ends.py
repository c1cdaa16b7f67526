"""Mails with an end: what counts no longer is not sent, by the first try, by the next, or when it is sent again."""

from datetime import timedelta

import pytest
from tests.domain.mail.post_office import Post
from tests.kit.outbound.mailing import mail_server
from tests.support.fake_clock import FakeClock
from tests.support.rows_read import rows_read

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.mail.model import GIVES_UP_AFTER, MailState

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def post(deps: Deps) -> Post:
    return Post(deps)


async def enqueue(post: Post, lifetime: timedelta | None) -> None:
    now = post.deps.clock.now()
    until = now + lifetime if lifetime else None
    async with post.deps.db.transaction() as tx:
        await mail.enqueue(tx, to="carl@acme.example", subject="s", text="t", html="h", now=now, expires_at=until)


async def sent_again(post: Post) -> list[str]:
    async with post.deps.db.transaction() as tx:
        return await mail.send_again(tx, None, post.deps.clock.now())


async def test_a_mail_that_waited_until_its_end_is_given_up_unsent(post: Post, clock: FakeClock) -> None:
    await enqueue(post, HOUR)
    clock.advance(HOUR)
    async with mail_server() as inbox:
        assert await post.at(inbox).run_due() == 1
    assert inbox.mails == []
    late = await post.only()
    assert (late.state, late.last_error) == (MailState.FAILED, "it would have come too late")


async def test_a_mail_goes_out_up_to_its_end(post: Post, clock: FakeClock) -> None:
    await enqueue(post, HOUR)
    clock.advance(HOUR - timedelta(seconds=1))
    async with mail_server() as inbox:
        await post.at(inbox).run_due()
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(("lifetime", "tries"), [(timedelta(minutes=10), 3), (HOUR, 4), (None, 5)])
async def test_no_try_is_planned_for_after_the_end(
    post: Post, clock: FakeClock, lifetime: timedelta | None, tries: int
) -> None:
    async with mail_server() as inbox:
        pass  # nobody listens there
    post = post.at(inbox)
    await enqueue(post, lifetime)
    for minutes in (0, 1, 5, 15, 60):
        clock.advance(timedelta(minutes=minutes))
        await post.run_due()
    found = await post.only()
    assert found.attempt_count == tries
    assert found.state is (MailState.FAILED if lifetime else MailState.WAITING)


async def test_a_mail_that_was_given_up_is_sent_again_up_to_its_end_and_keeps_it(post: Post, clock: FakeClock) -> None:
    await enqueue(post, 7 * DAY)
    clock.advance(GIVES_UP_AFTER)
    async with mail_server() as inbox:
        inbox.at_rcpt = ["550 no such mailbox"]
        await post.at(inbox).run_due()
        assert await sent_again(post) == ["carl@acme.example"]
        await post.at(inbox).run_due()
        assert (await post.only()).state is MailState.FAILED
        clock.advance(7 * DAY - GIVES_UP_AFTER)
        assert await sent_again(post) == []
    assert inbox.mails == []
    assert (await post.only()).state is MailState.FAILED


async def test_a_mail_without_an_end_is_sent_again_at_any_time(post: Post, clock: FakeClock) -> None:
    await enqueue(post, None)
    clock.advance(20 * DAY)
    async with mail_server() as inbox:
        await post.at(inbox).run_due()
        assert await sent_again(post) == ["carl@acme.example"]
        await post.at(inbox).run_due()
    assert len(inbox.mails) == 1


async def test_of_many_sent_mails_none_is_read_to_find_those_that_failed(deps: Deps, clock: FakeClock) -> None:
    async with deps.db.transaction() as tx:
        await tx.execute(_MAILS, clock.now())
        await tx.execute("ANALYZE mail")
        before = await rows_read(tx, "mail")
        assert {one.state for one in await mail.list_unsent(tx, 50)} == {MailState.FAILED, MailState.WAITING}
        assert len(await mail.send_again(tx, None, clock.now())) == 3
        assert await rows_read(tx, "mail") - before < 20  # of 3,000


_MAILS = """
INSERT INTO mail (id, recipient, subject, plain, html, created_at, state, attempt_count, ended_at, due_at)
SELECT gen_random_uuid(), 'carl@acme.example', '', '', '', $1::timestamptz, state, 1,
  CASE WHEN state <> 'waiting' THEN $1::timestamptz END, CASE WHEN state = 'waiting' THEN $1::timestamptz END
FROM (SELECT CASE n WHEN 1 THEN 'failed' WHEN 2 THEN 'failed' WHEN 3 THEN 'waiting' ELSE 'sent' END AS state
  FROM generate_series(1, 3000) n) AS each
"""
