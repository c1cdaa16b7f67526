"""The standard streams of a command, made usable whatever it was started with."""

import os
import sys
from typing import Any

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_NEVER_FAIL = {"backslashreplace", "ignore", "namereplace", "replace", "xmlcharrefreplace"}
"""Handlers of errors that can write every character; Python's own with LC_ALL=C is none of them."""


def prepare_standard_streams() -> None:
    """Gives a command streams where it has none (`>&-`), and output that has a way to write every character.

    A stream that is closed would be None, and the next file that is opened would get its number. What an encoding
    lacks is written out, as it is on standard error: half a table and a traceback say less.
    """
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is that of the stream
            setattr(sys, name, open(nothing, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as Python opens it
    output: Any = sys.stdout
    if output.errors not in _NEVER_FAIL and hasattr(output, "reconfigure"):
        output.reconfigure(errors="backslashreplace")
