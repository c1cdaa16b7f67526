"""Use cases of signing certificates: the one that a call is signed with, and what operators do with them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.brand_icons import service as brand_icons
from callmark.domain.brand_icons.model import BrandIcon
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import ListedCaller
from callmark.domain.policy.model import SYSTEM, Actor
from callmark.domain.signer_certificates import importing, issuing, keys, queries, roots
from callmark.domain.signer_certificates.issuing import IssuedFacts, Renewal
from callmark.domain.signer_certificates.lots import lot_at
from callmark.domain.signer_certificates.model import ChosenSigner, SigningCertificate, StoredCertificate, is_in_time
from callmark.kit.errors import Conflict, NotFound, SetupError, Unavailable, found
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import marked_key, sealer
from callmark.passport.authority import TnAuthList
from callmark.passport.certificates import read_authority, read_chain
from callmark.passport.claims import Claims, Kind
from callmark.passport.verifying import Signer

log = structlog.get_logger(__name__)

_UNKNOWN = "no certificate with this serial number"
KEPT_S = 5.0
"""How long a process uses the certificates that it has read."""
COUNTS_AFTER_RETIRED = timedelta(minutes=2)
"""How long calls that were signed with it last may be on their way: tokens are fresh for one minute."""
_PARSED_S = 3600.0
_TRIED_S = 1.0
"""How long an account for which nothing could be issued is not tried again."""


class _InUse(Struct, frozen=True):
    """What an account signs with: its lots in order, and before them what was imported, the newest first."""

    imported: Sequence[SigningCertificate]
    starts: Sequence[str]
    issued: Sequence[SigningCertificate]

    def for_number(self, caller: PhoneNumber) -> Iterable[SigningCertificate]:
        """Those that could be for this number, the best first."""
        yield from self.imported
        if self.issued:
            yield self.issued_for(caller)

    def issued_for(self, caller: PhoneNumber) -> SigningCertificate:
        """Ours whose lot the number is in, or would be. There must be one."""
        return self.issued[max(lot_at(self.starts, caller), 0)]


async def chain_pem(deps: Deps, serial: str) -> str:
    """The PEM file at the address of a certificate: its own, then those that issued it. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_chain(tx, serial))


async def chain_that_signs(deps: Deps, serial: str) -> str:
    """As `chain_pem`, where a call that arrives now may be signed with it. Raises NotFound, also once it is retired."""
    stored = await get_certificate(deps, serial)
    if stored.retired_at is not None and deps.real_clock.now() - stored.retired_at > COUNTS_AFTER_RETIRED:
        raise NotFound("the certificate is retired")
    return stored.chain


async def signer_of(
    deps: Deps,
    account_id: AccountId,
    caller: PhoneNumber,
    kind: Kind,
    forms: Sequence[Claims],
    icon: BrandIcon | None = None,
) -> ChosenSigner | None:
    """Who signs a token of that kind for a call of the account from `caller`, and with which claims; None: nobody can.

    `forms` are the claims that would do, the best first, and `icon` is the one in the first of them. The certificate
    counts now, lists the number and permits the claims. Where the installation owns a root it is issued when it is
    first needed, and again when the account's numbers or logos have changed. `shaken`, also with an icon in it, is
    signed too with a certificate that has a provider code instead of the number: the account's, or else the operator's.
    """
    now = deps.real_clock.now()
    there = await _in_use(deps, account_id)
    if chosen := _choose(there, now, caller, kind, forms, of_issued=forms[:1]):  # rather than sign less, renew ours
        return chosen
    try:
        is_worth_a_look = await _tried(deps, account_id, caller, icon)
    except (SetupError, Unavailable) as exc:  # without the secret key, or while it is replaced, without one of ours
        log.warning("certificate_not_issued", account_id=str(account_id), error=exc.detail)
        is_worth_a_look = False
    if is_worth_a_look:
        deps.memory.forget(_key(account_id))
    for owner in (account_id, None):
        if chosen := _choose(await _in_use(deps, owner), now, caller, kind, forms, of_issued=forms):
            return chosen
    return None


def _choose(
    there: _InUse,
    now: datetime,
    caller: PhoneNumber,
    kind: Kind,
    forms: Sequence[Claims],
    *,
    of_issued: Sequence[Claims],
) -> ChosenSigner | None:
    """The first certificate that permits one of the forms, with the best that it permits; of ours one of `of_issued`.

    An imported one signs less before ours signs more: verifiers on the network trust its authority, and not us.
    """
    for one in there.for_number(caller):
        is_for_it = one.numbers.covers(caller) or (kind is Kind.SHAKEN and one.numbers.provider_codes)
        if not is_for_it or not is_in_time(one.stored, now):
            continue
        for claims in forms if one.stored.is_imported else of_issued:
            if one.permits(claims):
                return ChosenSigner(one.signer, claims)
    return None


