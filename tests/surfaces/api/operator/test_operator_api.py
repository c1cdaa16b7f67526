"""The operator API: who may use it, accounts and their limits, and that it says what the page and the command say."""

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner
from tests.support.audit_log import log_of
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock
from tests.surfaces.api.management.managing import filled
from tests.surfaces.api.operator.operating import OLIVE, Program, operating
from tests.surfaces.console.browser import PASSWORD, make_operator

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import DEFAULTS, OPERATING, largest
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.policy.model import KEY_POLICY, SYSTEM, Action
from callmark.domain.policy.plan import ALL_ACCESS, ALL_FEATURES, Feature
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import Origin, SignedIn
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import new_id, random_text
from callmark.surfaces.api.operator.accounts import OperatedAccountView
from callmark.surfaces.api.operator.limits import AccountLimitsView, LimitsBody
from callmark.surfaces.api.operator.route import OPERATOR_BASE
from callmark.surfaces.api.operator.routes import OPERATOR_ROUTES
from callmark.surfaces.api.route import WITH_BODY
from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.cli.account import group as account_commands

PAGE = (Path(__file__).parents[4] / "docs/operator-api.md").read_text()


@pytest.fixture
async def program(deps: Deps) -> AsyncGenerator[Program]:
    async with operating(deps) as made:
        yield made


@pytest.fixture
async def acme(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme Deliveries", by=SYSTEM)).id


def limits_of(answer: Any) -> dict[str, tuple[int, bool]]:
    return {name: (one["value"], one["is_own"]) for name, one in answer["limits"].items()}


async def statuses(program: Program, authorization: str) -> set[tuple[int, str]]:
    """How every route of operators answers that credential."""
    found: set[tuple[int, str]] = set()
    for route in OPERATOR_ROUTES:
        url = filled(route.path, {"clientAccountId": str(new_id()), "erasureId": str(new_id())})
        content = b"{}" if route.method in WITH_BODY else None
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        answer = await program.http.request(route.method, url, content=content, headers=headers)
        found.add((answer.status_code, answer.json()["slug"]))
        assert answer.headers["link"] == '</docs/errors/authorization-error>; rel="help"'
    return found


async def test_neither_a_session_cookie_nor_another_scheme_opens_a_route_of_operators(
    deps: Deps, program: Program
) -> None:
    olive = await make_operator(deps)
    signed_in = await sessions.sign_in(deps, olive.email, PASSWORD, Origin(random_text(8), ""))
    assert isinstance(signed_in, SignedIn)
    assert await statuses(program, f"Basic {program.made.secret}") == {(401, "authorization-error")}
    session = {"Cookie": f"callmark_session={signed_in.token}", "Authorization": ""}
    assert (await program.http.get(f"{OPERATOR_BASE}/accounts", headers=session)).status_code == 401


async def test_a_revoked_and_an_expired_token_are_refused_at_once(deps: Deps, program: Program) -> None:
    await program.good("GET", "accounts")
    await operator_tokens.revoke_token(deps, program.made.token.id, by=OLIVE)
    assert await statuses(program, f"Bearer {program.made.secret}") == {(401, "authorization-error")}
    short = await operator_tokens.create_token(deps, random_text(8), days=1, by=OLIVE)
    assert isinstance(deps.clock, FakeClock)
    deps.clock.advance(timedelta(days=1))
    assert await statuses(program, f"Bearer {short.secret}") == {(401, "authorization-error")}


def test_no_key_may_do_what_operators_do() -> None:
    assert all(Action.OPERATE not in allowed for allowed in KEY_POLICY.values())
    assert all(route.for_operators and route.bucket is OPERATING and not route.feature for route in OPERATOR_ROUTES)
    assert [route for route in ROUTES if route.path.startswith(OPERATOR_BASE)] == [*OPERATOR_ROUTES]


async def test_requests_have_a_limit_of_their_own(program: Program) -> None:
    answers = [await program.http.get(f"{OPERATOR_BASE}/accounts?limit=1") for _ in range(OPERATING.quota + 1)]
    assert [one.status_code for one in answers] == [200] * OPERATING.quota + [429]
    assert answers[0].headers["ratelimit-policy"] == f'"operator";q={OPERATING.quota};w=1'
    assert answers[-1].headers["retry-after"] == "1"


async def test_an_account_is_created_found_renamed_suspended_and_active_again(deps: Deps, program: Program) -> None:
    name = f"Zénith {random_text(6)}"
    made = await program.good("POST", "accounts", {"name": f" {name} ", "features": ["call_me_back"]})
    assert (made["name"], made["features"], made["state"]) == (name, ["call_me_back"], "active")
    at = f"accounts/{made['client_account_id']}"
    assert await program.good("GET", at) == made
    for text in (name, name.upper(), name.replace("é", "E\u0301")):
        assert (await program.good("GET", f"accounts?text={text}"))["accounts"] == [made]
    suspended = await program.good("PATCH", at, {"name": f"{name} Ltd", "state": "suspended"})
    assert suspended == made | {"name": f"{name} Ltd", "state": "suspended"}
    assert (await program.good("GET", f"accounts?text={name}&state=active"))["accounts"] == []
    account_id = AccountId(UUID(made["client_account_id"]))
    assert (await accounts.get_account(deps, account_id)).state is AccountState.SUSPENDED
    active = await program.good("PATCH", at, {"state": "active", "features": [*Feature]})
    assert (active["state"], set(active["features"])) == ("active", ALL_FEATURES)
    for only in (True, False):
        changed = await program.good("PATCH", at, {"announced_calls_only": only})
        assert changed == active | {"announced_calls_only": only} == await program.good("GET", at)
        assert (await accounts.get_account(deps, account_id)).announced_calls_only is only
    log = await log_of(deps, account_id)
    assert {entry.actor_email for entry in log} == {f"operator token {program.made.token.name}"}
    assert all(entry.by_operator for entry in log)
    assert "account.suspended" in {entry.action for entry in log}


async def test_accounts_page_without_leaving_any_out(program: Program) -> None:
    name = random_text(10)
    made = [(await program.good("POST", "accounts", {"name": f"{name} {n}"}))["client_account_id"] for n in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        part = await program.good("GET", f"accounts?text={name}&limit=2{after}")
        seen += [one["client_account_id"] for one in part["accounts"]]
        if part["next_after"] is None:
            break
        after = f"&after={part['next_after']}"
    assert sorted(seen) == sorted(made)


async def test_an_idempotency_key_creates_one_account(program: Program) -> None:
    key, body = random_text(12), {"name": f"Zenith {random_text(6)}"}
    made = await asyncio.gather(*(program.ask("POST", "accounts", body, Idempotency_Key=key) for _ in range(3)))
    assert {one.status_code for one in made} <= {201, 409}
    again = await program.ask("POST", "accounts", body, Idempotency_Key=key)
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await program.good("GET", f"accounts?text={body['name']}"))["accounts"]) == 1
    other = await program.ask("POST", "accounts", {"name": "Other"}, Idempotency_Key=key)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")


