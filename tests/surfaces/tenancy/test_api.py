"""The API's table of routes (management and operators too): every route, by whose ids, by which credential."""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

import httpx
import msgspec
import pytest
from msgspec import Struct
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock
from tests.support.openapi import operation_of
from tests.surfaces.api.management.managing import filled
from tests.surfaces.tenancy.watching import Told, WatchedDatabase, state_of, told, watched
from tests.surfaces.tenancy.worlds import World, every_credential, make_world, unknown_world

from callmark.domain.deps import Deps
from callmark.domain.policy.plan import ALL_ACCESS, KeyAccess
from callmark.surfaces.api.route import WITH_BODY, ApiRoute
from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.app import build_app

WITHOUT_TOKEN = {"/clients/{clientAccountId}/token"}
"""It takes a key and its secret instead: `tests/contract/token`."""

FIELDS = {
    "label_id": "labelId",
    "call_reason_id": "callReasonId",
    "department_id": "departmentId",
    "operation_id": "operationId",
    "process_id": "processId",
    "unit_id": "unitId",
    "feature_set_id": "featureSetId",
    "webhook_id": "webhookId",
    "event_id": "deliveryId",
    "batchId": "batchId",
    "after": "callbackRequestId",
}
"""Fields of bodies and parameters that name a thing of an account; of a position in a list, what one of them is."""

NOBODYS_FIELDS = {
    "key_id": "of the token route, which tells nobody what was wrong",
    "call_id": "made up by who announces a call",
    "calling_operation_id": "of the catalogue, which is everybody's",
    "client_account_id": "for operators alone",
    "caller_number": "the network's: tests/domain/personalisation/test_foreign_callers.py",
    "receiver_number": "the network's: tests/domain/resolution/test_service.py",
    "phone_numbers": "the network's: tests/domain/numbers/test_service.py",
    "phone_number": "the network's, and only ever in answers",
}
_NAMES_ONE = re.compile(r"\w+(_ids?|_numbers?|Ids?)|unit|account|after").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b1\d{12}\b")
_LISTED = (
    "callReasonId callbackRequestId campaignId deliveryId departmentId featureSetId labelId listingJobId phoneNumber"
    " proofRequestId recipientId webhookId"
)
LISTED = frozenset(_LISTED.split())
"""Kinds of which an account's own lists show its ids."""
LEFT_ALONE = {"request_window"}
"""The table that counting a request writes to."""


