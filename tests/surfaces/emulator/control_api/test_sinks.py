"""Sinks: programmable webhook receivers, and what they recorded; over two HTTP processes' applications."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook
from tests.domain.webhooks.receiving import DeliveryWorker
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until
from tests.surfaces.emulator.running import JSON, NO_TLS, Emulated, emulated, serving

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.mail import service as mail
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.dispatch.dispatcher import Dispatcher
from callmark.domain.webhooks.model import SCHEDULE, DeliveryState
from callmark.instants import iso_ms
from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Outbound, Patience
from callmark.processes.worker import prepare
from callmark.surfaces.app import build_app
from callmark.surfaces.emulator.control_api import sink_queries

ENOUGH = Patience(connect_s=30, read_s=30, total_s=60)


@pytest.fixture
async def emulator(deps: Deps, tmp_path: Path) -> AsyncGenerator[Emulated]:
    """The control API over real sockets, without handsets."""
    async with emulated(deps, tmp_path, farm=False) as running:
        yield running


async def put(emulator: Emulated, name: str, **keys: object) -> dict[str, Any]:
    answer = await emulator.http.put(f"/emulator/v1/sinks/{name}", json=keys)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def requests(emulator: Emulated, name: str) -> list[dict[str, Any]]:
    return (await emulator.http.get(f"/emulator/v1/sinks/{name}/requests")).json()


async def test_a_sink_answers_as_it_was_told_and_records_what_came(emulator: Emulated, clock: FakeClock) -> None:
    made = await put(emulator, "orders", status=503, headers={"Retry-After": "7"}, body="später")
    answer = await emulator.http.post(made["url"] + "?key=s%2Fecret", content='{"ü": 1}'.encode(), headers={"X-A": "b"})
    assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (503, "7", "später")
    (came,) = await requests(emulator, "orders")
    assert (came["method"], came["query"], came["body"]) == ("POST", "key=s%2Fecret", '{"ü": 1}')
    assert (came["headers"]["x-a"], came["at"]) == ("b", iso_ms(clock.now()))


@pytest.mark.parametrize("character", ["é", "ह", "😀"])
async def test_a_body_of_the_greatest_length_in_any_script_is_taken(emulator: Emulated, character: str) -> None:
    escaped = json.dumps({"body": character * 8192}).encode()
    answer = await emulator.http.put("/emulator/v1/sinks/long", content=escaped, headers=JSON)
    assert (answer.status_code, answer.json().get("body")) == (200, character * 8192)
    assert (await emulator.http.put("/emulator/v1/sinks/long", json={"body": character * 8193})).status_code == 400


async def test_a_sink_that_nobody_has_set_takes_everything(emulator: Emulated) -> None:
    answer = await emulator.http.post("/emulator/v1/sinks/fresh", content=b"\xff\0")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    (listed,) = (await emulator.http.get("/emulator/v1/sinks")).json()
    assert (listed["name"], listed["status"], listed["requests"]) == ("fresh", 200, 1)
    assert listed == (await emulator.http.get("/emulator/v1/sinks/fresh")).json()


async def test_what_is_left_out_of_a_put_is_as_in_a_fresh_sink(emulator: Emulated) -> None:
    await put(emulator, "orders", status=500, delay_s=1, body="", headers={"A": "b"}, drip=True, reset=True)
    made = await put(emulator, "orders")
    del made["url"], made["local_url"]
    assert made == {
        "name": "orders",
        "status": 200,
        "delay_s": 0,
        "headers": {},
        "body": '{"status":"ok"}',
        "drip": 0,
        "reset": False,
        "requests": 0,
    }


async def test_a_sink_has_an_address_on_the_platforms_own_machine(deps: Deps, tmp_path: Path) -> None:
    """Where webhooks reach it, also if only a proxy or a container's host has the public address."""
    settings = replace(deps.settings, host="::", emulator_force=True)
    outside = replace(deps, settings=settings)
    async with emulated(outside, tmp_path, farm=False) as running:
        made = await put(running, "orders")
    assert made["local_url"] == f"http://[::1]:{running.port}/emulator/v1/sinks/orders"


async def test_a_sink_that_resets_cuts_the_connection_without_an_answer(emulator: Emulated) -> None:
    await put(emulator, "orders", reset=True)
    with pytest.raises(httpx.HTTPError):
        await emulator.http.post("/emulator/v1/sinks/orders", content=b"{}")
    assert len(await requests(emulator, "orders")) == 1


async def test_a_sink_that_delays_has_recorded_before_it_answers(emulator: Emulated) -> None:
    await put(emulator, "orders", delay_s=60)
    waiting = asyncio.create_task(emulator.http.post("/emulator/v1/sinks/orders", content=b"{}"))
    await until(lambda: requests(emulator, "orders"))
    assert not waiting.done()
    waiting.cancel()
    await put(emulator, "orders", delay_s=0.01)
    assert (await emulator.http.post("/emulator/v1/sinks/orders")).status_code == 200


