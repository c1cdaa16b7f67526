"""Queues, mails that could not be sent, health and operators, as an operator sees and changes them."""

import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.surfaces.console.browser import (
    PASSWORD,
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_operator,
    text_of,
    visitors,
)

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.installation import service as installations
from callmark.domain.mail import service as mail
from callmark.domain.mail.model import MailState
from callmark.domain.operators import service as operators
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.heartbeats import LiveProcess
from callmark.kit.ids import new_id, random_text
from callmark.kit.roles import ALL_ROLES
from callmark.surfaces.cli.session import operator_at_terminal

QUEUES = "/console/operator/queues"
HEALTH = "/console/operator/health"
LIST = "/console/operator/operators"


@pytest.fixture
async def olive(deps: Deps, browse: Visitors) -> Browser:
    return await browse.as_operator(await make_operator(deps))


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


def row_of(page: str, what: str) -> str:
    """The cells of the row that begins with `what`, in one line of text."""
    found = next(row for row in page.split("<tr>") if what in row).partition("</tr>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


async def test_work_is_told_by_kind_with_what_waits_longest(deps: Deps, olive: Browser) -> None:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        for minutes in (7, 3, -20):
            due_at = now - timedelta(minutes=minutes)
            await mail.enqueue(tx, to="carl@acme.example", subject="Hello", text="", html="", now=due_at)
    assert row_of((await olive.get(QUEUES)).text, "<strong>Emails</strong>") == "Emails 2 0 1 7 minutes ago"
    async with deps.db.connection() as tx:
        held = deps.real_clock.now() + timedelta(seconds=10)
        await tx.execute("UPDATE mail SET lease_id = $1, leased_until = $2 WHERE due_at <= $3", new_id(), held, now)
    assert row_of((await olive.get(QUEUES)).text, "<strong>Emails</strong>") == "Emails 0 2 1 none"


async def test_jobs_that_come_round_say_when(deps: Deps, olive: Browser) -> None:
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO periodic_job (name, due_at) VALUES ('sweep', $1)"
            " ON CONFLICT (name) DO UPDATE SET due_at = $1, lease_id = NULL, leased_until = NULL",
            deps.clock.now() + timedelta(minutes=5),
        )
    assert row_of((await olive.get(QUEUES)).text, "Ends pushes").endswith("Waiting in 5 minutes")


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
    assert (await olive.post(link)).status_code == 404
    (entry, *_) = await audit.list_entries(deps, None, AuditFilter(action="mail.sent_again"))
    assert entry.subject == "carl@acme.example"


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


