"""Accounts that tests make: usable at once, with every secret, and whole or not at all."""

from typing import Any

from tests.surfaces.emulator.running import Emulated

from callmark.domain.accounts import service as accounts
from callmark.domain.policy.plan import Feature
from callmark.domain.sessions import service as sessions

PATH = "/emulator/v1/accounts"


async def make(emulator: Emulated, **wanted: object) -> dict[str, Any]:
    answer = await emulator.http.post(PATH, json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def token_of(emulator: Emulated, account: dict[str, Any], key: int = 0) -> str:
    pair = {name: account["keys"][key][name] for name in ("key_id", "api_key")}
    answer = await emulator.http.post(f"/clients/{account['client_account_id']}/token", json=pair)
    assert answer.status_code == 200, answer.text
    return answer.json()["token"]


async def test_a_name_is_enough_for_an_account_that_can_push(emulator: Emulated) -> None:
    made = await make(emulator, name="Acme Returns")
    assert made["features"] == sorted(Feature)
    assert made["members"] == []
    assert [(label["name"], label["type"]) for label in made["labels"]] == [("Acme Returns", "dynamic")]
    headers = {"Authorization": f"Bearer {await token_of(emulator, made)}"}
    listed = await emulator.http.get(f"/clients/{made['client_account_id']}/labels", headers=headers)
    assert made["labels"][0]["id"] in listed.text


async def test_a_key_manages_when_it_is_asked_for(emulator: Emulated) -> None:
    made = await make(emulator, name="Acme", keys=[{"features": ["management"]}, {}])
    url = f"/extensions/v1/clients/{made['client_account_id']}/structure"
    tokens = [await token_of(emulator, made, key) for key in range(2)]
    answers = [await emulator.http.get(url, headers={"Authorization": f"Bearer {token}"}) for token in tokens]
    assert [answer.status_code for answer in answers] == [200, 403]
    (listed,) = (await emulator.http.get(PATH)).json()
    assert ["management"] in [key["features"] for key in listed["keys"]]


async def test_everything_is_as_asked_for(emulator: Emulated) -> None:
    made = await make(
        emulator,
        name="Acme Returns",
        features=["call_personalisation", "call_me_back"],
        keys=[{"name": "Dialer", "features": ["call_personalisation"]}, {}],
        members=[{"email": "erin@returns.example", "role": "process_owner", "password": "a good long password"}],
        labels=[{"name": "Returns", "type": "static"}, {"name": "Acme Returns"}],
    )
    assert made["features"] == ["call_me_back", "call_personalisation"]
    assert [key["features"] for key in made["keys"]] == [["call_personalisation"], made["features"]]
    (erin,) = made["members"]
    assert (erin["role"], erin["password"]) == ("process_owner", "a good long password")
    async with emulator.deps.db.connection() as tx:
        assert await sessions.is_in_use(tx, "erin@returns.example")
    headers = {"Authorization": f"Bearer {await token_of(emulator, made)}"}
    forbidden = await emulator.http.get(
        f"/clients/{made['client_account_id']}/number_management/numbers", headers=headers
    )
    assert forbidden.status_code == 403
    (listed,) = (await emulator.http.get(PATH)).json()
    for one in [*made["keys"], *made["members"]]:
        one.pop("api_key", None)
        one.pop("password", None)
    assert listed == made


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "name is required"),
    ({"name": ""}, 400, "name"),
    ({"name": "A", "features": ["flying"]}, 400, "flying"),
    ({"name": "A", "keys": [{"secret": "x"}]}, 400, "known: name, features"),
    ({"name": "A", "keys": [{}] * 6}, 400, "keys"),
    ({"name": "A", "features": [], "keys": [{"features": ["call_me_back"]}]}, 400, "not part of your plan"),
    ({"name": "A", "members": [{"email": "no address"}]}, 400, "email"),
    ({"name": "A", "members": [{"email": "e@a.example", "password": "short"}]}, 400, "password"),
    ({"name": "A", "members": [{"email": "e@a.example"}, {"email": "E@a.example"}]}, 409, "already exists"),
    ({"name": "A", "labels": [{"name": "x" * 40}]}, 400, "name"),
]


async def test_a_wish_that_cannot_be_met_makes_nothing(emulator: Emulated) -> None:
    found: list[str] = []
    for wanted, status, says in REFUSED:
        answer = await emulator.http.post(PATH, json=wanted)
        if answer.status_code != status or says not in answer.json()["message"]:
            found.append(f"{wanted} is to be refused with {status} {says!r}: {answer.status_code} {answer.text}")
        if made := await accounts.list_accounts(emulator.deps):
            found.append(f"{wanted} made {made}")
        async with emulator.deps.db.connection() as tx:
            if await sessions.is_in_use(tx, "e@a.example"):
                found.append(f"{wanted} made e@a.example")
    assert found == []
