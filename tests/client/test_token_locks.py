"""The locks of token stores where a program forks, and where the file system has none."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

import callmark
from callmark.client.cli.journal import AppendedFile
from callmark.client.cli.session import WrongUse, token_store

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

    def flock(file: object, operation: int) -> None:  # noqa: ARG001 - of any
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
    def flock(file: object, operation: int) -> None:  # noqa: ARG001 - of any
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert not callmark.FileTokenStore(tmp_path / "tokens.json").acquire("x")
    journal = AppendedFile(tmp_path / "orders.journal")
    with pytest.raises(WrongUse, match="another push is writing"):
        journal.lock()
    journal.close()