async def test_health_tells_of_engines_and_live_processes(deps: Deps, olive: Browser) -> None:
    worker = LiveProcess("worker", deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await worker.start()
    page = await olive.get(HEALTH)
    for what in ("PostgreSQL", "NATS", "Schema", "Connections", "Clock", "Disk"):
        assert " Good " in row_of(page.text, f"<strong>{what}</strong>"), what
    assert "Worker" in text_of(page)
    assert "Something needs your attention." in text_of(page)  # nothing serves HTTP here
    assert "no report from: http" in text_of(page)
    async with deps.db.connection() as tx:
        gone = deps.real_clock.now() - timedelta(seconds=30)
        await tx.execute(
            "INSERT INTO process (id, kind, started_at, heartbeat_at, clock_version) VALUES ($1, 'http', $2, $2, 0)",
            new_id(),
            gone,
        )
    page = await olive.get(HEALTH)
    assert "Silent" in row_of(page.text, "Web: API, gateway, console")
    await worker.stop()


async def test_a_process_that_does_everything_is_all_that_health_asks_for(deps: Deps, olive: Browser) -> None:
    alone = LiveProcess(ALL_ROLES, deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await alone.start()
    page = await olive.get(HEALTH)
    assert "no report from" not in text_of(page)
    assert "Running" in row_of(page.text, "All roles and virtual handsets")
    await alone.stop()


async def test_health_says_that_nats_is_away(deps: Deps, olive: Browser) -> None:
    await deps.fabric.close()
    assert row_of((await olive.get(HEALTH)).text, "<strong>NATS</strong>").startswith("NATS Problem not connected")


async def test_the_mail_server_is_tried_on_request(deps: Deps, olive: Browser) -> None:
    page = await olive.follow(await olive.post(f"{HEALTH}/mail"))
    assert "No mail server is configured." in text_of(page)
    settings = msgspec.structs.replace(
        deps.settings, smtp_host="127.0.0.1", smtp_port=1, smtp_tls="none", mail_from="us@callmark.test"
    )
    async with visitors(replace(deps, settings=settings)) as others:
        olga = await others.as_operator(await make_operator(deps))
        tried = await olga.follow(await olga.post(f"{HEALTH}/mail"))
        assert "The mail server cannot be used:" in text_of(tried)


async def test_an_operator_is_added_signs_in_and_is_removed(deps: Deps, olive: Browser, browse: Visitors) -> None:
    email = f"otto-{random_text(8).lower()}@operator.example"
    fields = {"email": email, "name": "Otto", "password": PASSWORD, "again": PASSWORD}
    page = await olive.follow(await olive.post(f"{LIST}/new", fields))
    assert "Otto can now sign in" in text_of(page)
    otto = browse()
    await otto.get("/console/sign-in")
    await otto.post("/console/sign-in", {"email": email, "password": PASSWORD})
    assert (await otto.get(LIST)).status_code == 200
    made = next(one for one in await operators.list_operators(deps) if one.email == email)
    assert f"{email} is signed out immediately" in text_of(await olive.get(f"{LIST}/{made.id}/remove"))
    await olive.follow(await olive.post(f"{LIST}/{made.id}/remove"))
    assert (await otto.get(LIST)).status_code == 303
    entries = await audit.list_entries(deps, None, AuditFilter(text=email))
    assert {"operator.created", "operator.deleted"} <= {entry.action for entry in entries}
    assert all(PASSWORD not in str(entry) for entry in entries)


async def test_an_operator_keeps_itself_and_needs_an_address_of_its_own(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    operator = await make_operator(deps)
    olive = await browse.as_operator(operator)
    assert f"{LIST}/{operator.id}/remove" not in links_of(await olive.get(LIST))
    assert (await olive.post(f"{LIST}/{operator.id}/remove")).status_code == 409
    fields = {"email": business.admin.email, "name": "Alice", "password": PASSWORD, "again": PASSWORD}
    taken = await olive.post(f"{LIST}/new", fields)
    assert "a member with this email already exists" in errors_of(taken)[""].lower()
    differing = await olive.post(f"{LIST}/new", fields | {"email": "o@operator.example", "again": "other"})
    assert "do not match" in errors_of(differing)["again"]
    assert PASSWORD not in differing.text


async def test_members_find_no_page_of_the_operators(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    for path in (
        "accounts",
        "handset-apps",
        "handsets",
        "edges",
        "certificates",
        "queues",
        "health",
        "operators",
        "tokens",
        "audit",
        "reviews",
    ):
        page = await alice.get(f"/console/operator/{path}")
        assert page.status_code == 404, path
        assert not [link for link in links_of(page) if "/operator/" in link]


async def test_operators_see_that_a_copy_sends_nothing(
    deps: Deps, olive: Browser, browse: Visitors, business: Business
) -> None:
    alice = await browse.as_member(business.admin)
    assert "This installation is a copy" not in (await olive.get(HEALTH)).text
    async with deps.db.transaction() as tx:
        await installations.renew(tx, "here", deps.real_clock.now(), by=operator_at_terminal())
    told = text_of(await olive.get(HEALTH))
    assert "it sends no webhook and no email" in told
    assert "callmark installation release" in told
    assert "This installation is a copy" not in (await alice.get("/console")).text
