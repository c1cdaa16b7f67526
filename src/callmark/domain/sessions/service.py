"""Signing in and out: password, then (where the account asks for it) a code by mail, then a session."""

import secrets
from datetime import datetime

import structlog

from callmark.domain.accounts.model import AccountState
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import MemberId, SessionId
from callmark.domain.mail import letters
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.sessions import queries
from callmark.domain.sessions.acting import service as acting
from callmark.domain.sessions.known_browsers import service as known_browsers
from callmark.domain.sessions.model import (
    CODE_DIGITS,
    CODE_LIFETIME,
    CODE_TRIES,
    DEVICE_LIFETIME,
    IDLE,
    LONGEST,
    LONGEST_USER_AGENT,
    SEEN_EVERY,
    TOKEN_LENGTH,
    CodeSent,
    KnownPerson,
    MemberState,
    NewSession,
    Origin,
    Person,
    Session,
    SignedIn,
)
from callmark.domain.sessions.passwords import check_password, hash_password, is_password
from callmark.domain.sessions.throttle import service as throttle
from callmark.domain.sessions.throttle.service import Limit
from callmark.kit.domain_names import with_ascii_domain
from callmark.kit.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from callmark.kit.ids import new_id, random_text, sha256
from callmark.kit.postgres.database import Tx
from callmark.kit.zones import time_zone
from callmark.tables.phones import plain_text
from callmark.zone_data import zone_names

log = structlog.get_logger(__name__)

SUSPENDED = "This account is suspended. Please contact the operator of this installation."
_WRONG = "The email or the password is wrong."
_WRONG_CODE = "This code is wrong or no longer valid."
_NOT_CURRENT = "this is not your current password"


async def sign_in(deps: Deps, email: str, password: str, origin: Origin, devices: str = "") -> SignedIn | CodeSent:
    """A session, or that a code was sent to complete it. `devices` is what earlier sign-ins gave to remember.

    Unknown addresses are answered like wrong passwords, in the same time and under the same limits. A right password
    is not counted, and forgets no wrong ones: who tried them would see it. Raises Unauthenticated, Forbidden (suspended
    account), TooManyRequests.
    """
    email = with_ascii_domain(email.strip())
    async with deps.db.connection() as tx:
        known = await queries.select_known(tx, email)
        counted = await _counted(deps, tx, email, known, origin)
    for limit, who in counted:
        await throttle.take(deps, limit, who)
    right = await is_password(password, known.password_hash if known else None)
    if known is None or not right or known.member_state in {MemberState.INVITED, MemberState.REVOKED}:
        log.warning("sign_in_refused", address=origin.address)
        raise Unauthenticated(_WRONG)
    if known.account_state is AccountState.SUSPENDED:
        raise Forbidden(SUSPENDED)
    async with deps.db.transaction() as tx:
        if not await _is_unchanged(tx, known):
            raise Unauthenticated(_WRONG)
        for limit, who in counted:
            await throttle.give_back(tx, limit, who)
        member_id = await _who_needs_code(deps, tx, known, devices)
        if member_id is None:
            return await enter(deps, tx, known.person, origin)
    await throttle.take(deps, throttle.SIGN_IN_CODE, str(member_id))
    async with deps.db.transaction() as tx:
        if not await _is_unchanged(tx, known):
            raise Unauthenticated(_WRONG)
        return await _send_code(deps, tx, known, member_id)


async def _counted(
    deps: Deps, tx: Tx, email: str, known: KnownPerson | None, origin: Origin
) -> list[tuple[Limit, str]]:
    """Where this try counts: in a browser that is known for the person there alone, else by network and address."""
    person = known.person if known else Person()
    if browser := await known_browsers.find_known(tx, origin.browser, person, deps.clock.now()):
        return [(throttle.SIGN_IN_BROWSER, browser.hex())]
    return [(throttle.SIGN_IN_ADDRESS, origin.network), (throttle.SIGN_IN_EMAIL, email)]


async def _is_unchanged(tx: Tx, known: KnownPerson) -> bool:
    """Whether the password that was right still is, and the person as it was; nothing of it changes in `tx`.

    To check a password takes a while, in which its owner may choose another one, or an admin revoke the access.
    """
    now = await queries.lock_known_person(tx, known.person)
    return now is not None and (now.password_hash, now.member_state) == (known.password_hash, known.member_state)


