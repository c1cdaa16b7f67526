"""Roles and kinds of process: one table, and nothing forgotten where a new one must be added by hand."""

import httpx
import pytest
from tools.sources import ROOT

from callmark.domain.deps import Deps
from callmark.kit.roles import ALL_ROLES, HTTP_ROLES, PROCESS_KINDS, ROLES, roles_of
from callmark.surfaces.app import build_app, load
from callmark.surfaces.console.display_names import PROCESSES

PAGES = {"api": "/docs", "gateway": "/docs/handset", "console": "/console/sign-in", "stir": "/docs/stir"}
"""A page that only this role serves."""


def test_a_process_does_those_of_the_chosen_roles_that_are_of_its_kind() -> None:
    chosen = {"api", "stir", "worker"}
    assert {kind: roles_of(kind, chosen) for kind in PROCESS_KINDS} == {
        "http": {"api", "stir"},
        "worker": {"worker"},
        "handsets": set(),
        ALL_ROLES: chosen,
    }


@pytest.mark.parametrize("role", sorted(HTTP_ROLES))
async def test_a_role_is_served_where_it_is_chosen_and_nowhere_else(deps: Deps, role: str) -> None:
    load(HTTP_ROLES)
    for roles, is_served in ((frozenset({role}), True), (HTTP_ROLES - {role}, False)):
        transport = httpx.ASGITransport(build_app(deps, roles))
        async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as client:
            assert ((await client.get(PAGES[role])).status_code == 200) is is_served


def test_every_role_is_on_the_page_about_running_and_every_kind_has_a_name_in_the_console() -> None:
    page = (ROOT / "docs/running.md").read_text()
    assert [role for role in ROLES if f"`{role}`" not in page] == []
    assert PROCESS_KINDS.keys() <= PROCESSES.keys()
