"""Edges in the console: made and shown once, listed with their account, revoked."""

import re

import pytest
from tests.surfaces.console.browser import (
    Browser,
    links_of,
    make_business,
    not_named,
    text_of,
)

from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.edges.model import Edge
from callmark.kit.errors import Unauthenticated
from callmark.kit.ids import new_id, random_text

LIST = "/console/operator/edges"


async def edge_named(deps: Deps, name: str) -> Edge:
    (found,) = [one for one in await edges.list_edges(deps) if one.name == name]
    return found


def row_of(page: str, name: str) -> str:
    return next(row for row in page.split("<tr>")[1:] if name in row)


async def test_an_edges_token_is_shown_once_and_works_until_it_is_revoked(deps: Deps, olive: Browser) -> None:
    name = f"Trunk {random_text(6)}"
    made = await olive.post(f"{LIST}/new", {"name": f" {name} ", "account_id": ""})
    shown = await olive.follow(made)
    (token,) = set(re.findall(r"cmedge_\w+", shown.text))
    assert shown.headers["cache-control"] == "no-store"
    assert (await edges.authenticate(deps, token)).account_id is None
    again = await olive.get(made.headers["location"])
    assert (again.status_code, token in again.text) == (404, False)
    listed = await olive.get(LIST)
    assert ">Live<" in row_of(listed.text, name)
    assert "all accounts" in row_of(listed.text, name)
    assert token not in listed.text
    edge = await edge_named(deps, name)
    assert "ring without a name" in text_of(await olive.get(f"{LIST}/{edge.id}/revoke"))
    page = await olive.follow(await olive.post(f"{LIST}/{edge.id}/revoke"))
    assert f"{name} was revoked." in text_of(page)
    assert ">Revoked<" in row_of(page.text, name)
    assert f"{LIST}/{edge.id}/revoke" not in links_of(page)
    with pytest.raises(Unauthenticated):
        await edges.authenticate(deps, token)
    assert (await olive.post(f"{LIST}/{new_id()}/revoke")).status_code == 404


async def test_an_edge_of_an_account_leads_to_it(deps: Deps, olive: Browser) -> None:
    business, name = await make_business(deps), f"Trunk {random_text(6)}"
    account_id = business.admin.account_id
    await olive.post(f"{LIST}/new", {"name": name, "account_id": f" {str(account_id).upper()} "})
    assert (await edge_named(deps, name)).account_id == account_id
    assert f"/console/operator/accounts/{account_id}" in row_of((await olive.get(LIST)).text, name)
    assert str(account_id) in (await olive.get(f"{LIST}/new?account={account_id}")).text


_WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "Trunk", "account_id": "01a2"}, "account_id"),
    ({"name": "Trunk", "account_id": "00000000-0000-7000-8000-000000000000"}, "account_id"),
)


async def test_a_wrong_field_is_named(olive: Browser) -> None:
    assert await not_named(olive, f"{LIST}/new", _WRONG) == []
