"""The locks of token stores where a program forks or ends, and where the file system has none."""

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import callmark
from callmark.client.cli.journal import AppendedFile
from callmark.client.cli.session import WrongUse, token_store
from callmark.client.flow import Flow, Pause
from callmark.client.token_stores import MemoryTokenStore, TokenState, TokenStore
from callmark.client.token_tasks import TokenTasks

FORKING = """
import os, sys
from callmark import FileTokenStore, MemoryTokenStore

files, memory = FileTokenStore(sys.argv[1]), MemoryTokenStore()
assert files.acquire("x") and memory.acquire("x")
seen, see = os.pipe()
if os.fork() == 0:
    os.write(see, b"%d %d" % (memory.acquire("x"), files.acquire("x")))
    sys.stdin.read()  # lives until the test lets it go
    os._exit(0)
child = os.read(seen, 3).decode()
if sys.argv[2] == "release":
    files.release("x")
print("child", child, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("way", ["release", "die"])
def test_a_child_that_was_forked_while_a_token_is_made_holds_no_lock(tmp_path: Path, way: str) -> None:
    path = tmp_path / "tokens.json"
    forking = subprocess.Popen(
        [sys.executable, "-c", FORKING, str(path), way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with forking:
        assert forking.stdout
        assert forking.stdout.readline() == "child 1 0\n"  # the lock of the file is its parent's
        forking.wait(60)
        store = callmark.FileTokenStore(path)
        assert store.acquire("x")  # while the child lives
        store.release("x")


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def reason(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why the file system has no locks, in its words: Lustre, NFS and FUSE may be without."""
    code: int = request.param

    def flock(file: object, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    return os.strerror(code)


def test_a_file_system_without_locks_is_said_at_once(tmp_path: Path, reason: str) -> None:
    store = callmark.FileTokenStore(tmp_path / "tokens.json")
    for _ in range(2):
        with pytest.raises(callmark.CallmarkError, match=f"cannot lock .*tokens.json.*lock: {reason}"):
            store.acquire("x")
    journal = AppendedFile(tmp_path / "orders.journal")
    with pytest.raises(WrongUse, match=f"cannot lock .*orders.journal: {reason}.*--results"):
        journal.lock()
    journal.close()


@pytest.mark.usefixtures("reason")
def test_commands_whose_home_has_no_locks_keep_their_tokens_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert isinstance(token_store(), callmark.MemoryTokenStore)


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_is_taken_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert not callmark.FileTokenStore(tmp_path / "tokens.json").acquire("x")
    journal = AppendedFile(tmp_path / "orders.journal")
    with pytest.raises(WrongUse, match="another push is writing"):
        journal.lock()
    journal.close()


def test_a_state_is_not_written_without_the_lock_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = callmark.FileTokenStore(tmp_path / "tokens.json")
    assert store.acquire("x")

    def flock(file: object, operation: int) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(callmark.CallmarkError, match=r"cannot lock .*tokens.json.lock"):
        store.save("x", TokenState("t"))
    assert not store.path.exists()


class HeldLocks(MemoryTokenStore):
    """Tells which locks are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[str] = set()

    def acquire(self, name: str) -> bool:
        is_had = super().acquire(name)
        self.taken |= {name} if is_had else set()
        return is_had

    def release(self, name: str) -> None:
        super().release(name)
        self.taken.remove(name)


def client_of_silent_server(store: TokenStore, is_silent: list[bool]) -> callmark.AsyncClient:
    """A client whose server answers nothing while `is_silent` says so."""

    async def respond(_: httpx.Request) -> httpx.Response:
        if is_silent[0]:
            await asyncio.Event().wait()
        return httpx.Response(200, json={"token": "t0ken", "shows": "none"})

    options: dict[str, Any] = {"base_url": "http://callmark.test", "account_id": "a", "key_id": "k", "api_key": "s"}
    http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    return callmark.AsyncClient(**options, http_client=http, token_store=store)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_program_that_ends_while_a_token_is_made_keeps_no_lock(steps: int) -> None:
    """After any number of steps of its loop, also between the lock and the first step of the task that makes it."""
    store = HeldLocks()
    client = client_of_silent_server(store, [True])

    async def begin() -> "asyncio.Task[object]":
        task = asyncio.create_task(client.resolve("1", "2"))
        for _ in range(steps):
            await asyncio.sleep(0)
        return task

    assert asyncio.run(begin()).cancelled()
    assert not store.taken


@pytest.mark.parametrize("way", ["itself", "a copy", "another client"])
def test_a_loop_that_was_closed_while_a_token_was_made_keeps_no_lock_from_the_next_one(way: str) -> None:
    store, is_silent = HeldLocks(), [True]
    client = client_of_silent_server(store, is_silent)
    first = client.with_options(timeout=30) if way == "a copy" else client

    async def give_up() -> None:
        task = asyncio.create_task(first.resolve("1", "2"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert store.taken
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop = asyncio.new_event_loop()
    loop.run_until_complete(give_up())
    loop.close()  # not as asyncio.run does it, which cancels what is left first
    is_silent[0] = False
    second = client_of_silent_server(store, is_silent) if way == "another client" else client
    asyncio.run(second.resolve("1", "2"))
    assert not store.taken


def test_a_child_that_was_forked_leaves_unfinished_tasks_to_its_parent() -> None:
    closed: list[bool] = []

    def flow() -> Flow[None]:
        try:
            yield Pause(1)
        finally:
            closed.append(True)

    async def never_ends() -> None:
        await asyncio.Event().wait()

    loop, begun, tasks = asyncio.new_event_loop(), flow(), TokenTasks()
    next(begun)
    task = loop.create_task(never_ends())
    tasks.keep(task, begun)
    tasks.leave_to_parent()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    tasks.give_up_unfinished()
    assert not closed
