"""Structured logs: one JSON line each on standard error, with the request's id where there is one."""

import logging
import os
import re
import socket
import sys
import time
from contextlib import suppress
from functools import lru_cache
from typing import TextIO

import msgspec
import structlog

from callmark import __version__
from callmark.kit.phone import shorten
from callmark.kit.telemetry.line_writer import LineWriter

bind = structlog.contextvars.bind_contextvars
"""`bind(request_id=…)` adds that to every line logged further down in the same task."""


_NUMBER = re.compile(r"(?<![\w.-])(\+?)(\d{7,15})(?![\w-])")
_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{40,}")  # only where a run begins: it may be long
_encode = msgspec.json.Encoder(enc_hook=repr).encode
_NOT_ENCODED = (ValueError, TypeError, OverflowError, RecursionError)


def set_up(level: str, *, process: str = "command", stream: TextIO | None = None) -> None:
    """Sends our lines and those of the libraries to `stream` (standard error by default) from `level` on.

    Each line names the `process` ("http-0"), its id, the host and the version.
    """
    here = {"process": process, "pid": os.getpid(), "host": socket.gethostname(), "version": __version__}

    def complete(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """One step, because each costs a request's line time."""
        made = {**here, **event}  # a fact of the event itself that is called the same stays
        structlog.contextvars.merge_contextvars(logger, method, made)
        structlog.processors.add_log_level(logger, method, made)
        made["timestamp"] = _now()
        if "exc_info" in made:
            _shorten_trace(structlog.processors.format_exc_info(logger, method, made))
        return made

    def lost(count: int) -> str:
        return _as_json(
            None, "", {**here, "event": "log_lines_lost", "lost": count, "level": "error", "timestamp": _now()}
        )

    number = logging.getLevelNamesMapping()[level.upper()]
    writer = LineWriter(stream or sys.stderr, lost)
    structlog.configure(
        processors=[complete, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    handler = _Handler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[complete],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _as_json],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


class _Handler(logging.Handler):
    """Takes the lines of libraries."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - whatever the `repr` of an argument raises
            with suppress(OSError, ValueError):
                self.handleError(record)
        else:
            self._writer.msg(line)


def _now() -> str:
    """ISO 8601 in UTC, with microseconds."""
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(second)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    """Most lines share theirs with the one before."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _shorten_trace(event: structlog.typing.EventDict) -> None:
    """An engine's refusal quotes the values that it refused: phone numbers and tokens are no matter of a log."""
    if trace := event.get("exception"):
        shortened = _NUMBER.sub(lambda found: found[1] + shorten(found[2]), trace)
        event["exception"] = _TOKEN.sub("…", shortened)


def _as_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """A line; what JSON has no form for is written as its `repr`."""
    try:
        return _encode(event).decode()
    except _NOT_ENCODED:  # half of a surrogate pair, as a rule
        return _encode({str(name): _encodable(value) for name, value in event.items()}).decode()


def _encodable(value: object) -> object:
    try:
        _encode(value)
    except _NOT_ENCODED:
        text = value if isinstance(value, str) else repr(value)
        return text.encode(errors="backslashreplace").decode()
    return value