async def confirm_code(
    deps: Deps, token: str, code: str, origin: Origin, *, remember: bool, devices: str = ""
) -> SignedIn:
    """The session of a waiting sign-in, whose code was typed. Five tries, ten minutes. Raises Unauthenticated.

    `remember`: this person needs no code here for a while, nor do those of `devices`, as in `sign_in`.
    """
    now = deps.clock.now()
    async with deps.db.connection() as tx:  # the try counts whatever comes after
        waiting = await queries.take_code_try(tx, sha256(token), now)
    if waiting is None or not secrets.compare_digest(waiting[1], _code_hash(token, code)):
        raise Unauthenticated(_WRONG_CODE)
    person = Person(member_id=waiting[0])
    async with deps.db.transaction() as tx:
        known = await queries.lock_known_person(tx, person)  # first, as where the code is made
        used = await queries.delete_code(tx, sha256(token))
        await throttle.forget(tx, throttle.SIGN_IN_CODE, str(waiting[0]))
        if not used or known is None or known.member_state is not MemberState.ACTIVE:
            raise Unauthenticated(_WRONG_CODE)
        kept = ""
        if remember:
            device = random_text(TOKEN_LENGTH)
            await queries.insert_device(tx, sha256(device), waiting[0], now + DEVICE_LIFETIME)
            kept = known_browsers.with_token(device, devices)
        return await enter(deps, tx, person, origin, kept)


async def enter(deps: Deps, tx: Tx, person: Person, origin: Origin, devices: str = "") -> SignedIn:
    """A new session of that person, in a browser that is known from now on."""
    token = await begin_session(deps, tx, person, origin)
    return SignedIn(token, devices, await known_browsers.remember(deps, tx, person, origin.browser))


async def begin_session(deps: Deps, tx: Tx, person: Person, origin: Origin) -> str:
    """The token of a new session, never one that was known before. The first browser's time zone is kept."""
    token = random_text(TOKEN_LENGTH)
    session = NewSession(
        id=SessionId(new_id()),
        token_sha256=sha256(token),
        person=person,
        created_at=deps.clock.now(),
        address=origin.address,
        user_agent=origin.user_agent[:LONGEST_USER_AGENT],
    )
    await queries.insert_session(tx, session)
    if origin.zone in zone_names():
        await queries.set_zone(tx, person, time_zone(origin.zone).key, only_first=True)
    return token


async def find_session(deps: Deps, token: str, *, is_use: bool = True) -> Session | None:
    """The live session of a token: not ended, not idle for 12 hours, not older than 7 days.

    `is_use`: whether someone uses it now; otherwise it stays idle.
    """
    if len(token) != TOKEN_LENGTH:
        return None
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        found = await queries.select_session(tx, sha256(token), now - LONGEST, now - IDLE)
        if found and is_use and now - found.seen_at >= SEEN_EVERY:
            await queries.touch_session(tx, found.id, now)
    return found


