"""Faults, seed and reset on an installation of two HTTP processes, a worker and the handsets' process."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.support.databases import Databases
from tests.support.engines import Engines
from tests.support.listed_number import make_listed, offer_everything, ring
from tests.support.waiting import until
from tests.surfaces.emulator.installation import CALLER, LOST, NOBODY, Installed, installation
from tests.surfaces.gateway.helpers import NOTHING_KNOWN

from callmark.domain.audit import sealing
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.credentials import service as keys
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.ids import KeyId
from callmark.domain.personalisation.daily_figures.jobs import count_days
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.kit.clock import SystemClock
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import own_names
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.states import snapshots
from callmark.surfaces.emulator.states.snapshot_queries import stored_tables

TO_SEED = {"to": "seed"}
MAGICIAN, OFFLINE, NEVER = "919900000016", "919900000014", "919900000011"


@pytest.fixture(scope="module")
def alone(databases: Databases) -> Generator[Engines]:
    """One database for all tests here: they share a started installation, and reset it."""
    taken = databases.take()
    yield taken
    databases.give_back(taken)


@pytest.fixture(scope="module")
async def installed(alone: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Installed]:
    async with installation(alone, tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(autouse=True)
async def clean(installed: Installed) -> None:
    """Every test begins with the seeded state and a token of its own."""
    await installed.control("POST", "reset")
    installed.token_text = (await installed.token()).json()["token"]


async def test_exactly_as_many_requests_fail_as_asked_for_over_both_processes(installed: Installed) -> None:
    there = await installed.control("PUT", "faults", {"status": 500, "count": 20})
    assert there == {
        "status": 500,
        "slug": "internal-server-error",
        "count": 20,
        "latency_ms": 0,
        "drop_every": 0,
    }
    answers = await asyncio.gather(*(installed.push(f"91990000000{n % 9 + 1}") for n in range(30)))
    assert [answer.status_code for answer in answers].count(500) == 20
    assert {answer.status_code for answer in answers} <= {500, 200, 503}  # 503: the machine is busy
    left = await installed.control("GET", "faults")
    assert (left["status"], left["slug"], left["count"]) == (None, None, 0)


async def test_a_fault_has_the_documented_body_in_the_envelope_of_its_route(installed: Installed) -> None:
    async def failing(status: int) -> httpx.Response:
        await installed.control("PUT", "faults", {"status": status})
        return await installed.push("919900000001")

    limited = await failing(429)
    assert limited.json() == {
        "slug": "too-many-requests",
        "message": "rate limit exceeded. please try again later.",
    }
    assert limited.headers["Retry-After"] == "1"
    unavailable = await failing(503)
    assert (unavailable.json()["slug"], unavailable.headers["Retry-After"]) == ("service-unavailable", "1")
    assert (await failing(401)).json() == {"slug": "authorization-error", "message": "please login again"}
    assert (await failing(403)).json()["slug"] == "forbidden-error"
    assert (await failing(500)).json() == {"slug": "internal-server-error", "message": "internal error"}
    assert (await failing(400)).json()["status_info"]["message"] == "Request body is invalid: malformed JSON"
    await installed.control("PUT", "faults", {"slug": "invalid-input", "count": 2})
    assert (await installed.token()).json() == {"slug": "invalid-input", "message": "request body is invalid"}
    assert (await installed.control("GET", "faults"))["count"] == 1
    await installed.control("PUT", "faults", {"status": 401})
    assert (await installed.token()).json() == {
        "slug": "authorization-error",
        "message": "invalid api_key or key_id",
    }
    await installed.control("PUT", "faults", {"status": 404})
    logs = await installed.serve.client.get(f"/clients/{installed.cast.account.id}/openapi/callback-logs/summary")
    assert (logs.status_code, logs.json()) == (404, {"message": "No CMB found for client Id"})
    await installed.control("DELETE", "faults", status=204)
    assert (await installed.push("919900000001")).status_code == 200


async def test_latency_and_lost_pushes_last_until_they_are_cleared(installed: Installed) -> None:
    await installed.control("PUT", "faults", {"latency_ms": 200, "drop_every": 2})
    clock, began = SystemClock(), datetime.now(UTC)
    await installed.holds("919900000001")
    assert clock.now() - began >= timedelta(seconds=0.2)
    assert await installed.outcome("919900000002") == LOST
    await installed.holds("919900000001")
    await installed.control("PUT", "faults", {"latency_ms": 0})
    for _ in range(2):
        await installed.holds("919900000001")


async def test_a_scripted_run_has_the_same_outcomes_with_the_same_seed(installed: Installed) -> None:
    async def run(seed: int) -> dict[str, list[str]]:
        await installed.control("POST", "reset")
        assert await installed.control("PUT", "seed", {"seed": seed}) == {"seed": seed}
        receivers = [f"9199000001{n:02d}" for n in range(8)]
        for receiver in receivers:
            wanted = {"phone_number": receiver, "script": {"drop_share": 0.5}}
            await installed.control("POST", "handsets", wanted, status=201)
        await asyncio.gather(*(installed.outcomes(receiver, 2) for receiver in receivers))
        for receiver in receivers:  # what it held too late is acknowledged by the time that it holds one more
            await installed.control("PATCH", f"handsets/{receiver}", {"script": {}})
            await installed.holds(receiver)
        return {receiver: (await installed.stored(receiver))[:2] for receiver in receivers}

    first = await run(7)
    assert len({tuple(one) for one in first.values()}) > 1
    assert await run(7) == first
    assert await run(8) != first
    assert await installed.control("GET", "seed") == {"seed": 8}


async def test_a_call_without_an_outcome_goes_by_the_script(installed: Installed) -> None:
    async def ring(**script: object) -> str:
        await installed.control("PATCH", "handsets/919900000001", {"script": script})
        call = {"caller": CALLER, "receiver": "919900000001"}
        return (await installed.control("POST", "calls", call))["outcome"]

    await installed.push("919900000001")
    assert await ring(answers_after_rings=1) == "answered"
    assert await ring(rejects=True) == "rejected"
    assert await ring() == "missed"
    async with installed.deps.db.connection() as tx:
        rows = await tx.fetch("SELECT outcome, shown_at, ended_at, source FROM call ORDER BY reported_at")
    assert [row["outcome"] for row in rows] == ["answered", "rejected", "missed"]
    assert {row["source"] for row in rows} == {"call_record"}
    assert rows[2]["ended_at"] - rows[2]["shown_at"] >= timedelta(seconds=1.9)  # ten rings
    nobody = {"caller": CALLER, "receiver": "919911111111"}
    assert (await installed.control("POST", "calls", nobody))["outcome"] == "missed"


async def test_a_reset_brings_back_what_was_seeded_and_keeps_what_lives(installed: Installed) -> None:
    before = installed.token_text
    await installed.control("POST", "clock", {"advance_s": 20 * 86_400})
    tokens = [await installed.token() for _ in range(11)]
    assert tokens[-1].status_code == 429
    future = tokens[0].json()["token"]
    await installed.control("PUT", "seed", {"seed": 1})
    await installed.control("PATCH", f"handsets/{MAGICIAN}", {"script": {}, "os": "ios"})
    await installed.control("POST", "handsets", {"phone_number": NEVER}, status=201)
    await installed.control("POST", "handsets", {"phone_number": "919900000111"}, status=201)
    await installed.control("DELETE", "handsets/919900000009", status=204)
    await installed.holds("919900000001", future)
    await installed.holds("919900000111", future)
    await installed.control("PUT", "faults", {"status": 500, "latency_ms": 10, "drop_every": 1})

    await installed.control("POST", "reset")
    now = datetime.fromisoformat((await installed.control("POST", "reset"))["now"])
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=30)
    there = await installed.control("GET", "handsets")
    assert [one["phone_number"] for one in there] == [one.handset.phone_number for one in MAGIC]
    by_number = {one["phone_number"]: one for one in there}
    assert by_number[MAGICIAN]["script"] == {"drop_every": 2}
    assert by_number[MAGICIAN]["os"] == "android"
    assert not by_number[NEVER]["registered"]
    assert all(one["connected"] == one["online"] for one in there if one["registered"])
    for receiver in ("919900000001", NEVER):
        screen = await installed.control("GET", f"handsets/{receiver}/screen?caller={CALLER}")
        assert screen["name"] is None
    faults = await installed.control("GET", "faults")
    assert (faults["count"], faults["latency_ms"], faults["drop_every"]) == (0, 0, 0)
    assert await installed.control("GET", "seed") == {"seed": None}
    await installed.holds("919900000001", future)
    assert await installed.outcome("919900000111", future) == NOBODY
    assert (await installed.push("919900000001", before)).status_code == 401  # dead stays dead
    fresh = [(await installed.token()).status_code for _ in range(11)]
    assert fresh == [200] * 10 + [429]


async def test_a_reset_is_safe_while_pushes_are_in_flight(installed: Installed) -> None:
    async def push_on(receiver: str) -> list[int]:
        answers: list[int] = []
        while not over.is_set():
            answers.append((await installed.push(receiver)).status_code)
        return answers

    over = asyncio.Event()
    pushing = [asyncio.create_task(push_on(f"91990000000{n}")) for n in range(1, 9)]
    for _ in range(3):
        await installed.control("POST", "reset")
    over.set()
    answers = [one for some in await asyncio.gather(*pushing) for one in some]
    assert 500 not in answers
    assert 503 not in answers
    await installed.control("POST", "reset")
    async with installed.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM call_record") == 0
    await count_days(installed.deps)
    for n in range(1, 9):
        screen = await installed.control("GET", f"handsets/91990000000{n}/screen?caller={CALLER}")
        assert screen["why"] == NOTHING_KNOWN


async def everything(deps: Deps) -> dict[str, list[str]]:
    """Every row of what a snapshot has, but for handsets and tokens, which stay with the seed, and what jobs note."""
    besides = ("access_token", "count_mark", "handset_app", "registration", "virtual_handset")
    async with deps.db.connection() as tx:
        tables = await stored_tables(tx, besides=besides)
        return {
            one.name: [row[0] for row in await tx.fetch(f"SELECT t::text FROM {one.name} t ORDER BY 1")]
            for one in tables
        }


async def test_a_reset_to_the_seed_leaves_nothing_else(installed: Installed) -> None:
    await sealing.seal_entries(installed.deps)  # which the worker would do between the seed and the look at it
    await snapshots.take_seed(installed.deps)
    before = await everything(installed.deps)
    made = await installed.control(
        "POST", "accounts", {"name": "Other", "members": [{"email": "o@other.example"}]}, status=201
    )
    listed = await make_listed(installed.deps, account_id=installed.cast.account.id)
    receiver, _ = await ring(installed.deps, listed)
    await callbacks.request(installed.deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    await offer_everything(installed.deps, listed)
    _, own_app = await handsets.create_app(installed.deps, "Mine", by=SYSTEM)
    await handsets.register(installed.deps, own_app, PhoneNumber("919900000001"), OS.ANDROID, "5.0.0")
    await installed.control("PUT", "sinks/orders", {"status": 500})
    await installed.control("POST", "clock", {"advance_s": 600})
    await installed.holds("919900000002")
    await keys.delete_key(installed.deps, installed.cast.account.id, KeyId(UUID(installed.cast.key_id)), by=SYSTEM)
    pair = {name: made["keys"][0][name] for name in ("key_id", "api_key")}
    assert (await installed.serve.client.post(f"/clients/{made['client_account_id']}/token", json=pair)).is_success

    now = datetime.fromisoformat((await installed.control("POST", "reset", TO_SEED))["now"])
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=30)
    assert await everything(installed.deps) == before
    gone = await installed.serve.client.post(f"/clients/{made['client_account_id']}/token", json=pair)
    assert gone.status_code in {401, 403}
    installed.token_text = (await installed.token()).json()["token"]
    for _ in range(2):
        await installed.holds(MAGICIAN)
        assert await installed.outcome(MAGICIAN) == LOST
    for receiver in ("919900000001", "919900000002"):
        await installed.holds(receiver)
    assert await installed.outcome(OFFLINE) == LOST
    assert await installed.outcome(NEVER) == NOBODY


async def test_resets_to_the_seed_keep_live_tokens_and_count_none(installed: Installed) -> None:
    await snapshots.take_seed(installed.deps)
    token = installed.token_text
    for _ in range(11):
        await installed.outcome("919900000001")
        await installed.control("POST", "reset", TO_SEED)
    await installed.holds("919900000001", token)
    screen = await installed.control("GET", f"handsets/919900000002/screen?caller={CALLER}")
    assert screen["name"] is None


async def test_a_snapshot_brings_everything_back_the_clock_and_what_handsets_hold_too(installed: Installed) -> None:
    await installed.control("POST", "clock", {"advance_s": 3 * 86_400})
    installed.token_text = (await installed.token()).json()["token"]
    await installed.control("POST", "handsets", {"phone_number": "919900000111"}, status=201)
    await installed.holds("919900000111")
    taken = await installed.control("PUT", "snapshots/before")
    before = await everything(installed.deps)

    await installed.control("POST", "clock", {"advance_s": 86_400})
    await installed.control("DELETE", "handsets/919900000111", status=204)
    await installed.control("POST", "handsets", {"phone_number": "919900000112"}, status=201)
    await installed.control("PATCH", "handsets/919900000001", {"os": "ios"})
    await installed.control("POST", "accounts", {"name": "Other"}, status=201)
    await installed.control("PUT", "faults", {"status": 500, "count": 3})
    await installed.control("POST", "reset")

    now = (await installed.control("POST", "snapshots/before/restore"))["now"]
    assert timedelta() <= datetime.fromisoformat(now) - datetime.fromisoformat(taken["now"]) < timedelta(minutes=1)
    assert await everything(installed.deps) == before
    numbers = [one["phone_number"] for one in await installed.control("GET", "handsets")]
    assert numbers == [*(one.handset.phone_number for one in MAGIC), "919900000111"]
    screen = await installed.control("GET", f"handsets/919900000111/screen?caller={CALLER}")
    assert screen["name"] == "Acme Deliveries"
    await installed.holds("919900000001")
    assert await installed.outcome("919900000112") == NOBODY
    await installed.control("DELETE", "snapshots/before", status=204)
    await installed.control("POST", "snapshots/before/restore", status=404)
    await installed.control("DELETE", "handsets/919900000111", status=204)


async def append_events(installed: Installed, many: int) -> None:
    async with installed.deps.db.transaction() as tx:
        for _ in range(many):
            now = installed.deps.clock.now()
            await events.append(tx, installed.cast.account.id, EventType.CALL_ME_BACK, {}, now)
    await events.announce(installed.deps, installed.cast.account.id)


async def send_webhooks_to(installed: Installed, sink: str, **answers: object) -> None:
    url = (await installed.control("PUT", f"sinks/{sink}", answers))["url"]
    of = (installed.deps, installed.cast.account.id)
    await webhooks.create_webhook(*of, name=sink, url=url, event_types={EventType.CALL_ME_BACK}, by=SYSTEM)


async def received(installed: Installed, sink: str) -> list[dict[str, Any]]:
    return [json.loads(one["body"]) for one in await installed.control("GET", f"sinks/{sink}/requests")]


async def test_a_reset_to_the_seed_is_safe_while_pushes_and_webhooks_are_under_way(installed: Installed) -> None:
    await snapshots.take_seed(installed.deps)
    over = asyncio.Event()

    async def push_on(receiver: str) -> list[int]:
        answers: list[int] = []
        while not over.is_set():
            answers.append((await installed.push(receiver)).status_code)
        return answers

    pushing = [asyncio.create_task(push_on(f"91990000000{n}")) for n in range(1, 7)]
    for _ in range(3):
        await send_webhooks_to(installed, "slow", delay_s=0.5)
        await append_events(installed, 20)
        await until(lambda: received(installed, "slow"))
        await installed.control("POST", "reset", TO_SEED)
    over.set()
    answers = {one for some in await asyncio.gather(*pushing) for one in some}
    assert answers | {429} == {200, 429}  # six in a row may be quicker than the limit of pushes
    await installed.control("POST", "reset", TO_SEED)
    async with installed.deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM call_record") == 0
    await installed.holds("919900000001")
    await send_webhooks_to(installed, "after")
    await append_events(installed, 1)
    await until(lambda: received(installed, "after"))
    async with installed.deps.db.connection() as tx:
        for table in ("delivery", "event"):
            assert await tx.fetchval(own_names(f"SELECT count(*) FROM {table}")) == 1


async def test_without_a_seed_there_is_nothing_to_go_back_to(installed: Installed) -> None:
    await snapshots.delete(installed.deps, snapshots.SEED)
    refused = await installed.control("POST", "reset", TO_SEED, status=409)
    assert refused["slug"] == "conflict"
