"""Use cases of recipients: an account's admins choose who gets which alerts."""

from collections.abc import Collection

from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import links, model, queries, service as alerts
from callmark.domain.alerts.links import LinkPurpose
from callmark.domain.alerts.model import CONFIRMED_WITHIN, LONGEST_NAME, MOST_RECIPIENTS, Recipient, RecipientKind
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, RecipientId
from callmark.domain.mail import letters
from callmark.domain.policy.model import SYSTEM, Actor, Role
from callmark.domain.sessions.model import email_address
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.choices import SetChange, chosen
from callmark.kit.errors import Conflict, NotFound, found
from callmark.kit.ids import new_id
from callmark.kit.outbound.client import allowed_networks
from callmark.kit.outbound.urls import outbound_url
from callmark.kit.postgres.database import Transaction
from callmark.kit.secret_key import current_key, known_keys, marked_key
from callmark.kit.text import clean_line

_UNKNOWN = "no recipient with this id in this account"
_DEAD = "this link is not valid"


async def list_recipients(deps: Deps, account_id: AccountId) -> list[Recipient]:
    """The account's recipients, its admins first. NotFound for an unknown account."""
    async with deps.db.connection() as tx:
        return await alerts.list_in(tx, account_id)


async def get_recipient(deps: Deps, account_id: AccountId, recipient_id: RecipientId) -> Recipient:
    """One of them. Raises NotFound."""
    return _only(await list_recipients(deps, account_id), recipient_id)


async def add_role(
    deps: Deps, account_id: AccountId, role: Role, alert_kinds: Collection[str], *, by: Actor
) -> Recipient:
    """The members of a role get alerts. Raises InvalidInput, Conflict when they do already."""
    return await _added(deps, new_role(deps, account_id, role, alert_kinds, by=by), by)


async def add_email(
    deps: Deps, account_id: AccountId, email: str, alert_kinds: Collection[str], *, by: Actor
) -> Recipient:
    """An address gets alerts once its reader has followed the link that is sent to it.

    Raises InvalidInput, Conflict for an address that has them already, TooManyRequests as `new_email`.
    """
    return await _added(deps, await new_email(deps, account_id, email, alert_kinds, by=by), by)


async def add_channel(
    deps: Deps, account_id: AccountId, name: str, url: str, alert_kinds: Collection[str], *, by: Actor
) -> Recipient:
    """A URL gets alerts as posts. Raises InvalidInput."""
    return await _added(deps, new_channel(deps, account_id, name, url, alert_kinds, by=by), by)


def new_role(deps: Deps, account_id: AccountId, role: Role, alert_kinds: Collection[str], *, by: Actor) -> Recipient:
    """A recipient for `add_in`. Raises InvalidInput."""
    return replace(_new(deps, account_id, RecipientKind.ROLE, alert_kinds, by), role=role)


async def new_email(
    deps: Deps, account_id: AccountId, email: str, alert_kinds: Collection[str], *, by: Actor
) -> Recipient:
    """As `new_role`. Raises TooManyRequests after many mails to the address, or to others of the account.

    Its reader may never have heard of the account. Operators send as many as are needed to different addresses.
    """
    one = replace(_new(deps, account_id, RecipientKind.EMAIL, alert_kinds, by), email=email_address(email))
    of_account = [] if by.is_operator else [(throttle.ALERT_MAILS, str(account_id))]
    await throttle.take_each(deps, *of_account, (throttle.ALERT_MAIL, one.email or ""))
    return one


def new_channel(
    deps: Deps, account_id: AccountId, name: str, url: str, alert_kinds: Collection[str], *, by: Actor
) -> Recipient:
    """As `new_role`."""
    one = _new(deps, account_id, RecipientKind.CHANNEL, alert_kinds, by)
    url = outbound_url(url.strip(), allowed_networks(deps.settings))
    return replace(one, name=_channel_name(name), url=url)


async def add_in(tx: Transaction, deps: Deps, one: Recipient, *, by: Actor) -> Recipient:
    """Adds a new recipient, and sends an address its link. Raises Conflict for one that gets alerts already."""
    await _add(tx, deps, one, by)
    if one.email:
        account = await accounts.get_account_in(tx, one.account_id)
        token = links.signed(current_key(deps.settings, await marked_key(tx)), LinkPurpose.CONFIRM, one.id)
        until = one.created_at + CONFIRMED_WITHIN
        await letters.send_alert_confirmation(deps, tx, one.email, account.name, by.email, token, until)
    return one


async def _added(deps: Deps, one: Recipient, by: Actor) -> Recipient:
    async with deps.db.transaction() as tx:
        return await add_in(tx, deps, one, by=by)


