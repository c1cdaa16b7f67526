"""When a demo starts again: whether its credentials are those of the seed that it has kept."""

from pathlib import Path

import msgspec
from msgspec.structs import replace

from callmark.processes.demo.credentials import AccountOut, Credentials, LabelsOut, read_credentials

ACCOUNT = AccountOut(
    name="Acme Deliveries",
    client_account_id="a",
    key_id="k",
    api_key="s",
    members=[],
    labels=LabelsOut(dynamic=[], static=[]),
)
BEFORE = Credentials(
    base_url="http://127.0.0.1:8700",
    console_url="http://127.0.0.1:8700/console",
    emulator_url="http://127.0.0.1:8700/emulator/v1",
    handset_app_key="h",
    accounts=[ACCOUNT],
)


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    for content in (b"", b"{}", msgspec.json.encode(BEFORE).replace(b"Acme", b"Acm\xff")):
        file.write_bytes(content)
        assert read_credentials(file) is None


def test_another_port_changes_no_secret_and_another_key_does() -> None:
    kept = msgspec.json.decode(msgspec.json.encode(BEFORE), type=Credentials)
    moved = replace(kept, base_url="http://b", console_url="http://b/console", emulator_url="http://b/emulator/v1")
    assert moved.has_secrets_of(BEFORE)
    assert not replace(moved, accounts=[replace(ACCOUNT, key_id="k2")]).has_secrets_of(BEFORE)
    assert not replace(moved, handset_app_key="h2").has_secrets_of(BEFORE)