async def test_limits_are_changed_one_by_one_or_replaced_and_hold_for_page_and_command(
    deps: Deps, program: Program, acme: AccountId
) -> None:
    at = f"accounts/{acme}/limits"
    assert limits_of(await program.good("GET", at)) == {name: (value, False) for name, value in DEFAULTS.items()}
    changed = await program.good("PATCH", at, {"batch": 120, "api-keys": 7})
    assert changed == await program.good("GET", at)
    assert limits_of(changed)["batch"] == (120, True)
    assert dict((await accounts.get_account(deps, acme)).limits.own) == {"batch": 120, "api-keys": 7}
    assert dict((await accounts.get_account(deps, acme)).limits.own).keys() == {"batch", "api-keys"}
    kept = limits_of(await program.good("PATCH", at, {"lint": 1, "batch": None}))
    assert (kept["api-keys"], kept["lint"], kept["batch"]) == ((7, True), (1, True), (60, False))
    replaced = limits_of(await program.good("PUT", at, {"token": largest("token")}))
    assert {name for name, (_, is_own) in replaced.items() if is_own} == {"token"}
    assert limits_of(await program.good("PUT", at, {})) == {name: (value, False) for name, value in DEFAULTS.items()}
    actions = [entry.action for entry in await log_of(deps, acme)]
    assert actions.count("account.limits_changed") == 4


def test_the_bodys_names_are_those_of_the_limits() -> None:
    assert set(LimitsBody.__struct_encode_fields__) == set(DEFAULTS)


