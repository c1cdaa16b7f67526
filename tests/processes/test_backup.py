"""`callmark backup` and `callmark restore` as an operator runs them."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from tests.domain.signer_certificates.staging import key_pem, make_authority, make_signing_business, pem, signer_of
from tests.e2e.serving import run, run_here
from tests.support.engines import SECRET_KEY, Engines, reachable_directory
from tests.support.first_starts import FirstStarts

from callmark.domain.deps import Deps
from callmark.domain.persons.model import KnownErasure
from callmark.domain.persons.service import sql_again
from callmark.domain.policy.model import SYSTEM
from callmark.domain.signer_certificates import keys as signing_keys, roots, service as signer_certificates
from callmark.kit.clock import SystemClock
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import SetupError
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import connect, own_names
from callmark.kit.secret_key import set_key
from callmark.kit.settings import Secret
from callmark.passport import TnAuthList
from callmark.processes.backup import backup

KEY = "made-up-" * 5


@pytest.fixture
def folder() -> Generator[Path]:
    path = reachable_directory()
    yield path
    shutil.rmtree(path)


async def with_key(engines: Engines) -> dict[str, str]:
    """The variables of an installation whose processes have run with this key."""
    async with connect(engines.dsn) as tx, tx.transaction():
        await set_key(tx, Secret(KEY), None)
    return {"CALLMARK_POSTGRES_DSN": engines.dsn, "CALLMARK_SECRET_KEY": KEY}


async def run_beside(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The command in this process, for what needs none of its own: to start one is a third of what it takes."""
    return await asyncio.to_thread(run_here, *arguments, **variables)


def only(folder: Path) -> Path:
    (file,) = folder.glob("callmark-*.tar")
    return file


async def test_own_engines_are_backed_up_with_the_key_apart_and_restored_after_a_yes(
    engines: Engines, folder: Path
) -> None:
    variables, copy = await with_key(engines), folder / "key"
    told = run("backup", folder, "--secret-key-to", copy, "--json", **variables)
    assert told.returncode == 0, told.stderr
    said: dict[str, Any] = json.loads(told.stdout)
    assert said["file"] == str(only(folder))
    assert said["file_bytes"] == only(folder).stat().st_size
    assert said["rows"]["installation"] == 1
    assert said["secret_key"] == "CALLMARK_SECRET_KEY"
    assert copy.read_text() == variables["CALLMARK_SECRET_KEY"]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert variables["CALLMARK_SECRET_KEY"].encode() not in only(folder).read_bytes()
    refused = await run_beside("restore", only(folder), **variables)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    assert "--replace" in refused.stderr
    unsure = await run_beside("restore", only(folder), "--replace", **variables)
    assert "Aborted" in unsure.stderr
    async with connect(engines.dsn) as tx:
        id_ = await tx.fetchval("SELECT id FROM installation")
    kept = [KnownErasure(new_id(), SystemClock().now(), b"digest", b"key") for _ in range(2)]
    async with connect(engines.dsn) as tx:  # one was erased here, the other is in a list that was kept
        await tx.execute(sql_again(kept[:1], SystemClock().now()))
    list_ = folder / "erasures.json"
    list_.write_bytes(msgspec.json.encode(kept[1:]))
    restoring = ("restore", only(folder), "--replace", "--yes", "--same-installation", "--json", "--erasures", list_)
    done = run(*restoring, **variables)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["installation"], said["is_copy"], said["secret_key"]) == (str(id_), False, "CALLMARK_SECRET_KEY")
    assert said["known_erasures"] == 2
    async with connect(engines.dsn) as tx:
        due = await tx.fetch("SELECT id FROM erasure WHERE due_at IS NOT NULL AND ended_at IS NULL ORDER BY id")
    assert [row["id"] for row in due] == [one.id for one in kept]


async def test_a_copy_has_no_keys_that_sign_calls_and_the_installation_itself_keeps_them(
    deps: Deps, engines: Engines, folder: Path
) -> None:
    variables, now = {"CALLMARK_POSTGRES_DSN": engines.dsn, "CALLMARK_SECRET_KEY": SECRET_KEY}, deps.real_clock.now()
    business, (number, *_) = await make_signing_business(deps)
    assert await signer_of(deps, business.account_id, number)  # which issues its certificate
    authority = make_authority(now)
    leaf, key = authority.issue(TnAuthList.of(codes=["709J"]), now=now)
    await roots.add_roots(deps, pem(authority.issuer), by=SYSTEM)
    await signer_certificates.import_certificate(deps, None, pem(leaf), key_pem(key), by=SYSTEM)
    assert (await run_beside("backup", folder, **variables)).returncode == 0
    restoring = ("restore", only(folder), "--replace", "--yes")
    itself = await run_beside(*restoring, "--same-installation", **variables)
    assert itself.returncode == 0, itself.stderr
    assert await signing_keys_of(engines.dsn) == {"trust_root": 1, "signer_certificate": 2}
    copy = await run_beside(*restoring, **variables)
    assert copy.returncode == 0, copy.stderr
    assert await signing_keys_of(engines.dsn) == {"trust_root": 0, "signer_certificate": 0}
    async with connect(engines.dsn) as tx:
        assert await tx.fetchval("SELECT count(*) FROM trust_root") == 2  # what the original signed still counts
        assert await signing_keys.forget_all(tx, now) == 0, "a restore forgets as many"


