"""PostgreSQL's programs reach what asyncpg reaches, and nobody reads the password in a list of processes."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from tests.e2e.serving import children
from tests.kit.backups.backing_up import backed_up
from tests.support.engines import Engines
from tests.support.first_starts import FirstStarts
from tests.support.postgres_pair import postgres_pair

from callmark.kit.backups.archive import ArchiveWriter
from callmark.kit.backups.clients import running
from callmark.kit.backups.restoring import restore_backup
from callmark.kit.backups.snapshot import server_of, take_backup
from callmark.kit.clock import SystemClock
from callmark.kit.engines.binaries import choose_clients
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import connect
from callmark.kit.postgres.migrate import migrate

PG_DUMP = """#!/bin/sh
case "$*" in *--snapshot=*)
  trap 'sleep 0.3; exit' TERM
  printf PGDMP
  while sleep 0.05; do :; done
esac
exec {bin_dir}/pg_dump "$@"
"""


def password_of(dsn: str) -> str:
    return unquote(urlsplit(dsn).password or "")


def in_the_query(dsn: str) -> str:
    given = urlsplit(dsn).password or ""
    return dsn.replace(f":{given}@", "@") + f"&password={quote(given)}"


def with_a_session_setting(dsn: str) -> str:
    return f"{dsn}&work_mem=8MB&application_name=me"


def without_a_host_before_the_query(dsn: str) -> str:
    parts = urlsplit(dsn)
    (folder,) = parse_qs(parts.query)["host"]
    user, password = parts.username or "", parts.password or ""
    return f"postgresql://{parts.path}?host={quote(folder)}&user={user}&password={password}"


def shown_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


@pytest.mark.parametrize("spelling", [str, in_the_query, with_a_session_setting, without_a_host_before_the_query])
async def test_they_connect_with_the_same_address_and_hide_its_password(
    engines: Engines, spelling: Callable[[str], str]
) -> None:
    dsn = spelling(engines.dsn)
    async with connect(dsn) as tx:
        server = await server_of(tx, dsn, None)
        name = await tx.fetchval("SELECT current_database()")
    others = set(children(os.getpid()))
    async with running(server, "psql", ["--no-psqlrc", "--tuples-only", "--no-align"]) as psql:
        (pid,) = set(children(os.getpid())) - others
        await psql.write(b"SELECT current_database();\n")
        assert (await psql.output.readline()).decode().strip() == name
        shown = shown_of(pid)
        psql.close()
        await psql.check()
    assert "psql" in shown
    assert password_of(engines.dsn) not in shown


async def test_of_several_servers_they_use_the_one_that_takes_writes(first_starts: FirstStarts, tmp_path: Path) -> None:
    """The standby is named first, as after a failover: libpq alone would take it."""
    async with postgres_pair(first_starts) as pair:
        await migrate(pair.dsn, SystemClock())
        archive = await backed_up(pair.dsn, tmp_path / "b.tar")
        await restore_backup(pair.dsn, archive, SystemClock(), replace=True, as_copy=False)
        async with connect(pair.dsn) as tx:
            assert await tx.fetchval("SELECT id FROM installation") == archive.manifest.installation


async def test_what_a_program_says_of_its_fault_is_passed_on(engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        server = await server_of(tx, engines.dsn, None)
    async with running(server, "psql", ["--no-psqlrc", "--set=ON_ERROR_STOP=1"]) as psql:
        await psql.write(b"SELECT * FROM nowhere;\n")
        psql.close()
        with pytest.raises(SetupError, match=r'psql failed \(exit status 3\): .*relation "nowhere" does not exist'):
            await psql.check()


def programs_that_dump_slowly(folder: Path, major: int) -> Path:
    """PostgreSQL's programs; pg_dump writes a little and then nothing, and takes a moment to end."""
    found = choose_clients(None, major)
    folder.mkdir()
    for name in ("pg_restore", "psql"):
        (folder / name).symlink_to(found.bin_dir / name)
    program = folder / "pg_dump"
    program.write_text(PG_DUMP.format(bin_dir=found.bin_dir))
    program.chmod(0o755)
    return folder


async def test_a_program_has_ended_when_what_it_wrote_cannot_be_kept(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(engines.dsn) as tx:
        server = await server_of(tx, engines.dsn, None)
    begun = list[int]()

    def has_no_room(_: ArchiveWriter, _piece: bytes) -> None:
        begun.extend(set(children(os.getpid())) - others)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ArchiveWriter, "write", has_no_room)
    programs, others = programs_that_dump_slowly(tmp_path / "programs", server.major), set(children(os.getpid()))
    with pytest.raises(SetupError, match="No space left") as refused:
        await take_backup(engines.dsn, tmp_path / "b.tar", SystemClock(), programs=programs)
    assert begun
    assert set(children(os.getpid())) == others, refused


async def test_a_program_has_ended_when_who_begins_it_is_cancelled(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(engines.dsn) as tx:
        server = await server_of(tx, engines.dsn, None)
    others, has_begun = set(children(os.getpid())), asyncio.Event()

    async def never_connected(*_: object) -> None:
        has_begun.set()
        await asyncio.Event().wait()

    async def begin() -> None:
        async with running(server, "psql", ["--no-psqlrc"]):
            raise AssertionError("it is connected")

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_read_pipe", never_connected)
    beginning = asyncio.create_task(begin())
    await has_begun.wait()
    assert set(children(os.getpid())) > others
    beginning.cancel()
    await asyncio.wait({beginning})
    assert set(children(os.getpid())) == others
