"""Logs that are read slowly, or by no one: no line waits for who reads, and what can be kept comes later."""

import fcntl
import json
import os
import pty
import select
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

import pytest
import structlog

from callmark.kit.telemetry import logs, waiting_output
from callmark.kit.telemetry.line_writer import LineWriter

log = structlog.get_logger()


@contextmanager
def a_pipe() -> Generator[tuple[int, TextIO]]:
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0), os.fdopen(write, "w") as stream:
        yield read, stream


@contextmanager
def a_socket() -> Generator[tuple[int, TextIO]]:
    """As a service manager gives one."""
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("w") as stream:
        yield ours.fileno(), stream


@contextmanager
def a_terminal() -> Generator[tuple[int, TextIO]]:
    ours, theirs = pty.openpty()
    as_written = termios.tcgetattr(theirs)
    as_written[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, as_written)
    with os.fdopen(ours, "rb", buffering=0), os.fdopen(theirs, "w") as stream:
        yield ours, stream


@contextmanager
def another_users_pipe() -> Generator[tuple[int, TextIO]]:
    """It cannot be opened once more."""
    with a_pipe() as (read, stream), pytest.MonkeyPatch.context() as patch:
        opened = os.open

        def refused(path: str, flags: int, mode: int = 0o777) -> int:
            if path.startswith("/proc/self/fd/"):
                raise PermissionError(13, "Permission denied", path)
            return opened(path, flags, mode)

        patch.setattr(os, "open", refused)
        yield read, stream


LINES = 300
"""With 900 bytes and more in each: more than any of these keeps, less than waits in memory."""
Kind = Callable[[], AbstractContextManager[tuple[int, TextIO]]]
KINDS: list[Kind] = [a_pipe, a_socket, a_terminal, another_users_pipe]


@pytest.mark.parametrize("kind", KINDS)
def test_who_reads_late_reads_everything_in_its_order(kind: Kind) -> None:
    lost = LineWriter.lost_ever
    with kind() as (read, stream):
        logs.set_up("info", stream=stream)
        for n in range(LINES):
            log.info("said", n=n, text="x" * 900)
        numbers = [line["n"] for line in come(read, LINES)]
        assert numbers == list(range(LINES))
        assert os.get_blocking(stream.fileno())  # it is shared with others, who know nothing of this
    assert LineWriter.lost_ever == lost


@pytest.mark.parametrize("kind", KINDS)
def test_where_no_one_reads_lines_are_lost_and_counted(kind: Kind) -> None:
    lost = LineWriter.lost_ever
    with kind() as (read, stream):
        logs.set_up("info", stream=stream)
        for n in range(1500):
            log.info("said", n=n, text="x" * 900)
        are_lost = LineWriter.lost_ever - lost
        assert 0 < are_lost < 1000
        kept = [line["n"] for line in come(read, 1500 - are_lost)]
        assert kept == list(range(1500 - are_lost))
        log.info("back")
        notice, back = come(read, 2)
    assert (notice["event"], notice["lost"], back["event"]) == ("log_lines_lost", are_lost, "back")


def test_lines_that_wait_are_lost_once_who_reads_has_gone() -> None:
    lost = LineWriter.lost_ever
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        logs.set_up("info", stream=stream)
        for _ in range(10):
            log.info("said", text="x" * 900)
        assert LineWriter.lost_ever == lost
        os.close(read)
        ends = time.monotonic() + 60
        while LineWriter.lost_ever == lost:
            assert time.monotonic() < ends
            time.sleep(0.005)
        waited = LineWriter.lost_ever - lost
        assert 5 <= waited <= 8
        log.info("lost")
        assert LineWriter.lost_ever == lost + waited + 1


def test_a_process_that_ends_writes_what_waits_if_someone_reads_and_ends_if_no_one_does() -> None:
    program = (
        "import sys, structlog; from callmark.kit.telemetry import logs; logs.set_up('info');"
        f"[structlog.get_logger().info('said', n=n, text='x' * 900) for n in range({LINES})];"
        "print('said', flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"said\n"
        lines = process.stderr.read().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(LINES))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(60) == 0


def test_without_more_threads_a_line_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(waiting_output.Thread, "start", refused)
    lost = LineWriter.lost_ever
    with a_pipe() as (_, stream):
        logs.set_up("info", stream=stream)
        for _ in range(100):
            log.info("said", text="x" * 900)
    assert 20 < LineWriter.lost_ever - lost < 60


def come(read: int, count: int) -> list[dict[str, Any]]:
    """So many lines, read as slowly as they come."""
    text = b""
    poll = select.poll()
    poll.register(read, select.POLLIN)
    while text.count(b"\n") < count:
        assert poll.poll(60_000)
        text += os.read(read, 10_000)
    return [json.loads(line) for line in text.splitlines()]
