"""`POST calls`: access, bodies, the same call said again."""

from typing import Any

import pytest
from tests.support.actors import ALICE
from tests.support.factories import make_cast, phone
from tests.support.listed_number import make_listed
from tests.surfaces.api.extending import Business

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.policy.plan import Feature
from callmark.instants import iso_ms


async def body_for(acme: Business, **changed: object) -> dict[str, Any]:
    listed = await make_listed(acme.deps, account_id=acme.cast.account.id)
    return {"call_id": "dialer 7", "caller": f"+{listed.number}", "receiver": phone(), "state": "ringing"} | changed


async def test_a_call_is_announced_and_ended(acme: Business) -> None:
    body = await body_for(acme)
    first = await acme.do("calls", body)
    assert first.status_code == 200
    now = iso_ms(acme.deps.clock.now())
    assert first.json() == body | {
        "caller": body["caller"].removeprefix("+"),
        "announced_at": now,
        "shown_until": first.json()["shown_until"],
    }
    assert (await acme.do("calls", body)).json() == first.json()
    ended = (await acme.do("calls", body | {"state": "ended"})).json()
    assert (ended["state"], ended["shown_until"]) == ("ended", now)
    assert (await acme.do("calls", body)).json() == ended


_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"caller": "0123"}, "caller"),
    ({"receiver": "call me"}, "receiver"),
    ({"receiver": None}, "receiver"),
    ({"state": "dialling"}, "state"),
    ({"call_id": ""}, "call_id"),
    ({"call_id": "\x00"}, "call_id"),
    ({"call_id": 7}, "call_id"),
    ({"to": "919900112233"}, "to"),
]


async def test_a_body_that_cannot_be_meant_is_refused(acme: Business, subtests: pytest.Subtests) -> None:
    good = await body_for(acme)
    for changed, field in _REFUSED:
        with subtests.test(changed=changed):
            answer = await acme.do("calls", good | changed)
            told = answer.json()
            assert (answer.status_code, told["slug"], told.get("field")) == (400, "invalid-input", field)


async def test_a_number_of_another_account_is_refused_as_an_unknown_one(acme: Business) -> None:
    theirs = await make_listed(acme.deps)
    answers = [await acme.do("calls", await body_for(acme, caller=caller)) for caller in (theirs.number, phone())]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()


async def test_one_name_is_one_call(acme: Business) -> None:
    body = await body_for(acme)
    await acme.do("calls", body)
    answer = await acme.do("calls", body | {"receiver": phone()})
    assert (answer.status_code, answer.json()["slug"]) == (409, "conflict")


async def test_it_needs_a_token_of_the_account_with_number_management(acme: Business, deps: Deps) -> None:
    body, other = await body_for(acme), await make_cast(deps)
    no_token = {"Authorization": ""}
    assert (await acme.post("/extensions/v1/clients/{id}/calls", body, **no_token)).status_code == 401
    theirs = {"Authorization": f"Bearer {other.token}"}
    assert (await acme.post("/extensions/v1/clients/{id}/calls", body, **theirs)).status_code == 403
    account_id = acme.cast.account.id
    key = await credentials.create_key(
        deps, account_id, name="pushes", features=[Feature.CALL_PERSONALISATION], by=ALICE
    )
    made = await credentials.create_token(deps, str(account_id), str(key.key_id), key.api_key)
    pushing = {"Authorization": f"Bearer {made.token}"}
    assert (await acme.post("/extensions/v1/clients/{id}/calls", body, **pushing)).status_code == 403
