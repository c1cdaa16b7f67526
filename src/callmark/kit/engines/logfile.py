"""The engines' log files: appended to, with one older file kept."""

import os
from pathlib import Path
from typing import IO

from callmark.kit.engines.data_directory import DataDirectory

LARGEST_BYTES = 10 * 1024 * 1024


def open_log(data: DataDirectory, engine: str) -> IO[bytes]:
    """`logs/<engine>.log`, open for appending; one over 10 MiB is put aside first."""
    path = _path(data, engine)
    if path.exists() and path.stat().st_size > LARGEST_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")  # the engine inherits it open; the directory (0700) stays ours


def tail(data: DataDirectory, engine: str, size: int = 2000) -> str:
    """The end of an engine's log, for the message that says why it did not start."""
    with _path(data, engine).open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read().decode(errors="replace").strip()


def _path(data: DataDirectory, engine: str) -> Path:
    return data.logs / f"{engine}.log"
