"""Who may manage: tokens, accesses, plans; and what belongs to another account answers like what is not there."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support.factories import phone
from tests.surfaces.api.management.managing import Manager, filled, make_everything, managing

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.limits.model import MANAGING
from callmark.domain.policy.model import KEY_POLICY, PLAN, SYSTEM
from callmark.domain.policy.plan import ALL_FEATURES, MANAGEMENT
from callmark.kit.ids import new_id
from callmark.surfaces.api.example_values import (
    CALL_REASON_ID,
    FEATURE_SET_ID,
    OPERATION_ID,
    PROCESS_ID,
    STATIC_LABEL_ID,
)
from callmark.surfaces.api.management.routes import MANAGEMENT_ROUTES
from callmark.surfaces.api.own.route import BASE
from callmark.surfaces.api.route import WITH_BODY, ApiRoute

WITH_ID = [route for route in MANAGEMENT_ROUTES if route.path.count("{") > 1]


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Manager]:
    async with managing(deps) as made:
        yield made


def path_of(route: ApiRoute) -> str:
    return route.path.removeprefix(f"{BASE}/")


def example_of(route: ApiRoute) -> Any:
    assert route.doc
    return msgspec.to_builtins(route.doc.requests.get("Request")) if route.method in WITH_BODY else None


def unknown_ids() -> dict[str, str]:
    names = {part[1:-1] for route in WITH_ID for part in path_of(route).split("/") if part.startswith("{")}
    return {name: phone() if name == "phoneNumber" else str(new_id()) for name in names}


def test_every_route_says_what_it_does_and_the_policy_of_keys_allows_it() -> None:
    assert {route.needs for route in MANAGEMENT_ROUTES} <= KEY_POLICY[MANAGEMENT]
    assert all(route.feature is MANAGEMENT and route.bucket is MANAGING for route in MANAGEMENT_ROUTES)
    assert all(route.keyed == (route.doc is not None and route.doc.status == 201) for route in MANAGEMENT_ROUTES)


async def test_a_key_without_management_is_told_which_access_it_lacks(deps: Deps) -> None:
    async with managing(deps, frozenset(ALL_FEATURES)) as pusher:
        answer = await pusher.ask("GET", "labels")
        assert (answer.status_code, answer.json()["slug"]) == (403, "forbidden-error")
        assert "the access `management`" in answer.json()["message"]


async def test_what_the_account_does_not_subscribe_to_is_refused_and_the_rest_goes_on(
    deps: Deps, alice: Manager
) -> None:
    await accounts.update_account(deps, alice.account_id, features=[], by=SYSTEM)
    for route in MANAGEMENT_ROUTES:
        feature = PLAN.get(route.needs) if route.needs else None
        answer = await alice.ask(route.method, filled(path_of(route), unknown_ids()), example_of(route))
        lacks = "is not part of your plan" in answer.text and answer.status_code == 403
        assert lacks == (feature is not None), route.path


async def test_filters_by_what_another_account_has_find_nothing(deps: Deps, alice: Manager) -> None:
    async with managing(deps) as charlie:
        foreign = await make_everything(deps, charlie.account_id)
    await make_everything(deps, alice.account_id)
    for path in (
        f"numbers?feature_set_id={foreign['featureSetId']}",
        f"numbers?unit_id={foreign['unitId']}",
        f"feature_sets?unit_id={foreign['unitId']}",
        f"listing_jobs?feature_set_id={foreign['featureSetId']}",
        f"callback_requests?feature_set_id={foreign['featureSetId']}",
        f"campaigns?feature_set_id={foreign['featureSetId']}",
        f"webhook_deliveries?webhook_id={foreign['webhookId']}",
    ):
        rows = [value for name, value in (await alice.get(path)).items() if name != "next_after"]
        assert rows == [[]], path


OWN = {
    PROCESS_ID: "processId",
    OPERATION_ID: "operationId",
    FEATURE_SET_ID: "featureSetId",
    STATIC_LABEL_ID: "labelId",
    CALL_REASON_ID: "callReasonId",
}
"""What examples name, by the names that paths have for it."""
NOT_NOW = {
    "createDepartment",
    "createCallReason",
    "createOperation",
    "createProcess",
    "createSubProcess",
    "createFeatureSet",
    "changeCampaign",
    "makeCampaignLive",
    "sendNumberCode",
    "proveNumber",
    "testAlertRecipient",
}
"""Operations whose example names what is there already, whose campaign is live already, or that need more set up."""


async def test_the_examples_are_taken_by_the_server(deps: Deps, alice: Manager) -> None:
    ids = await make_everything(deps, alice.account_id)
    refused: set[str] = set()
    for route in (one for one in MANAGEMENT_ROUTES if one.method in WITH_BODY):
        name = route.doc.name if route.doc else ""
        if name == "testWebhook":  # calls its receiver; test_answers has one
            continue
        body: dict[str, Any] = {
            field: ids.get(OWN.get(str(value), ""), value) for field, value in example_of(route).items()
        }
        if "phone_numbers" in body:
            body["phone_numbers"] = [ids["phoneNumber"]]
        answer = await alice.ask(route.method, filled(path_of(route), ids), body)
        assert answer.status_code in {200, 201, 409}, (route.path, answer.text)
        if answer.status_code == 409:
            refused.add(name)
    assert refused == NOT_NOW


BROKEN: tuple[tuple[bytes, str], ...] = ((b"[]", ""), (b"{", ""), (b'{"nme": 1}', "nme"), (b'{"a\xff": 1}', ""))


async def test_a_body_that_is_broken_or_names_an_unknown_field_is_refused_by_its_name(
    deps: Deps, alice: Manager
) -> None:
    ids = await make_everything(deps, alice.account_id) | {"clientAccountId": str(alice.account_id)}
    for route in (one for one in MANAGEMENT_ROUTES if one.method in WITH_BODY):
        for body, field in BROKEN:
            alice.clock.advance(timedelta(milliseconds=50))
            headers = {"Content-Type": "application/json"}
            answer = await alice.http.request(route.method, filled(route.path, ids), content=body, headers=headers)
            told = answer.json()
            assert (answer.status_code, told.get("field", "")) == (400, field), (route.path, answer.text)
    assert await alice.actions() == []


async def test_what_cannot_be_sent_at_all_is_refused(alice: Manager) -> None:
    url = f"/extensions/v1/clients/{alice.account_id}/call_reasons"
    plain = await alice.http.post(url, content=b"{}", headers={"Content-Type": "text/plain"})
    large = await alice.http.post(url, content=b" " * ((1 << 20) + 1))
    put = await alice.http.put(url, content=b"{}")
    assert [one.status_code for one in (plain, large, put)] == [415, 413, 405]
    assert put.headers["allow"] == "GET, POST, HEAD"


async def test_requests_have_a_limit_of_their_own(alice: Manager) -> None:
    url = f"/extensions/v1/clients/{alice.account_id}/label_categories"
    answers = [await alice.http.get(url) for _ in range(MANAGING.quota + 1)]
    assert [one.status_code for one in answers] == [200] * MANAGING.quota + [429]
    assert answers[0].headers["ratelimit-policy"] == f'"management";q={MANAGING.quota};w=1'
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json().keys() == {"slug", "message"}