async def _tried(deps: Deps, account_id: AccountId, caller: PhoneNumber, icon: BrandIcon | None) -> bool:
    """Issues what is missing for such a call, when there can be anything; whether it is worth another look.

    Another process may have issued it meanwhile. For a number that is not proven nothing is issued, unless the account
    has no certificate at all, or none that permits the icon.
    """
    there = await _in_use(deps, account_id)
    if not there.issued:
        await deps.memory.get(("tried", account_id), _TRIED_S, partial(renew, deps, account_id, icon=icon))
        return True
    if icon is None or there.issued_for(caller).permits_icon(icon.png):
        async with deps.db.connection() as tx:
            (listed,) = await numbers.callers(tx, [caller])
        if not (isinstance(listed, ListedCaller) and listed.is_proven and listed.account_id == account_id):
            return False
    await renew(deps, account_id, icon=icon)
    return True


async def renew(
    deps: Deps, account_id: AccountId, *, icon: BrandIcon | None = None, replace_all: bool = False, by: Actor = SYSTEM
) -> bool:
    """Makes the certificates of our own root say what they should; whether that changed any.

    `icon` is to be permitted too; an account with more logos than a certificate can list has all icons permitted. With
    `replace_all` all are replaced, with new keys. Without an own root: nothing.
    """
    if not await _owns_root(deps):
        return False
    icons = await _icons(deps, account_id)
    pngs = [] if icons is None else [one.png for one in [*icons, *([icon] if icon else [])]]
    async with deps.db.transaction() as tx:
        account = await accounts.lock_account(tx, account_id)  # so that of several at once one issues
        await marked_key(tx)  # before any key of ours is locked, in the order of who replaces the secret key
        own = await queries.lock_own_root(tx)
        if own is None:
            return False
        root, root_key = own[0], keys.opened(keys.opener(deps.settings), own[1], own[0].id.bytes)
        facts = IssuedFacts(account, await numbers.proven_numbers(tx, account_id), issuing.icons_of(pngs))
        issued = [row for row in await queries.select_in_use(tx, account_id) if not row[0].is_imported]
        current = [one for row in issued if (one := _readable(deps, *row)) is not None]
        now = deps.real_clock.now()
        renewal = issuing.renewal_of(facts, current, root, root_key, now, replace_all=replace_all)
        renewal.outdated.extend({stored.id for stored, _ in issued} - {one.stored.id for one in current})
        await _write(deps, tx, renewal)
        for stored, _ in renewal.made:
            await _note(deps, tx, by, AuditAction.CERTIFICATE_ISSUED, stored)
    if renewal.made or renewal.outdated:
        deps.memory.forget(_key(account_id))
        log.info("certificates_renewed", made=len(renewal.made), outdated=len(renewal.outdated))
    return bool(renewal.made)


async def _owns_root(deps: Deps) -> bool:
    return any(root.is_own for root in await roots.list_roots(deps))


async def issue_certificates(deps: Deps, account_id: AccountId, *, by: Actor) -> list[StoredCertificate]:
    """The account's certificates of our own root, all of them new.

    Raises NotFound, Conflict when none can be issued.
    """
    await accounts.get_account(deps, account_id)
    if not await _owns_root(deps):
        raise Conflict("this installation has no root of its own; make one with `callmark stir root create`")
    if not await renew(deps, account_id, replace_all=True, by=by):
        raise Conflict("the account has no number that is proven and listed in a published feature set")
    async with deps.db.connection() as tx:
        return [stored for stored, _ in await queries.select_in_use(tx, account_id) if not stored.is_imported]


async def import_certificate(
    deps: Deps, account_id: AccountId | None, pem: bytes, key_pem: bytes, *, by: Actor
) -> StoredCertificate:
    """Signs with a certificate of the network's own authority from now on; it is never renewed here.

    Without an account it is the operator's, for calls of accounts that have none for the number. An imported one that
    allows no more than this is retired. A retired one may come back, also for another account. Raises InvalidInput for
    the files, NotFound for the account, Conflict where it is in use already.
    """
    now = deps.real_clock.now()
    trusted = [root.certificate for root in await roots.list_roots(deps)]
    chain, key, ends = importing.read_import(pem, key_pem, trusted, now)
    allowed, _ = read_authority(chain[0])
    stored = issuing.stored_of(account_id, chain, ends, "", now, is_imported=True)
    async with deps.db.transaction() as tx:
        if account_id is not None:
            await accounts.lock_account(tx, account_id)
        before = [one for one, _ in await queries.select_in_use(tx, account_id) if one.is_imported]
        outdated = [one.id for one in before if importing.covers_all(allowed, allowed_by(one))]
        stored = importing.at_its_address(stored, await queries.select_same_serial(tx, stored.serial))
        await queries.delete_retired(tx, stored.serial)
        await _write(deps, tx, Renewal(outdated, [(stored, key)]))
        await _note(deps, tx, by, AuditAction.CERTIFICATE_IMPORTED, stored)
    deps.memory.forget(_key(account_id))
    return stored