async def list_sessions(deps: Deps, person: Person) -> list[Session]:
    """A person's live sessions, the one used last first."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        return await queries.select_sessions(tx, person, now - LONGEST, now - IDLE)


async def set_zone(deps: Deps, person: Person, name: str) -> None:
    """In which zone pages show times to that person from now on. Raises InvalidInput about `zone`."""
    zone = time_zone(name, field="zone")
    async with deps.db.connection() as tx:
        await queries.set_zone(tx, person, zone.key, only_first=False)


async def end_session(deps: Deps, person: Person, session_id: SessionId, *, by: Actor) -> None:
    """Signs that session of that person out. Raises NotFound."""
    async with deps.db.transaction() as tx:
        ended = await queries.delete_session(tx, person, session_id)
        if ended is None:
            raise NotFound("no session with this id")
        await acting.note_stopped(deps, tx, [ended], by=by)


async def end_other_sessions(deps: Deps, session: Session, *, by: Actor) -> None:
    """Signs that person out everywhere else."""
    async with deps.db.transaction() as tx:
        await queries.lock_known_person(tx, session.person)  # first, as wherever several sessions end
        await end_sessions(deps, tx, session.person, by=by, but=session.id)


async def change_password(deps: Deps, session: Session, old: str, new: str, origin: Origin) -> str:
    """A new password for who is signed in; every other session ends, and no other browser is known or needs no code.

    Returns what makes this one a known browser. Raises InvalidInput for an unusable new or a wrong old one,
    TooManyRequests after too many wrong ones in this session: elsewhere others could have typed them.
    """
    check_password(new, session.email, session.name)  # first: what is wrong with it is no try of the old one
    await throttle.take(deps, throttle.OLD_PASSWORD, str(session.id))
    async with deps.db.connection() as tx:
        known = await queries.select_known_person(tx, session.person)
    if known is None or not await is_password(old, known.password_hash):
        raise InvalidInput(_NOT_CURRENT, field="old_password")
    hashed = await hash_new_password(new, session.email, session.name)
    async with deps.db.transaction() as tx:
        if not await _is_unchanged(tx, known):
            raise InvalidInput(_NOT_CURRENT, field="old_password")
        await throttle.forget(tx, throttle.OLD_PASSWORD, str(session.id))
        by = session.actor(origin.address)
        await replace_password(deps, tx, session.person, hashed, by=by, but=session.id)
        await note_own(tx, known, AuditAction.PASSWORD_CHANGED, origin.address, deps.clock.now())
        return await known_browsers.remember(deps, tx, session.person, origin.browser)


async def hash_new_password(password: str, email: str, name: str) -> str:
    """What is stored of a new password of that person. Raises InvalidInput for one that is easily guessed."""
    return await hash_password(check_password(password, email, name))


async def replace_password(
    deps: Deps, tx: Tx, person: Person, hashed: str, *, by: Actor, but: SessionId | None = None
) -> None:
    """Gives the person a new password; every session but one ends, and whatever else the old one opened or proved.

    Codes that someone had sent by the old one count no longer: they could keep the owner out for an hour. Who had a
    password gets a mail, to learn of a change that someone else has made.
    """
    known = await queries.select_known_person(tx, person)
    await queries.set_password(tx, person, hashed)
    if known and known.password_hash is not None:
        address = by.address if by.email == known.email else None
        await letters.send_password_changed(deps, tx, known.email, known.account_name, address)
    await end_sessions(deps, tx, person, by=by, but=but)
    await queries.forget_ways_in(tx, person)
    await known_browsers.forget_all(tx, person)
    if person.member_id:
        await throttle.forget(tx, throttle.SIGN_IN_CODE, str(person.member_id))


async def has_password(tx: Tx, person: Person) -> bool:
    """Whether the person has ever chosen a password."""
    known = await queries.select_known_person(tx, person)
    return known is not None and known.password_hash is not None


async def is_in_use(tx: Tx, email: str, but: MemberId | None = None) -> bool:
    """Whether an operator, or a member other than that one who has ever signed in, has this address, in any case."""
    return await queries.is_in_use(tx, email, but)


async def end_sessions(deps: Deps, tx: Tx, person: Person, *, by: Actor, but: SessionId | None = None) -> None:
    """Signs the person out everywhere but in that session; the caller has locked the person."""
    await acting.note_stopped(deps, tx, await queries.delete_sessions(tx, person, but=but), by=by)


async def end_all(tx: Tx, member_id: MemberId, *, is_trusted: bool) -> None:
    """Signs a member out everywhere; its sessions act for no account.

    Unless it `is_trusted`, its links and codes are of no more use either, and no browser is known to be its own: access
    may come back later, and they would open it.
    """
    person = Person(member_id=member_id)
    await queries.delete_sessions(tx, person)
    if not is_trusted:
        await queries.forget_ways_in(tx, person)
        await known_browsers.forget_all(tx, person)


async def note_own(tx: Tx, known: KnownPerson, action: AuditAction, address: str, at: datetime) -> None:
    """Notes what someone did about its own way in: a password chosen, an invitation accepted."""
    await audit.note(tx, own_actor(known, address), action, known.email, account_id=known.account_id, at=at)


def own_actor(known: KnownPerson, address: str) -> Actor:
    """Who acts where someone has proven to be this person and has no session yet."""
    kind = ActorKind.OPERATOR if known.person.operator_id else ActorKind.MEMBER
    return Actor(kind, known.email, address=address)


async def forget_dead(deps: Deps) -> None:
    """Deletes ended sessions, links, codes, devices, known browsers and tries."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await acting.forget_dead(deps, tx, now - LONGEST, now - IDLE)
    await queries.delete_dead(deps.db, now - LONGEST, now - IDLE, now)
    await known_browsers.forget_expired(deps.db, now)
    await throttle.forget_old_tries(deps)


async def _who_needs_code(deps: Deps, tx: Tx, known: KnownPerson, devices: str) -> MemberId | None:
    """The member who must send a code too; None when the password is enough."""
    member_id = known.person.member_id
    if not known.requires_code or member_id is None:
        return None
    hashes = [sha256(token) for token in known_browsers.tokens_in(devices)]
    is_known = await queries.is_known_device(tx, hashes, member_id, deps.clock.now())
    return None if is_known else member_id


async def _send_code(deps: Deps, tx: Tx, known: KnownPerson, member_id: MemberId) -> CodeSent:
    token = random_text(TOKEN_LENGTH)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    until = deps.clock.now() + CODE_LIFETIME
    await queries.replace_code(tx, sha256(token), member_id, _code_hash(token, code), CODE_TRIES, until)
    await letters.send_code(deps, tx, known.email, known.account_name, code, until)
    return CodeSent(token, known.email)


def _code_hash(token: str, code: str) -> bytes:
    """Six digits alone could be guessed from their hash; with the browser's part they cannot."""
    return sha256(f"{token}:{''.join(plain_text(code).split())}")