async def test_a_changed_limit_holds_from_the_next_request_on(deps: Deps, program: Program) -> None:
    cast = await make_cast(deps, features=frozenset(ALL_ACCESS))
    url = f"/extensions/v1/clients/{cast.account.id}/label_categories"
    auth = {"Authorization": f"Bearer {cast.token}"}
    assert (await program.http.get(url, headers=auth)).status_code == 200
    await program.good("PATCH", f"accounts/{cast.account.id}/limits", {"management": 1})
    assert isinstance(deps.clock, FakeClock)
    deps.clock.advance(timedelta(seconds=2))
    answers = [await program.http.get(url, headers=auth) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"management";q=1;w=1'


BAD: tuple[tuple[object, str, str], ...] = (
    ({"batch": 0}, "batch must be a whole number from 1 to 600", "batch"),
    ({"batch": 601}, "batch must be a whole number from 1 to 600", "batch"),
    ({"batch": 10**30}, "", "batch"),
    ({"batch": "60"}, "batch is invalid: expected `int | null`, got `str`", "batch"),
    ({"batch": 1.5}, "", "batch"),
    ({"batch": True}, "", "batch"),
    ({"bulk_v1": 5}, "unknown key bulk_v1 in the body; known: token, real-time, batch, bulk-v1, ", "bulk_v1"),
    ([], "request body must be a JSON object", ""),
    (b"{", "request body is not valid JSON", ""),
    (b'{"batch\xff": 1}', "", ""),
)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_bad_limits_are_refused_by_name_and_change_nothing(
    program: Program, acme: AccountId, method: str
) -> None:
    at = f"accounts/{acme}/limits"
    before = await program.good("PATCH", at, {"batch": 30})
    for body, message, field in BAD:
        status, told, about = await program.refusal(method, at, body)
        assert (status, about) == (400, field), body
        assert told.startswith(message)
    assert await program.good("GET", at) == before


async def test_page_command_and_api_refuse_with_the_same_rule(deps: Deps, program: Program, acme: AccountId) -> None:
    with pytest.raises(InvalidInput) as refused:
        await accounts.set_limits(deps, acme, {"lint": 601}, by=SYSTEM)
    _, told, field = await program.refusal("PATCH", f"accounts/{acme}/limits", {"lint": 601})
    assert (told, field) == (refused.value.message, "lint")
    typed = CliRunner().invoke(account_commands, ["limits", str(acme), "--lint", "601"])
    assert (typed.exit_code, "1<=x<=600" in typed.stderr) == (2, True)


async def test_an_unknown_account_is_not_found(program: Program) -> None:
    for route in (one for one in OPERATOR_ROUTES if "{" in one.path):
        path = route.path.removeprefix(f"{OPERATOR_BASE}/")
        body = {"state": "active"} if path.endswith("}") else {"batch": 1}
        for unknown in (str(new_id()), "no-id"):
            at = filled(path, {"clientAccountId": unknown, "erasureId": unknown})
            status, _, _ = await program.refusal(route.method, at, body if route.method in WITH_BODY else None)
            assert status == 404, (route.method, path)


BAD_ACCOUNTS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"features": []}, "name"),
    ({"name": "Acme", "features": ["telepathy"]}, "features[0]"),
    ({"name": "Acme", "id": 1}, "id"),
    ({"name": "Ac\0me"}, "name"),
]


async def test_a_bad_account_is_refused_by_its_field(program: Program, subtests: pytest.Subtests) -> None:
    for body, field in BAD_ACCOUNTS:
        with subtests.test(body=body):
            assert (await program.refusal("POST", "accounts", body))[::2] == (400, field)


async def test_a_bad_change_of_an_account_changes_nothing(deps: Deps, program: Program, acme: AccountId) -> None:
    for body, field in (
        ({}, ""),
        ({"state": "asleep"}, "state"),
        ({"name": "\u202e"}, "name"),
        ({"nme": 1}, "nme"),
        ({"announced_calls_only": "on"}, "announced_calls_only"),
    ):
        assert (await program.refusal("PATCH", f"accounts/{acme}", body))[::2] == (400, field)
    account = await accounts.get_account(deps, acme)
    assert (account.name, account.state) == ("Acme Deliveries", AccountState.ACTIVE)


async def test_changes_of_different_limits_at_once_are_all_kept(deps: Deps, program: Program, acme: AccountId) -> None:
    at = f"accounts/{acme}/limits"
    await asyncio.gather(*(program.good("PATCH", at, {name: 2}) for name in DEFAULTS))
    assert dict((await accounts.get_account(deps, acme)).limits.own) == dict.fromkeys(DEFAULTS, 2)


async def test_the_installations_log_names_the_account_and_the_token(program: Program, acme: AccountId) -> None:
    await program.good("PATCH", f"accounts/{acme}/limits", {"batch": 30})
    log = await program.good("GET", f"audit_log?client_account_id={acme}&action=account.limits_changed")
    (entry,) = log["entries"]
    assert (entry["client_account_id"], entry["details"]) == (str(acme), {"limits": {"batch": 30}})
    assert (entry["actor"], entry["by_operator"]) == (f"operator token {program.made.token.name}", True)
    everything = await program.good("GET", f"audit_log?text={program.made.token.name}")
    assert {one["client_account_id"] for one in everything["entries"]} == {str(acme), None}
    assert (await program.refusal("GET", "audit_log?client_account_id=x"))[::2] == (400, "client_account_id")


async def test_the_examples_are_taken_by_the_server(program: Program, acme: AccountId) -> None:
    for route in (one for one in OPERATOR_ROUTES if one.method in WITH_BODY):
        assert route.doc
        path = filled(route.path.removeprefix(f"{OPERATOR_BASE}/"), {"clientAccountId": str(acme)})
        await program.good(route.method, path, msgspec.to_builtins(route.doc.requests["Request"]))


def test_the_page_has_every_route_once_and_no_other_and_its_examples_are_whole() -> None:
    told = re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(
        f"{one.method} {one.path.removeprefix(f'{OPERATOR_BASE}/')}" for one in OPERATOR_ROUTES
    )
    assert f"{OPERATING.quota} requests a second per token, bucket `{OPERATING.name}`" in PAGE
    examples = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    for text, kind in zip(examples, (OperatedAccountView, AccountLimitsView), strict=True):
        value = msgspec.json.decode(text, type=kind)
        assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(text)
    (whole,) = re.findall(r'"limits": {(.*)}', PAGE, re.DOTALL)
    assert all(f'"{name}"' in whole for name in DEFAULTS)
