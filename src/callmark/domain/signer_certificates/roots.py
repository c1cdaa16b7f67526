"""Use cases of roots: the installation's own, and those of networks that it trusts."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import TrustRootId
from callmark.domain.policy.model import Actor
from callmark.domain.signer_certificates import keys, queries
from callmark.domain.signer_certificates.model import TrustRoot
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import sealer
from callmark.kit.text import clean_line
from callmark.passport.certificates import check_root, make_key, make_root, may_issue
from callmark.passport.errors import PassportError
from callmark.passport.issuers import UNREADABLE

KEPT_S = 5.0
"""How long a process uses the roots that it has read."""
MOST_FILE_BYTES = 1 << 20
MOST_IN_FILE = 200
LONGEST_NAME = 64  # of a common name (RFC 5280, appendix A.1)
LONGEST_CODE = 16
_TRUSTED = "trusted roots"


async def trusted_roots(deps: Deps) -> Sequence[x509.Certificate]:
    """The roots whose certificates count, at most some seconds old."""

    async def read() -> Sequence[x509.Certificate]:
        return [root.certificate for root in await list_roots(deps)]

    return await deps.memory.get(_TRUSTED, KEPT_S, read)


async def list_roots(deps: Deps) -> list[TrustRoot]:
    """Every root, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.select_roots(tx)


async def own_root(deps: Deps) -> TrustRoot:
    """The root that the installation has the key of. Raises NotFound."""
    own = next((root for root in await list_roots(deps) if root.is_own), None)
    if own is None:
        raise NotFound("this installation has no root of its own; make one with `callmark stir root create`")
    return own


async def create_root(deps: Deps, name: str, provider_code: str | None, *, by: Actor) -> TrustRoot:
    """A root of the installation's own, which issues certificates of accounts from now on.

    It is for tests and private networks: others do not trust it. With a provider code its certificates also count for
    numbers that they do not list, for `shaken` alone. Raises InvalidInput, Conflict when there is one already,
    SetupError without the secret key.
    """
    name = clean_line(name, "name", longest=LONGEST_NAME)
    code = _code(provider_code)
    now, key = deps.real_clock.now(), make_key()
    certificate = make_root(name, key, now=now)
    root = TrustRoot(TrustRootId(new_id()), name, certificate, is_own=True, provider_code=code, added_at=now)
    async with deps.db.transaction() as tx:
        sealed = keys.sealed(await sealer(tx, deps.settings, keys.PURPOSE), key, root.id.bytes)
        await _insert(tx, root, sealed)
        await _note(deps, tx, by, AuditAction.TRUST_ROOT_CREATED, root)
    deps.memory.forget(_TRUSTED)
    return root


class AddedRoots(NamedTuple):
    """Those that are trusted from now on, and for each that is not its name and why."""

    added: list[TrustRoot]
    left_out: list[tuple[str, str]]


async def add_roots(deps: Deps, pem: bytes, *, by: Actor) -> AddedRoots:
    """Trusts the roots in a PEM file; those that are trusted already are left out of the answer.

    Lists of networks also have roots that ended, or below which nothing counts here: these are left out. Raises
    InvalidInput about `file` when there are no others, or one in it may not issue certificates: then it is no list of
    roots, and none of it is trusted.
    """
    now = deps.real_clock.now()
    found = [
        TrustRoot(TrustRootId(new_id()), name_of(one), one, is_own=False, provider_code=None, added_at=now)
        for one in _read_file(pem)
    ]
    for root in found:
        if not _may_issue(root.certificate):
            raise InvalidInput(f"{root.name!r} cannot be a root: it may not issue certificates", field="file")
    wrong = {root.id: why for root in found if (why := why_useless(root, now))}
    if len(wrong) == len(found):
        raise InvalidInput(f"{found[0].name!r} cannot be a root: {wrong[found[0].id]}", field="file")
    added: list[TrustRoot] = []
    async with deps.db.transaction() as tx:
        for root in found:
            if root.id not in wrong and await _insert(tx, root, None):
                await _note(deps, tx, by, AuditAction.TRUST_ROOT_ADDED, root)
                added.append(root)
    deps.memory.forget(_TRUSTED)
    return AddedRoots(added, [(root.name, wrong[root.id]) for root in found if root.id in wrong])


async def remove_root(deps: Deps, root_id: TrustRootId, *, by: Actor) -> TrustRoot:
    """Trusts a root no more. Of the installation's own the key is forgotten too, and its certificates sign nothing.

    Raises NotFound.
    """
    async with deps.db.transaction() as tx:
        root = next((one for one in await queries.select_roots(tx) if one.id == root_id), None)
        if root is None or not await queries.delete_root(tx, root_id):
            raise NotFound("no root with this id")
        if root.is_own:
            await queries.retire_all(tx, deps.real_clock.now(), also_imported=False)
        await _note(deps, tx, by, AuditAction.TRUST_ROOT_REMOVED, root)
    deps.memory.forget(_TRUSTED)
    return root


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate, as tools print it."""
    return certificate.fingerprint(SHA256()).hex(":").upper()


def name_of(certificate: x509.Certificate) -> str:
    """What people call its holder: the common name, else the whole name."""
    return common_name(certificate.subject)


def common_name(name: x509.Name) -> str:
    """The common name in it, else all of it."""
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else name.rfc4514_string() or "(without a name)"


def _code(text: str | None) -> str | None:
    if text is None:
        return None
    if not (text.isascii() and text.isalnum() and len(text) <= LONGEST_CODE):
        raise InvalidInput(f"provider_code must be 1 to {LONGEST_CODE} letters and digits", field="provider_code")
    return text.upper()


def _read_file(pem: bytes) -> list[x509.Certificate]:
    if len(pem) > MOST_FILE_BYTES:
        raise InvalidInput(f"the file is larger than {MOST_FILE_BYTES} bytes", field="file")
    try:
        found = x509.load_pem_x509_certificates(pem)
    except UNREADABLE as exc:
        raise InvalidInput("the file holds no certificate in PEM", field="file") from exc
    if len(found) > MOST_IN_FILE:
        raise InvalidInput(f"the file holds more than {MOST_IN_FILE} certificates", field="file")
    return found


def why_useless(root: TrustRoot, now: datetime) -> str:
    """Why nothing counts that it issued; empty when that can."""
    if now > root.certificate.not_valid_after_utc:
        return f"it ended on {root.certificate.not_valid_after_utc:%Y-%m-%d}"
    try:
        check_root(root.certificate)
    except PassportError as exc:
        return exc.detail
    return ""


def _may_issue(certificate: x509.Certificate) -> bool:
    """Also where that cannot be read, which is then what is wrong with it."""
    try:
        return may_issue(certificate)
    except UNREADABLE:
        return True


async def _insert(tx: Tx, root: TrustRoot, sealed_key: bytes | None) -> bool:
    der, sha256 = root.certificate.public_bytes(Encoding.DER), root.certificate.fingerprint(SHA256())
    if root.is_own and any(one.is_own for one in await queries.select_roots(tx)):
        raise Conflict("this installation has a root of its own already")
    return await queries.insert_root(tx, root, der, sha256, sealed_key)


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, root: TrustRoot) -> None:
    facts = {"root_id": str(root.id), "fingerprint": fingerprint(root.certificate)}
    await audit.note(tx, by, action, root.name, account_id=None, at=deps.clock.now(), **facts)
