"""The process that `Emulator.start` starts: it says why it cannot start, and never outlives who started it."""

import os
import re
import signal
import socket
import subprocess
import sys
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


def test_a_start_that_fails_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"the emulator did not start: .*{port}"), Emulator.start(port=port):
            pass


async def test_it_does_not_outlive_a_killed_test_run(tmp_path: Path) -> None:
    address, data = started_and_killed(tmp_path)

    async def is_over() -> bool:
        with socket.socket() as probe:
            return not data.exists() and probe.connect_ex(address) != 0

    await until(is_over)


def started_and_killed(directory: Path) -> tuple[tuple[str, int], Path]:
    """Where an emulator was, and its data, when the program that started it was killed."""
    environ = os.environ | {"TMPDIR": str(directory), "CALLMARK_BASE_URL": "https://other.example"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "Acme Support\n"
        host, _, port = process.stdout.readline().strip().removeprefix("http://").partition(":")
        (data,) = directory.glob("callmark-testing-*")
        process.send_signal(signal.SIGKILL)
    return (host, int(port)), data
