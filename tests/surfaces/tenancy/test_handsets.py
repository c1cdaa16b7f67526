"""The gateway's table of verbs: which credential opens what, and what handsets learn of another receiver's things."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from msgspec import Struct
from tests.support.factories import Cast, make_cast, phone
from tests.support.listed_number import make_listed, offer_everything, ring
from tests.surfaces.gateway.helpers import Owner, make_handset, new_record, ref, store_records
from tests.surfaces.tenancy.watching import WatchedDatabase, state_of, watched
from tests.surfaces.tenancy.worlds import every_credential

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.personalisation import service as personalisation
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import random_uuid
from callmark.surfaces.app import build_app
from callmark.surfaces.gateway.http_verbs import TABLE

Json = dict[str, Any]
APP_ALONE = {("POST", "registrations")}
"""Verbs for the credential of an app; all others take a handset's token."""
WITHOUT_TOKEN = {("GET", "stream")}
"""What only says that it wants a WebSocket, whose first frame has the token: tests/surfaces/gateway/test_stream.py."""


class Stage(Struct):
    """A handset, and the things of another one of the same app."""

    deps: Deps
    db: WatchedDatabase
    http: httpx.AsyncClient
    mine: Owner
    bodies: dict[str, tuple[Json, Json]]
    """For each verb a body that names what is another's, and the same with ids that nobody has."""

    async def ask(self, method: str, verb: str, body: Json, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.http.request(method, f"/handset/v1/{verb}", json=body, headers=headers)


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    cast = await make_cast(deps)
    mine = await make_handset(deps, phone())
    bodies = await _bodies(deps, cast, mine)
    async with watched(deps) as (here, db):
        app = httpx.ASGITransport(build_app(here, frozenset({"gateway"})))
        async with httpx.AsyncClient(transport=app, base_url="http://callmark.test") as http:
            yield Stage(deps, db, http, mine, bodies)


async def _bodies(deps: Deps, cast: Cast, mine: Owner) -> dict[str, tuple[Json, Json]]:
    theirs = await make_handset(deps, phone(), credential=mine.credential)
    (record, withdrawn) = await store_records(deps, cast, *[new_record(deps, cast, theirs.number) for _ in range(2)])
    await personalisation.withdraw_record(deps, cast.account.id, withdrawn.key.id, by=SYSTEM)
    listed = await make_listed(deps, account_id=cast.account.id)
    campaign = await offer_everything(deps, listed)
    _, call_id = await ring(deps, listed, CallEvent.ANSWERED, theirs.number)
    nobodys = str(random_uuid())
    call: Json = {"caller_number": record.caller_number, "event": "ringing", "source": "call_record"}
    answer: Json = {"business_number": listed.number, "campaign_id": str(campaign.id), "call_type": "answered"}
    ask_back: Json = {"request_id": nobodys, "business_number": phone()}
    return {
        "ack": ({"records": [ref(record)]}, {"records": [ref(record) | {"id": nobodys}]}),
        "call": (
            call | {"call_id": nobodys, "record": ref(record)},
            call | {"call_id": nobodys, "record": ref(record) | {"id": nobodys}},
        ),
        "sync": ({"held": [str(record.key.id), str(withdrawn.key.id)]}, {"held": [nobodys, str(random_uuid())]}),
        "resolve": ({"caller_number": record.caller_number}, {"caller_number": phone()}),
        "call_me_back": (ask_back, ask_back),
        "feedback": (answer | {"call_id": str(call_id), "answers": []}, answer | {"call_id": nobodys, "answers": []}),
        "registrations": ({}, {}),
    }


async def test_what_is_another_receivers_answers_like_what_is_not_there(stage: Stage) -> None:
    before = await state_of(stage.deps, but=())
    for verb, (theirs, nobodys) in stage.bodies.items():
        if verb == "registrations":
            continue
        found: list[tuple[int, str, list[str]]] = []
        for body in (nobodys, theirs):
            with stage.db.noting() as statements:
                answer = await stage.ask("POST", verb, body, stage.mine.token)
            text = answer.text.replace(body.get("caller_number", "-"), "NUMBER")
            found.append((answer.status_code, text.partition('"now"')[0], statements))
        assert found[0] == found[1], verb
    after = await state_of(stage.deps, but=())
    assert [table for table in after if after[table] != before[table]] == []


async def test_a_record_of_another_receiver_under_ones_own_number_is_no_record(stage: Stage) -> None:
    before = await state_of(stage.deps, but=())
    theirs, nobodys = (body["records"][0] | {"receiver_number": stage.mine.number} for body in stage.bodies["ack"])
    for record in (theirs, nobodys):
        assert (await stage.ask("POST", "ack", {"records": [record]}, stage.mine.token)).status_code == 204
    assert await state_of(stage.deps, but=()) == before


async def test_each_credential_opens_its_own_verbs_and_no_other(stage: Stage) -> None:
    credentials = await every_credential(stage.deps)
    before = await state_of(stage.deps, but=())
    for verb, methods in TABLE.items():
        for method in methods:
            opens = "app" if (method, verb) in APP_ALONE else "handset"
            for name, token in credentials.items():
                if name != opens and (method, verb) not in WITHOUT_TOKEN:
                    body = {"phone_number": phone(), "os": "android", "app_version": "5.0.0"} | stage.bodies[verb][0]
                    answer = await stage.ask(method, verb, body, token)
                    assert answer.status_code == 401, (method, verb, name)
                    assert answer.headers["www-authenticate"] == 'Bearer realm="callmark"'
    assert await state_of(stage.deps, but=()) == before


def test_every_verb_is_classified() -> None:
    found = {(method, verb) for verb, methods in TABLE.items() for method in methods}
    posted = {"sync", "ack", "resolve", "call", "call_me_back", "feedback"}
    assert found == {("POST", verb) for verb in posted} | {("DELETE", "registrations")} | APP_ALONE | WITHOUT_TOKEN