async def signing_keys_of(dsn: str) -> dict[str, int]:
    """How many each table has."""
    async with connect(dsn) as tx:
        return {
            table: await tx.fetchval(own_names(f"SELECT count(*) FROM {table} WHERE sealed_key IS NOT NULL"))
            for table in ("trust_root", "signer_certificate")
        }


def test_a_directory_that_is_not_there_does_not_become_a_file(folder: Path) -> None:
    told = CliRunner().invoke(backup, [str(folder / "backups")])
    assert isinstance(told.exception, SetupError)
    assert (
        told.exception.message
        == f"{folder / 'backups'} is not a directory; create it, or name a file that ends with .tar"
    )


async def test_a_stopped_embedded_installation_without_its_key_becomes_a_copy_in_another_directory(
    first_starts: FirstStarts, folder: Path
) -> None:
    await first_starts.put_migrated(folder / "data")
    async with EmbeddedPostgres(folder / "data", durable=False) as dsn, connect(dsn) as tx, tx.transaction():
        await set_key(tx, Secret(KEY), None)
    told = await run_beside("backup", folder / "b.tar", "--data", folder / "data", "--secret-key-to", folder / "key")
    assert told.returncode == 1
    assert "the backup is written, but the secret key is not on this machine" in told.stderr
    assert not (folder / "key").exists()
    restored = await run_beside("restore", folder / "b.tar", "--data", folder / "new")
    assert restored.returncode == 0, restored.stderr
    assert f"Put the secret key of that installation into {folder}/new/secret-key" in restored.stdout
    assert "Nothing is sent until `callmark installation release`" in restored.stdout
    assert (folder / "new/postgres/PG_VERSION").exists()
    assert not (folder / "new/installation.json").exists()


@pytest.mark.parametrize("way", ["settings", "files"])
async def test_no_single_key_is_copied_while_the_key_is_replaced(engines: Engines, folder: Path, way: str) -> None:
    await with_key(engines)
    variables = {"CALLMARK_POSTGRES_DSN": engines.dsn, "CALLMARK_DATA": str(folder / "data")}
    if way == "settings":
        variables |= {"CALLMARK_SECRET_KEY": KEY[::-1], "CALLMARK_OLD_SECRET_KEY": KEY}
    else:
        (folder / "data").mkdir()
        (folder / "data/secret-key").write_text(KEY)
        (folder / "data/secret-key.next").write_text(KEY[::-1])
    refused = await run_beside("backup", folder / "a.tar", "--secret-key-to", folder / "copy", **variables)
    assert refused.returncode == 1
    assert f"the backup is written, but {folder / 'copy'} was not: the secret key was being replaced" in refused.stderr
    assert (folder / "a.tar").exists()
    assert not (folder / "copy").exists()
    told = await run_beside("backup", folder / "b.tar", **variables)
    assert "Keep both keys: the secret key was being replaced" in told.stdout
    async with connect(engines.dsn) as tx, tx.transaction():  # as the last step of the replacement
        await set_key(tx, Secret(KEY[::-1]), None)
    done = await run_beside("backup", folder / "c.tar", "--secret-key-to", folder / "copy", **variables)
    assert done.returncode == 0, done.stderr
    assert (folder / "copy").read_text() == KEY[::-1]


async def test_a_key_file_that_is_cut_is_named_once_the_work_is_done(engines: Engines, folder: Path) -> None:
    await with_key(engines)
    data = folder / "data"
    data.mkdir()
    (data / "secret-key").write_text(KEY[:9])
    variables = {"CALLMARK_POSTGRES_DSN": engines.dsn, "CALLMARK_DATA": str(data)}
    written = await run_beside("backup", folder / "b.tar", "--json", **variables)
    restored = await run_beside("restore", folder / "b.tar", "--replace", "--yes", **variables)
    (data / "secret-key.old").write_text(KEY)  # the right one may come after one that is no use
    again = await run_beside("restore", folder / "b.tar", "--replace", "--yes", "--json", **variables)
    for done in (written, restored, again):
        assert done.returncode == 0, done.stderr
    assert json.loads(written.stdout)["secret_key"].startswith(f"not usable here: the secret key {data}/secret-key is")
    assert "The backup is restored." in restored.stdout
    assert f"Put the secret key of that installation into {data}/secret-key" in restored.stdout
    assert "Nothing is sent until `callmark installation release`" in restored.stdout
    assert json.loads(again.stdout)["secret_key"] == f"{data}/secret-key.old"
