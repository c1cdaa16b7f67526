"""The installation's one secret key: webhook secrets are encrypted with it, links are signed with it.

It is the setting `secret_key`, or else a file that the first process makes in the data directory (0600). Each use
derives a key of its own from it.
"""

import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from callmark.kit.errors import SetupError
from callmark.kit.settings import Secret, Settings

FILE = "secret-key"
_NONCE_BYTES = 12


def derived(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose. Raises SetupError when these settings have no key."""
    if settings.secret_key is None:
        raise SetupError(
            f"the installation's secret key is missing: set CALLMARK_SECRET_KEY, or put the file {FILE!r} back into the"
            f" data directory {settings.data}"
        )
    return _derive(settings.secret_key, purpose)


def mark(key: Secret) -> bytes:
    """What tells keys apart without giving one away."""
    return _derive(key, "mark")[:8]


def read_key(data: Path) -> Secret | None:
    """The key kept in the data directory, or None when there is none. Raises SetupError when it cannot be read."""
    path = data.expanduser() / FILE
    try:
        return Secret(path.read_text().strip())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise SetupError(f"the secret key {path} cannot be read: {exc.strerror}; or set CALLMARK_SECRET_KEY") from exc


def make_key(data: Path) -> Secret:
    """The key kept in the data directory, made if there is none; of several at once, all get the same."""
    path = data.expanduser() / FILE
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # 0600
        try:
            with open(descriptor, "w") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(descriptor)
            Path(path).hardlink_to(name)
        except FileExistsError:
            pass  # another process was first
        finally:
            Path(name).unlink()
    except OSError as exc:
        raise SetupError(f"the secret key {path} cannot be made: {exc.strerror}; set CALLMARK_SECRET_KEY") from exc
    made = read_key(data)
    assert made  # noqa: S101 - it is there
    return made


class Sealer:
    """Encrypts short secrets (AES-GCM), each bound to the thing it belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, owner: bytes) -> bytes:
        """`plain` encrypted; it opens only for the same `owner`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, owner)

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """What was sealed. Raises SetupError when it was sealed with another key or for another owner."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner)
        except InvalidTag as exc:
            raise SetupError(
                "a secret cannot be decrypted: CALLMARK_SECRET_KEY is not the one it was stored with"
            ) from exc


def _derive(key: Secret, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"callmark {purpose}".encode()).derive(key.reveal().encode())
