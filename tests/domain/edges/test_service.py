"""Edges and their tokens, on the real database."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.actors import ALICE
from tests.support.audit_log import log_of
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.ids import AccountId, EdgeId
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from callmark.kit.ids import new_id, random_text, sha256


async def account_of(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


async def test_a_token_is_shown_once_and_kept_as_its_hash(deps: Deps) -> None:
    edge, token = await edges.create_edge(deps, " Trunk 1 ", None, by=SYSTEM)
    assert (edge.name, edge.account_id) == ("Trunk 1", None)
    assert token.startswith("cmedge_")
    async with deps.db.connection() as tx:
        rows = await tx.fetch("SELECT token_sha256, edge::text AS whole FROM edge")
    assert [row["token_sha256"] for row in rows] == [sha256(token)]
    assert token not in rows[0]["whole"]


async def test_an_edge_is_known_by_its_token_and_bound_to_its_account(deps: Deps) -> None:
    account_id = await account_of(deps)
    trunk, of_trunk = await edges.create_edge(deps, "Trunk", account_id, by=SYSTEM)
    border, of_border = await edges.create_edge(deps, "Border", None, by=SYSTEM)
    found = await asyncio.gather(*(edges.authenticate(deps, token) for token in (of_trunk, of_border, of_trunk)))
    assert [(one.id, one.account_id) for one in found] == [
        (trunk.id, account_id),
        (border.id, None),
        (trunk.id, account_id),
    ]


async def test_a_revoked_edge_is_refused_from_the_next_request_on(deps: Deps) -> None:
    edge, token = await edges.create_edge(deps, "Trunk", None, by=SYSTEM)
    await edges.authenticate(deps, token)
    revoked = await edges.revoke_edge(deps, edge.id, by=SYSTEM)
    assert revoked.revoked_at is not None
    with pytest.raises(Unauthenticated):
        await edges.authenticate(deps, token)
    assert (await edges.revoke_edge(deps, edge.id, by=SYSTEM)).revoked_at == revoked.revoked_at


@pytest.mark.parametrize(
    "token", ["", "cmedge_", "cmedge_" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 57, "x" * 100_000]
)
async def test_what_is_no_token_is_refused(deps: Deps, token: str) -> None:
    await edges.create_edge(deps, "Trunk", None, by=SYSTEM)
    with pytest.raises(Unauthenticated):
        await edges.authenticate(deps, token)


async def test_tokens_of_other_kinds_and_unknown_ones_are_refused(deps: Deps) -> None:
    cast = await make_cast(deps)
    for token in (cast.token, cast.api_key, random_text(64, prefix="cmedge_"), random_text(64, prefix="cmapp_")):
        with pytest.raises(Unauthenticated):
            await edges.authenticate(deps, token)


async def test_the_edge_of_a_suspended_account_may_do_nothing(deps: Deps) -> None:
    account_id = await account_of(deps)
    _, token = await edges.create_edge(deps, "Trunk", account_id, by=SYSTEM)
    await accounts.update_account(deps, account_id, by=SYSTEM, state=AccountState.SUSPENDED)
    with pytest.raises(Forbidden):
        await edges.authenticate(deps, token)
    await accounts.update_account(deps, account_id, by=SYSTEM, state=AccountState.ACTIVE)
    assert (await edges.authenticate(deps, token)).account_id == account_id


async def test_the_last_use_is_noted_once_a_minute(deps: Deps, clock: FakeClock) -> None:
    edge, token = await edges.create_edge(deps, "Trunk", None, by=SYSTEM)
    await edges.create_edge(deps, "Unused", None, by=SYSTEM)

    async def noted() -> list[object]:
        return [one.last_used_at for one in await edges.list_edges(deps)]

    first = clock.now()
    await asyncio.gather(*(edges.authenticate(deps, token) for _ in range(20)))
    assert await noted() == [first, None]
    clock.advance(timedelta(seconds=59))
    await edges.authenticate(deps, token)
    assert await noted() == [first, None]
    clock.advance(timedelta(seconds=1))
    await edges.authenticate(deps, token)
    assert await noted() == [clock.now(), None]
    assert (await edges.get_edge(deps, edge.id)).last_used_at == clock.now()


async def test_edges_are_listed_by_account_and_found(deps: Deps) -> None:
    mine, other = await account_of(deps), await account_of(deps)
    trunk, _ = await edges.create_edge(deps, "Trunk", mine, by=SYSTEM)
    border, _ = await edges.create_edge(deps, "Border", None, by=SYSTEM)
    assert [one.id for one in await edges.list_edges(deps)] == [trunk.id, border.id]
    assert [one.id for one in await edges.list_edges(deps, mine)] == [trunk.id]
    assert await edges.list_edges(deps, other) == []
    assert await edges.get_edge(deps, trunk.id) == trunk
    with pytest.raises(NotFound):
        await edges.get_edge(deps, EdgeId(new_id()))


async def test_what_cannot_be_made_leaves_nothing_behind(deps: Deps) -> None:
    with pytest.raises(InvalidInput):
        await edges.create_edge(deps, "  ", None, by=SYSTEM)
    with pytest.raises(NotFound):
        await edges.create_edge(deps, "Trunk", AccountId(new_id()), by=SYSTEM)
    with pytest.raises(NotFound):
        await edges.revoke_edge(deps, EdgeId(new_id()), by=SYSTEM)
    assert await edges.list_edges(deps) == []


async def test_making_and_revoking_is_in_the_accounts_audit_log(deps: Deps) -> None:
    account_id = await account_of(deps)
    edge, _ = await edges.create_edge(deps, "Trunk", account_id, by=ALICE)
    await edges.revoke_edge(deps, edge.id, by=ALICE)
    log = await log_of(deps, account_id)
    assert [(entry.action, entry.subject, entry.details) for entry in log] == [
        ("edge.revoked", "Trunk", {"edge_id": str(edge.id)}),
        ("edge.created", "Trunk", {"edge_id": str(edge.id)}),
    ]