async def test_a_sink_that_drips_sends_its_body_byte_by_byte(emulator: Emulated) -> None:
    await put(emulator, "orders", drip=0.01, body="slow")
    async with emulator.http.stream("POST", "/emulator/v1/sinks/orders") as answer:
        assert [part async for part in answer.aiter_raw(1)] == [b"s", b"l", b"o", b"w"]


async def test_requests_and_sinks_can_be_forgotten(emulator: Emulated) -> None:
    await put(emulator, "orders", status=500)
    await emulator.http.post("/emulator/v1/sinks/orders")
    assert (await emulator.http.delete("/emulator/v1/sinks/orders/requests")).status_code == 204
    assert await requests(emulator, "orders") == []
    assert (await emulator.http.post("/emulator/v1/sinks/orders")).status_code == 500
    assert (await emulator.http.delete("/emulator/v1/sinks/orders")).status_code == 204
    assert (await emulator.http.get("/emulator/v1/sinks")).json() == []


async def test_only_the_newest_requests_of_a_sink_are_kept(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        for number in range(sink_queries.KEPT_REQUESTS + 2):
            request = sink_queries.SinkRequest(0, deps.clock.now(), "POST", "", {}, str(number))
            await sink_queries.insert_request(tx, "many", request)
        kept = await sink_queries.select_requests(tx, "many")
        await sink_queries.delete_all(tx)
    assert (len(kept), kept[0].body) == (sink_queries.KEPT_REQUESTS, "2")


async def test_two_processes_on_one_port_share_what_is_set_and_recorded(emulator: Emulated) -> None:
    async with serving(emulator.deps, emulator.port):
        await put(emulator, "orders", status=418)
        for _ in range(20):  # a connection each: the kernel spreads them over both
            async with httpx.AsyncClient(
                base_url=emulator.deps.public_url, verify=NO_TLS, trust_env=False, timeout=60
            ) as client:
                assert (await client.post("/emulator/v1/sinks/orders", content=b"{}")).status_code == 418
    assert len(await requests(emulator, "orders")) == 20


_IMPOSSIBLE: list[tuple[object, str]] = [
    ({"status": 99}, "status is invalid"),
    ({"status": "200"}, "status is invalid"),
    ({"delay_s": -1}, "delay_s is invalid"),
    ({"delay_s": 121}, "delay_s is invalid"),
    ({"drip": "slowly"}, "drip is invalid"),
    ({"headers": {"A\n": "b"}}, "cannot be sent"),
    ({"headers": {"A": "b\r\nC: d"}}, "cannot be sent"),
    ({"headers": {"Content-Length": "3"}}, "set by the server"),
    ({"speed": 3}, "known: status, delay_s, headers, body, drip, reset"),
    ([], "must be a JSON object"),
]


async def test_what_a_sink_cannot_do_is_told(emulator: Emulated) -> None:
    found: list[str] = []
    for body, says in _IMPOSSIBLE:
        answer = await emulator.http.put("/emulator/v1/sinks/orders", json=body)
        if not _is_refused(answer) or says not in answer.json()["message"]:
            found.append(f"{body} is to be refused with {says!r}: {answer.status_code} {answer.text}")
    assert found == []


def _is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 400 and answer.json()["slug"] == "invalid-input"


async def test_other_names_and_methods_are_refused(emulator: Emulated) -> None:
    assert (await emulator.http.put("/emulator/v1/sinks/a%20b", json={})).status_code == 404
    answer = await emulator.http.patch("/emulator/v1/sinks/orders", json={})
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"DELETE", "GET", "HEAD", "POST", "PUT"}


async def test_the_whole_schedule_is_driven_against_a_sink_and_ends_in_a_mail(
    emulator: Emulated, clock: FakeClock
) -> None:
    sink = await put(emulator, "orders", reset=True)
    deps = emulator.deps
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    alice = f"alice@{account.id}.example"
    await members.create_without_rules(
        deps, account.id, email=alice, name="Alice", role=Role.ADMIN, state=MemberState.ACTIVE, by=SYSTEM
    )
    made = await webhooks.create_webhook(
        deps,
        account.id,
        name="orders",
        url=sink["url"],
        event_types=list(EventType),
        by=ALICE,
    )
    async with deps.db.transaction() as tx:
        event = await events.append(tx, account.id, EventType.CALL_ME_BACK, {"is_interested": True}, clock.now())
    async with Outbound(LOOPBACK, patience=ENOUGH) as outbound:
        for pause in (timedelta(), *SCHEDULE):
            clock.advance(pause)
            assert await DeliveryWorker(deps, Dispatcher(deps, outbound)).run_due() == 1
        (delivery,) = await deliveries.list_deliveries(deps, account.id)
        assert delivery.state is DeliveryState.FAILED
        (told,) = (await emulator.http.get("/emulator/v1/mails")).json()
        assert (told["to"], str(event.id) in told["text"]) == (alice, True)
        await put(emulator, "orders", status=204)
        await deliveries.resend(deps, account.id, delivery.id, by=ALICE)
        assert await DeliveryWorker(deps, Dispatcher(deps, outbound)).run_due() == 1
    came = await requests(emulator, "orders")
    assert len(came) == 9
    assert {request["headers"]["webhook-id"] for request in came} == {str(event.id)}
    assert Webhook(made.secret).verify(came[-1]["body"], came[-1]["headers"])["event_id"] == str(event.id)
    assert (await deliveries.list_deliveries(deps, account.id))[0].state is DeliveryState.SUCCESS


