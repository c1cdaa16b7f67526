"""An installation that sends no email, for it has no mail server or is a copy: pages say so, and ask for no codes."""

from collections.abc import AsyncGenerator

import pytest
from msgspec.structs import replace
from tests.support.audit_log import log_of
from tests.support.copies import held
from tests.support.mail_settings import with_mail_server
from tests.surfaces.console.browser import (
    PASSWORD,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_operator,
    text_of,
    visitors,
)

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.policy.model import SYSTEM

NO_SERVER = "no mail server is set"
ACCOUNTS = "/console/operator/accounts"


@pytest.fixture
def bare(deps: Deps) -> Deps:
    return with_mail_server(deps, "")


@pytest.fixture
async def browse_bare(bare: Deps) -> AsyncGenerator[Visitors]:
    async with visitors(bare) as made:
        yield made


async def test_whoever_invites_reads_that_the_invitation_waits(business: Business, browse_bare: Visitors) -> None:
    alice = await browse_bare.as_member(business.admin)
    typed = {"email": "new@acme.example", "name": "New", "role": "admin:"}
    invited = await alice.follow(await alice.post("/console/members/invite", typed))
    assert f"An invitation to new@acme.example is written, but not sent: {NO_SERVER}. It waits." in text_of(invited)
    olive = await browse_bare.as_operator(await make_operator(browse_bare.deps))
    at = f"{ACCOUNTS}/{business.account.id}"
    invited = await olive.follow(await olive.post(f"{at}/invite", {"email": "first@acme.example", "name": "First"}))
    assert f"is written, but not sent: {NO_SERVER}" in text_of(invited)


async def test_the_reader_of_alerts_is_not_said_to_have_an_email(business: Business, browse_bare: Visitors) -> None:
    alice = await browse_bare.as_member(business.admin)
    typed = {"email": "ops@elsewhere.example", "alert_kinds": "webhook_paused"}
    added = await alice.follow(await alice.post("/console/alerts/new/email", typed))
    assert f"An email to ops@elsewhere.example is written, but not sent: {NO_SERVER}." in text_of(added)


async def test_what_is_sent_again_waits_too(bare: Deps, browse_bare: Visitors) -> None:
    async with bare.db.transaction() as tx:
        await mail.enqueue(tx, to="a@acme.example", subject="s", text="t", html="h", now=bare.clock.now())
        await tx.execute("UPDATE mail SET state = 'failed', ended_at = created_at, due_at = NULL")
    olive = await browse_bare.as_operator(await make_operator(bare))
    done = await olive.follow(await olive.post("/console/operator/queues/mails/send-again"))
    assert f"Nothing is sent yet: {NO_SERVER}." in text_of(done)


async def test_who_forgot_the_password_reads_that_no_email_comes(browse_bare: Visitors) -> None:
    dora = browse_bare()
    for path in ("/console/forgot", "/console/forgot?sent=yes"):
        shown = text_of(await dora.get(path))
        assert NO_SERVER in shown
        assert "we sent" not in shown


async def test_codes_cannot_be_required_while_nobody_would_get_one(
    bare: Deps, business: Business, browse_bare: Visitors
) -> None:
    alice = await browse_bare.as_member(business.admin)
    refused = await alice.post("/console/settings", {"name": "Acme Ltd", "requires_code": "on"})
    assert refused.status_code == 422
    assert errors_of(refused)["requires_code"] == f"Nobody would get a code: {NO_SERVER}"
    account = await accounts.get_account(bare, business.account.id)
    assert (account.name, account.requires_code) == ("Acme", False)


async def test_codes_that_are_required_already_stay_and_can_be_switched_off(
    deps: Deps, bare: Deps, business: Business, browse_bare: Visitors
) -> None:
    alice = await browse_bare.as_member(business.admin)
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    renamed = await alice.post("/console/settings", {"name": "Acme Ltd", "requires_code": "on"})
    assert renamed.status_code == 303
    assert (await accounts.get_account(bare, business.account.id)).requires_code
    await alice.post("/console/settings", {"name": "Acme Ltd"})
    assert not (await accounts.get_account(bare, business.account.id)).requires_code


async def test_the_operator_lets_in_members_who_get_no_codes(
    deps: Deps, bare: Deps, business: Business, browse_bare: Visitors
) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    alice = browse_bare()
    await alice.get("/console/sign-in")
    credentials = {"email": business.admin.email, "password": PASSWORD}
    asked = text_of(await alice.follow(await alice.post("/console/sign-in", credentials)))
    assert f"none can be sent: {NO_SERVER}. Ask the operator" in asked
    assert "We sent you" not in asked

    operator = await make_operator(bare)
    olive = await browse_bare.as_operator(operator)
    at = f"{ACCOUNTS}/{business.account.id}"
    assert f"{at}/without-code" in (await olive.get(at)).text
    assert "password alone" in text_of(await olive.get(f"{at}/without-code"))
    done = await olive.follow(await olive.post(f"{at}/without-code"))
    assert "Members of Acme sign in without a code." in text_of(done)
    assert f"{at}/without-code" not in done.text
    assert (await alice.post("/console/sign-in", credentials)).headers["location"] == "/console"
    (entry, *_) = [one for one in await log_of(bare, business.account.id) if one.action == "account.changed"]
    assert (entry.actor_email, entry.details) == (operator.email, {"requires_code": False})


async def test_the_emulator_says_where_it_shows_emails_and_calls_its_own_machine(
    deps: Deps, business: Business
) -> None:
    async with visitors(replace(deps, settings=replace(deps.settings, emulator=True))) as browse:
        alice = await browse.as_member(business.admin)
        invited = await alice.post("/console/members/invite", {"email": "new@acme.example", "role": "admin"})
        said = text_of(await alice.follow(invited))
        assert "An invitation to new@acme.example is written." in said
        assert "read it at /emulator/mails." in said
        assert "http://127.0.0.1:9000/" in text_of(await alice.get("/console/webhooks/new"))
        await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
        dora = browse()
        assert "/emulator/mails" in links_of(await dora.get("/console/forgot?sent=yes"))
        await dora.get("/console/sign-in")
        asked = await dora.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
        assert "/emulator/mails" in links_of(await dora.follow(asked))
    async with visitors(deps) as browse:
        assert "/emulator/mails" not in (await browse().get("/console/forgot?sent=yes")).text
        alice = await browse.as_member(business.admin)
        assert "network are refused, unless" in text_of(await alice.get("/console/webhooks/new"))


async def test_a_copy_says_the_same(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    async with held(deps):
        refused = await alice.post("/console/settings", {"name": "Acme", "requires_code": "on"})
        forgot = text_of(await browse().get("/console/forgot"))
    copy = "this installation is a copy, which sends nothing"
    assert errors_of(refused)["requires_code"] == f"Nobody would get a code: {copy}"
    assert copy in forgot
