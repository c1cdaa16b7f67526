"""Accounts and members on a real database."""

from datetime import timedelta
from uuid import uuid4

import pytest

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState, MemberState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.kit.clock import FakeClock
from callmark.kit.errors import Conflict, InvalidInput, NotFound


def address(name: str) -> str:
    return f"{name}.{uuid4().hex}@acme.example"


async def test_a_new_account_is_active_and_has_every_feature(deps: Deps) -> None:
    made = await accounts.create_account(deps, " Acme ")
    assert made == await accounts.get_account(deps, made.id)
    assert (made.name, made.state, made.features) == ("Acme", AccountState.ACTIVE, frozenset(Feature))
    assert made.created_at == deps.clock.now()


async def test_accounts_are_listed_oldest_first(deps: Deps, clock: FakeClock) -> None:
    first = await accounts.create_account(deps, "first")
    clock.advance(timedelta(seconds=1))
    second = await accounts.create_account(deps, "second")
    listed = await accounts.list_accounts(deps)
    assert listed.index(first) < listed.index(second)


async def test_an_update_changes_what_it_names_and_nothing_else(deps: Deps) -> None:
    made = await accounts.create_account(deps, "Acme", {Feature.CALL_ME_BACK})
    renamed = await accounts.update_account(deps, made.id, name="Acme Ltd")
    assert (renamed.name, renamed.features, renamed.state) == ("Acme Ltd", made.features, made.state)
    suspended = await accounts.update_account(deps, made.id, state=AccountState.SUSPENDED)
    assert (suspended.name, suspended.state) == ("Acme Ltd", AccountState.SUSPENDED)
    bare = await accounts.update_account(deps, made.id, features=())
    assert (bare.features, bare.state) == (frozenset(), AccountState.SUSPENDED)
    assert bare == await accounts.get_account(deps, made.id)


async def test_an_unknown_account_is_not_found(deps: Deps) -> None:
    nobody = AccountId(uuid4())
    with pytest.raises(NotFound):
        await accounts.get_account(deps, nobody)
    with pytest.raises(NotFound):
        await accounts.update_account(deps, nobody, name="x")
    with pytest.raises(NotFound):
        await accounts.list_members(deps, nobody)
    with pytest.raises(NotFound):
        await accounts.create_member(deps, nobody, email=address("alice"), name="Alice", role=Role.ADMIN)


async def test_an_address_belongs_to_one_member_whatever_its_case_and_account(deps: Deps) -> None:
    acme, other = await accounts.create_account(deps, "Acme"), await accounts.create_account(deps, "Other")
    email = address("alice")
    await accounts.create_member(deps, acme.id, email=email, name="Alice", role=Role.ADMIN)
    with pytest.raises(Conflict, match="already exists"):
        await accounts.create_member(deps, other.id, email=email.upper(), name="Alice", role=Role.ADMIN)
    assert await accounts.list_members(deps, other.id) == []


async def test_a_member_is_changed_and_deleted(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme")
    email = address("bob")
    bob = await accounts.create_member(deps, acme.id, email=email, name="Bob", role=Role.PROCESS_OWNER)
    assert bob.state is MemberState.INVITED
    assert await accounts.list_members(deps, acme.id) == [bob]
    changed = await accounts.update_member(deps, acme.id, bob.id, role=Role.ADMIN, state=MemberState.ACTIVE)
    assert (changed.name, changed.role, changed.state) == ("Bob", Role.ADMIN, MemberState.ACTIVE)
    assert changed == await accounts.get_member(deps, acme.id, bob.id)
    await accounts.delete_member(deps, acme.id, bob.id)
    assert await accounts.list_members(deps, acme.id) == []
    await accounts.create_member(deps, acme.id, email=email, name="Bob again", role=Role.ADMIN)


async def test_another_accounts_member_is_not_found(deps: Deps) -> None:
    acme, charlies = await accounts.create_account(deps, "Acme"), await accounts.create_account(deps, "Charlie's")
    alice = await accounts.create_member(deps, acme.id, email=address("alice"), name="Alice", role=Role.ADMIN)
    with pytest.raises(NotFound):
        await accounts.get_member(deps, charlies.id, alice.id)
    with pytest.raises(NotFound):
        await accounts.update_member(deps, charlies.id, alice.id, name="Mine")
    with pytest.raises(NotFound):
        await accounts.delete_member(deps, charlies.id, alice.id)
    with pytest.raises(NotFound):
        await accounts.delete_member(deps, acme.id, MemberId(uuid4()))
    assert await accounts.list_members(deps, acme.id) == [alice]


async def test_what_an_operator_makes_names_the_oldest_admin_who_has_access(deps: Deps, clock: FakeClock) -> None:
    acme = await accounts.create_account(deps, "Acme")
    assert await accounts.creator_email(deps, acme.id) == accounts.OPERATOR_EMAIL
    emails = [address("alice"), address("bob")]
    for email in emails:
        await accounts.create_member(deps, acme.id, email=email, name="A", role=Role.ADMIN)
        clock.advance(timedelta(seconds=1))
    assert await accounts.creator_email(deps, acme.id) == emails[0]
    oldest = (await accounts.list_members(deps, acme.id))[0]
    await accounts.update_member(deps, acme.id, oldest.id, state=MemberState.REVOKED)
    assert await accounts.creator_email(deps, acme.id) == emails[1]


async def test_a_bad_name_changes_nothing(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme")
    with pytest.raises(InvalidInput):
        await accounts.update_account(deps, acme.id, name=" ", state=AccountState.SUSPENDED)
    assert await accounts.get_account(deps, acme.id) == acme