async def test_mails_are_shown_oldest_first_and_can_be_forgotten(emulator: Emulated, clock: FakeClock) -> None:
    async with emulator.deps.db.transaction() as tx:
        for to in ("alice@acme.example", "bob@acme.example"):
            await mail.enqueue(tx, to=to, subject="Hello <b>", text="Hi.", html="<p>Hi.</p>", now=clock.now())
            clock.advance(timedelta(seconds=1))
    shown = (await emulator.http.get("/emulator/v1/mails")).json()
    assert [one["to"] for one in shown] == ["alice@acme.example", "bob@acme.example"]
    assert set(shown[0]) == {"id", "to", "subject", "text", "html", "created_at"}
    assert (shown[0]["subject"], shown[0]["text"], shown[0]["html"]) == ("Hello <b>", "Hi.", "<p>Hi.</p>")
    page = (await emulator.http.get("/emulator/mails")).text
    assert "Hello &lt;b&gt;" in page
    assert page.index("bob@acme.example") < page.index("alice@acme.example")
    assert (await emulator.http.delete("/emulator/v1/mails")).status_code == 204
    assert "No emails yet" in (await emulator.http.get("/emulator/mails")).text
    assert (await emulator.http.get("/emulator/v1/mails")).json() == []


async def test_outside_the_emulator_there_are_neither_sinks_nor_mails(deps: Deps) -> None:
    app = build_app(deps, frozenset({"api"}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test") as client:
        for path in ("mails", "sinks", "sinks/orders", "sinks/orders/requests"):
            assert (await client.get(f"/emulator/v1/{path}")).status_code == 404
        assert (await client.post("/emulator/v1/sinks/orders")).status_code == 404


async def test_a_reset_forgets_mails_sinks_and_what_webhooks_were_sent(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    async with emulated(deps, tmp_path) as emulator:
        sink = await put(emulator, "orders", status=500)
        account = (await accounts.create_account(emulator.deps, "Acme", by=SYSTEM)).id
        made = await webhooks.create_webhook(
            emulator.deps,
            account,
            name="orders",
            url=sink["url"],
            event_types=list(EventType),
            by=ALICE,
        )
        async with deps.db.transaction() as tx:
            await events.append(tx, account, EventType.CALL_ME_BACK, {}, deps.clock.now())
            await mail.enqueue(tx, to="a@b.example", subject="s", text="t", html="h", now=deps.clock.now())
        async with Outbound(LOOPBACK, patience=ENOUGH) as outbound:
            assert await DeliveryWorker(emulator.deps, Dispatcher(emulator.deps, outbound)).run_due() == 1
        async with deps.db.connection() as tx:  # as the platform pauses one that has failed for five days
            await tx.execute("UPDATE webhook SET paused_at = $1, paused_for_failing = true", deps.clock.now())
            await tx.execute("UPDATE webhook_queue SET is_paused = true")
        assert (await emulator.http.post("/emulator/v1/reset")).status_code == 200
        async with deps.db.connection() as tx:
            assert not await tx.fetchval("SELECT is_paused FROM webhook_queue")
        for path in ("mails", "sinks", "sinks/orders/requests"):
            assert (await emulator.http.get(f"/emulator/v1/{path}")).json() == []
        assert await deliveries.list_deliveries(deps, account) == []
        assert await events.events_after(deps, account, 0, 10) == ([], 0)
        assert await webhooks.list_webhooks(deps, account) == [made.webhook]


NUL = [({"body": "\0"}, "body"), ({"headers": {"X-A": "a\0"}}, "headers.X-A"), ({"headers": {"X\0": ""}}, "headers")]


async def test_a_text_with_a_nul_is_refused_by_its_name(emulator: Emulated) -> None:
    found: list[str] = []
    for body, field in NUL:
        answer = await emulator.http.put("/emulator/v1/sinks/orders", json=body)
        if not _is_refused(answer) or not answer.json()["message"].startswith(field):
            found.append(f"{body} is to be refused by its {field}: {answer.status_code} {answer.text}")
    assert found == []
