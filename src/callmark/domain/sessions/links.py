"""Links by email that work once: a member's invitation, and a new password when the old one was forgotten.

Order of locks: the person, then its links. So all who use a link, send another or remove the person wait at the person
for each other, and look at the link once it is their turn.
"""

from functools import partial

from msgspec import Struct

from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import MemberId
from callmark.domain.mail import letters
from callmark.domain.sessions import queries
from callmark.domain.sessions.known_browsers import service as known_browsers
from callmark.domain.sessions.model import (
    INVITATION_LIFETIME,
    LONGEST_EMAIL,
    RESET_LIFETIME,
    TOKEN_LENGTH,
    KnownPerson,
    LinkKind,
    MemberState,
    Origin,
    Person,
    SignedIn,
    person_name,
)
from callmark.domain.sessions.service import enter, hash_new_password, note_own, own_actor, replace_password
from callmark.domain.sessions.throttle import service as throttle
from callmark.domain.work_names import WorkName
from callmark.kit.domain_names import with_ascii_domain
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import random_text, sha256
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or

_DEAD = "this link has been used or is no longer valid"
_IN_USE = (
    "you already use this address to sign in for another business, and an address belongs to one business. ask"
    " to be invited with another address."
)


class LinkRecipient(Struct, frozen=True):
    """Whom a link is for, as its page greets."""

    email: str
    name: str
    account_name: str


async def invite(deps: Deps, tx: Tx, member_id: MemberId, email: str, account_name: str, inviter: str) -> None:
    """Sends a member (again) the link to choose name and password; an earlier link works no more.

    The caller has locked the member, or just made it.
    """
    token, expires_at = random_text(TOKEN_LENGTH), deps.clock.now() + INVITATION_LIFETIME
    person = Person(member_id=member_id)
    await queries.replace_link(tx, sha256(token), LinkKind.INVITATION, person, expires_at)
    is_in_use = await queries.is_in_use(tx, email, member_id)
    await letters.send_invitation(deps, tx, email, account_name, inviter, token, expires_at, is_in_use=is_in_use)


async def ask_for_reset(deps: Deps, email: str, origin: Origin) -> None:
    """Writes down that a new password is wanted for an address; a worker sends the link (`jobs`), if someone has it.

    The same work for every address, so that its time says nothing of who has a login. Raises TooManyRequests.
    """
    email = with_ascii_domain(email.strip())[: LONGEST_EMAIL + 1]
    await throttle.take(deps, throttle.SIGN_IN_ADDRESS, origin.network)
    await throttle.take(deps, throttle.MAIL, email)
    async with deps.db.transaction() as tx:
        await queries.insert_reset_request(tx, email, deps.clock.now())
        tx.after_commit(partial(deps.wake, WorkName.RESET_REQUESTS))


async def send_reset(deps: Deps, tx: Tx, email: str) -> None:
    """Sends a link for a new password to an address that someone active has, and nothing to any other.

    An invited member gets its invitation again.
    """
    token, now = random_text(TOKEN_LENGTH), deps.clock.now()
    found = await queries.select_known(tx, email)
    known = await queries.lock_known_person(tx, found.person) if found else None
    if known is None or known.member_state is MemberState.REVOKED:
        return
    if known.member_state is MemberState.INVITED:
        expires_at = now + INVITATION_LIFETIME
        await queries.replace_link(tx, sha256(token), LinkKind.INVITATION, known.person, expires_at)
        await letters.send_invitation(deps, tx, known.email, known.account_name, "", token, expires_at)
        return
    expires_at = now + RESET_LIFETIME
    await queries.replace_link(tx, sha256(token), LinkKind.PASSWORD_RESET, known.person, expires_at)
    await letters.send_reset(deps, tx, known.email, known.account_name, token, expires_at)


async def look_at_link(deps: Deps, kind: LinkKind, token: str) -> LinkRecipient:
    """Whom a live link is for. Raises NotFound."""
    async with deps.db.connection() as tx:
        person = await queries.select_link(tx, sha256(token), kind, deps.clock.now())
        known = _usable(kind, await queries.select_known_person(tx, person) if person else None)
    return LinkRecipient(known.email, known.name, known.account_name)


async def accept_invitation(deps: Deps, token: str, name: str, password: str, origin: Origin) -> SignedIn:
    """The first session of an invited member, with the name and password it chose.

    Raises NotFound, InvalidInput, Conflict when the address is in use elsewhere on this installation.
    """
    invited = await look_at_link(deps, LinkKind.INVITATION, token)
    name = kept_or(invited.name, name, person_name)
    hashed = await hash_new_password(password, invited.email, name)
    async with deps.db.transaction() as tx:
        known = await _locked(deps, tx, LinkKind.INVITATION, token)
        member_id = known.person.member_id
        if member_id is None:  # operators are not invited
            raise NotFound(_DEAD)
        if await queries.is_in_use(tx, known.email, member_id):
            raise Conflict(_IN_USE)
        await queries.activate_member(tx, member_id, name)
        await replace_password(deps, tx, known.person, hashed, by=own_actor(known, origin.address))
        await note_own(tx, known, AuditAction.MEMBER_ACCEPTED, origin.address, deps.clock.now())
        return await enter(deps, tx, known.person, origin)


async def reset_password(deps: Deps, token: str, password: str, origin: Origin) -> str:
    """Gives the link's owner a new password and ends every session. Raises NotFound, InvalidInput.

    Returns what makes this a known browser, so that the owner can sign in here, however many wrong passwords others
    have tried. Those still count elsewhere: if they were forgotten, who tried them would see that someone has the
    address.
    """
    owner = await look_at_link(deps, LinkKind.PASSWORD_RESET, token)
    hashed = await hash_new_password(password, owner.email, owner.name)
    async with deps.db.transaction() as tx:
        known = await _locked(deps, tx, LinkKind.PASSWORD_RESET, token)
        await replace_password(deps, tx, known.person, hashed, by=own_actor(known, origin.address))
        await note_own(tx, known, AuditAction.PASSWORD_RESET, origin.address, deps.clock.now())
        return await known_browsers.remember(deps, tx, known.person, origin.browser)


async def _locked(deps: Deps, tx: Tx, kind: LinkKind, token: str) -> KnownPerson:
    """Whom a live link is for, locked until the transaction ends; nobody else can use the link until then."""
    digest, now = sha256(token), deps.clock.now()
    person = await queries.select_link(tx, digest, kind, now)
    known = await queries.lock_known_person(tx, person) if person else None
    if await queries.select_link(tx, digest, kind, now) is None:
        raise NotFound(_DEAD)  # used or replaced by who held the person before
    return _usable(kind, known)


def _usable(kind: LinkKind, known: KnownPerson | None) -> KnownPerson:
    """Who has a live link, if it is of use. Raises NotFound."""
    if known is None or known.member_state is MemberState.REVOKED:
        raise NotFound(_DEAD)
    if kind is LinkKind.INVITATION and known.member_state is not MemberState.INVITED:
        raise NotFound(_DEAD)  # sent again at the moment when the one before was accepted
    return known