def _body_fields(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for one in msgspec.structs.fields(kind):
            yield one.encode_name
            yield from _body_fields(one.type)
    for inside in get_args(kind):
        yield from _body_fields(inside)


def fields_of(route: ApiRoute) -> set[str]:
    """Fields of the route's body and parameters beside its path that could name a thing."""
    assert route.doc
    params = {one.name for one in route.doc.params if one.place == "query"}
    return {name for name in params.union(_body_fields(route.doc.request)) if _NAMES_ONE(name)}


def _is_at_the_top(route: ApiRoute, field: str) -> bool:
    kind = route.doc.request if route.doc else None
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return False
    return field in {one.encode_name for one in msgspec.structs.fields(kind)}


def body_of(route: ApiRoute, ids: World, field: str = "", id_: str = "") -> Any:
    """The route's example with ids of the world, and another one in that field."""

    def replaced(value: Any) -> Any:
        match value:
            case dict():
                return {
                    key: (id_ if key == field else ids[FIELDS[key]]) if key in FIELDS else replaced(inside)
                    for key, inside in value.items()  # pyright: ignore[reportUnknownVariableType] - JSON
                }
            case list():
                return [replaced(inside) for inside in value]  # pyright: ignore[reportUnknownVariableType] - JSON
            case _:
                return value

    if route.method not in WITH_BODY or not route.doc:
        return None
    made: Any = replaced(msgspec.to_builtins(next(iter(route.doc.requests.values()), None))) or {}
    if _is_at_the_top(route, field):
        made[field] = id_
    return made


class Stage(Struct):
    """Alice's account, whose key may do everything, and charlie's, who has everything."""

    deps: Deps
    db: WatchedDatabase
    http: httpx.AsyncClient
    own: World
    foreign: World
    unknown: World
    token: str
    foreign_token: str

    async def ask(
        self, route: ApiRoute, ids: World, token: str | None = None, *, body: object = None, query: str = ""
    ) -> httpx.Response:
        """The answer, which the description of the API has."""
        assert isinstance(self.deps.clock, FakeClock)
        self.deps.clock.advance(timedelta(milliseconds=60))
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if route.method in WITH_BODY:
            headers["Content-Type"] = "application/json"
        content = None if body is None else msgspec.json.encode(body)
        url = filled(route.path, ids) + query
        answer = await self.http.request(route.method, url, content=content, headers=headers)
        operation = operation_of(route.method, route.path.replace("{", "").replace("}", ""))
        assert operation, route.path
        said = {name.lower(): value for name, value in answer.headers.items()}
        assert operation.answer_misfits(answer.status_code, said, answer.content) == [], (route.path, answer.text)
        return answer


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    every = frozenset(ALL_ACCESS)
    alice, charlie = await make_cast(deps, features=every), await make_cast(deps, features=every)
    own, foreign = await make_world(deps, alice.account.id), await make_world(deps, charlie.account.id)
    async with watched(deps) as (here, db):
        app = httpx.ASGITransport(build_app(here, frozenset({"api"})))
        async with httpx.AsyncClient(transport=app, base_url="http://callmark.test") as http:
            unknown = unknown_world(foreign)
            yield Stage(deps, db, http, own, foreign, unknown, alice.token, charlie.token)


def general(answer: httpx.Response, ids: Mapping[str, str]) -> Told:
    """What an answer tells, without ids and times."""
    status, headers, text = told(answer, [*ids.values()])
    headers = {name: value for name, value in headers.items() if not name.startswith("ratelimit")}
    return status, headers, _TIME.sub("TIME", _UUID.sub("ID", text))


def mixed(route: ApiRoute, ids: World, stage: Stage) -> World:
    """Those ids, in alice's account."""
    return ids if route.for_operators else ids | {"clientAccountId": stage.own["clientAccountId"]}


async def test_what_is_another_accounts_answers_a_key_like_what_is_not_there(stage: Stage) -> None:
    before = await state_of(stage.deps, but=LEFT_ALONE)
    for route in ROUTES:
        if route.path.count("{") < 2:
            continue
        body, nobodys = body_of(route, stage.own), list[tuple[Told, list[str]]]()
        for world in (stage.unknown, stage.foreign):
            ids = mixed(route, world, stage)
            with stage.db.noting() as statements:
                answer = await stage.ask(route, ids, body=body)
            nobodys.append((general(answer, ids), statements))
        assert nobodys[0][0][0] in {400, 403, 404}, (route.method, route.path, nobodys[0])
        assert nobodys[1] == nobodys[0], (route.method, route.path)
        malformed = await stage.ask(route, mixed(route, dict.fromkeys(stage.own, "no-id"), stage), body=body)
        assert malformed.status_code in {400, 403, 404}, (route.method, route.path)
    after = await state_of(stage.deps, but=LEFT_ALONE)
    assert [table for table in after if after[table] != before[table]] == []


async def test_fields_and_lists_tell_nothing_of_another_accounts_things(stage: Stage) -> None:
    listed: set[str] = set()
    for route in ROUTES:
        if route.method == "GET" and route.features and route.path.count("{") == 1:
            text = (await stage.ask(route, stage.own)).text
            assert [kind for kind, id_ in stage.foreign.items() if id_ in text] == [], route.path
            listed |= {kind for kind, id_ in stage.own.items() if id_ in text}
        for field in fields_of(route) & FIELDS.keys():
            found: list[Told] = []
            for world in (stage.unknown, stage.foreign):
                id_ = world[FIELDS[field]]
                query = "" if route.method in WITH_BODY else f"?{field}={id_}"
                answer = await stage.ask(route, stage.own, body=body_of(route, stage.own, field, id_), query=query)
                found.append(general(answer, world))
            assert found[0] == found[1], (route.method, route.path, field)
    assert listed >= LISTED


async def test_each_credential_opens_its_own_routes_and_no_other(stage: Stage) -> None:
    credentials = await every_credential(stage.deps)
    before = await state_of(stage.deps, but=LEFT_ALONE)
    for route in (one for one in ROUTES if one.path not in WITHOUT_TOKEN):
        refused: set[bytes] = set()
        for name, token in credentials.items():
            if name != ("operator token" if route.for_operators else "access token"):
                ids = mixed(route, stage.unknown if name == "nothing" else stage.foreign, stage)
                answer = await stage.ask(route, ids, token, body={})
                assert answer.status_code == 401, (route.method, route.path, name)
                assert answer.headers["www-authenticate"] == 'Bearer realm="callmark"'
                refused.add(answer.content)
        assert len(refused) == 1, (route.method, route.path, refused)
        theirs = await stage.ask(route, mixed(route, stage.foreign, stage), stage.foreign_token, body={})
        assert theirs.status_code == (401 if route.for_operators else 403), (route.method, route.path)
    after = await state_of(stage.deps, but=LEFT_ALONE)
    assert [table for table in after if after[table] != before[table]] == []


async def test_a_key_opens_what_its_accesses_open(stage: Stage) -> None:
    for access in ALL_ACCESS:
        cast = await make_cast(stage.deps, features=frozenset[KeyAccess]({access}))
        ids = stage.unknown | {"clientAccountId": str(cast.account.id)}
        for route in (one for one in ROUTES if one.features):
            answer = await stage.ask(route, ids, cast.token, body={})
            where = (access, route.method, route.path, answer.status_code, answer.text)
            assert (answer.status_code in {401, 403}) == (access not in route.features), where


def test_every_route_and_field_is_classified() -> None:
    for route in ROUTES:
        is_open = not route.features and not route.for_operators
        assert is_open == (route.path in WITHOUT_TOKEN), route.path
        assert "{clientAccountId}" in route.path or route.for_operators, route.path
        assert fields_of(route) <= FIELDS.keys() | NOBODYS_FIELDS.keys(), (route.method, route.path, fields_of(route))
