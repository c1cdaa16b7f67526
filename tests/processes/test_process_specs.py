"""Child processes as the supervisor starts them."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import pytest
from tests.support.engines import Engines, reachable_directory
from tests.support.loop_time import LoopTime
from tests.support.stopped_processes import suspended
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.kit.engines.leftovers import nats_of
from callmark.kit.errors import SetupError
from callmark.kit.secret_key import make_key, set_key
from callmark.kit.settings import read_settings, to_environ
from callmark.processes.child import Ready
from callmark.processes.ports import open_socket
from callmark.processes.process_specs import CannotAskError, ProcessUnit
from callmark.processes.supervisor import CHILDREN_WITHIN_S, ENGINES_WITHIN_S, Supervisor


@pytest.fixture
def directory() -> Generator[Path]:
    path = reachable_directory()
    yield path / "data"
    shutil.rmtree(path)


def pending_signals(pid: int) -> int:
    """The bits of those that a process has been sent and has not taken."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:"))


async def is_asked_to_end(pid: int) -> bool:
    return bool(pending_signals(pid) >> (signal.SIGTERM - 1) & 1)


def open_pipes() -> set[str]:
    """The pipes that this process has open, each under a name that no later one takes.

    Not its sockets: `Databases` connects in a thread of its own while a test runs.
    """
    names: set[str] = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            names.add(str(entry.readlink()))
    return {name for name in names if name.startswith("pipe:")}


async def test_a_child_takes_no_code_from_the_directory_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    for module in ("callmark", "msgspec", "h11"):
        (tmp_path / f"{module}.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    unit = ProcessUnit("no such kind", 0, ["api"])
    unit.settings = read_settings({})
    with pytest.raises(SetupError, match="did not start"):
        await unit.start()
    assert not ran.exists()


async def test_a_child_that_has_begun_and_is_not_needed_ends_and_leaves_nothing_open() -> None:
    before = open_pipes()
    unit = ProcessUnit("worker", 0, ["worker"])
    unit.begin()
    assert len(open_pipes() - before) == 2
    unheeded = (signal.SIGHUP, signal.SIGUSR1)
    for number in unheeded:  # which end its supervisor, and that ends it
        os.kill(unit.pid, number)
    async with asyncio.timeout(30):
        await unit.stop(5)
        assert await unit.wait() not in {0, *(-number for number in unheeded)}
    assert open_pipes() - before == set()


def test_a_child_whose_settings_never_come_ends_by_itself() -> None:
    read, write = os.pipe()
    os.close(write)  # as the end of the supervisor does
    argv = [sys.executable, "-P", "-m", "callmark.processes.child", "worker", "--index=0", "--ready-fd=1"]
    argv.append(f"--settings-fd={read}")
    ended = subprocess.run(argv, pass_fds=[read], check=False, capture_output=True, timeout=30)
    os.close(read)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")


async def test_a_worker_without_the_secret_key_says_so_and_nothing_else(
    engines: Engines, deps: Deps, tmp_path: Path
) -> None:
    async with deps.db.transaction() as tx:
        await set_key(tx, make_key(tmp_path / "first host"), None)
    settings = read_settings({}, postgres_dsn=engines.dsn, nats_url=engines.nats_url, data=tmp_path / "next host")
    with TemporaryFile() as given:
        given.write(msgspec.json.encode(to_environ(settings)))
        given.seek(0)
        argv = [sys.executable, "-W", "default", "-P", "-m", "callmark.processes.child", "worker", "--index=0"]
        argv += ["--ready-fd=1", f"--settings-fd={given.fileno()}"]
        started = partial(subprocess.run, argv, pass_fds=[given.fileno()], check=False, capture_output=True)
        ended = await asyncio.to_thread(started)
    assert ended.returncode == 1
    assert "secret key" in msgspec.json.decode(ended.stdout, type=Ready).error
    assert b"never awaited" not in ended.stderr
    assert b"unclosed" not in ended.stderr


def asked_at(host: str, port: int) -> ProcessUnit:
    unit = ProcessUnit("worker", 0, ["worker"], admin_port=port)
    unit.settings = msgspec.structs.replace(read_settings({}), admin_host=host)
    return unit


async def test_a_port_that_refuses_is_silence_and_a_host_that_cannot_be_found_is_not() -> None:
    with open_socket("127.0.0.1", 0) as bound:  # and does not listen
        port = bound.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await asked_at("127.0.0.1", port).look()
        with pytest.raises(CannotAskError, match="cannot be reached"):
            await asked_at("fe80::1%nowhere", port).look()


async def test_a_process_that_takes_the_connection_and_does_not_answer_is_silent() -> None:
    with open_socket("127.0.0.1", 0) as stopped:
        stopped.listen()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asked_at("127.0.0.1", stopped.getsockname()[1]).look()


def test_no_secret_is_in_the_environment_of_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLMARK_SECRET_KEY", "made-up and long enough")
    unit = ProcessUnit("worker", 0, ["worker"])
    unit.begin()
    environ = Path(f"/proc/{unit.pid}/environ").read_text()
    asyncio.run(unit.stop(5))
    assert "PATH=" in environ
    assert "CALLMARK_" not in environ


def test_a_stop_takes_less_than_five_seconds() -> None:
    """A part that has not ended in its share is killed: see tests/kit/engines/test_child.py."""
    assert CHILDREN_WITHIN_S + ENGINES_WITHIN_S < 5


async def test_engines_have_what_the_children_left_of_that_time(
    engines: Engines, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings({}, data=directory, postgres_dsn=engines.dsn)
    supervisor = Supervisor(settings, frozenset(), [])
    await supervisor.__aenter__()
    (pid,) = nats_of(directory / "nats/nats.conf")
    with suspended([pid]):
        stopping = asyncio.create_task(supervisor.__aexit__(None, None, None))
        await until(partial(is_asked_to_end, pid))
        LoopTime(monkeypatch).move(ENGINES_WITHIN_S + CHILDREN_WITHIN_S / 2)
        for _ in range(50):
            await asyncio.sleep(0)  # what is due by now is done in the loop's next rounds
    await stopping
    assert "Server Exiting" in (directory / "logs/nats.log").read_text()