async def change_kinds(
    deps: Deps,
    account_id: AccountId,
    recipient_id: RecipientId,
    alert_kinds: Collection[str] | SetChange[str] | None,
    *,
    by: Actor,
    name: str | None = None,
) -> Recipient:
    """What a recipient gets from now on (None: as before), and a channel's name. Raises NotFound, InvalidInput."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _only(await alerts.list_in(tx, account_id), recipient_id)
        given = old.alert_kinds
        if alert_kinds is not None:
            given = model.wanted_kinds(chosen(given, alert_kinds), is_admins=old.is_admins)
        called = _channel_name(name) if name is not None and old.url else old.name
        if (given, called) == (old.alert_kinds, old.name):
            return old
        if old.is_admins:
            await queries.insert_recipient(tx, old)
        new = found(await queries.update_choices(tx, recipient_id, given, called), _UNKNOWN)
        await _note(tx, deps, AuditAction.ALERTS_CHANGED, new, by)
    return new


async def remove(deps: Deps, account_id: AccountId, recipient_id: RecipientId, *, by: Actor) -> Recipient:
    """The recipient gets no more alerts. Raises NotFound, Conflict for the admins."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        one = _only(await alerts.list_in(tx, account_id), recipient_id)
        if one.is_admins:
            raise Conflict("admins cannot be removed; choose what they get instead")
        if not await queries.delete_recipient(tx, recipient_id):  # its reader has just stopped it
            raise NotFound(_UNKNOWN)
        await _note(tx, deps, AuditAction.ALERTS_REMOVED, one, by)
    return one


async def get_by_link(deps: Deps, purpose: LinkPurpose, token: str) -> tuple[Recipient, str]:
    """Whose link it is, and the account's name. Raises NotFound for a link that is not valid, or no longer."""
    recipient_id = links.opened(known_keys(deps.settings), purpose, token)
    async with deps.db.connection() as tx:
        one = found(await queries.select_recipient(tx, recipient_id), _DEAD)
        account = await accounts.get_account_in(tx, one.account_id)
    is_late = one.is_waiting and deps.clock.now() > one.created_at + CONFIRMED_WITHIN
    if purpose is LinkPurpose.CONFIRM and is_late:
        raise NotFound(_DEAD)
    return one, account.name


async def confirm(deps: Deps, token: str, by_address: str) -> Recipient:
    """The address gets alerts from now on; safe to repeat. Raises NotFound."""
    one, _ = await get_by_link(deps, LinkPurpose.CONFIRM, token)
    if not one.is_waiting:
        return one
    async with deps.db.transaction() as tx:
        if confirmed := await queries.confirm_recipient(tx, one.id, deps.clock.now()):
            await _note(tx, deps, AuditAction.ALERTS_CONFIRMED, confirmed, _reader(one, by_address))
            return confirmed
    one, _ = await get_by_link(deps, LinkPurpose.CONFIRM, token)  # confirmed or removed meanwhile
    return one


async def stop(deps: Deps, token: str, by_address: str) -> Recipient:
    """The address gets no more alerts. Raises NotFound, also when it is repeated."""
    one, _ = await get_by_link(deps, LinkPurpose.STOP, token)
    async with deps.db.transaction() as tx:
        if not await queries.delete_recipient(tx, one.id):
            raise NotFound(_DEAD)
        await _note(tx, deps, AuditAction.ALERTS_STOPPED, one, _reader(one, by_address))
    return one


def _reader(one: Recipient, address: str) -> Actor:
    """The reader of that address's mails; the link is all that is known of them."""
    return replace(SYSTEM, email=one.email or "", address=address)


def _new(deps: Deps, account_id: AccountId, kind: RecipientKind, alert_kinds: Collection[str], by: Actor) -> Recipient:
    kinds = model.wanted_kinds(alert_kinds, is_admins=False)
    return Recipient(RecipientId(new_id()), account_id, kind, kinds, by.email, deps.clock.now())


async def _add(tx: Transaction, deps: Deps, one: Recipient, by: Actor) -> None:
    await accounts.lock_account(tx, one.account_id)
    present = await alerts.list_in(tx, one.account_id)
    if len(present) > MOST_RECIPIENTS:
        raise Conflict(f"an account can have at most {MOST_RECIPIENTS} recipients besides its admins; remove one first")
    if one.role and one.role in {other.role for other in present}:
        raise Conflict("members of this role get alerts already; change what they get", field="role")
    await queries.insert_recipient(tx, one)
    await _note(tx, deps, AuditAction.ALERTS_ADDED, one, by)


def _channel_name(text: str) -> str:
    return clean_line(text, "name", longest=LONGEST_NAME, what="channel name")


async def _note(tx: Transaction, deps: Deps, action: AuditAction, one: Recipient, by: Actor) -> None:
    """The address of a channel stays out of the log, because it is a secret."""
    subject = one.name or one.email or (one.role or Role.ADMIN).value
    facts = {"recipient_kind": one.kind.value, "alert_kinds": sorted(one.alert_kinds)}
    await audit.note(tx, by, action, subject, account_id=one.account_id, at=deps.clock.now(), **facts)


def _only(recipients: Collection[Recipient], recipient_id: RecipientId) -> Recipient:
    return found(next((one for one in recipients if one.id == recipient_id), None), _UNKNOWN)
