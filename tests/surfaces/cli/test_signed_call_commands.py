"""`callmark edge` and `callmark stir` as a shell runs them."""

import asyncio
import shlex
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from tests.domain.signer_certificates.staging import key_pem, make_authority, pem
from tests.support.engines import SECRET_KEY, Engines
from tests.support.markdown import ROOT, blocks
from tests.surfaces.cli.running import NOBODY, Here

from callmark.domain.deps import Deps
from callmark.domain.edges import service as edges
from callmark.domain.signer_certificates import roots
from callmark.kit.errors import Unauthenticated
from callmark.kit.settings import read_settings
from callmark.passport import NumberRange, TnAuthList, make_key, make_root


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY)
    with Here(settings) as made:
        yield made


@pytest.fixture
def account(here: Here) -> str:
    return here.json("account", "create", "--name", "Acme")["client_account_id"]


def test_an_edge_is_made_listed_and_revoked(here: Here, account: str) -> None:
    assert here.text("edge", "list").startswith("No edges yet. Create one with")
    made = here.json("edge", "create", "--name", "Trunk 1", "--account", account)
    assert set(made) == {"id", "token"}
    border = here.json("edge", "create", "--name", "Border")
    listed = here.json("edge", "list")
    assert [(one["name"], one["account_id"], one["revoked_at"]) for one in listed] == [
        ("Trunk 1", account, None),
        ("Border", None, None),
    ]
    assert [one["name"] for one in here.json("edge", "list", "--account", account)] == ["Trunk 1"]
    assert made["token"] not in here.text("edge", "list", "--json")
    assert here.json("edge", "revoke", border["id"])["revoked_at"]
    assert here.error("edge", "revoke", NOBODY) == "no edge with this id"
    assert "no account" in here.error("edge", "create", "--name", "Trunk", "--account", NOBODY)
    assert "no account" in here.error("edge", "list", "--account", NOBODY)


async def test_the_token_that_is_printed_is_the_one_that_counts(here: Here, deps: Deps) -> None:
    made = await asyncio.to_thread(here.json, "edge", "create", "--name", "Trunk 1")
    assert str((await edges.authenticate(deps, made["token"])).id) == made["id"]
    told = await asyncio.to_thread(here.text, "edge", "create", "--name", "Trunk 2")
    assert "Copy the token now. It is not shown again." in told
    await asyncio.to_thread(here.text, "edge", "revoke", made["id"])
    with pytest.raises(Unauthenticated):
        await edges.authenticate(deps, made["token"])


def test_roots_are_made_shown_added_and_removed(here: Here, tmp_path: Path) -> None:
    assert "make one with `callmark stir root create`" in here.error("stir", "root", "show")
    assert here.text("stir", "root", "list").startswith("No roots yet.")
    own = here.json("stir", "root", "create", "--provider-code", "test")
    assert (own["name"], own["is_own"], own["provider_code"]) == ("Callmark test root", True, "TEST")
    shown = here.text("stir", "root", "show")
    assert shown == here.json("stir", "root", "show")["pem"]
    assert roots.fingerprint(x509.load_pem_x509_certificate(shown.encode())) == own["fingerprint"]
    file = tmp_path / "root.pem"
    file.write_bytes(pem(make_authority(datetime.now(UTC)).root))
    (added,) = here.json("stir", "root", "add", str(file))
    assert [one["id"] for one in here.json("stir", "root", "list")] == [own["id"], added["id"]]
    assert here.text("stir", "root", "add", str(file)).strip() == "They are trusted already."
    old = make_root("Old", make_key(), now=datetime(2010, 1, 1, tzinfo=UTC))
    file.write_bytes(file.read_bytes() + pem(old))
    ended = here.run("stir", "root", "add", str(file), "--json")
    assert ended == (0, "[]\n", f"Left out: 'Old' (it ended on {old.not_valid_after_utc:%Y-%m-%d}).\n")
    here.text("stir", "root", "remove", added["id"])
    assert [one["id"] for one in here.json("stir", "root", "list")] == [own["id"]]
    file.write_text("no certificate")
    assert here.error("stir", "root", "add", str(file)) == "the file holds no certificate in PEM"


def test_certificates_are_issued_imported_and_listed(here: Here, account: str, tmp_path: Path) -> None:
    assert "no root of its own" in here.error("stir", "certificate", "issue", "--account", account)
    here.text("stir", "root", "create", "--provider-code", "TEST")
    (issued,) = here.json("stir", "certificate", "issue", "--account", account)
    assert (issued["numbers"], issued["provider_codes"], issued["is_imported"]) == (0, ["TEST"], False)
    now = datetime.now(UTC)
    authority = make_authority(now)
    leaf, key = authority.issue(TnAuthList.of(["12025551000"], [NumberRange("12025552000", 5)]), now=now)
    files = tmp_path / "leaf.pem", tmp_path / "key.pem"
    files[0].write_bytes(pem(leaf, authority.issuer))
    files[1].write_bytes(key_pem(key))
    options = ["--account", account, "--certificate", str(files[0]), "--key", str(files[1])]
    assert "does not lead to a trusted root" in here.error("stir", "certificate", "import", *options)
    (tmp_path / "root.pem").write_bytes(pem(authority.root))
    here.text("stir", "root", "add", str(tmp_path / "root.pem"))
    imported = here.json("stir", "certificate", "import", *options)
    assert (imported["numbers"], imported["serial"]) == (6, f"{leaf.serial_number:x}")
    assert imported["url"] == f"http://127.0.0.1:8700/stir/v1/certs/{imported['serial']}.pem"
    listed = here.json("stir", "certificate", "list", "--account", account)
    assert [one["serial"] for one in listed] == [imported["serial"], issued["serial"]]
    assert "no account" in here.error("stir", "certificate", "list", "--account", NOBODY)
    assert here.json("stir", "certificate", "retire", issued["serial"])["retired_at"]
    assert here.error("stir", "certificate", "retire", "0") == "no certificate with this serial number"
    assert "is here already" in here.error("stir", "certificate", "import", *options)
    files[1].write_bytes(key_pem(make_key()))
    assert "not the one of this certificate" in here.error("stir", "certificate", "import", *options)


def test_the_commands_of_the_page_work_in_their_order(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    authority = make_authority(now)
    leaf, key = authority.issue(TnAuthList.of(codes=["709J"]), now=now)
    (tmp_path / "roots.pem").write_bytes(pem(authority.root))
    (tmp_path / "provider.pem").write_bytes(pem(leaf, authority.issuer))
    (tmp_path / "provider.key").write_bytes(key_pem(key))
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks(ROOT / "docs/signed-calls-operators.md") for line in block.text.splitlines()]
    assert len(lines) == 6
    for line in lines:
        program, *args = shlex.split(line)
        assert program == "callmark"
        assert here.text(*args)
    assert [one["is_own"] for one in here.json("stir", "root", "list")] == [True, False]
    assert [one["provider_codes"] for one in here.json("stir", "certificate", "list")] == [["709J"]]
