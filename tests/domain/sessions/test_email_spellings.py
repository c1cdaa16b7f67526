"""Email addresses whose domain has letters other than ASCII: browsers send them in either spelling."""

import pytest
from tests.domain.sessions.signed_in import ORIGIN
from tests.support.cases import each
from tests.surfaces.console.browser import PASSWORD, Business, answer_reset_requests, make_business, set_password

from callmark.domain.deps import Deps
from callmark.domain.mail import service as mail
from callmark.domain.members import addresses, service as members
from callmark.domain.members.model import Member
from callmark.domain.operators import service as operators
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import links, service as sessions
from callmark.domain.sessions.model import MemberState, SignedIn
from callmark.kit.errors import Conflict

OWN, ASCII = "info@müller.example", "info@xn--mller-kva.example"
STORED = (OWN, ASCII, "Info@MÜLLER.example", "info@Müller.Example", "info@mu\u0308ller.example")
SPELLINGS = (OWN, "Info@MÜLLER.example", ASCII)


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await make_business(deps)


async def _member(deps: Deps, acme: Business, email: str) -> Member:
    made = await members.create_without_rules(
        deps, acme.account.id, email=email, name="Max", role=Role.ADMIN, state=MemberState.ACTIVE, by=SYSTEM
    )
    await set_password(deps, made)
    return made


async def _store(deps: Deps, member: Member, stored: str) -> None:
    """Versions before kept a domain as it was typed."""
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE member SET email = $2 WHERE id = $1", member.id, stored)


@pytest.mark.parametrize("typed", SPELLINGS)
async def test_a_new_address_is_stored_in_one_spelling(deps: Deps, acme: Business, typed: str) -> None:
    assert (await _member(deps, acme, typed)).email.lower() == ASCII


@pytest.mark.parametrize("stored", STORED)
async def test_its_owner_signs_in_and_gets_a_new_password_by_every_spelling(
    deps: Deps, acme: Business, stored: str
) -> None:
    member = await _member(deps, acme, OWN)
    await _store(deps, member, stored)
    for typed in SPELLINGS:
        assert isinstance(await sessions.sign_in(deps, typed, PASSWORD, ORIGIN), SignedIn), typed
        await links.ask_for_reset(deps, typed, ORIGIN)
        assert await addresses.as_member_writes(deps, acme.account.id, typed) == stored
    await answer_reset_requests(deps)
    async with deps.db.connection() as tx:
        assert len(await mail.list_mails(tx, 100)) == len(SPELLINGS)


async def test_no_one_else_has_it_in_another_spelling(deps: Deps, acme: Business) -> None:
    member = await _member(deps, acme, OWN)

    async def is_taken(stored: str) -> None:
        await _store(deps, member, stored)
        for typed in SPELLINGS:
            with pytest.raises(Conflict):
                await _member(deps, acme, typed)
            with pytest.raises(Conflict):
                await operators.create_operator(deps, by=SYSTEM, email=typed, name="O", password=PASSWORD)

    await each(STORED, is_taken)
