"""Operator tokens in the console: made and shown once, listed with their state, revoked."""

import re
from datetime import timedelta

import pytest
from tests.support.fake_clock import FakeClock
from tests.support.other_digits import other_digits
from tests.surfaces.console.browser import (
    Browser,
    Visitors,
    errors_of,
    links_of,
    make_operator,
    not_named,
    text_of,
)

from callmark.domain.deps import Deps
from callmark.domain.operators.model import Operator
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.operators.tokens.model import OperatorToken
from callmark.domain.policy.model import Actor, ActorKind
from callmark.kit.errors import Unauthenticated
from callmark.kit.ids import new_id, random_text

LIST = "/console/operator/tokens"


@pytest.fixture
async def opal(deps: Deps) -> Operator:
    return await make_operator(deps)


@pytest.fixture
async def olive(opal: Operator, browse: Visitors) -> Browser:
    return await browse.as_operator(opal)


async def token_named(deps: Deps, name: str) -> OperatorToken:
    (found,) = [one for one in await operator_tokens.list_tokens(deps) if one.name == name]
    return found


def row_of(page: str, name: str) -> str:
    return next(row for row in page.split("<tr>")[1:] if name in row)


async def test_a_token_is_shown_once_and_works_until_it_is_revoked(
    deps: Deps, opal: Operator, olive: Browser, clock: FakeClock
) -> None:
    name = f"Billing {random_text(6)}"
    made = await olive.post(f"{LIST}/new", {"name": f" {name} ", "days": other_digits("30")})
    shown = await olive.follow(made)
    (secret,) = set(re.findall(r"cmop_\w+", shown.text))
    assert shown.headers["cache-control"] == "no-store"
    assert (await operator_tokens.admit(deps, secret)).token_name == name
    again = await olive.get(made.headers["location"])
    assert (again.status_code, secret in again.text) == (404, False)
    token = await token_named(deps, name)
    assert (token.created_by_email, token.expires_at) == (opal.email, clock.now() + timedelta(days=30))
    listed = await olive.get(LIST)
    assert ">Live<" in row_of(listed.text, name)
    assert secret not in listed.text
    asked = text_of(await olive.get(f"{LIST}/{token.id}/revoke"))
    assert "Requests with this token are refused immediately." in asked
    page = await olive.follow(await olive.post(f"{LIST}/{token.id}/revoke"))
    assert f"{name} was revoked." in text_of(page)
    assert ">Revoked<" in row_of(page.text, name)
    assert f"{LIST}/{token.id}/revoke" not in links_of(page)
    with pytest.raises(Unauthenticated):
        await operator_tokens.admit(deps, secret)
    assert (await olive.post(f"{LIST}/{new_id()}/revoke")).status_code == 404


async def test_an_expired_token_is_listed_as_such(
    opal: Operator, olive: Browser, browse: Visitors, clock: FakeClock
) -> None:
    name = f"Billing {random_text(6)}"
    await olive.post(f"{LIST}/new", {"name": name, "days": "1"})
    clock.advance(timedelta(days=1))
    later = await browse.as_operator(opal)
    row = row_of((await later.get(LIST)).text, name)
    assert ">Expired<" in row
    assert "/revoke" in row


_WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "Billing", "days": "0"}, "days"),
    ({"name": "Billing", "days": "3651"}, "days"),
    ({"name": "Billing", "days": "soon"}, "days"),
    ({"name": "Billing", "days": "\u00b2"}, "days"),
)


async def test_a_wrong_field_is_named(olive: Browser) -> None:
    assert await not_named(olive, f"{LIST}/new", _WRONG) == []


async def test_a_name_that_is_taken_is_refused(olive: Browser) -> None:
    name = f"Billing {random_text(6)}"
    assert (await olive.post(f"{LIST}/new", {"name": name})).status_code == 303
    refused = await olive.post(f"{LIST}/new", {"name": name.upper()})
    assert (refused.status_code, "name" in errors_of(refused)) == (422, True)


async def test_who_removes_an_operator_learns_which_tokens_stay_valid(
    deps: Deps, opal: Operator, browse: Visitors
) -> None:
    other = await browse.as_operator(await make_operator(deps))
    at = f"/console/operator/operators/{opal.id}/remove"
    assert "stay valid" not in text_of(await other.get(at))
    name, by = f"Billing {random_text(6)}", Actor(ActorKind.OPERATOR, opal.email)
    made = await operator_tokens.create_token(deps, name, by=by)
    assert f"{name}: operator tokens of theirs that stay valid." in text_of(await other.get(at))
    await operator_tokens.revoke_token(deps, made.token.id, by=by)
    assert "stay valid" not in text_of(await other.get(at))
