"""SIGTERM and a closed terminal end a command as Ctrl-C does: its blocks clean up, and then the signal ends it."""

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")
_AGAIN_S = 0.1
"""How long a step of Python may take before its wait is interrupted."""


@contextmanager
def unwound_by_signals() -> Generator[None]:
    """The first of these signals becomes a KeyboardInterrupt in the block, and ends this process behind it.

    So temporary files are removed and the cursor of a terminal is shown again. A shell and systemd see the signal, as
    if nobody had caught it. Until then a second SIGTERM ends the process at once, and SIGHUP does nothing: a terminal
    that closes sends it twice, and systemd can send it behind SIGTERM. One that was ignored (`nohup`) stays so. A loop
    of events may do something else with signals.
    """
    came: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
        came.append(number)
        if len(came) == 1:
            raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        with _noticed_while_waiting(numbers, came):
            yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        if came:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os.kill(os.getpid(), came[0])


@contextmanager
def _noticed_while_waiting(numbers: list[int], came: list[int]) -> Generator[None]:
    """Interrupts the main thread until it has handled one of these that came; what else than `came` it does is its own.

    Python only notes a signal, and handles it in the main thread between two steps. One that comes just before a call
    that waits, such as a read of a pipe, or in another thread, would be handled when that call returns, if ever.
    Python handles them in the order of their numbers, and SIGURG is behind all of these: who hears it has done so.
    """
    if not numbers or not hasattr(signal, "pthread_kill"):
        yield
        return
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    main, is_over = threading.get_ident(), threading.Event()
    heard: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        heard.append(number)

    def watch() -> None:
        while number := os.read(ear, 1):
            heard.clear()
            while number[0] in numbers and not came and not heard and not is_over.wait(_AGAIN_S):
                signal.pthread_kill(main, signal.SIGURG)

    usual, before = signal.signal(signal.SIGURG, hear), signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        signal.set_wakeup_fd(before)
        os.close(mouth)
        thread.join()
        os.close(ear)
        signal.signal(signal.SIGURG, usual)
