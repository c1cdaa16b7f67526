"""The process that `Emulator.start` starts: it says why it cannot start, and never outlives who started it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.waiting import until

from callmark.testing import Emulator, EmulatorError

PAGE = (Path(__file__).parents[2] / "docs/testing.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
WITHOUT_PYTEST = next(one for one in PROGRAMS if "Emulator.start()" in one)
PROGRAM = f"""
import multiprocessing, os, pathlib, sys, tempfile, time, urllib.request
{WITHOUT_PYTEST}
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        sys.exit()
    os.waitpid(child, 0)
    emulator.clock.now()
    urllib.request.urlopen(emulator.base_url + "/emulator/openapi.json").close()
    print("is there:", len(list(pathlib.Path(tempfile.gettempdir()).glob("callmark-testing-*/postgres"))))
    multiprocessing.get_context("fork").Process(target=time.sleep, args=[3600]).start()
    print(emulator.base_url, flush=True)
    sys.stdin.read()
"""


def test_a_start_that_fails_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"the emulator did not start: .*{port}"), Emulator.start(port=port):
            pass


async def test_a_forked_process_leaves_the_block_without_ending_it_and_a_kill_ends_it_while_another_lives(
    tmp_path: Path,
) -> None:
    with started_and_killed(tmp_path) as (address, data):

        async def is_over() -> bool:
            return is_gone(address, data)

        await until(is_over)


def is_gone(address: tuple[str, int], data: Path) -> bool:
    """Whether an emulator and its data are no longer there."""
    with socket.socket() as probe:
        return not data.exists() and probe.connect_ex(address) != 0


@contextmanager
def started_and_killed(directory: Path) -> Generator[tuple[tuple[str, int], Path]]:
    """Where an emulator was, and its data, when the program that started it was killed; what it forked lives on.

    The program runs without docstrings, of which the emulator makes its documents.
    """
    environ = os.environ | {"TMPDIR": str(directory), "CALLMARK_BASE_URL": "https://other.example"}
    environ |= {"PYTHONOPTIMIZE": "2"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "Acme Support\n"
        assert process.stdout.readline() == "is there: 1\n", "a process that was forked ended it"
        host, _, port = process.stdout.readline().strip().removeprefix("http://").partition(":")
        (data,) = directory.glob("callmark-testing-*")
        process.send_signal(signal.SIGKILL)
    try:
        yield (host, int(port)), data
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
