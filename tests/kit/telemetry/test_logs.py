"""Processes that log to one file: lines stay whole. What cannot be written is lost, and nothing else is."""

import errno
import io
import json
import logging
import os
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from tests.support.full_log import FullLog

from callmark.kit.phone import shorten
from callmark.kit.telemetry import logs
from callmark.kit.telemetry.line_writer import LineWriter

log = structlog.get_logger()


class Writes(io.StringIO):
    """Remembers what each write was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def write(self, text: str) -> int:
        self.given.append(text)
        return super().write(text)


def test_a_line_and_its_end_are_one_write() -> None:
    stream = Writes()
    logs.set_up("info", stream=stream)
    structlog.get_logger().info("something_happened", number=1)
    assert len(stream.given) == 1
    assert stream.given[0].endswith("\n")
    assert json.loads(stream.given[0])["event"] == "something_happened"


def test_a_trace_holds_no_whole_phone_number_and_no_token() -> None:
    stream = Writes()
    logs.set_up("info", stream=stream)
    token = "cmop_" + "a1B2c3D4" * 5
    refused = f"Key (phone_number)=(918040001234) already exists, caller '+918040001234', {token}"
    try:
        {}[refused]
    except KeyError:
        structlog.get_logger().exception("it_broke")
    said = json.loads(stream.getvalue())["exception"]
    assert "Key (phone_number)=(9180…1234) already exists, caller '+9180…1234', …" in said
    assert "test_logs.py" in said


@pytest.mark.parametrize("length", range(7, 16))
def test_a_trace_hides_at_least_four_digits_of_a_number_of_any_length(length: int) -> None:
    stream, number = Writes(), "123456789012345"[:length]
    logs.set_up("info", stream=stream)
    try:
        {}[f"+{number} in line 123456"]
    except KeyError:
        structlog.get_logger().exception("it_broke")
    assert f"'+{shorten(number)} in line 123456'" in json.loads(stream.getvalue())["exception"]


def test_a_trace_may_quote_a_word_of_any_length() -> None:
    stream = Writes()
    logs.set_up("info", stream=stream)
    long, token = "a1" * 500_000, "a-" * 500_000 + "B2"  # to look at the rest of a word at each letter takes hours
    try:
        {}[f"{long} {token} end"]
    except KeyError:
        structlog.get_logger().exception("it_broke")
    assert f"'{long} … end'" in json.loads(stream.getvalue())["exception"]


def test_our_lines_and_those_of_libraries_look_alike() -> None:
    stream = Writes()
    logs.set_up("info", process="http-0", stream=stream)
    before = datetime.now(UTC)
    try:
        {}["918040001234"]
    except KeyError:
        structlog.get_logger().warning("ours", exc_info=True, pid=7)
        logging.getLogger("library").warning("theirs", exc_info=True)
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], theirs["event"]) == ("ours", "theirs")
    assert (ours["pid"], theirs["pid"]) == (7, os.getpid())
    assert ours.keys() == theirs.keys()
    for line in (ours, theirs):
        assert (line["level"], line["process"]) == ("warning", "http-0")
        assert line["exception"].endswith("KeyError: '9180…1234'")
        assert line["timestamp"].endswith("Z")
        at = datetime.fromisoformat(line["timestamp"])
        assert before - timedelta(microseconds=1) <= at <= datetime.now(UTC)


@pytest.mark.parametrize("time", [1, 2])
def test_logs_that_a_test_sets_up_end_with_it(time: int) -> None:
    """The second time finds what the first has left."""
    with capture_logs() as lines:
        log.warning("seen", time=time)
    assert [line["time"] for line in lines] == [time]
    assert logging.StreamHandler not in map(type, logging.getLogger().handlers)
    logs.set_up("critical", stream=io.StringIO())
    log.warning("not_seen")


def said(text: str) -> list[str]:
    return [json.loads(line)["event"] for line in text.splitlines()]


@pytest.mark.parametrize(
    "trouble",
    [OSError(errno.ENOSPC, "no room"), BrokenPipeError(), OSError(errno.EIO, "terminal"), ValueError("closed")],
)
def test_lines_that_cannot_be_written_are_lost_and_counted_and_nobody_fails(trouble: Exception) -> None:
    stream = FullLog(trouble)
    logs.set_up("info", process="http-0", stream=stream)
    before = LineWriter.lost_ever
    log.info("lost")
    log.error("lost", exc_info=trouble)
    logging.getLogger("library").error("lost")
    assert LineWriter.lost_ever - before == 3
    stream.trouble = None
    log.info("first")
    log.info("second")
    assert said(stream.getvalue()) == ["log_lines_lost", "first", "second"]
    notice = json.loads(stream.getvalue().splitlines()[0])
    assert (notice["lost"], notice["level"], notice["process"]) == (3, "error", "http-0")
    assert notice.keys() == json.loads(stream.getvalue().splitlines()[1]).keys() | {"lost"}


@pytest.fixture
def pipe() -> Generator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_what_could_not_be_written_to_a_file_does_not_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w") as stream:
        logs.set_up("info", stream=stream)
        has_room(monkeypatch, stream.fileno(), 1000)
        log.info("first", text="x" * 2000)
        log.info("lost")
        has_room(monkeypatch, stream.fileno(), 10_000)
        log.info("second")
    lines = (tmp_path / "log").read_text().splitlines()
    assert set(lines[0][-100:]) == {"x"}
    assert said("\n".join(lines[1:])) == ["log_lines_lost", "second"]
    assert json.loads(lines[1])["lost"] == 2


def has_room(monkeypatch: pytest.MonkeyPatch, descriptor: int, left: int) -> None:
    """A disk takes so many bytes more."""
    monkeypatch.undo()
    write = os.write

    def short(into: int, text: bytes) -> int:
        nonlocal left
        if into != descriptor:
            return write(into, text)
        if not left:
            raise OSError(errno.ENOSPC, "no room")
        written = write(into, text[:left])
        left -= written
        return written

    monkeypatch.setattr(os, "write", short)


def test_no_line_goes_into_what_is_opened_after_the_log_was_closed(pipe: tuple[int, int]) -> None:
    read, write = pipe
    with os.fdopen(os.dup(write), "w") as stream:
        logs.set_up("info", stream=stream)
        number = stream.fileno()
    os.dup2(write, number)  # another file has the number now
    log.info("lost")
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):
        os.read(read, 1)
    os.close(number)


def test_a_process_without_standard_error_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)  # as Python has it where 2 is closed from the beginning
    logs.set_up("info")
    log.info("lost")
    logging.getLogger("library").error("lost")


def test_what_json_has_no_form_for_is_written_another_way() -> None:
    stream = Writes()
    logs.set_up("info", stream=stream)
    log.info("odd", half="a\ud800b", in_list=["\udfff"], number=7, whole="ü")
    logging.getLogger("library").error("odd \ud800")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert {name: ours[name] for name in ("event", "half", "in_list", "number", "whole")} == {
        "event": "odd",
        "half": r"a\ud800b",
        "in_list": r"['\udfff']",
        "number": 7,
        "whole": "ü",
    }
    assert theirs["event"] == r"odd \ud800"
