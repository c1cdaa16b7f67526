"""What tests of integrators ask of the control API: a webhook in one request, and whether work is left."""

from tests.support.due_work import run_due_once
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock
from tests.surfaces.emulator.running import Emulated

from callmark.domain.background.registry import PERIODIC
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType


async def test_a_webhook_of_any_account(emulator: Emulated) -> None:
    account = (await make_cast(emulator.deps)).account
    body = {"client_account_id": str(account.id), "url": "http://127.0.0.1:9/hooks", "event_types": ["cmb"]}
    first = await emulator.http.post("/emulator/v1/webhooks", json=body)
    assert first.status_code == 201, first.text
    made = first.json()
    assert (made["name"], made["url"], made["event_types"]) == ("Test 1", body["url"], ["cmb"])
    assert made["secret"].startswith("whsec_")
    del body["event_types"]
    second = (await emulator.http.post("/emulator/v1/webhooks", json=body)).json()
    assert (second["name"], second["event_types"]) == ("Test 2", ["cmb", "possible_spoof", "user_feedback"])


async def test_a_webhook_that_cannot_be(emulator: Emulated) -> None:
    body = {"client_account_id": "3f0c1c52-6a5e-4d0e-9a53-1a0e6a1b7c11", "url": "http://127.0.0.1:9/hooks"}
    unknown = await emulator.http.post("/emulator/v1/webhooks", json=body)
    assert (unknown.status_code, unknown.json()["message"]) == (404, "no account with this id")
    body["client_account_id"] = str((await make_cast(emulator.deps)).account.id)
    elsewhere = await emulator.http.post("/emulator/v1/webhooks", json=body | {"url": "ftp://127.0.0.1/"})
    assert elsewhere.status_code == 400
    more = await emulator.http.post("/emulator/v1/webhooks", json=body | {"nam": "x"})
    assert more.json()["message"] == "unknown key nam in the body; known: client_account_id, url, event_types"


async def test_work_is_counted_until_it_is_done(emulator: Emulated) -> None:
    account = (await make_cast(emulator.deps)).account
    body = {"client_account_id": str(account.id), "url": f"{emulator.deps.public_url}/emulator/v1/sinks/orders"}
    await emulator.http.post("/emulator/v1/webhooks", json=body)
    await run_due_once(emulator.deps)
    assert (await emulator.http.get("/emulator/v1/work")).json()["idle"]
    async with emulator.deps.db.transaction() as tx:
        await events.append(tx, account.id, EventType.CALL_ME_BACK, {"is_interested": True}, emulator.deps.clock.now())
    left = (await emulator.http.get("/emulator/v1/work")).json()
    assert (left["idle"], left["work"]["deliveries"]) == (False, 1)
    await run_due_once(emulator.deps)
    done = (await emulator.http.get("/emulator/v1/work")).json()
    assert (done["idle"], done["work"]["deliveries"]) == (True, 0)


async def test_periodic_jobs_that_the_clock_made_due_are_work(emulator: Emulated, clock: FakeClock) -> None:
    """They write alerts, end what has passed and delete what is old."""
    await run_due_once(emulator.deps)
    assert (await emulator.http.get("/emulator/v1/work")).json()["idle"]
    clock.advance(max(job.every for job in PERIODIC.values()))
    left = (await emulator.http.get("/emulator/v1/work")).json()
    assert (left["idle"], left["work"]["periodic"]) == (False, len(PERIODIC))
    await run_due_once(emulator.deps)
    done = (await emulator.http.get("/emulator/v1/work")).json()
    assert (done["idle"], done["work"]["periodic"]) == (True, 0)
