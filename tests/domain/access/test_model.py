"""The policy: every role and action, at one's own place, below, above and beside it."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from callmark.domain.access.model import Actor, check_at, may, may_give
from callmark.domain.accounts.model import AccountState
from callmark.domain.ids import AccountId, MemberId, SessionId
from callmark.domain.policy.model import OF_PLACE, POLICY, Action, Role
from callmark.domain.policy.plan import ALL_FEATURES
from callmark.domain.sessions.model import Person, Session
from callmark.kit.errors import Forbidden, NotFound
from callmark.kit.ids import new_id

DEPARTMENT, OPERATION, PROCESS, OTHER = new_id(), new_id(), new_id(), new_id()
INSIDE = (DEPARTMENT, OPERATION, PROCESS)
NODE = {
    Role.ADMIN: None,
    Role.DEPARTMENT_OWNER: DEPARTMENT,
    Role.OPERATION_OWNER: OPERATION,
    Role.PROCESS_OWNER: PROCESS,
}
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def actor(role: Role) -> Actor:
    """Somebody of that role, at its place."""
    account = AccountId(new_id())
    session = Session(
        id=SessionId(new_id()),
        person=Person(member_id=MemberId(new_id())),
        email="x@acme.example",
        name="X",
        role=role,
        node_id=NODE[role],
        account_id=account,
        account_name="Acme",
        account_state=AccountState.ACTIVE,
        features=ALL_FEATURES,
        zone=ZoneInfo("UTC"),
        created_at=_NOW,
        seen_at=_NOW,
        address="",
        user_agent="",
    )
    return Actor(account, "Acme", "x@acme.example", "X", role, NODE[role], False, "", session)  # noqa: FBT003 - fields in order


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_at_its_place_what_it_may_and_nothing_beside_it(role: Role, action: Action) -> None:
    who, allowed = actor(role), action in POLICY[role]
    assert may(who, action, INSIDE) == allowed
    everywhere = role is Role.ADMIN or action not in OF_PLACE
    assert may(who, action, (OTHER,)) == (allowed and everywhere)
    assert may(who, action, ()) == (allowed and everywhere)


def test_owners_may_nothing_that_belongs_to_the_whole_account() -> None:
    for role in (Role.DEPARTMENT_OWNER, Role.OPERATION_OWNER, Role.PROCESS_OWNER):
        for action in (Action.KEYS_VIEW, Action.WEBHOOKS_VIEW, Action.LABELS_MANAGE, Action.RECORDS_PUSH):
            assert not may(actor(role), action, INSIDE)
        assert not may(actor(role), Action.AUDIT_VIEW)
        assert not may(actor(role), Action.OPERATE)


def test_no_role_of_a_business_operates_the_installation() -> None:
    assert all(Action.OPERATE not in allowed for allowed in POLICY.values())


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gives_its_own_or_a_lower_one_inside_its_place(role: Role) -> None:
    who = actor(role)
    ranked = list(NODE)
    for given in ranked:
        path = INSIDE[: ranked.index(given)]
        assert may_give(who, given, path) == (ranked.index(given) >= ranked.index(role)), given
    if role is not Role.ADMIN:
        assert not may_give(who, Role.PROCESS_OWNER, (OTHER, new_id(), new_id()))


def test_an_owner_without_a_place_owns_nothing() -> None:
    nobody = replace(actor(Role.PROCESS_OWNER), node_id=None)
    assert not may(nobody, Action.NUMBERS_VIEW, INSIDE)
    assert not may(nobody, Action.NUMBERS_VIEW, ())


def test_what_is_elsewhere_is_unknown_and_what_is_not_allowed_is_refused() -> None:
    who = actor(Role.OPERATION_OWNER)
    check_at(who, Action.NUMBERS_MANAGE, INSIDE)
    with pytest.raises(NotFound):
        check_at(who, Action.NUMBERS_MANAGE, (DEPARTMENT, OTHER))
    with pytest.raises(Forbidden):
        check_at(who, Action.KEYS_VIEW, INSIDE)
