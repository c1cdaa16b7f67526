"""The services of the compose file on real engines, behind the real nginx and HAProxy with our samples."""

import hashlib
import re
from collections.abc import AsyncGenerator

import pytest
from tests.domain.webhooks.receiving import PAYLOAD
from tests.e2e.deployment import Deployment, deployment, deps_of
from tests.e2e.play import PATIENCE_S, Business, Handset, business
from tests.e2e.proxies import PROXIES, Proxy
from tests.support.first_starts import FirstStarts
from tests.support.log_downloads import export
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.log_downloads import service as log_downloads
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role

MANY = 12
"""Requests; half of the hosts behind the proxy are down."""


@pytest.fixture(scope="module")
async def made(first_starts: FirstStarts) -> AsyncGenerator[Deployment]:
    async with deployment(first_starts) as started:
        yield started


@pytest.fixture(scope="module")
async def deps(made: Deployment) -> AsyncGenerator[Deps]:
    async with deps_of(made) as opened:
        yield opened


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await business(deps, 1)


@pytest.fixture(scope="module", params=PROXIES)
async def proxy(made: Deployment, request: pytest.FixtureRequest) -> AsyncGenerator[Proxy]:
    async with PROXIES[request.param](made.site) as started:
        yield started


async def test_every_push_through_the_proxy_reaches_the_handset_behind_it(
    made: Deployment, acme: Business, proxy: Proxy
) -> None:
    phone = Handset(tls=made.site.tls)
    await phone.stay(proxy.https, acme.tokens[0])
    tried = 0

    async def is_reachable() -> bool:  # every NATS node has heard where the handset is
        nonlocal tried
        tried += 1
        async with made.client(proxy.https) as client:
            answer = await acme.push_now(client, acme.receivers[0])
        assert answer.status_code == 200, answer.text
        return answer.json()["status_info"]["status"] == "success"

    await until(is_reachable, PATIENCE_S)
    for _ in range(MANY):
        async with made.client(proxy.https) as client:  # a connection of its own, so that each host is tried
            tried += await acme.push_in_time(client, acme.receivers[0])

    async def arrived() -> bool:
        return len({frame["record"]["id"] for frame in phone.identities}) == tried

    await until(arrived, PATIENCE_S)
    await phone.leave()


async def test_bulk_pushes_wait_for_the_worker(made: Deployment, acme: Business, proxy: Proxy) -> None:
    phone = Handset(tls=made.site.tls)
    await phone.stay(proxy.https, acme.tokens[0])
    async with made.client(proxy.https) as client:
        batch = await acme.push_bulk(client)

        async def delivered() -> bool:
            return await acme.results(client, batch) == {"success": 1}

        await until(delivered, PATIENCE_S)
    await phone.leave()


async def test_the_console_sees_the_visitor_and_not_the_proxy_or_what_he_claims(
    made: Deployment, deps: Deps, proxy: Proxy
) -> None:
    claim = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    visitor = {"nginx": "127.0.0.7", "haproxy": "127.0.0.8"}[proxy.name]
    async with made.client(proxy.https.replace("localhost", "127.0.0.1"), address=visitor) as client:
        named = {"sni_hostname": "localhost"}
        page = await client.get("/console/sign-in", headers=claim, extensions=named)
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
        form = {"csrf": csrf, "email": "nobody@example.com", "password": "wrong password"}
        await client.post("/console/sign-in", data=form, headers=claim, extensions=named)
    async with deps.db.connection() as tx:
        rows = await tx.fetch("SELECT who FROM throttle WHERE what = 'sign_in_address'")
    seen, counted = [visitor, "203.0.113.9", "127.0.0.1"], {row["who"] for row in rows}
    assert [one for one in seen if hashlib.sha256(one.encode()).hexdigest() in counted] == [visitor]


async def test_what_does_not_belong_through_a_proxy_is_refused(made: Deployment, proxy: Proxy) -> None:
    async with made.client(proxy.http) as client:
        moved = await client.get("/docs?a=b")
        assert (moved.status_code, moved.headers["location"].startswith("https://")) == (308, True)
        assert moved.headers["location"].endswith("/docs?a=b")
    async with made.client(proxy.https) as client:
        assert (await client.get("/readyz")).status_code == 404
        assert (await client.get("/readyz/api")).status_code == 404
        assert (await client.get("/healthz")).status_code == 200
        for page in ("/docs", "/docs/handset", "/asyncapi.json", "/handset/openapi.json", "/console/sign-in"):
            assert (await client.get(page)).status_code == 200, page
        assert (await client.get("/")).headers["location"].endswith("/console")


async def test_files_are_kept_in_the_bucket_and_mails_reach_the_catcher(
    made: Deployment, deps: Deps, acme: Business
) -> None:
    account = acme.cast.account.id
    async with deps.db.transaction() as tx:
        await events.append(tx, account, EventType.CALL_ME_BACK, PAYLOAD, deps.clock.now())
    link = await log_downloads.make_link(deps, export(deps, account), by=SYSTEM)
    assert link
    path = link.url.removeprefix("https://localhost")
    async with made.client(f"http://127.0.0.1:{made.site.ports['api-1']}") as client:
        file = await client.get(path)
    assert (file.status_code, len(file.text.splitlines())) == (200, 2)
    assert len(made.bucket.objects) == 1
    await members.invite_member(
        deps, account, by=SYSTEM, inviter="Acme", email="bob@acme.example", name="Bob", role=Role.ADMIN
    )

    async def arrived() -> bool:
        return len(made.inbox.mails) == 1

    await until(arrived, PATIENCE_S)
    assert "https://localhost/console/" in made.inbox.mails[0].as_string().replace("=\n", "")


async def test_a_service_tells_systemd_that_it_is_ready_and_works(made: Deployment) -> None:
    await made.notified.heard("READY=1")
    await made.notified.heard("WATCHDOG=1")
    await made.notified.heard("STATUS=everything works")
    # That it stops is heard when the deployment ends.
