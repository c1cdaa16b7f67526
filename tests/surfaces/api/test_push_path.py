"""The push path through the real application: token, push, handset, status."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_cast, phone
from tests.support.waiting import in_task

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation import service as personalisation
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.app import build_app


@pytest.fixture
def client(deps: Deps) -> httpx.AsyncClient:
    """A client of the API, in process."""
    app = build_app(deps, frozenset({"api"}))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test")


async def register(deps: Deps, number: PhoneNumber) -> None:
    _, credential = await handsets.create_app(deps, "app", by=SYSTEM)
    await handsets.register(deps, credential, number, OS.ANDROID, "5.0.0")


async def hold_all(deps: Deps, number: PhoneNumber) -> list[bytes]:
    """A connected handset that acknowledges everything; what it got."""
    got: list[bytes] = []

    async def on_push(_: str, reply: str, payload: bytes) -> None:
        got.append(payload)
        deps.fabric.acknowledge(reply)

    await deps.fabric.attach(number, in_task(on_push))
    return got


def record(deps: Deps, cast: Cast, receiver: str, **changed: Any) -> dict[str, Any]:
    now = to_ms(deps.clock.now())
    return {
        "caller_number": "918040001234",
        "receiver_number": receiver,
        "label_id": str(cast.label.id),
        "dynamic_call_reason": "Your parcel arrives today",
        "starts_at": now,
        "ends_at": now + 3_600_000,
    } | changed


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("v2/clients/{}/dynamic_call_record", '"real-time";q=100;w=1'),
        ("clients/{}/dynamic_call_records", '"bulk-v1";q=10;w=1'),
    ],
)
async def test_a_request_that_is_refused_before_it_is_counted_tells_the_limit_too(
    deps: Deps, client: httpx.AsyncClient, path: str, policy: str
) -> None:
    cast = await make_cast(deps)
    refused = await client.post("/" + path.format(cast.account.id), json={}, headers={"Authorization": "Bearer none"})
    assert refused.status_code == 401
    assert refused.headers.get_list("ratelimit-policy") == [policy]
    assert len(refused.headers.get_list("ratelimit")) == 1


async def test_a_bulk_record_reaches_its_handset_and_the_status_says_so(deps: Deps, client: httpx.AsyncClient) -> None:
    cast, receiver = await make_cast(deps), phone()
    await register(deps, receiver)
    got = await hold_all(deps, receiver)
    url = f"/v2/clients/{cast.account.id}/dynamic_call_records"
    auth = {"Authorization": f"Bearer {cast.token}"}
    posted = await client.post(url, json={"call_records": [record(deps, cast, receiver)]}, headers=auth)
    assert posted.status_code == 200, posted.text
    batch = posted.json()["batch_id"]
    before = (await client.get(url, params={"batchId": batch}, headers=auth)).json()
    assert before["data"][0]["status_info"] == {"status": "pending"}
    await run_due_once(deps)
    after = (await client.get(url, params={"batchId": batch}, headers=auth)).json()
    assert after["data"][0]["status_info"] == {"status": "success"}
    assert after["data"][0]["dynamic_label_name"] == "Acme Deliveries"
    assert len(got) == 1


@pytest.mark.usefixtures("unhurried_pushes")
async def test_a_real_time_push_answers_with_its_outcome(deps: Deps, client: httpx.AsyncClient) -> None:
    cast, receiver = await make_cast(deps), phone()
    url = f"/v2/clients/{cast.account.id}/dynamic_call_record"
    auth = {"Authorization": f"Bearer {cast.token}"}
    nobody = await client.post(url, json=record(deps, cast, receiver), headers=auth)
    assert nobody.json() == {"status_info": {"status": "error", "message": "Not a Truecaller user"}}
    await register(deps, receiver)
    offline = await client.post(url, json=record(deps, cast, receiver), headers=auth)
    assert offline.json() == {"status_info": {"status": "error", "message": "Failed to push"}}
    await hold_all(deps, receiver)
    online = await client.post(url, json=record(deps, cast, receiver), headers=auth)
    assert online.json() == {"status_info": {"status": "success", "message": "Record processed successfully"}}
    assert online.headers["ratelimit"] == '"real-time";r=97;t=1'
    assert await run_due_once(deps) >= 0


async def test_a_late_acknowledgement_turns_a_failure_into_success_and_both_facts_stay(
    deps: Deps, client: httpx.AsyncClient
) -> None:
    cast, receiver = await make_cast(deps), phone()
    await register(deps, receiver)
    url = f"/clients/{cast.account.id}/dynamic_call_records"
    body = {
        "caller": "918040001234",
        "receiver": receiver,
        "label_id": str(cast.label.id),
        "starts_at": to_ms(deps.clock.now()),
        "ends_at": to_ms(deps.clock.now() + timedelta(hours=24)),
    }
    posted = await client.post(url, json={"call_records": [body]}, headers={"Authorization": f"Bearer {cast.token}"})
    await run_due_once(deps)
    batch = posted.json()["message"].removeprefix("Records Uploaded Successfully. BatchID: ")
    (failed,) = await personalisation.records_of_batch(deps, batch, cast.account.id)
    assert failed.outcome == "failed_to_push"
    await personalisation.acknowledge(deps, [failed.key])
    (late,) = await personalisation.records_of_batch(deps, batch, cast.account.id)
    assert (late.outcome, late.first_outcome) == ("success", "failed_to_push")
    assert late.delivered_late_at is not None
