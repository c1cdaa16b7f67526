"""SIGTERM and a closed terminal end a command as Ctrl-C does: its blocks clean up, and then the signal ends it."""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")


@contextmanager
def unwound_by_signals() -> Generator[None]:
    """The first of these signals becomes a KeyboardInterrupt in the block, and ends this process behind it.

    So temporary files are removed and the cursor of a terminal is shown again. A shell and systemd see the signal, as
    if nobody had caught it. A second one ends the process at once; one that was ignored (`nohup`) stays so. A loop of
    events may do something else with signals.
    """
    came: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        came.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        if came:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os.kill(os.getpid(), came[0])
