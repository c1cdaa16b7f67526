"""The demo's credentials as a file for scripts."""

import shlex
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from callmark.broken_json import NOT_JSON
from callmark.kit.engines.data_directory import write_private
from callmark.kit.errors import SetupError

_OF_CLIENTS = ("BASE_URL", "ACCOUNT_ID", "KEY_ID", "API_KEY")
"""What the client library and its commands read from variables, with `CALLMARK_` before the name."""


class DemoOperator(Struct, frozen=True):
    """The console's operator."""

    email: str = ""
    password: str = ""


class DemoMember(Struct, frozen=True):
    """A person of an account."""

    email: str
    password: str
    role: str


class DemoLabel(Struct, frozen=True):
    """A label."""

    id: str
    name: str


class LabelsOut(Struct, frozen=True):
    """An account's labels in the order they were made."""

    dynamic: list[DemoLabel]
    static: list[DemoLabel]


class StructureOut(Struct, frozen=True):
    """One path through an account's structure."""

    department_id: str = ""
    operation_id: str = ""
    process_id: str = ""
    sub_process_id: str = ""


class DemoFeatureSet(Struct, frozen=True):
    """A feature set."""

    id: str
    name: str
    status: str


class AccountOut(Struct, frozen=True, kw_only=True):
    """A seeded account with its key."""

    name: str
    client_account_id: str
    key_id: str
    api_key: str
    members: list[DemoMember]
    labels: LabelsOut
    structure: StructureOut = StructureOut()
    feature_sets: list[DemoFeatureSet] = []
    listed_numbers: list[str] = []
    campaign_id: str = ""


class Credentials(Struct, frozen=True, kw_only=True):
    """Everything a script needs to use the demo."""

    base_url: str
    console_url: str = ""
    emulator_url: str
    emulator_token: str = ""
    handset_app_key: str
    operator: DemoOperator = DemoOperator()
    accounts: list[AccountOut]

    def has_secrets_of(self, other: "Credentials") -> bool:
        """Whether nothing differs but where the demo is."""
        here = (self.base_url, self.console_url, self.emulator_url)
        return self == replace(other, base_url=here[0], console_url=here[1], emulator_url=here[2])


def read_credentials(path: Path) -> Credentials | None:
    """What an earlier start wrote; None when there is none, or none that this version understands."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except (FileNotFoundError, *NOT_JSON):
        return None


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Writes the JSON, mode 0600, whole or not at all. Raises SetupError."""
    _write(path, msgspec.json.format(msgspec.json.encode(credentials), indent=2) + b"\n")


def write_env(path: Path, credentials: Credentials) -> None:
    """Writes the first account's as shell variables, mode 0600. Raises SetupError."""
    first = credentials.accounts[0]
    values = {
        "BASE_URL": credentials.base_url,
        "ACCOUNT_ID": first.client_account_id,
        "KEY_ID": first.key_id,
        "API_KEY": first.api_key,
        "LABEL_ID": first.labels.dynamic[0].id,
        "EMULATOR_TOKEN": credentials.emulator_token,
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    lines += [f"export CALLMARK_{name}=${name}" for name in _OF_CLIENTS]
    _write(path, "\n".join([*lines, ""]).encode())


def _write(path: Path, content: bytes) -> None:
    try:
        write_private(path, content)
    except OSError as exc:
        raise SetupError(f"cannot write {path}: {exc.strerror}") from exc
