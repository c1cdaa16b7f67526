"""Members: whose address is whose, who may change whom, and what the log says of it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace
from tests.support.actors import owner_of
from tests.support.audit_log import log_of
from tests.support.factories import make_branch
from tests.support.fake_clock import FakeClock
from tests.support.written_mails import written_mails
from tests.surfaces.console.browser import newest_mail

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.members import addresses, service as members
from callmark.domain.members.model import Member
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import MemberState
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.errors import Conflict, InvalidInput, NotFound, TooManyRequests

OLIVE = Actor(ActorKind.OPERATOR, "olive@operator.example")


def address(name: str) -> str:
    return f"{name}.{uuid4().hex}@acme.example"


def acting(member: Member) -> Actor:
    """The member, an admin, as who acts."""
    return Actor(ActorKind.MEMBER, member.email)


async def an_admin(deps: Deps, account_id: AccountId, name: str = "alice") -> Member:
    """An active admin of the account."""
    email = address(name)
    active = MemberState.ACTIVE
    return await members.create_without_rules(
        deps, account_id, by=SYSTEM, email=email, name=name, role=Role.ADMIN, state=active
    )


async def test_an_unknown_account_has_no_members(deps: Deps) -> None:
    nobody = AccountId(uuid4())
    with pytest.raises(NotFound):
        await members.list_members(deps, nobody)
    with pytest.raises(NotFound):
        await members.create_without_rules(
            deps, nobody, email=address("alice"), name="Alice", role=Role.ADMIN, by=SYSTEM
        )


async def test_an_address_belongs_to_one_member_whatever_its_case_and_account(deps: Deps) -> None:
    acme, other = (
        await accounts.create_account(deps, "Acme", by=SYSTEM),
        await accounts.create_account(deps, "Other", by=SYSTEM),
    )
    email = address("alice")
    alice = await members.create_without_rules(deps, acme.id, email=email, name="Alice", role=Role.ADMIN, by=SYSTEM)
    await members.update_without_rules(deps, acme.id, alice.id, state=MemberState.ACTIVE, by=SYSTEM)
    with pytest.raises(Conflict, match="already exists"):
        await members.create_without_rules(
            deps, other.id, email=email.upper(), name="Alice", role=Role.ADMIN, by=SYSTEM
        )
    assert await members.list_members(deps, other.id) == []


async def test_of_several_who_invite_an_address_operators_are_refused_none(deps: Deps) -> None:
    """To be invited is no membership: else one business could keep an address from another."""
    acme, other = [await accounts.create_account(deps, name, by=SYSTEM) for name in ("Acme", "Other")]
    alice = await an_admin(deps, acme.id)
    email = address("dora")
    await members.invite_member(deps, acme.id, by=acting(alice), inviter="Alice", email=email, name="", role=Role.ADMIN)
    invited = await members.invite_member(
        deps, other.id, by=OLIVE, inviter="Olive", email=email.upper(), name="", role=Role.ADMIN
    )
    assert invited.state is MemberState.INVITED
    with pytest.raises(Conflict, match="already exists"):  # twice in one account
        await members.invite_member(deps, other.id, by=OLIVE, inviter="Olive", email=email, name="", role=Role.ADMIN)


async def test_a_member_who_is_deleted_while_the_password_is_hashed_gets_none(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    alice = await an_admin(deps, acme.id)

    async def deleted_meanwhile(*_: str) -> str:
        await members.delete_without_rules(deps, acme.id, alice.id, by=SYSTEM)
        return "hash"

    monkeypatch.setattr(sessions, "hash_new_password", deleted_meanwhile)
    with pytest.raises(NotFound):
        await members.set_password(deps, acme.id, alice.id, "quite another four words", by=OLIVE)
    assert await log_of(deps, acme.id) == []


async def test_a_member_is_changed_and_deleted(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    email = address("bob")
    bob = await members.create_without_rules(deps, acme.id, email=email, name="Bob", role=Role.PROCESS_OWNER, by=SYSTEM)
    assert bob.state is MemberState.INVITED
    assert await members.list_members(deps, acme.id) == [bob]
    changed = await members.update_without_rules(
        deps, acme.id, bob.id, role=Role.ADMIN, state=MemberState.ACTIVE, by=SYSTEM
    )
    assert (changed.name, changed.role, changed.state) == ("Bob", Role.ADMIN, MemberState.ACTIVE)
    assert changed == await members.get_member(deps, acme.id, bob.id)
    await members.delete_without_rules(deps, acme.id, bob.id, by=SYSTEM)
    assert await members.list_members(deps, acme.id) == []
    await members.create_without_rules(deps, acme.id, email=email, name="Bob again", role=Role.ADMIN, by=SYSTEM)


async def test_another_accounts_member_is_not_found(deps: Deps) -> None:
    acme, charlies = (
        await accounts.create_account(deps, "Acme", by=SYSTEM),
        await accounts.create_account(deps, "Charlie's", by=SYSTEM),
    )
    alice = await members.create_without_rules(
        deps, acme.id, email=address("alice"), name="Alice", role=Role.ADMIN, by=SYSTEM
    )
    with pytest.raises(NotFound):
        await members.get_member(deps, charlies.id, alice.id)
    with pytest.raises(NotFound):
        await members.update_without_rules(deps, charlies.id, alice.id, name="Mine", by=SYSTEM)
    with pytest.raises(NotFound):
        await members.delete_without_rules(deps, charlies.id, alice.id, by=SYSTEM)
    with pytest.raises(NotFound):
        await members.delete_without_rules(deps, acme.id, MemberId(uuid4()), by=SYSTEM)
    assert await members.list_members(deps, acme.id) == [alice]


async def test_an_owner_gets_no_place_of_another_account_even_from_the_terminal(deps: Deps) -> None:
    acme, other = [await accounts.create_account(deps, name, by=SYSTEM) for name in ("Acme", "Other")]
    here, there = await make_branch(deps, acme.id), await make_branch(deps, other.id)
    paul = await members.create_without_rules(
        deps, acme.id, by=SYSTEM, email=address("paul"), name="P", role=Role.PROCESS_OWNER, node_id=here.process.id
    )
    with pytest.raises(NotFound, match="place in the structure does not exist"):
        await members.create_without_rules(
            deps, acme.id, by=SYSTEM, email=address("eve"), name="E", role=Role.PROCESS_OWNER, node_id=there.process.id
        )
    with pytest.raises(NotFound, match="place in the structure does not exist"):
        await members.update_without_rules(deps, acme.id, paul.id, by=SYSTEM, node_id=there.process.id)
    assert await members.list_members(deps, acme.id) == [paul]


async def test_what_an_api_key_makes_names_the_oldest_admin_who_has_access(deps: Deps, clock: FakeClock) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    assert await addresses.creator_email(deps, acme.id) == addresses.NOBODY_EMAIL
    emails = [address("alice"), address("bob")]
    for email in emails:
        await members.create_without_rules(deps, acme.id, email=email, name="A", role=Role.ADMIN, by=SYSTEM)
        clock.advance(timedelta(seconds=1))
    assert await addresses.creator_email(deps, acme.id) == emails[0]
    oldest = (await members.list_members(deps, acme.id))[0]
    await members.update_without_rules(deps, acme.id, oldest.id, state=MemberState.REVOKED, by=SYSTEM)
    assert await addresses.creator_email(deps, acme.id) == emails[1]


async def test_an_account_without_invitations_left_keeps_nobody_from_being_invited_by_others(deps: Deps) -> None:
    acme, other = [await accounts.create_account(deps, name, by=SYSTEM) for name in ("Acme", "Other")]
    alice, oscar, bob = await an_admin(deps, acme.id), await an_admin(deps, other.id, "oscar"), address("bob")

    async def invite(account: Account, by: Member, email: str) -> None:
        await members.invite_member(
            deps, account.id, by=acting(by), email=email, inviter=by.name, name="Bob", role=Role.ADMIN
        )

    for _ in range(throttle.INVITATIONS.most):
        await invite(acme, alice, address("somebody"))
    for _ in range(throttle.INVITED.most):
        with pytest.raises(TooManyRequests):
            await invite(acme, alice, bob)
    await invite(other, oscar, bob)


async def test_an_invitation_is_mailed_and_audited_in_one(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    alice, branch = await an_admin(deps, acme.id), await make_branch(deps, acme.id)
    bob = await members.invite_member(
        deps,
        acme.id,
        by=acting(alice),
        inviter="Alice",
        email=address("bob"),
        name=" ",
        role=Role.PROCESS_OWNER,
        node_id=branch.process.id,
    )
    assert (bob.name, bob.state) == (bob.email.partition("@")[0], MemberState.INVITED)
    assert "Alice has invited you" in await newest_mail(deps, bob.email)
    (line,) = await log_of(deps, acme.id)
    assert (line.action, line.subject, line.actor_email) == ("member.invited", bob.email, alice.email)
    assert line.details == {"role": "process_owner", "place": "Retail › Delivery › Last mile"}


async def test_who_is_a_member_elsewhere_is_told_to_operators_only(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    other = await accounts.create_account(deps, "Other", by=SYSTEM)
    alice, charlie = await an_admin(deps, acme.id), await an_admin(deps, other.id, "charlie")
    with pytest.raises(Conflict, match="already exists"):
        await members.invite_member(
            deps, acme.id, by=OLIVE, inviter="Olive", email=charlie.email, name="", role=Role.ADMIN
        )
    invited = await members.invite_member(
        deps, acme.id, by=acting(alice), inviter="Alice", email=charlie.email, name="", role=Role.ADMIN
    )
    assert "You already use this address" in await newest_mail(deps, invited.email)


async def test_an_owner_sees_and_changes_those_below_and_gives_no_more_than_it_has(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    alice = await an_admin(deps, acme.id)
    here, there = await make_branch(deps, acme.id), await make_branch(deps, acme.id, department="Wholesale")
    olivia = owner_of(here.process.id)
    herself, inside, beside = [
        await members.create_without_rules(
            deps,
            acme.id,
            by=SYSTEM,
            email=email,
            name=email,
            role=Role.PROCESS_OWNER,
            state=MemberState.ACTIVE,
            node_id=node,
        )
        for email, node in (
            (olivia.email, here.process.id),
            (address("inside"), here.process.id),
            (address("beside"), there.process.id),
        )
    ]
    assert [one.member for one in await members.list_visible(deps, acme.id, by=olivia)] == [herself, inside]
    (grant,) = await members.roles_to_grant(deps, acme.id, by=olivia)
    assert (grant.role, grant.place and grant.place.id) == (Role.PROCESS_OWNER, here.process.id)
    for foreign in (alice, beside):
        with pytest.raises(NotFound):
            await members.remove_member(deps, acme.id, foreign.id, by=olivia)
    for role, node in ((Role.ADMIN, None), (Role.PROCESS_OWNER, there.process.id), (Role.PROCESS_OWNER, None)):
        with pytest.raises(InvalidInput):
            await members.edit_member(deps, acme.id, inside.id, by=olivia, name="x", role=role, node_id=node)
    assert (await members.remove_member(deps, acme.id, inside.id, by=olivia)) == inside
    assert [one.action for one in await log_of(deps, acme.id)] == ["member.deleted"]


async def test_the_last_admin_stays_and_nobody_removes_themselves(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    alice = await an_admin(deps, acme.id)
    for change in (members.revoke_access, members.remove_member):
        with pytest.raises(Conflict, match="only active admin"):
            await change(deps, acme.id, alice.id, by=OLIVE)
        with pytest.raises(Conflict, match="yourself"):
            await change(deps, acme.id, alice.id, by=acting(alice))
    bob = await an_admin(deps, acme.id, "bob")
    revoked = await members.revoke_access(deps, acme.id, bob.id, by=acting(alice))
    restored = await members.restore_access(deps, acme.id, bob.id, by=acting(alice), inviter="Alice")
    assert (revoked.state, restored.state) == (MemberState.REVOKED, MemberState.INVITED)  # never had a password
    assert [one.action for one in await log_of(deps, acme.id)] == ["member.restored", "member.revoked"]


async def test_what_an_operator_does_at_the_terminal_is_audited(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    terminal = Actor(ActorKind.COMMAND_LINE, "olive@host")
    made = await members.create_without_rules(
        deps, acme.id, by=terminal, email=address("alice"), name="Alice", role=Role.ADMIN
    )
    await members.invite_without_rules(deps, acme.id, made.id, by=terminal)
    let_in = await members.set_password(deps, acme.id, made.id, "four unrelated words here", by=terminal)
    assert let_in.state is MemberState.ACTIVE
    await members.update_without_rules(deps, acme.id, made.id, by=terminal, role=Role.DEPARTMENT_OWNER)
    with pytest.raises(Conflict, match="only an invited member"):
        await members.invite_without_rules(deps, acme.id, made.id, by=terminal)
    await members.delete_without_rules(deps, acme.id, made.id, by=terminal)
    log = await log_of(deps, acme.id)
    assert [one.action.removeprefix("member.") for one in log] == [
        "deleted",
        "changed",
        "password_set",
        "invited_again",
        "created",
    ]
    assert {(one.actor_email, one.by_operator) for one in log} == {("olive@host", True)}
    assert log[2].details == {"state": "active"}


async def test_a_password_lets_nobody_in_whose_address_is_in_use_or_whose_access_was_revoked(deps: Deps) -> None:
    acme, globex = [await accounts.create_account(deps, name, by=SYSTEM) for name in ("Acme", "Globex")]
    alice = await an_admin(deps, acme.id, "alice")
    await an_admin(deps, acme.id, "bob")
    gina = await an_admin(deps, globex.id, "gina")
    again = await members.invite_member(
        deps, globex.id, by=acting(gina), inviter="Gina", email=alice.email, name="", role=Role.ADMIN
    )
    with pytest.raises(Conflict, match="already exists"):
        await members.set_password(deps, globex.id, again.id, "four unrelated words here", by=OLIVE)
    await members.revoke_access(deps, acme.id, alice.id, by=OLIVE)
    still = await members.set_password(deps, acme.id, alice.id, "four unrelated words here", by=OLIVE)
    assert still.state is MemberState.REVOKED


async def test_who_had_a_password_learns_of_a_change_whoever_made_it(deps: Deps) -> None:
    acme = await accounts.create_account(deps, "Acme", by=SYSTEM)
    alice = await an_admin(deps, acme.id)
    of, mails = (deps, acme.id, alice.id), len(await written_mails(deps))
    await members.set_password(*of, "four unrelated words here", by=OLIVE)
    assert len(await written_mails(deps)) == mails  # its first, of which its owner knows
    await members.set_password(*of, "four other words there", by=OLIVE)
    by_operator = (await written_mails(deps))[-1]
    async with deps.db.transaction() as tx:
        await sessions.replace_password(
            deps, tx, alice.person, "hashed", by=replace(acting(alice), address="203.0.113.9")
        )
    by_owner = (await written_mails(deps))[-1]
    for one in (by_operator, by_owner):
        assert (one.to, one.subject) == (alice.email, "Your Callmark password was changed")
        assert "/console/forgot" in one.text
        assert "tell an admin of Acme" in one.text
    assert "by an operator of Callmark." in by_operator.text
    assert "from the address 203.0.113.9." in by_owner.text
