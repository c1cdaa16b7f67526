"""The locks of token stores where a program forks."""

import subprocess
import sys
from pathlib import Path

import pytest

import callmark

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
