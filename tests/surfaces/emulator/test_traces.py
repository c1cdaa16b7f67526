"""One trace from a request over batch, worker, gateway and handset to the webhook; nothing of it when it is off."""

from typing import Any

import httpx
import pytest
from tests.domain.webhooks.receiving import receiver
from tests.support.due_work import run_due_once
from tests.support.factories import ALICE, Cast, make_cast, phone
from tests.support.listed_number import make_listed, offer_everything, ring
from tests.support.tracing import TRACE, TRACEPARENT, ids_of, traced
from tests.surfaces.emulator.running import Emulated
from tests.surfaces.gateway.helpers import make_handset, push

from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.webhooks import service as webhooks
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid
from callmark.surfaces.app import build_app

POST_BATCH = "POST /v2/clients/{clientAccountId}/dynamic_call_records"


def batch(deps: Deps, cast: Cast, caller: str, receivers: list[str]) -> list[dict[str, Any]]:
    now = to_ms(deps.clock.now())
    what = {"caller_number": caller, "label_id": str(cast.label.id), "starts_at": now, "ends_at": now + 3_600_000}
    reason = {"dynamic_call_reason": "Your parcel arrives today"}
    return [what | reason | {"receiver_number": receiver} for receiver in receivers]


async def test_one_trace_leads_from_the_request_to_the_handset_and_the_webhook(emulator: Emulated) -> None:
    deps, handset, unknown = emulator.deps, phone(), phone()
    cast = await make_cast(deps)
    listed = await make_listed(deps, account_id=cast.account.id)
    await offer_everything(deps, listed)
    await emulator.make(handset, script={"call_me_back": True})
    headers = {"Authorization": f"Bearer {cast.token}", "traceparent": TRACEPARENT}
    async with receiver() as there:
        types = [EventType.CALL_ME_BACK]
        await webhooks.create_webhook(deps, cast.account.id, name="o", url=there.url, event_types=types, by=ALICE)
        with traced() as traces:
            records = batch(deps, cast, listed.number, [handset, unknown])
            url = f"/v2/clients/{cast.account.id}/dynamic_call_records"
            assert (await emulator.http.post(url, json={"call_records": records}, headers=headers)).is_success
            await run_due_once(deps)
            assert (await emulator.call(handset, listed.number, "missed"))["source"] == "call_record"
            await run_due_once(deps)
        (event,) = there.requests
    spans = traces.of()
    chain = [
        POST_BATCH,
        "push batch",
        "push",
        "handset",
        "virtual handset",
        "POST /handset/v1/call_me_back",
        "POST webhook",
    ]
    assert {name: len(found) for name, found in spans.items()} == dict.fromkeys(chain, 1)
    (asked,) = spans["virtual handset"]
    assert traces.parent_of(asked) == "push"  # what the frame carried
    assert [traces.parent_of(spans[name][0]) for name in chain[:4]] == ["", *chain[:3]]
    assert [traces.parent_of(spans[name][0]) for name in chain[5:]] == ["virtual handset", chain[5]]
    assert event.headers["traceparent"] == f"00-{TRACE}-{ids_of(spans['POST webhook'][0])[1]}-01"
    for found in spans.values():
        told = repr(dict(found[0].attributes or {}))
        assert handset not in told
        assert listed.number not in told
    assert (spans["push"][0].attributes or {})["callmark.answer"] == "acknowledged"


@pytest.mark.usefixtures("unhurried_pushes")
async def test_a_real_time_push_is_one_trace_with_the_request(emulator: Emulated) -> None:
    deps, handset = emulator.deps, phone()
    cast = await make_cast(deps)
    await emulator.make(handset)
    headers = {"Authorization": f"Bearer {cast.token}", "traceparent": TRACEPARENT}
    (record,) = batch(deps, cast, "918040001234", [handset])
    with traced() as traces:
        url = f"/v2/clients/{cast.account.id}/dynamic_call_record"
        assert (await emulator.http.post(url, json=record, headers=headers)).is_success
    assert {name: len(found) for name, found in traces.of().items()} == {
        "POST /v2/clients/{clientAccountId}/dynamic_call_record": 1,
        "push": 1,
        "handset": 1,
    }


async def test_a_method_that_nobody_knows_names_no_span(emulator: Emulated) -> None:
    with traced() as traces:
        for method in ("BREW", "MILK"):
            answer = await emulator.http.request(method, "/clients/none/labels", headers={"traceparent": TRACEPARENT})
            assert answer.status_code == 405
    [(name, found)] = traces.of().items()
    assert (name, len(found)) == ("HTTP other", 2)
    assert [dict(one.attributes or {})["http.request.method"] for one in found] == ["_OTHER"] * 2


async def test_a_request_that_is_not_sampled_or_says_nothing_we_know_carries_no_trace_of_the_clients(
    emulator: Emulated,
) -> None:
    cast = await make_cast(emulator.deps)
    found: list[str] = []
    for sent in (TRACEPARENT.replace("-01", "-00"), "nonsense", TRACEPARENT[:-1], ""):
        headers = {"Authorization": f"Bearer {cast.token}", "traceparent": sent}
        with traced() as traces:
            assert (await emulator.http.get(f"/clients/{cast.account.id}/labels", headers=headers)).is_success
        found += [f"{sent!r} is carried by {name}" for name in traces.of()]
    assert found == []


async def test_a_client_does_not_choose_that_it_is_recorded(emulator: Emulated) -> None:
    cast = await make_cast(emulator.deps)
    passes_every_ratio = f"00-{1:032x}-00f067aa0ba902b7-01"
    with traced(ratio=0) as traces:
        for sent in (TRACEPARENT, passes_every_ratio):
            headers = {"Authorization": f"Bearer {cast.token}", "traceparent": sent}
            assert (await emulator.http.get(f"/clients/{cast.account.id}/labels", headers=headers)).is_success
            answer = await emulator.http.post("/handset/v1/call_me_back", json={}, headers={"traceparent": sent})
            assert answer.status_code == 401
    assert traces.exporter.get_finished_spans() == ()


async def test_what_an_admitted_handset_answers_belongs_to_the_recorded_push(deps: Deps) -> None:
    listed, owner = await make_listed(deps), await make_handset(deps, phone())
    await offer_everything(deps, listed)
    await ring(deps, listed, receiver=owner.number)
    app = build_app(deps, frozenset({"gateway"}))
    headers = {"Authorization": f"Bearer {owner.token}", "traceparent": TRACEPARENT}
    body = {"request_id": str(random_uuid()), "business_number": listed.number, "interested": False}
    with traced(ratio=0) as traces:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test") as http:
            answer = await http.post("/handset/v1/call_me_back", json=body, headers=headers)
    assert answer.is_success, answer.text
    assert list(traces.of()) == ["POST /handset/v1/call_me_back"]


async def test_while_it_is_off_nothing_carries_a_trace(emulator: Emulated) -> None:
    deps, handset = emulator.deps, phone()
    cast = await make_cast(deps)
    await emulator.make(handset)
    await push(deps, cast, handset)
    headers = {"Authorization": f"Bearer {cast.token}", "traceparent": TRACEPARENT}
    url = f"/v2/clients/{cast.account.id}/dynamic_call_records"
    records = batch(deps, cast, "918040001234", [handset])
    assert (await emulator.http.post(url, json={"call_records": records}, headers=headers)).is_success
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM batch WHERE traceparent IS NOT NULL") == 0