async def retire_certificate(deps: Deps, serial: str, *, by: Actor) -> StoredCertificate:
    """Signs with it no more and forgets its key, for instance because someone else has it. Safe to repeat.

    It can still be got, for who checks an earlier call. In the place of one of ours comes another. Raises NotFound.
    """
    async with deps.db.transaction() as tx:
        stored = found(await queries.select_by_serial(tx, serial), _UNKNOWN)
        if stored.retired_at is None:
            stored = replace(stored, retired_at=deps.real_clock.now())
            await queries.retire(tx, [stored.id], deps.real_clock.now())
            await _note(deps, tx, by, AuditAction.CERTIFICATE_RETIRED, stored)
    deps.memory.forget(_key(stored.account_id))
    return stored


async def list_certificates(deps: Deps, account_id: AccountId | None = None) -> list[StoredCertificate]:
    """Every certificate, or an account's; retired ones too, the newest first. NotFound for an unknown account."""
    if account_id is not None:
        await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.select_certificates(tx, account_id, of_all=account_id is None)


async def certificates_page(
    deps: Deps, account_id: AccountId | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[StoredCertificate, str]]:
    """Every certificate, or an account's, with the account's name; newest first, those after the key `after`."""
    async with deps.db.connection() as tx:
        return await queries.select_page(tx, account_id, after, limit)


async def get_certificate(deps: Deps, serial: str) -> StoredCertificate:
    """The certificate with this serial number. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_by_serial(tx, serial), _UNKNOWN)


def url_of(deps: Deps, stored: StoredCertificate) -> str:
    """Where verifiers find it."""
    return f"{deps.public_url}/stir/v1/certs/{stored.serial}.pem"


def allowed_by(stored: StoredCertificate) -> TnAuthList:
    """The numbers and provider codes that it lists."""
    return read_authority(read_chain(stored.chain.encode())[0])[0]


def read_signing(deps: Deps, stored: StoredCertificate, sealed_key: bytes) -> SigningCertificate:
    """A stored certificate ready to sign. Raises SetupError without the secret key that its key was stored with."""
    certificate = read_chain(stored.chain.encode())[0]
    allowed, limits = read_authority(certificate)
    key = keys.opened(keys.opener(deps.settings), sealed_key, stored.id.bytes)
    signer = Signer(key, url_of(deps, stored), plain_http=deps.settings.allows_plain_http)
    return SigningCertificate(stored, certificate, allowed, limits, signer)


def _key(account_id: AccountId | None) -> tuple[str, AccountId | None]:
    return "signing certificates", account_id


async def _in_use(deps: Deps, account_id: AccountId | None) -> _InUse:
    return await deps.memory.get(_key(account_id), KEPT_S, partial(_read_in_use, deps, account_id))


async def _read_in_use(deps: Deps, account_id: AccountId | None) -> _InUse:
    async with deps.db.connection() as tx:
        rows = await queries.select_in_use(tx, account_id)
    found_ = [one for one in [await _parsed(deps, *row) for row in rows] if one is not None]
    issued = sorted((one for one in found_ if not one.stored.is_imported), key=lambda one: one.stored.lot_start)
    imported = [one for one in found_ if one.stored.is_imported]
    return _InUse(imported, [one.stored.lot_start for one in issued], issued)


async def _parsed(deps: Deps, stored: StoredCertificate, sealed_key: bytes) -> SigningCertificate | None:
    async def parse() -> SigningCertificate:
        return read_signing(deps, stored, sealed_key)

    try:
        return await deps.memory.get(("signing certificate", stored.id), _PARSED_S, parse)
    except SetupError as exc:
        return _note_unreadable(stored, exc)


def _readable(deps: Deps, stored: StoredCertificate, sealed_key: bytes) -> SigningCertificate | None:
    try:
        return read_signing(deps, stored, sealed_key)
    except SetupError as exc:
        return _note_unreadable(stored, exc)


def _note_unreadable(stored: StoredCertificate, exc: SetupError) -> None:
    """Without its key the call continues without a signature."""
    log.warning("signing_key_unreadable", certificate_id=str(stored.id), error=exc.detail)


async def _icons(deps: Deps, account_id: AccountId) -> list[BrandIcon] | None:
    """Of every label that the account has now; None where they are too many for a certificate."""
    logos = {label.logo_sha256 for label in await labels.list_labels(deps, account_id)}
    if len(logos) > issuing.MOST_ICONS:
        return None
    icons = [await brand_icons.icon_of(deps, logo) for logo in sorted(logos)]
    return [icon for icon in icons if icon is not None]


async def _write(deps: Deps, tx: Tx, renewal: Renewal) -> None:
    sealing = await sealer(tx, deps.settings, keys.PURPOSE) if renewal.made else None
    await queries.retire(tx, renewal.outdated, deps.real_clock.now())
    for stored, key in renewal.made:
        if sealing is not None:
            await queries.insert_certificate(tx, stored, keys.sealed(sealing, key, stored.id.bytes))


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, stored: StoredCertificate) -> None:
    facts = {"serial": stored.serial, "not_after": stored.not_after.isoformat()}
    name = f"certificate {stored.serial[:8]}"
    await audit.note(tx, by, action, name, account_id=stored.account_id, at=deps.clock.now(), **facts)
