"""Processes that log to one file: lines stay whole."""

import io
import json

import pytest
import structlog

from callmark.kit import logs


class Writes(io.StringIO):
    """Remembers what each write was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def write(self, text: str) -> int:
        self.given.append(text)
        return super().write(text)


@pytest.mark.usefixtures("own_logs")
def test_a_line_and_its_end_are_one_write() -> None:
    stream = Writes()
    logs.set_up("info", stream=stream)
    structlog.get_logger().info("something_happened", number=1)
    assert len(stream.given) == 1
    assert stream.given[0].endswith("\n")
    assert json.loads(stream.given[0])["event"] == "something_happened"
