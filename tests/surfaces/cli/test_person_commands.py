"""`callmark person` and `callmark audit` as a shell runs them."""

import asyncio
import os
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest
from tests.support.engines import SECRET_KEY, Engines
from tests.support.table_rows import put_row
from tests.surfaces.cli.running import NOBODY, Here

from callmark.domain.audit import service as audit
from callmark.domain.deps import Deps
from callmark.domain.persons import service
from callmark.kit.postgres.migrate import head
from callmark.kit.settings import read_settings

NUMBER = "919900112233"
MORE_THAN_A_BUFFER = 50
"""Calls, which fill the buffer of a file."""


@pytest.fixture
def here(engines: Engines, tmp_path: Path) -> Generator[Here]:
    settings = read_settings(
        {}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, secret_key=SECRET_KEY, data=tmp_path
    )
    with Here(settings) as made:
        yield made


async def test_a_number_is_exported_and_erased(here: Here, deps: Deps, tmp_path: Path) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "call", deps.clock.now(), {"receiver_number": NUMBER})
    exported = msgspec.json.decode(await asyncio.to_thread(here.text, "person", "export", f"+{NUMBER}"))
    assert [one["receiver_number"] for one in exported["tables"]["call"]] == [NUMBER]
    file = tmp_path / "export.json"
    await asyncio.to_thread(here.text, "person", "export", NUMBER, "--output", str(file))
    assert msgspec.json.decode(file.read_bytes())["tables"] == exported["tables"]
    done = await asyncio.to_thread(here.json, "person", "erase", NUMBER)
    assert (done["state"], done["number"], done["rows"]) == ("done", None, 1)
    said = await asyncio.to_thread(here.text, "person", "erase", NUMBER)
    assert said.startswith("Nothing about the number is left.")
    empty = msgspec.json.decode(await asyncio.to_thread(here.text, "person", "export", NUMBER))
    assert empty["tables"] == {}
    listed = await asyncio.to_thread(here.json, "person", "list")
    assert [one["rows"] for one in listed] == [0, 1]
    more = (await asyncio.to_thread(here.first, "person", "list"))[1]
    assert await asyncio.to_thread(here.json, "person", "list", *more.split()) == listed[1:]
    assert await asyncio.to_thread(here.json, "person", "show", done["id"]) == done
    digests = service.parse_known((await asyncio.to_thread(here.text, "person", "digests")).encode())
    assert [str(one.id) for one in digests] == [one["id"] for one in listed][::-1]


async def test_on_the_database_of_a_newer_version_only_what_it_can_do_right_is_done(here: Here, deps: Deps) -> None:
    newer = f"is at migration 9999, which is newer than this version ({head()}). Update Callmark"
    async with deps.db.transaction() as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'tomorrow', now(), 'pre')")
    account = await asyncio.to_thread(here.json, "account", "create", "--name", "Acme")
    for command in ("export", "erase"):  # which must know every table
        assert newer in await asyncio.to_thread(here.error, "person", command, NUMBER)
    assert await asyncio.to_thread(here.json, "person", "list") == []
    async with deps.db.transaction() as tx:
        await tx.execute("UPDATE schema_migration SET phase = 'post' WHERE number = 9999")
    assert newer in await asyncio.to_thread(here.error, "account", "create", "--name", "Other")
    limits = ("account", "limits", account["client_account_id"])
    assert newer in await asyncio.to_thread(here.error, *limits, "--token", "20")
    letter = ("number", "proof", "letter", NOBODY, "--output", os.devnull)
    assert newer not in await asyncio.to_thread(here.error, *letter)
    for read in (("account", "list"), limits, ("retention",)):
        ended = await asyncio.to_thread(here.run, *read, "--json")
        assert ended.err.startswith(f"Warning: the database {newer}. ")
        assert len(msgspec.json.decode(ended.out)) > 0


def test_an_export_that_is_not_written_whole_fails(here: Here) -> None:
    said = here.error("person", "export", NUMBER, "--output", "/dev/full")
    assert said == "cannot write /dev/full: No space left on device"


async def test_the_end_of_an_export_is_noted_when_it_cannot_be_written(here: Here, deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        for _ in range(MORE_THAN_A_BUFFER):
            await put_row(tx, "call", deps.clock.now(), {"receiver_number": NUMBER})
    said = await asyncio.to_thread(here.error, "person", "export", NUMBER, "--output", "/dev/full")
    assert said == "cannot write /dev/full: No space left on device"
    (entry,) = await audit.list_entries(deps, None, audit.AuditFilter(action="person.exported"))
    assert entry.details["rows"] == MORE_THAN_A_BUFFER


def test_what_is_no_number_and_no_erasure_is_refused(here: Here) -> None:
    assert here.error("person", "erase", "12").startswith("phone_number must be 7 to 15 digits")
    assert here.error("person", "show", NOBODY) == "no erasure with this id"
    assert here.text("person", "list") == "No erasures yet.\n"


async def test_the_audit_log_is_verified_against_a_head_that_was_kept(here: Here, deps: Deps, tmp_path: Path) -> None:
    await asyncio.to_thread(here.json, "account", "create", "--name", "Acme")
    anchor = tmp_path / "anchors"
    anchor.write_text(await asyncio.to_thread(here.text, "audit", "head"))
    verified = await asyncio.to_thread(here.json, "audit", "verify", "--anchor", str(anchor))
    assert (verified["faults"], verified["anchors"], verified["checked"]) == (0, 1, verified["number"])
    assert (await asyncio.to_thread(here.json, "audit", "head"))["sha256"] == verified["sha256"]
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE audit_entry SET subject = 'Acne' WHERE subject = 'Acme'")
    ended = await asyncio.to_thread(here.run, "audit", "verify")
    assert ended.code == 1
    assert "Faults in the audit log: 1." in ended.out
    assert "what it says was changed after it was sealed" in ended.out
