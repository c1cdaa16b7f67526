"""An invitation that is accepted and sent again at the same moment."""

import asyncio

import pytest
from tests.support.audit_log import log_of
from tests.support.waiting import until_locked
from tests.surfaces.console.browser import invite_token, make_business

from callmark.domain.deps import Deps
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import links
from callmark.domain.sessions.model import LinkKind, MemberState, Origin, SignedIn
from callmark.kit.errors import Conflict, NotFound

PASSWORD = "quite another four words"
ORIGIN = Origin("203.0.113.9", "")


async def test_no_link_is_left_of_an_invitation_that_is_accepted_while_it_is_sent_again(deps: Deps) -> None:
    account_id = (await make_business(deps)).account.id
    nina = await members.create_without_rules(
        deps, account_id, email="nina@acme.example", name="Nina", role=Role.ADMIN, by=SYSTEM
    )
    token = await invite_token(deps, nina)
    async with deps.db.transaction() as tx:
        await tx.execute("SELECT FROM member WHERE id = $1 FOR UPDATE", nina.id)
        accepting = asyncio.create_task(links.accept_invitation(deps, token, "Nina", PASSWORD, ORIGIN))
        await until_locked(deps.db, 1)
        again = asyncio.create_task(members.invite_again(deps, account_id, nina.id, by=SYSTEM, inviter="Alice"))
        await until_locked(deps.db, 2)
    assert isinstance(await accepting, SignedIn)
    with pytest.raises(Conflict, match="already accepted"):
        await again
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM mailed_link") == 0
    assert (await log_of(deps, account_id))[0].action == "member.accepted"


async def test_the_link_of_an_invitation_is_of_no_use_to_who_has_accepted(deps: Deps) -> None:
    acme = await make_business(deps)
    assert acme.admin.state is MemberState.ACTIVE
    token = await invite_token(deps, acme.admin)
    with pytest.raises(NotFound):
        await links.look_at_link(deps, LinkKind.INVITATION, token)
    with pytest.raises(NotFound):
        await links.accept_invitation(deps, token, "Mallory", PASSWORD, ORIGIN)
