"""Other processes that stand still: SIGSTOP, and back."""

import contextlib
import os
import signal
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

WITHIN_S = 10


@contextmanager
def suspended(pids: Iterable[int]) -> Generator[None]:
    """The processes stand still in the block and go on after it."""
    pids = list(pids)
    try:
        suspend(pids)
        yield
    finally:
        _send(pids, signal.SIGCONT)


def suspend(pids: Iterable[int]) -> None:
    """Returns when the processes stand still: threads of a process go on until one of them has taken the signal."""
    pids = list(pids)
    _send(pids, signal.SIGSTOP)
    deadline = time.monotonic() + WITHIN_S
    while not all(_stands_still(pid) for pid in pids):
        assert time.monotonic() < deadline, "they did not stop in time"
        time.sleep(0.001)


def _send(pids: Iterable[int], how: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # a server's child may have ended since it was listed
            os.kill(pid, how)


def _stands_still(pid: int) -> bool:
    return all(_state(task) in "TtZX" for task in Path("/proc").glob(f"{pid}/task/*"))


def _state(task: Path) -> str:
    """The letter of `/proc/…/stat`; X, as for one that has ended, when it is gone."""
    try:
        return (task / "stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
