"""What an emulator was seeded with, from the demo's credentials file (docs/emulator.md)."""

from pathlib import Path

import msgspec
from msgspec import Struct

from callmark.broken_json import NOT_JSON
from callmark.testing.control import EmulatorError


class SeededMember(Struct, frozen=True):
    """A person who can sign in to the console."""

    email: str
    password: str
    role: str


class SeededLabel(Struct, frozen=True):
    """A label."""

    id: str
    name: str


class SeededLabels(Struct, frozen=True):
    """An account's labels in the order in which they were made."""

    dynamic: list[SeededLabel] = []
    static: list[SeededLabel] = []


class SeededAccount(Struct, frozen=True, kw_only=True):
    """An account with its key."""

    name: str
    client_account_id: str
    key_id: str
    api_key: str
    members: list[SeededMember] = []
    labels: SeededLabels = SeededLabels()
    listed_numbers: list[str] = []
    campaign_id: str = ""


class SeededPlatform(Struct, frozen=True, kw_only=True):
    """Where an emulator is, and all that its tests need to know."""

    base_url: str
    accounts: list[SeededAccount]
    emulator_token: str = ""


def read_seeded(path: Path) -> SeededPlatform:
    """What the credentials file says. Raises EmulatorError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SeededPlatform)
    except OSError as exc:
        raise EmulatorError(
            f"cannot read the credentials {path} ({exc.strerror}): set CALLMARK_EMULATOR_CREDENTIALS to the file that"
            " `callmark demo --credentials FILE` wrote"
        ) from exc
    except NOT_JSON as exc:
        raise EmulatorError(f"{path} is not a credentials file of `callmark demo`: {exc}") from exc
