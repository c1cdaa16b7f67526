"""Profiles: named base URL, account and key pair in `~/.config/callmark/config.toml`, which only its owner may read.

[profiles.default]
base_url = "https://callmark.example"
account_id = "…"
key_id = "…"
api_key = "…"
"""

import os
import stat
import tempfile
import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from callmark.client.errors import CallmarkError
from callmark.client.reprs import SafeRepr

DEFAULT = "default"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

REMEDY = "Correct it, or remove it and run `callmark login` for each profile again"


class Profile(SafeRepr, Struct, frozen=True):
    """What a client needs; empty where the file does not say it."""

    base_url: str = ""
    account_id: str = ""
    key_id: str = ""
    api_key: str = ""


class _File(Struct):
    profiles: dict[str, Profile] = {}


def read_profile(path: Path, name: str = DEFAULT) -> Profile | None:
    """The profile of that name; None if there is none. Raises CallmarkError if others can read the file."""
    return read_profiles(path).get(name)


def read_profiles(path: Path) -> dict[str, Profile]:
    """All profiles by name; none without the file. Raises CallmarkError."""
    try:
        check_private(path)
        return _read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise CallmarkError(f"cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError:  # it holds what it could not decode
        why = "it is not UTF-8"
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        why = str(exc)
    raise CallmarkError(f"cannot understand {path}: {why}. {REMEDY}")


def other_keys(path: Path, name: str) -> list[str]:
    """What a profile has beside the fields, as names alone: one of them may be a field that is misspelt."""
    table: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))["profiles"][name]
    return [key for key in table if key not in Profile.__struct_fields__]


def _read(text: str) -> dict[str, Profile]:
    return msgspec.convert(tomllib.loads(text), _File).profiles


def check_private(path: Path) -> None:
    """Raises CallmarkError if anyone but the owner can read or write the file."""
    if path.stat().st_mode & _OTHERS:
        raise CallmarkError(f"{path} holds secrets and can be read by others: run `chmod 600 {path}`")


def followed(path: Path) -> Path:
    """Where a link leads, also to no file yet; a path that is no link as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path  # of a circle, `resolve` raises RuntimeError


def write_private(path: Path, content: bytes) -> None:
    """Replaces a file, whole or not at all; mode 0600 from its first byte on. A link keeps leading to it."""
    path = followed(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
