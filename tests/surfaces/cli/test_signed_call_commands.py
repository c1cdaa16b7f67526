"""`callmark edge` as a shell runs it."""

import asyncio

import pytest
from tests.engines import SECRET_KEY, Engines
from tests.surfaces.cli.test_operator_commands import NOBODY, Here

from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.kit.errors import Unauthenticated
from callmark.kit.settings import read_settings


@pytest.fixture
def here(engines: Engines) -> Here:
    return Here(read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY))


@pytest.fixture
def account(here: Here) -> str:
    return here.json("account", "create", "--name", "Acme")["client_account_id"]


def test_an_edge_is_made_listed_and_revoked(here: Here, account: str) -> None:
    assert here.text("edge", "list").startswith("No edges yet. Create one with")
    made = here.json("edge", "create", "--name", "Trunk 1", "--account", account)
    assert set(made) == {"id", "token"}
    border = here.json("edge", "create", "--name", "Border")
    listed = here.json("edge", "list")
    assert [(one["name"], one["account_id"], one["revoked_at"]) for one in listed] == [
        ("Trunk 1", account, None),
        ("Border", None, None),
    ]
    assert [one["name"] for one in here.json("edge", "list", "--account", account)] == ["Trunk 1"]
    assert made["token"] not in here.text("edge", "list", "--json")
    assert here.json("edge", "revoke", border["id"])["revoked_at"]
    assert here.error("edge", "revoke", NOBODY) == "no edge with this id"
    assert "no account" in here.error("edge", "create", "--name", "Trunk", "--account", NOBODY)


async def test_the_token_that_is_printed_is_the_one_that_counts(here: Here, deps: Deps) -> None:
    made = await asyncio.to_thread(here.json, "edge", "create", "--name", "Trunk 1")
    assert str((await edges.authenticate(deps, made["token"])).id) == made["id"]
    told = await asyncio.to_thread(here.text, "edge", "create", "--name", "Trunk 2")
    assert "Copy the token now. It is not shown again." in told
    await asyncio.to_thread(here.text, "edge", "revoke", made["id"])
    with pytest.raises(Unauthenticated):
        await edges.authenticate(deps, made["token"])
