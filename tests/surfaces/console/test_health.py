"""The page of health: engines, live processes, the mail server, and whether the installation is a copy."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.mail_settings import with_mail_server
from tests.surfaces.console.browser import Browser, Business, Visitors, cells_of, make_operator, text_of, visitors

from callmark.domain.deps import Deps
from callmark.domain.installation import service as installations
from callmark.domain.mail import service as mail
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.heartbeats import LiveProcess
from callmark.kit.ids import new_id
from callmark.kit.roles import ALL_ROLES
from callmark.surfaces.cli.command import operator_at_terminal

HEALTH = "/console/operator/health"


@pytest.fixture(name="deps")
def deps_without_mail_server(deps: Deps) -> Deps:
    return with_mail_server(deps, "")


async def test_health_tells_of_engines_and_live_processes(deps: Deps, olive: Browser) -> None:
    worker = LiveProcess("worker", deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await worker.start()
    page = await olive.get(HEALTH)
    for what in ("PostgreSQL", "NATS", "Schema", "Connections", "Clock", "Disk"):
        assert " Good " in cells_of(page.text, f"<strong>{what}</strong>"), what
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
    assert "Silent" in cells_of(page.text, "Web: API, gateway, console, signed calls")
    await worker.stop()


async def test_a_process_that_does_everything_is_all_that_health_asks_for(deps: Deps, olive: Browser) -> None:
    alone = LiveProcess(ALL_ROLES, deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await alone.start()
    page = await olive.get(HEALTH)
    assert "no report from" not in text_of(page)
    assert "Running" in cells_of(page.text, "All roles and virtual handsets")
    await alone.stop()


async def test_health_says_that_nats_is_away(deps: Deps, olive: Browser) -> None:
    await deps.fabric.close()
    assert cells_of((await olive.get(HEALTH)).text, "<strong>NATS</strong>").startswith("NATS Problem not connected")


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


async def test_operators_see_that_a_copy_sends_nothing(
    deps: Deps, olive: Browser, browse: Visitors, business: Business
) -> None:
    alice = await browse.as_member(business.admin)
    async with deps.db.transaction() as tx:
        await mail.enqueue(tx, to="a@acme.example", subject="Hi", text="Hi", html="Hi", now=deps.real_clock.now())
    assert cells_of((await olive.get(HEALTH)).text, "<strong>Mail</strong>").startswith("Mail Problem no mail server")
    assert "This installation is a copy" not in (await olive.get(HEALTH)).text
    async with deps.db.transaction() as tx:
        await installations.renew(tx, "here", deps.real_clock.now(), by=operator_at_terminal())
    told = text_of(await olive.get(HEALTH))
    assert "it sends no webhook and no email" in told
    assert "callmark installation release" in told
    assert cells_of((await olive.get(HEALTH)).text, "<strong>Mail</strong>").startswith("Mail Good no mail server")
    assert "This installation is a copy" not in (await alice.get("/console")).text
