"""The standard streams of a command, made usable whatever it was started with."""

import errno
import io
import os
import sys
from typing import Any

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_NEVER_FAIL = {"backslashreplace", "ignore", "namereplace", "replace", "xmlcharrefreplace"}
"""Handlers of errors that can write every character; Python's own with LC_ALL=C is none of them."""


class OutputFails(OSError):
    """Standard output or standard error cannot be written: a full disk, or `errno.EPIPE` when who reads has gone."""


class _GoneOutput(OutputFails, BrokenPipeError):
    """Who reads has gone."""


class _Output(io.FileIO):
    """One of the two, whose errors say that it is."""

    def write(self, data: Any, /) -> int | None:  # noqa: ANN401 - as Python has it
        try:
            return super().write(data)
        except OSError as exc:
            fails = _GoneOutput if exc.errno == errno.EPIPE else OutputFails
            raise fails(exc.errno, exc.strerror) from None


def prepare_standard_streams() -> None:
    """Gives a command streams where it has none (`>&-`), and output that has a way to write every character.

    A stream that is closed would be None, and the next file that is opened would get its number. What an encoding
    lacks is written out, as it is on standard error: half a table and a traceback say less. What cannot be written
    raises OutputFails.
    """
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is that of the stream
            setattr(sys, name, open(nothing, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as Python opens it
    output: Any = sys.stdout
    if output.errors not in _NEVER_FAIL and hasattr(output, "reconfigure"):
        output.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = _named(sys.stdout), _named(sys.stderr)


def _named(stream: Any) -> Any:  # noqa: ANN401 - of whatever kind
    """The stream with errors of its own, if it is one that Python opened; what tests put there is left alone."""
    binary = getattr(stream, "buffer", None)
    raw = getattr(binary, "raw", binary)  # unbuffered, there is nothing between
    if type(stream) is not io.TextIOWrapper or type(raw) is not io.FileIO:
        return stream
    output: Any = _Output(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        output if binary is raw else io.BufferedWriter(output),
        stream.encoding,
        stream.errors,
        newline="\n" if os.linesep == "\n" else None,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def drop_unwritten() -> None:
    """Drops what cannot be written: Python would try again at the end, and exit with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())
            os.close(nothing)
