"""Keeping a part running: pauses grow, nothing that a part does ends the keeper, one that hangs is killed."""

import asyncio
import errno
import os
import pty
import select
from collections.abc import Callable, Mapping

import msgspec
import pytest
from tests.support.full_log import FullLog

from callmark.kit.errors import SetupError
from callmark.kit.system_errors import shortage
from callmark.kit.telemetry import logs
from callmark.processes import restart_policy
from callmark.processes.board import Board, read_board
from callmark.processes.process_specs import CannotAskError
from callmark.processes.restart_policy import Pace, keep
from callmark.processes.supervisor import report_to_terminal


class Flickering:
    """A part that ends at once, each time."""

    name = "flickering"
    pid = 1

    def __init__(self) -> None:
        self.starts = 0
        self.enough = asyncio.Event()

    async def start(self) -> None:
        self.starts += 1
        if self.starts == restart_policy.MANY + 1:
            self.enough.set()

    async def wait(self) -> int:
        return -9

    async def stop(self, within_s: float) -> None: ...

    async def look(self) -> Mapping[str, str]:
        return {}


AT_ONCE = Pace(0, 0, 0, 0, 0)
NO_FILES = shortage(OSError(errno.EMFILE, ""))
NO_THREADS = shortage(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))


async def kept(part: Flickering, on_start: Callable[[], object] = lambda: None) -> tuple[list[str], Board]:
    """What is told and noted of a part until it has had enough."""
    told: list[str] = []
    board = Board()
    keeping = asyncio.create_task(keep(part, told.append, board, on_start=on_start, pace=AT_ONCE))
    await asyncio.wait_for(part.enough.wait(), 30)
    keeping.cancel()
    await asyncio.wait({keeping})
    assert keeping.cancelled()
    return told, board


async def test_a_part_that_keeps_ending_is_started_for_ever_and_told_of() -> None:
    part = Flickering()
    told, _ = await kept(part)
    assert told[0] == "flickering ended unexpectedly (killed by SIGKILL); restarting it"
    assert told[1] == "flickering is back"
    assert "flickering ended unexpectedly (killed by SIGKILL), 5 times in a row; restarting it" in told


async def test_a_part_is_kept_although_its_start_cannot_be_written_down() -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told, _ = await kept(Flickering(), full)
    assert told.count("flickering is back") >= restart_policy.MANY


async def test_a_part_is_kept_although_no_line_can_be_logged_and_the_terminal_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(FullLog):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", Terminal(OSError(errno.EIO, "Input/output error")))
    logs.set_up("info")
    part = Flickering()
    keeping = asyncio.create_task(keep(part, report_to_terminal, Board(), pace=AT_ONCE))
    await asyncio.wait_for(part.enough.wait(), 30)
    keeping.cancel()
    await asyncio.wait({keeping})


def test_no_part_waits_for_a_terminal_that_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """By Ctrl-S, as a rule: it takes what fills it, and nothing more."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0), os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        for _ in range(100):
            report_to_terminal("x" * 900)
        assert select.select([ours], [], [], 30)[0]
        assert os.read(ours, 10) == b"callmark: "


@pytest.mark.parametrize("failure", [SetupError("port taken"), OSError("no memory"), ValueError("a bug")])
async def test_a_failing_start_is_noted_and_tried_again(failure: Exception) -> None:
    class Stuck(Flickering):
        async def start(self) -> None:
            await super().start()
            raise failure

    told, board = await kept(Stuck())
    assert str(failure) in told[1]
    assert str(failure) in read_board(board.fd).notices["flickering"]


async def test_a_start_that_takes_long_is_looked_after_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the watchdog of systemd would end everything while a database recovers."""
    monkeypatch.setattr(restart_policy, "NOTE_EVERY_S", 0)

    class Noted(Board):
        often = 0

        def say(self, part: str, trouble: str) -> None:
            super().say(part, trouble)
            self.often += 1
            if self.often == 10:
                part_.enough.set()

    class Slow(Flickering):
        async def start(self) -> None:
            await asyncio.Event().wait()

    part_, board = Slow(), Noted()
    keeping = asyncio.create_task(keep(part_, lambda _: None, board, pace=AT_ONCE))
    await asyncio.wait_for(part_.enough.wait(), 30)
    assert board.says("flickering") == "ended (killed by SIGKILL); restarting"
    keeping.cancel()
    await asyncio.wait({keeping})


async def test_one_that_hangs_is_noted_and_killed() -> None:
    class Hanging(Flickering):
        def __init__(self) -> None:
            super().__init__()
            self.killed = asyncio.Event()

        async def look(self) -> Mapping[str, str]:
            raise TimeoutError

        async def wait(self) -> int:
            await self.killed.wait()
            assert read_board(board.fd).notices == {"flickering": "does not answer"}
            self.enough.set()
            return -9

        async def stop(self, within_s: float) -> None:
            assert within_s == 0
            self.killed.set()

    part, board = Hanging(), Board()
    keeping = asyncio.create_task(keep(part, lambda _: None, board, pace=AT_ONCE))
    await asyncio.wait_for(part.enough.wait(), 30)
    keeping.cancel()
    await asyncio.wait({keeping})


@pytest.mark.parametrize(
    ("answer", "silent_for_s", "noted"),
    [
        (ConnectionRefusedError(), 3600, "does not answer"),
        (msgspec.DecodeError("Input data was truncated"), 3600, "does not answer"),
        (CannotAskError("10.0.0.8 cannot be reached"), 0, "cannot be asked: 10.0.0.8 cannot be reached"),
        (OSError(errno.EMFILE, "Too many open files"), 0, f"cannot be asked: {NO_FILES}"),
        (RuntimeError("can't start new thread"), 0, f"cannot be asked: {NO_THREADS}"),
        (KeyError("troubles"), 0, "cannot be asked: KeyError('troubles')"),
    ],
)
async def test_one_that_is_silent_for_a_moment_or_cannot_be_asked_is_noted_and_not_killed(
    answer: Exception, silent_for_s: float, noted: str
) -> None:
    class Ending(Flickering):
        looks = 0

        async def look(self) -> Mapping[str, str]:
            self.looks += 1
            if self.looks == 50:
                self.enough.set()
            raise answer

        async def wait(self) -> int:
            await asyncio.Event().wait()
            raise AssertionError

        async def stop(self, within_s: float) -> None:
            raise AssertionError(within_s)

    part, board = Ending(), Board()
    keeping = asyncio.create_task(keep(part, lambda _: None, board, pace=Pace(0, 0, 0, 0, silent_for_s)))
    await asyncio.wait_for(part.enough.wait(), 30)
    keeping.cancel()
    await asyncio.wait({keeping})
    assert keeping.cancelled()
    assert board.notices == {"flickering": noted}


async def test_what_a_part_says_of_itself_is_noted() -> None:
    class Half(Flickering):
        async def look(self) -> Mapping[str, str]:
            return {"deliveries": "stands still for 9 s"}

    board = Board()
    assert await restart_policy.note(Half(), board)
    assert read_board(board.fd).notices == {"flickering": "deliveries: stands still for 9 s"}
    board.say("flickering", "")
    assert read_board(board.fd).notices == {}


def test_pauses_grow_up_to_a_quarter_of_a_minute() -> None:
    assert [Pace().pause_s(n) for n in (1, 2, 3, 5, 9, 10_000)] == [0.1, 0.2, 0.4, 1.6, 15.0, 15.0]
