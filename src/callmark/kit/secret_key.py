"""The installation's one secret key: it encrypts webhook secrets, signing keys and waiting mails, and signs links.

It is the setting `secret_key`, or else a file that the first process makes in the data directory (0600). Each use
derives a key of its own from it. Which key is the installation's says a mark of it in the database: while a key is
replaced there are two, beside each other in the settings or in the data directory (`secret-key`, `secret-key.next`,
`secret-key.old`), and every process can read with both.
"""

import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from callmark.kit.engines.data_directory import force
from callmark.kit.engines.owner import leave_to_owner
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.settings import Secret, Settings
from callmark.kit.settings.rules import LEAST_SECRET_KEY

FILE = "secret-key"
NEXT_FILE = f"{FILE}.next"
OLD_FILE = f"{FILE}.old"
_NONCE_BYTES = 12


def derived(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose. Raises SetupError when these settings have no key."""
    if settings.secret_key is None:
        raise _missing(settings)
    return derive(settings.secret_key, purpose)


def known_keys(settings: Settings) -> list[Secret]:
    """Every key that can be found at this moment: of the settings, and in the data directory. Each once.

    A file that cannot be read, or is cut, is left out where the settings have the key. Otherwise raises SetupError.
    """
    files: list[Secret | None] = []
    for name in (FILE, NEXT_FILE, OLD_FILE):
        try:
            files.append(read_key(settings.data, name))
        except SetupError:
            if settings.secret_key is None:
                raise
    found = {key.reveal(): key for key in (settings.secret_key, *files, settings.old_secret_key) if key}
    return list(found.values())


def current_key(settings: Settings, marked: bytes | None) -> Secret:
    """The key whose mark the database has; before there is one, that of the settings. Raises SetupError for none."""
    keys = known_keys(settings)
    for key in keys:
        if marked is None or mark(key) == marked:
            return key
    raise _missing(settings)


async def marked_key(tx: Tx) -> bytes | None:
    """The mark of the installation's key. In a transaction it cannot be replaced before the transaction has ended."""
    return await tx.fetchval("SELECT secret_key_mark FROM installation FOR SHARE")


async def read_mark(tx: Tx) -> bytes | None:
    """As `marked_key`, without waiting for who replaces the key; it can be replaced at any moment."""
    return await tx.fetchval("SELECT secret_key_mark FROM installation")


async def key_changed_at(tx: Tx) -> datetime | None:
    """When the key was last replaced, by the real clock."""
    return await tx.fetchval("SELECT secret_key_changed_at FROM installation")


async def lock_key(tx: Tx) -> bytes | None:
    """The mark of the installation's key; until the transaction ends nobody seals with it or replaces it."""
    return await tx.fetchval("SELECT secret_key_mark FROM installation FOR NO KEY UPDATE")


async def set_key(tx: Tx, key: Secret, now: datetime | None) -> None:
    """Makes `key` the installation's; `now` (real clock) says that it takes another one's place."""
    await tx.execute(
        "UPDATE installation SET secret_key_mark = $1, secret_key_changed_at = coalesce($2, secret_key_changed_at)",
        mark(key),
        now,
    )


def mark(key: Secret) -> bytes:
    """What tells keys apart without giving one away."""
    return derive(key, "mark")[:8]


def read_key(data: Path, name: str = FILE) -> Secret | None:
    """The key kept in the data directory, or None when there is none.

    Raises SetupError when it cannot be read, or is too short: an empty file is no key that anything may be sealed with.
    """
    try:
        return _key_in(data / name)
    except FileNotFoundError:
        return None


def _key_in(path: Path) -> Secret:
    try:
        key = path.read_bytes().decode(errors="replace").strip()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise SetupError(
            f"the secret key {path} cannot be read: {exc.strerror}. Correct the file, or set CALLMARK_SECRET_KEY"
        ) from exc
    if len(key) < LEAST_SECRET_KEY:
        raise SetupError(
            f"the secret key {path} is empty or cut: it has {len(key)} characters, and needs {LEAST_SECRET_KEY}."
            " Put the whole key back, remove the file, or set CALLMARK_SECRET_KEY"
        )
    return Secret(key)


def make_key(data: Path, name: str = FILE) -> Secret:
    """The key kept in the data directory, made if there is none; of several at once, all get the same."""
    path = data / name
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        descriptor, made_name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(descriptor)
            leave_to_owner(Path(made_name))
            path.hardlink_to(made_name)
            force(path.parent)
        except FileExistsError:
            pass  # another process was first
        finally:
            Path(made_name).unlink()
    except OSError as exc:
        raise SetupError(
            f"the secret key {path} cannot be created: {exc.strerror}; set CALLMARK_SECRET_KEY instead"
        ) from exc
    return _key_in(path)


def settle_key(data: Path) -> None:
    """Puts the key that was made beside the present one into its place; the present one is kept as the old one.

    Safe to repeat after a kill at any point. Raises SetupError when the files cannot be written.
    """
    path, following, old = data / FILE, data / NEXT_FILE, data / OLD_FILE
    try:
        if not following.exists():
            return
        if path.exists() and path.read_bytes() != following.read_bytes():  # a key need not be text
            copy = data / f".{OLD_FILE}"
            copy.unlink(missing_ok=True)
            copy.hardlink_to(path)
            copy.replace(old)
            copy.unlink(missing_ok=True)  # where both were the present key already, which a rename leaves as it is
        following.replace(path)
        force(data)
    except OSError as exc:
        raise SetupError(f"the secret key {path} cannot be replaced: {exc.strerror}") from exc


class Sealer:
    """Encrypts short secrets (AES-GCM), each bound to the thing it belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, owner: bytes) -> bytes:
        """`plain` encrypted; it opens only for the same `owner`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, owner)

    def opened(self, sealed: bytes, owner: bytes) -> bytes | None:
        """What was sealed; None when it was sealed with another key or for another owner."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner)
        except (InvalidTag, ValueError):
            return None


def sealer_of(key: Secret, purpose: str) -> Sealer:
    """What encrypts secrets for one purpose with this key of the installation."""
    return Sealer(derive(key, purpose))


async def sealer(tx: Tx, settings: Settings, purpose: str) -> Sealer:
    """What encrypts a secret that is written in this transaction. Raises SetupError without the installation's key.

    The key cannot be replaced before the transaction has ended.
    """
    return sealer_of(current_key(settings, await marked_key(tx)), purpose)


class Opener:
    """Decrypts secrets of one purpose with any key that this process can find, also one that came after its start.

    It remembers what it has decrypted: `most_kept` secrets, and then it forgets all of them and begins again.
    """

    def __init__(self, settings: Settings, purpose: str, *, most_kept: int = 0) -> None:
        self._settings, self._purpose = settings, purpose
        self._sealers = [sealer_of(key, purpose) for key in known_keys(settings)]
        self._most_kept = most_kept
        self._kept: dict[tuple[bytes, bytes], bytes] = {}

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """What was sealed. Raises SetupError when no key here fits."""
        kept = self._kept.get((sealed, owner))
        return self._opened(sealed, owner) if kept is None else kept

    def _opened(self, sealed: bytes, owner: bytes) -> bytes:
        found = opened_by(chain(self._sealers, self._look_up()), sealed, owner)
        if found is None:
            raise SetupError("a secret cannot be decrypted: CALLMARK_SECRET_KEY is not the one it was stored with")
        if len(self._kept) >= self._most_kept:
            self._kept.clear()
        if self._most_kept:
            self._kept[sealed, owner] = found
        return found

    def _look_up(self) -> Iterator[Sealer]:
        """Reads the keys again, once none of those before has fitted."""
        self._sealers = [sealer_of(key, self._purpose) for key in known_keys(self._settings)]
        yield from self._sealers


class Resealed(Struct, frozen=True):
    """How many secrets were encrypted with another key, and how many none of the keys decrypts."""

    count: int
    unreadable: int


async def reseal(
    kept: Iterable[tuple[bytes, bytes, Callable[[bytes], Awaitable[None]]]],
    purpose: str,
    new: Secret,
    others: Iterable[Secret],
) -> Resealed:
    """Encrypts with `new` what only `others` decrypt: of each secret its owner, itself, and what writes it."""
    target, old = sealer_of(new, purpose), [sealer_of(one, purpose) for one in others]
    count = unreadable = 0
    for owner, sealed, write in kept:
        if target.opened(sealed, owner) is not None:
            continue
        plain = opened_by(old, sealed, owner)
        if plain is None:
            unreadable += 1
        else:
            await write(target.seal(plain, owner))
            count += 1
    return Resealed(count, unreadable)


def opened_by(sealers: Iterable[Sealer], sealed: bytes, owner: bytes) -> bytes | None:
    """What was sealed; None when none of them has sealed it for that owner."""
    return next((plain for one in sealers if (plain := one.opened(sealed, owner)) is not None), None)


def derive(key: Secret, purpose: str) -> bytes:
    """32 bytes of the key for one purpose."""
    return HKDF(SHA256(), length=32, salt=None, info=f"callmark {purpose}".encode()).derive(key.reveal().encode())


def _missing(settings: Settings) -> SetupError:
    return SetupError(
        f"the installation's secret key is missing: set CALLMARK_SECRET_KEY, or put the file {FILE!r} back into the"
        f" data directory {settings.data}. If it is lost, run `callmark secret-key reset`"
    )
