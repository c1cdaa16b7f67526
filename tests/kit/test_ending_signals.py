"""What ends a command that does not serve."""

import signal
import subprocess
import sys

import pytest

RUN = """
import os, signal, sys
from callmark.kit.ending_signals import unwound_by_signals

with unwound_by_signals():
    try:
        for name in sys.argv[1:]:
            os.kill(os.getpid(), signal.Signals[name])
    finally:
        print("cleaned up")
print("not stopped")
"""
USUAL = "import signal\nfor one in (signal.SIGTERM, signal.SIGHUP): signal.signal(one, signal.SIG_DFL)\n"
"""Also where `nohup` runs the tests."""


def run(*command: str) -> tuple[int, str, str]:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_unwinds_it_and_is_what_it_ends_by(name: str) -> None:
    assert run(sys.executable, "-c", USUAL + RUN, name) == (-signal.Signals[name], "cleaned up\n", "")


@pytest.mark.parametrize(
    ("first", "second", "printed"),
    [
        ("SIGTERM", "SIGTERM", ""),
        ("SIGHUP", "SIGHUP", "cleaned up\n"),  # of a terminal that closes: from its shell and from the system
        ("SIGTERM", "SIGHUP", "cleaned up\n"),
        ("SIGHUP", "SIGTERM", "cleaned up\n"),
    ],
)
def test_only_a_second_sigterm_ends_it_while_it_cleans_up(first: str, second: str, printed: str) -> None:
    again = RUN.replace('print("cleaned up")', f'os.kill(os.getpid(), signal.{second}); print("cleaned up")')
    assert run(sys.executable, "-c", USUAL + again, first) == (-signal.Signals[first], printed, "")


def test_both_at_once_are_one() -> None:
    """Both wait until the main thread lets them in: no thread that is started meanwhile takes them before."""
    held = "signal.pthread_sigmask(signal.{}, [signal.SIGTERM, signal.SIGHUP])"
    together = RUN.replace("with unwound", f"{held.format('SIG_BLOCK')}\nwith unwound")
    together = together.replace("    finally:", f"        {held.format('SIG_UNBLOCK')}\n    finally:")
    code, printed, said = run(sys.executable, "-c", USUAL + together, "SIGTERM", "SIGHUP")
    assert (code, printed, said) == (-signal.SIGHUP, "cleaned up\n", "")


def test_what_was_started_to_outlive_its_terminal_does() -> None:
    assert run("nohup", sys.executable, "-c", RUN, "SIGHUP")[:2] == (0, "cleaned up\nnot stopped\n")


def test_one_that_another_thread_gets_ends_what_the_main_thread_waits_for() -> None:
    """So does one that comes just before the wait."""
    waiting = """
import os, signal, threading
from callmark.kit.ending_signals import unwound_by_signals

ear, mouth = os.pipe()

def other(main):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    while open(f"/proc/self/task/{main}/syscall").read().split()[0] not in ("0", "63"):  # read, by architecture
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()

with unwound_by_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        threading.Thread(target=other, args=[threading.get_native_id()], daemon=True).start()
        os.read(ear, 1)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        print("cleaned up")
"""
    assert run(sys.executable, "-c", USUAL + waiting) == (-signal.SIGTERM, "cleaned up\n", "")
