"""What ends a command that serves."""

import subprocess
import sys

import pytest

RUN = """
import asyncio, os, signal, sys
from callmark.processes.signals import run_until_stopped

async def main():
    loop = asyncio.get_running_loop()
    try:
        for name in sys.argv[1:]:
            loop.call_soon(os.kill, os.getpid(), signal.Signals[name])
        await asyncio.Event().wait()
    finally:
        print("cleaned up")

run_until_stopped(main())
"""


def run(*command: str) -> tuple[int, str]:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_ends_it_in_an_orderly_way(name: str) -> None:
    usual = f"import signal\nsignal.signal(signal.{name}, signal.SIG_DFL)\n{RUN}"  # also where `nohup` runs the tests
    assert run(sys.executable, "-c", usual, name) == (0, "cleaned up\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_it_does_so_though_the_signal_was_ignored_where_it_was_started(name: str) -> None:
    ignored = f"import signal, os\nsignal.signal(signal.{name}, signal.SIG_IGN)\n{RUN}"
    turns = "for _ in range(100): await asyncio.sleep(0)\n        print('not stopped')"
    bounded = ignored.replace("await asyncio.Event().wait()", turns)
    assert run(sys.executable, "-c", bounded, name) == (0, "cleaned up\n")


def test_what_was_started_to_outlive_its_terminal_does() -> None:
    hangup = "os.kill(os.getpid(), signal.SIGHUP); await asyncio.sleep(0); print('here')"
    survives = RUN.replace("loop = ", f"{hangup}; loop = ")
    assert run("nohup", sys.executable, "-c", survives, "SIGTERM") == (0, "here\ncleaned up\n")
