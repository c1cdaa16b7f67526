"""Counts calls of a function that is not written in Python, such as one of OpenSSL's: work that no answer shows."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def native_calls(name: str) -> Generator[list[str]]:
    """Within the block, the list has an entry for each call of a function with this name in this thread."""
    found: list[str] = []

    def note(_frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and getattr(called, "__name__", "") == name:
            found.append(name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)
