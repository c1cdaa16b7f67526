"""The API page: every route with the account's ids, and commands that a shell takes."""

import json
import re
import shlex
from html import unescape

import pytest
from tests.surfaces.console.browser import Business, Visitors, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import MANAGEMENT, Feature
from callmark.surfaces.api.example_values import ACCOUNT_ID
from callmark.surfaces.api.routes import ROUTES

PAGE = "/console/reference"


@pytest.fixture
async def page(business: Business, browse: Visitors) -> str:
    alice = await browse.as_member(business.admin)
    return (await alice.get(PAGE)).text


def commands_of(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'data-copy="(curl [^"]*)"', page)]


async def test_every_route_is_there_with_the_accounts_id(business: Business, page: str) -> None:
    account = str(business.account.id)
    assert len(commands_of(page)) == len(ROUTES)
    for route in ROUTES:
        assert route.path.replace("{clientAccountId}", account) in page, route.path
    assert ACCOUNT_ID not in page
    assert "{clientAccountId}" not in page


async def test_commands_are_words_of_a_shell_with_json_bodies(page: str) -> None:
    for command in commands_of(page):
        words = shlex.split(command.replace("\\\n", " "))
        assert words[0] == "curl"
        assert words[1].startswith("http://callmark.test/")
        assert "{" not in words[1]
        if "-d" in words:
            json.loads(words[words.index("-d") + 1])
        if "/token" not in words[1]:
            assert "Authorization: Bearer $TOKEN" in words


async def test_the_token_route_takes_the_key_pair_from_the_shell(page: str) -> None:
    command = next(one for one in commands_of(page) if "/token" in one)
    assert "'\"$KEY_ID\"'" in command
    assert "'\"$API_KEY\"'" in command
    assert "Bearer" not in command


async def test_examples_are_of_now(deps: Deps, page: str) -> None:
    command = next(one for one in commands_of(page) if "/v3/" in one and one.count('dynamic_call_record"'))
    words = shlex.split(command.replace("\\\n", " "))
    record = json.loads(words[words.index("-d") + 1])
    now_ms = deps.clock.now().timestamp() * 1000
    assert now_ms - 1000 <= record["starts_at"] <= now_ms
    assert record["ends_at"] - record["starts_at"] == 3_600_000


async def test_what_the_account_does_not_subscribe_to_is_marked(
    deps: Deps, business: Business, browse: Visitors, page: str
) -> None:
    assert "not subscribed" not in page
    await accounts.update_account(deps, business.account.id, features=[Feature.CALL_PERSONALISATION], by=SYSTEM)
    assert any(len(route.features) > 1 for route in ROUTES)
    dora = await browse.as_member(business.department_owner)
    assert text_of(await dora.get(PAGE)).count("not subscribed") == sum(
        bool(route.features) and {Feature.CALL_PERSONALISATION, MANAGEMENT}.isdisjoint(route.features)
        for route in ROUTES
    )
