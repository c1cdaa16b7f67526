"""Structured logs: one JSON line each on standard error, with the request's id where there is one."""

import logging
import os
import re
import socket
import sys
from typing import TextIO

import msgspec
import structlog

from callmark import __version__

bind = structlog.contextvars.bind_contextvars
"""`bind(request_id=…)` adds that to every line logged further down in the same task."""


_NUMBER = re.compile(r"(?<![\w.-])(\+?\d{4})\d{4,7}(\d{4})(?![\w-])")
_TOKEN = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{40,}")
_encode = msgspec.json.Encoder(enc_hook=repr).encode


def set_up(level: str, *, process: str = "command", stream: TextIO | None = None) -> None:
    """Sends our lines and those of the libraries to `stream` (standard error by default) from `level` on.

    Each line names the `process` ("http-0"), its id, the host and the version.
    """
    here = {"process": process, "pid": os.getpid(), "host": socket.gethostname(), "version": __version__}

    def name_process(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**here, **event}  # a fact of the event itself that is called the same stays

    shared: list[structlog.typing.Processor] = [
        name_process,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _shorten_in_traces,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # A line goes out in one write, because processes share the file.
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(_as_json),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _shorten_in_traces(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An engine's refusal quotes the values that it refused: phone numbers and tokens are no matter of a log."""
    if trace := event.get("exception"):
        event["exception"] = _TOKEN.sub("…", _NUMBER.sub(r"\1…\2", trace))
    return event


def _as_json(event: object, **_: object) -> str:
    """A line; what JSON has no form for is written as its `repr`."""
    return _encode(event).decode()
