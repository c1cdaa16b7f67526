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
import sys
{WITHOUT_PYTEST}
    print(emulator.base_url, flush=True)
    sys.stdin.read()
"""
FORKING = PROGRAM.replace(
    "    print(emulator.base_url",
    """
    import multiprocessing, time
    multiprocessing.get_context("fork").Process(target=time.sleep, args=[3600]).start()
    print(emulator.base_url""",
)
LEAVING = """
import os, pathlib, sys, tempfile
from callmark.testing import Emulator

with Emulator.start() as emulator:
    if (child := os.fork()) == 0:
        sys.exit()
    os.waitpid(child, 0)
    emulator.clock.now()
    found = list(pathlib.Path(tempfile.gettempdir()).glob("callmark-testing-*/postgres"))
    print("is there:", len(found))
"""


def test_a_start_that_fails_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"the emulator did not start: .*{port}"), Emulator.start(port=port):
            pass


@pytest.mark.parametrize("program", [PROGRAM, FORKING], ids=["alone", "with a process that it forked"])
async def test_it_does_not_outlive_a_killed_test_run(tmp_path: Path, program: str) -> None:
    with started_and_killed(program, tmp_path) as (address, data):

        async def is_over() -> bool:
            return is_gone(address, data)

        await until(is_over)


def test_a_process_that_was_forked_leaves_the_block_without_ending_it(tmp_path: Path) -> None:
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LEAVING], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "is there: 1\n", done.stderr


def is_gone(address: tuple[str, int], data: Path) -> bool:
    """Whether an emulator and its data are no longer there."""
    with socket.socket() as probe:
        return not data.exists() and probe.connect_ex(address) != 0


@contextmanager
def started_and_killed(program: str, directory: Path) -> Generator[tuple[tuple[str, int], Path]]:
    """Where an emulator was, and its data, when the program that started it was killed; what it forked lives on."""
    environ = os.environ | {"TMPDIR": str(directory), "CALLMARK_BASE_URL": "https://other.example"}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "Acme Support\n"
        host, _, port = process.stdout.readline().strip().removeprefix("http://").partition(":")
        (data,) = directory.glob("callmark-testing-*")
        process.send_signal(signal.SIGKILL)
    try:
        yield (host, int(port)), data
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
