"""A real-time push whose body has come with its head: admitted and written in one statement, answered as any other."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from tests.support.factories import Cast, make_cast, make_label, phone
from tests.support.listed_number import make_listed
from tests.support.requests_at_hand import at_hand
from tests.surfaces.api.extending import hold_all, register

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import KeyId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import LabelType
from callmark.domain.personalisation import service as personalisation
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid
from callmark.surfaces.app import build_app

QUOTA = 100


def client(deps: Deps, *, is_at_hand: bool = True) -> httpx.AsyncClient:
    app = build_app(deps, frozenset({"api"}))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(at_hand(app) if is_at_hand else app), base_url="http://callmark.test"
    )


def record(deps: Deps, cast: Cast, receiver: str, **changed: Any) -> dict[str, Any]:
    now = to_ms(deps.clock.now())
    return {
        "caller_number": "918040001234",
        "receiver_number": receiver,
        "label_id": str(cast.label.id),
        "starts_at": now,
        "ends_at": now + 3_600_000,
    } | changed


def url(cast: Cast, prefix: str = "/v2") -> str:
    return f"{prefix}/clients/{cast.account.id}/dynamic_call_record"


def auth(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def written(deps: Deps, cast: Cast) -> tuple[int, int]:
    """How many batches and records the account has."""
    async with deps.db.connection() as tx:
        return (
            await tx.fetchval("SELECT count(*) FROM batch WHERE account_id = $1", cast.account.id),
            await tx.fetchval("SELECT count(*) FROM call_record WHERE account_id = $1", cast.account.id),
        )


async def answers_both_ways(deps: Deps, path: str, body: bytes, headers: dict[str, str]) -> list[tuple[Any, ...]]:
    """What the request is answered when its body has come, and when it has yet to come."""
    got: list[tuple[Any, ...]] = []
    for is_at_hand in (True, False):
        async with client(deps, is_at_hand=is_at_hand) as http:
            answer = await http.post(path, content=body, headers={"Content-Type": "application/json"} | headers)
        told = sorted((k, v) for k, v in answer.headers.items() if k not in {"x-request-id", "ratelimit"})
        got.append((answer.status_code, answer.json(), told))
    return got


FAULTS: list[dict[str, Any]] = [
    {"caller_number": "12"},
    {"receiver_number": None},
    {"label_id": ""},
    {"label_id": "no-id"},
    {"label_id": str(UUID(int=7))},
    {"label_id": str(UUID(int=7)), "caller_number": "12"},
    {"label_id": str(UUID(int=7)), "dynamic_label_name": "x"},
    {"dynamic_label_name": "x"},
    {"dynamic_call_reason": 7},
    {"ends_at": 1},
]


async def test_a_fault_is_answered_the_same_and_nothing_is_written(deps: Deps, subtests: pytest.Subtests) -> None:
    cast = await make_cast(deps)
    for changed in FAULTS:
        with subtests.test(changed=changed):
            body = json.dumps(record(deps, cast, phone(), **changed)).encode()
            here, elsewhere = await answers_both_ways(deps, url(cast), body, auth(cast.token))
            assert here == elsewhere
            assert here[0] == 400
            assert await written(deps, cast) == (0, 0)


async def test_a_body_that_is_no_record_is_answered_the_same(deps: Deps, subtests: pytest.Subtests) -> None:
    cast = await make_cast(deps)
    for body in (b"", b"{", b"[]", b"\xff{}", b'{"ends_at": 1e999}', b"\xef\xbb\xbf{}"):
        with subtests.test(body=body):
            here, elsewhere = await answers_both_ways(deps, url(cast), body, auth(cast.token))
            assert here == elsewhere
            assert here[0] == 400


HEADS: list[tuple[dict[str, str], int]] = [
    ({"Content-Type": "text/plain"}, 415),
    ({"Content-Encoding": "gzip"}, 415),
    ({"Authorization": "Bearer none"}, 401),
    ({"Authorization": ""}, 401),
    ({"Authorization": "Bearer none", "Content-Type": "text/plain"}, 401),
]


async def test_a_head_that_is_refused_is_answered_the_same(deps: Deps, subtests: pytest.Subtests) -> None:
    cast = await make_cast(deps)
    body = json.dumps(record(deps, cast, phone())).encode()
    for headers, status in HEADS:
        with subtests.test(headers=headers):
            here, elsewhere = await answers_both_ways(deps, url(cast), body, auth(cast.token) | headers)
            assert here == elsewhere
            assert here[0] == status
            assert await written(deps, cast) == (0, 0)


async def test_a_body_too_large_is_answered_the_same(deps: Deps) -> None:
    cast = await make_cast(deps)
    here, elsewhere = await answers_both_ways(deps, url(cast), b" " * ((1 << 20) + 1), auth(cast.token))
    assert here == elsewhere
    assert here[0] == 413


async def test_who_may_not_push_writes_nothing(deps: Deps) -> None:
    cast, other = await make_cast(deps), await make_cast(deps)
    body = json.dumps(record(deps, cast, phone())).encode()
    refused = [await answers_both_ways(deps, url(cast), body, auth(other.token))]
    await credentials.update_key(
        deps, cast.account.id, KeyId(UUID(cast.key_id)), by=SYSTEM, features=[Feature.USER_FEEDBACK]
    )
    refused.append(await answers_both_ways(deps, url(cast), body, auth(cast.token)))
    suspended = await make_cast(deps)
    await accounts.update_account(deps, suspended.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    refused.append(await answers_both_ways(deps, url(suspended), body, auth(suspended.token)))
    for here, elsewhere in refused:
        assert here == elsewhere
        assert here[0] == 403
    assert [await written(deps, one) for one in (cast, other, suspended)] == [(0, 0)] * 3


async def test_a_number_of_another_account_and_labels_of_none_are_refused_and_count(deps: Deps) -> None:
    cast, listed = await make_cast(deps), await make_listed(deps)
    foreign_label = await make_label(deps, listed.account_id)
    static = await make_label(deps, cast.account.id, label_type=LabelType.STATIC)
    gone = await make_label(deps, cast.account.id)
    await labels.delete_label(deps, cast.account.id, gone.id, by=SYSTEM)
    bad = [
        ({"caller_number": listed.number}, "Request body is invalid: caller_number"),
        ({"caller_number": listed.number, "label_id": str(random_uuid())}, "Request body is invalid: caller_number"),
        *(({"label_id": str(one.id)}, "Request body is invalid: label_id") for one in (foreign_label, static, gone)),
    ]
    for changed, begins in bad:
        body = json.dumps(record(deps, cast, phone(), **changed)).encode()
        here, elsewhere = await answers_both_ways(deps, url(cast), body, auth(cast.token))
        assert here == elsewhere
        assert here[1]["status_info"]["message"].startswith(begins)
    assert await written(deps, cast) == (0, 0)
    async with client(deps) as http:
        answer = await http.post(url(cast), json=record(deps, cast, phone()), headers=auth(cast.token))
    assert answer.headers["ratelimit"] == f'"real-time";r={QUOTA - 2 * len(bad) - 1};t=1'


@pytest.mark.usefixtures("unhurried_pushes")
async def test_of_many_at_once_just_as_many_are_written_as_the_limit_allows(deps: Deps) -> None:
    cast = await make_cast(deps)
    roomy = replace(deps, settings=msgspec.structs.replace(deps.settings, api_load=100_000))
    async with client(roomy) as http:
        sending = [
            http.post(url(cast), json=record(deps, cast, phone()), headers=auth(cast.token)) for _ in range(QUOTA + 30)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*sending)]
    assert sorted(statuses) == [200] * QUOTA + [429] * 30
    assert await written(deps, cast) == (QUOTA, QUOTA)


@pytest.mark.parametrize(("prefix", "name"), [("", None), ("/v2", None), ("/v2", "Acme Parcels")])
async def test_what_is_written_is_what_the_handset_gets(deps: Deps, prefix: str, name: str | None) -> None:
    cast, receiver = await make_cast(deps), phone()
    await register(deps, receiver)
    got = await hold_all(deps, receiver)
    body = record(deps, cast, receiver)
    if name:
        body["dynamic_label_name"] = name
    if not prefix:
        body |= {"caller": body.pop("caller_number"), "receiver": body.pop("receiver_number")}
    async with client(deps) as http:
        answer = await http.post(url(cast, prefix), json=body, headers=auth(cast.token))
    assert answer.status_code == 200
    (frame,) = map(json.loads, got)
    stored = await personalisation.get_record(deps, cast.account.id, UUID(frame["id"]))
    assert frame["name"] == stored.label_name == (name or cast.label.name)
    assert frame["logo_url"].endswith(f"{cast.label.logo_sha256.hex()}.png")
    assert (stored.outcome, stored.label_id) == ("success", cast.label.id)
    assert (stored.accepted_at, stored.sent_at) == (deps.clock.now(), deps.clock.now())
    assert to_ms(stored.key.ends_at) == frame["record"]["ends_at"] == body["ends_at"]
