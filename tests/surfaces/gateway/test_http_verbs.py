"""The verbs as plain HTTP, and registrations."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import islice
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from tests.support.factories import make_cast, phone
from tests.support.openapi import check_answer
from tests.surfaces.gateway.helpers import (
    CALLER,
    Owner,
    make_handset,
    new_record,
    outcome_of,
    ref,
    store_records,
)

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call, CallDetails, CallEvent, Disconnect, Verification
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.ids import CallId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid
from callmark.kit.workload import Workload
from callmark.surfaces.app import build_app
from callmark.surfaces.gateway.app import Gateway

BASE = "http://callmark.test/handset/v1/"


@pytest.fixture
async def client(deps: Deps) -> AsyncGenerator[httpx.AsyncClient]:
    app = build_app(deps, frozenset({"gateway"}))
    hooks = {"response": [check_answer]}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, event_hooks=hooks) as made:
        yield made


def by(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def error(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"slug", "message"}
    return answer.status_code, body["slug"], body["message"]


def not_refused(sent: str, answer: httpx.Response, message: str) -> list[str]:
    """What is wrong with the answer to a request that must be refused with this message."""
    if answer.status_code == 400 and answer.json() == {"slug": "invalid-input", "message": message}:
        return []
    return [f"{sent} is to be refused with {message!r}: {answer.status_code} {answer.text}"]


@pytest.fixture
async def owner(deps: Deps) -> Owner:
    return await make_handset(deps, phone())


async def test_a_registration_answers_with_its_token_once(deps: Deps, client: httpx.AsyncClient) -> None:
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    number = phone()
    body = {"phone_number": f"+{number}", "os": "android", "app_version": "4.2.0"}
    first = await client.post("registrations", json=body, headers=by(credential))
    again = await client.post("registrations", json=body, headers=by(credential))
    assert first.status_code == 201
    assert first.json() == {"phone_number": number, "generation": 1, "token": first.json()["token"]}
    assert first.json()["token"].startswith("cmhs_")
    assert again.json()["generation"] == 2
    old = await client.post("resolve", json={"caller_number": CALLER}, headers=by(first.json()["token"]))
    assert error(old) == (401, "authorization-error", "please login again")


_BAD_REGISTRATIONS: list[tuple[dict[str, Any], str]] = [
    ({"phone_number": "12"}, "phone_number is not a valid phone number"),
    ({"phone_number": None}, "phone_number is invalid"),
    ({"os": "symbian"}, "os is invalid"),
    ({"app_version": "4.x"}, "app_version is invalid"),
    ({"app_version": ""}, "app_version is invalid"),
    ({"app_version": "1.2.3.4.5"}, "app_version is invalid"),
]


async def test_a_bad_registration_is_refused(deps: Deps, client: httpx.AsyncClient) -> None:
    found: list[str] = []
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    for changed, message in _BAD_REGISTRATIONS:
        body = {"phone_number": phone(), "os": "android", "app_version": "4.2.0"} | changed
        answer = await client.post("registrations", json=body, headers=by(credential))
        found += not_refused(str(changed), answer, message)
    assert found == []


_WRITTEN = [
    ("090000 12345", "IN", "919000012345"),
    ("90000-12345", "in", "919000012345"),
    ("+91 90000 12345", "IN", "919000012345"),
    ("+91 90000 12345", "ZZ", "919000012345"),
    ("+919000012345", "US", "919000012345"),
    ("+919000012345", "ZZ", "919000012345"),
    ("+919000012345", "", "919000012345"),
    ("+91 90000 12345", "", "919000012345"),
    ("919000012345", None, "919000012345"),
    ("919000012345", "IN", "919000012345"),
    ("+9109000012345", "IN", "919000012345"),
    ("+5215512345678", "MX", "5215512345678"),
    ("+22997979797", "BJ", "22997979797"),
    ("+22507070707", "CI", "22507070707"),
    ("01511965783698", "BR", "5511965783698"),
    ("0 15 11 96578-3698", "br", "5511965783698"),
    ("011965783698", "BR", "5511965783698"),
    ("0111512345678", "AR", "5491112345678"),
]
"""As given, the region, what it is: also forms that a plan had once, and what is dialled before or within a number."""


async def test_a_number_may_stand_as_it_is_written_in_its_country(deps: Deps, client: httpx.AsyncClient) -> None:
    found: list[str] = []
    _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    for given, region, number in _WRITTEN:
        body = {"phone_number": given, "region": region, "os": "android", "app_version": "4.2.0-beta1"}
        made = await client.post("registrations", json=body, headers=by(credential))
        if made.status_code != 201 or made.json()["phone_number"] != number:
            found.append(f"{given} of {region}: {made.status_code} {made.text}")
    assert found == []


_NOT_NUMBERS = [
    ("090000 12345", "ZZ", "region is not a country with two letters, such as IN"),
    ("090000 12345", "IND", "region is invalid"),
    ("090000 12345", None, "caller_number is not a valid phone number"),
    ("0900", "IN", "caller_number is not a valid phone number"),
    ("", "IN", "caller_number is not a valid phone number"),
    ("090000 12345", "", "caller_number must begin with + and its country code, because region is empty"),
    ("4585551234", "", "caller_number must begin with + and its country code, because region is empty"),  # or of 458
    ("+91 90000 12345 ext 7", "IN", "caller_number is not a valid phone number"),
    ("4915112345678", "DE", "caller_number is not a valid phone number"),  # +49 151 12345678, or 0491 in Leer
    ("7246655", "BB", "caller_number is not a valid phone number"),  # without its area: as short as a service
    ("unknown", "IN", "caller_number is not a valid phone number"),
]


async def test_a_number_that_is_none_in_its_country_is_refused(client: httpx.AsyncClient, owner: Owner) -> None:
    found: list[str] = []
    for given, region, message in _NOT_NUMBERS:
        body = {"caller_number": given, "region": region}
        answer = await client.post("resolve", json=body, headers=by(owner.token))
        found += not_refused(f"{given!r} of {region}", answer, message)
    assert found == []


async def test_a_caller_s_national_number_is_found(client: httpx.AsyncClient, owner: Owner) -> None:
    body = {"caller_number": "080477 70001", "region": "IN"}
    answer = await client.post("resolve", json=body, headers=by(owner.token))
    assert answer.json()["caller_number"] == CALLER


async def test_only_a_live_app_may_register(deps: Deps, client: httpx.AsyncClient, owner: Owner) -> None:
    app, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    await handsets.revoke_app(deps, app.id, by=SYSTEM)
    body = {"phone_number": phone(), "os": "android", "app_version": "4.2.0"}
    for wrong in (credential, owner.token, "cmapp_unknown", ""):
        refused = await client.post("registrations", json=body, headers=by(wrong) if wrong else {})
        assert error(refused) == (401, "authorization-error", "please login again")


async def test_deleting_a_registration_forgets_it(client: httpx.AsyncClient, owner: Owner) -> None:
    assert (await client.delete("registrations", headers=by(owner.token))).status_code == 204
    assert (await client.delete("registrations", headers=by(owner.token))).status_code == 401


async def test_sync_ack_and_resolve_work_without_a_stream(deps: Deps, client: httpx.AsyncClient, owner: Owner) -> None:
    cast = await make_cast(deps)
    one, two, held, gone = await store_records(deps, cast, *(new_record(deps, cast, owner.number) for _ in range(4)))
    await personalisation.withdraw_record(deps, cast.account.id, gone.key.id, by=SYSTEM)
    known = [str(held.key.id), str(gone.key.id)]
    page = (await client.post("sync", json={"held": known, "cursor": None}, headers=by(owner.token))).json()
    assert [identity["id"] for identity in page["identities"]] == [str(one.key.id), str(two.key.id)]
    assert (page["withdrawn"], page["cursor"]) == ([ref(gone)], None)
    assert page["now"] == to_ms(deps.clock.now())
    assert await outcome_of(deps, cast, held.key.id) is Outcome.SUCCESS
    records = [identity["record"] for identity in page["identities"]]
    assert (await client.post("ack", json={"records": records}, headers=by(owner.token))).status_code == 204
    assert await outcome_of(deps, cast, one.key.id) is Outcome.SUCCESS
    shown = (await client.post("resolve", json={"caller_number": CALLER}, headers=by(owner.token))).json()
    assert shown["identity"]["id"] == str(held.key.id)
    assert set(shown) == {"caller_number", "identity", "source", "why", "offers"}


async def test_a_whole_page_can_be_acknowledged_at_once(deps: Deps, client: httpx.AsyncClient, owner: Owner) -> None:
    cast = await make_cast(deps)
    stored = await store_records(deps, cast, *(new_record(deps, cast, owner.number) for _ in range(200)))
    body = {"records": [ref(record) for record in stored]}
    assert (await client.post("ack", json=body, headers=by(owner.token))).status_code == 204
    assert await outcome_of(deps, cast, stored[199].key.id) is Outcome.SUCCESS


async def test_an_acknowledgement_with_a_foreign_record_is_refused_as_a_whole(
    deps: Deps, client: httpx.AsyncClient, owner: Owner
) -> None:
    cast = await make_cast(deps)
    mine, foreign = await store_records(
        deps, cast, new_record(deps, cast, owner.number), new_record(deps, cast, phone())
    )
    refused = await client.post("ack", json={"records": [ref(mine), ref(foreign)]}, headers=by(owner.token))
    assert error(refused) == (403, "forbidden-error", "record belongs to another receiver")
    assert await outcome_of(deps, cast, mine.key.id) is Outcome.PENDING


async def call_of(deps: Deps, owner: Owner, call_id: UUID) -> Call:
    async with deps.db.connection() as tx:
        call = await calls.find_call(tx, owner.number, CallId(call_id))
    assert call
    return call


async def test_a_call_can_be_reported_without_a_stream(deps: Deps, client: httpx.AsyncClient, owner: Owner) -> None:
    call_id = random_uuid()
    body = {"call_id": str(call_id), "caller_number": CALLER, "event": "rejected", "source": "none", "record": None}
    assert (await client.post("call", json=body, headers=by(owner.token))).status_code == 204
    call = await call_of(deps, owner, call_id)
    assert call.outcome is CallEvent.REJECTED


async def test_what_android_knows_of_a_call_is_kept_and_its_first_report_counts(
    deps: Deps, client: httpx.AsyncClient, owner: Owner
) -> None:
    call_id = random_uuid()
    base = {"call_id": str(call_id), "caller_number": CALLER, "source": "none"}
    reports = (
        {"event": "shown", "verification": "passed"},
        {"event": "answered", "verification": "failed", "duration_s": 42, "disconnect": "remote"},
        {"event": "answered", "duration_s": 7, "disconnect": "busy"},
    )
    for report in reports:
        assert (await client.post("call", json=base | report, headers=by(owner.token))).status_code == 204
    call = await call_of(deps, owner, call_id)
    assert call.details == CallDetails(Verification.PASSED, 42, Disconnect.REMOTE)


_NOT_DETAILS: list[dict[str, Any]] = [
    {"verification": "yes"},
    {"duration_s": -1},
    {"duration_s": 604_801},
    {"duration_s": 1.5},
    {"disconnect": "REMOTE"},
]


async def test_a_detail_that_android_does_not_give_is_refused(client: httpx.AsyncClient, owner: Owner) -> None:
    found: list[str] = []
    for wrong in _NOT_DETAILS:
        body = {"call_id": str(random_uuid()), "caller_number": CALLER, "event": "missed", "source": "none"} | wrong
        [field] = wrong
        answer = await client.post("call", json=body, headers=by(owner.token))
        found += not_refused(str(wrong), answer, f"{field} is invalid")
    assert found == []


_BAD_BODIES = [
    ("sync", b"{", "request body is invalid"),
    ("sync", b"", "request body is invalid"),
    ("sync", b"\xff", "request body is invalid: the byte at offset 0 is not UTF-8"),
    ("sync", b"[]", "request body is invalid"),
    ("sync", b'{"cursor":"nowhere"}', "cursor is invalid"),
    ("ack", b"{}", "records is required"),
    ("ack", b'{"records":[]}', "records is invalid"),
    ("ack", b'{"records":[{"id":1}]}', "records.id is invalid"),
    ("resolve", b"{}", "caller_number is required"),
    ("call", b'{"call_id":"x"}', "call_id is invalid"),
]


async def test_a_bad_body_names_what_is_wrong(client: httpx.AsyncClient, owner: Owner) -> None:
    found: list[str] = []
    for verb, body, message in _BAD_BODIES:
        found += not_refused(f"{verb} {body}", await client.post(verb, content=body, headers=by(owner.token)), message)
    assert found == []


async def test_source_and_record_must_agree(deps: Deps, client: httpx.AsyncClient, owner: Owner) -> None:
    record = {"id": str(random_uuid()), "receiver_number": owner.number, "ends_at": to_ms(deps.clock.now())}
    body = {"call_id": str(random_uuid()), "caller_number": CALLER, "event": "shown"}
    for wrong in ({"source": "call_record"}, {"source": "none", "record": record}):
        assert (await client.post("call", json=body | wrong, headers=by(owner.token))).status_code == 400


async def test_ends_at_outside_the_calendar_is_refused(client: httpx.AsyncClient, owner: Owner) -> None:
    record = {"id": str(random_uuid()), "receiver_number": owner.number, "ends_at": 10**15}
    answer = await client.post("ack", json={"records": [record]}, headers=by(owner.token))
    assert error(answer) == (400, "invalid-input", "record.ends_at is invalid")


async def test_paths_methods_and_media_types_answer_in_the_envelope(client: httpx.AsyncClient, owner: Owner) -> None:
    auth = by(owner.token)
    assert error(await client.post("nowhere", headers=auth)) == (404, "not-found", "resource not found")
    method = await client.get("registrations", headers=auth)
    assert error(method) == (405, "method-not-allowed", "method not allowed")
    assert method.headers["allow"] == "POST, DELETE"
    media = await client.post("sync", content=b"{}", headers=auth | {"Content-Type": "text/plain"})
    assert error(media)[:2] == (415, "unsupported-media-type")
    big = await client.post("sync", content=b" " * (16 * 1024 + 1), headers=auth)
    assert error(big)[:2] == (413, "payload-too-large")
    assert (await client.post("sync", content=b"{}" + b" " * (16 * 1024 - 2), headers=auth)).status_code == 200
    assert error(await client.get("stream"))[:2] == (400, "invalid-input")
    assert (await client.post("sync", json={})).status_code == 401


async def test_beyond_the_load_of_a_process_handsets_are_refused_at_once(deps: Deps) -> None:
    app = Starlette(routes=Gateway(deps, Workload(8, deps.real_clock)).routes)
    headers = {"Authorization": "Bearer unknown"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test") as http:
        async with deps.db.transaction() as tx:
            await tx.execute("LOCK TABLE registration IN ACCESS EXCLUSIVE MODE")  # nothing that is taken in is done
            asking = [
                asyncio.create_task(http.post("/handset/v1/sync", json={"held": []}, headers=headers)) for _ in range(7)
            ]
            refused = [await one for one in islice(asyncio.as_completed(asking), 3)]
        answers = await asyncio.gather(*asking)
    assert [one.status_code for one in refused] == [503] * 3
    assert [one.status_code for one in answers] == [401] * 4 + [503] * 3
    assert refused[0].headers["Retry-After"] == "1"
