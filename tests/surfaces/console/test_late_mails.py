"""A mail server that is away: what people get when it is back still works."""

from datetime import timedelta

from tests.domain.mail.post_office import Post
from tests.kit.outbound.mailing import mail_server
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import PASSWORD, Browser, Business, Visitors, answer_reset_requests

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.mail.model import MailState
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role

SEND_ALL_AGAIN = "/console/operator/queues/mails/send-again"


async def test_codes_and_links_for_a_new_password_are_not_sent_when_they_have_ended(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    alice = browse()
    await alice.get("/console/sign-in")
    await alice.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
    dora = browse()
    await dora.get("/console/forgot")
    await dora.post("/console/forgot", {"email": business.department_owner.email})
    await answer_reset_requests(deps)
    async with mail_server() as inbox:
        post = Post(deps).at(inbox)
        inbox.at_rcpt = ["450 try later"] * 2
        await post.run_due()
        clock.advance(timedelta(hours=1))
        await post.run_due()
    assert inbox.mails == []
    found = [(one.to, one.state, one.last_error) for one in await post.kept()]
    assert found == [
        (business.admin.email, MailState.FAILED, "it would have come too late"),
        (business.department_owner.email, MailState.FAILED, "it would have come too late"),
    ]


async def test_an_invitation_is_sent_again_while_its_link_works_and_not_later(
    deps: Deps, business: Business, olive: Browser, clock: FakeClock
) -> None:
    await members.invite_member(
        deps, business.account.id, by=SYSTEM, inviter="alice", email="late@acme.example", name="Late", role=Role.ADMIN
    )
    async with mail_server() as inbox:
        post = Post(deps).at(inbox)
        inbox.at_rcpt = ["550 no such mailbox"] * 2
        await post.run_due()
        clock.advance(timedelta(days=6))
        await olive.post(SEND_ALL_AGAIN)
        await post.run_due()
        assert (await post.only()).last_error == "the mail server answered 550: no such mailbox"
        clock.advance(timedelta(days=1))
        await olive.post(SEND_ALL_AGAIN)
        await post.run_due()
    assert inbox.mails == []
