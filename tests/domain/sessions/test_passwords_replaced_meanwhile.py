"""A password that is replaced, or an access that is revoked, while the old password is being checked opens nothing."""

from collections.abc import Awaitable, Callable

import pytest
from tests.domain.sessions.signed_in import ORIGIN, session_of
from tests.surfaces.console.browser import PASSWORD, Business, make_business

from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.policy.model import SYSTEM
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import SignedIn
from callmark.kit.errors import InvalidInput, Unauthenticated

OWNERS, INTRUDERS = "chosen by the owner just now", "chosen by an intruder"


@pytest.fixture
async def business(deps: Deps) -> Business:
    return await make_business(deps)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Awaitable[object]]]:
    """What happens after the next password was found right, and before that counts."""
    waiting: list[Callable[[], Awaitable[object]]] = []
    check = sessions.is_password

    async def checked(password: str, stored: str | None) -> bool:
        right = await check(password, stored)
        if right and waiting:
            await waiting.pop()()
        return right

    monkeypatch.setattr(sessions, "is_password", checked)
    return waiting


async def replace_password(deps: Deps, member: Member) -> None:
    hashed = await sessions.hash_new_password(OWNERS, member.email, member.name)
    async with deps.db.transaction() as tx:
        await sessions.replace_password(deps, tx, member.person, hashed, by=SYSTEM)


async def test_a_sign_in_by_the_old_password_has_no_session(
    deps: Deps, business: Business, meanwhile: list[Callable[[], Awaitable[object]]]
) -> None:
    intruded, revoked = business.admin, business.process_owner
    changes = (
        (intruded, lambda: replace_password(deps, intruded)),
        (revoked, lambda: members.revoke_access(deps, business.account.id, revoked.id, by=SYSTEM)),
    )
    for member, change in changes:
        meanwhile.append(change)
        with pytest.raises(Unauthenticated):
            await sessions.sign_in(deps, member.email, PASSWORD, ORIGIN)
        assert await sessions.list_sessions(deps, member.person) == []
    assert isinstance(await sessions.sign_in(deps, intruded.email, OWNERS, ORIGIN), SignedIn)


async def test_a_change_of_the_old_password_does_not_undo_another(
    deps: Deps, business: Business, meanwhile: list[Callable[[], Awaitable[object]]]
) -> None:
    member = business.admin
    session = await session_of(deps, member)
    meanwhile.append(lambda: replace_password(deps, member))
    with pytest.raises(InvalidInput, match="not your current password"):
        await sessions.change_password(deps, session, PASSWORD, INTRUDERS, ORIGIN)
    assert isinstance(await sessions.sign_in(deps, member.email, OWNERS, ORIGIN), SignedIn)
