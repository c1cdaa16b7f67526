"""The service account by which the platform uses the emulator's own push service, unless it was given another.

Its file is made by the first worker of a data directory. The worker signs with the private key, and the push service,
in whichever process it is asked, checks with the same file.
"""

import os
import tempfile
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from callmark.broken_json import NOT_JSON
from callmark.kit.engines.data_directory import force, write_private
from callmark.kit.errors import SetupError
from callmark.kit.outbound.fcm import ServiceAccount
from callmark.kit.settings import Settings

PATH = "/emulator/fcm"
PROJECT = "callmark-emulator"
CLIENT_EMAIL = f"callmark@{PROJECT}.iam.gserviceaccount.com"
_FILE = "emulator-service-account.json"
_BITS = 2048


class _AccountFile(msgspec.Struct, frozen=True, kw_only=True):
    """As the Firebase console gives it."""

    type: str = "service_account"
    project_id: str = PROJECT
    client_email: str = CLIENT_EMAIL
    private_key: str
    token_uri: str


def token_uri(public_url: str) -> str:
    """Where access tokens are given."""
    return f"{public_url}{PATH}/token"


def with_push_service(settings: Settings, public_url: str) -> Settings:
    """The settings of a process of the emulator: apps are woken by its own push service, unless by another that is set.

    The file need not be there yet: who signs makes it by `keep_account`.
    """
    if settings.fcm_credentials_file is not None:
        return settings
    return msgspec.structs.replace(settings, fcm_credentials_file=_path(settings), fcm_url=f"{public_url}{PATH}")


def keep_account(settings: Settings, public_url: str) -> None:
    """Makes the service account's file, or gives it the address of now. Raises SetupError when it cannot be written."""
    path = _path(settings)
    if settings.fcm_credentials_file not in (None, path):
        return
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        if not path.exists():
            _make(path, public_url)
        known = msgspec.json.decode(path.read_bytes(), type=_AccountFile)
        if known.token_uri != token_uri(public_url):
            here = msgspec.structs.replace(known, token_uri=token_uri(public_url))
            write_private(path, msgspec.json.encode(here))
    except OSError as exc:
        raise SetupError(f"the push service's account {path} cannot be written: {exc.strerror}") from exc
    except NOT_JSON as exc:
        raise SetupError(f"{path} is no longer the push service's account; remove the file ({exc})") from exc


def known_account(settings: Settings) -> ServiceAccount | None:
    """The account; None before there is one."""
    try:
        return msgspec.json.decode(_path(settings).read_bytes(), type=ServiceAccount)
    except (OSError, *NOT_JSON):
        return None


def _make(path: Path, public_url: str) -> None:
    """Of several workers that make it at once, the first counts for all."""
    pem = rsa.generate_private_key(65537, _BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = _AccountFile(private_key=pem.decode(), token_uri=token_uri(public_url))
    descriptor, name = tempfile.mkstemp(prefix=f".{_FILE}.", dir=path.parent)  # 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(made))
    force(Path(name))
    try:
        path.hardlink_to(name)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def _path(settings: Settings) -> Path:
    return settings.data / _FILE
