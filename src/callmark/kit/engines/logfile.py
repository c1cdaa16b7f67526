"""The log files of engines and of the demo's processes: appended to, with one older file kept, bounded while they run.

A child inherits its file open and writes to it for as long as it lives. So a file that has grown is copied and then
emptied in place: its writer continues at its new end. A line that comes between the two is lost.
"""

import asyncio
import os
from pathlib import Path
from typing import IO

import structlog

from callmark.kit.engines.data_directory import DataDirectory
from callmark.kit.system_errors import in_words

log = structlog.get_logger(__name__)

LARGEST_BYTES = 10 * 1024 * 1024
LOOK_EVERY_S = 1.0


def open_log(data: DataDirectory, engine: str) -> IO[bytes]:
    """`logs/<engine>.log`, open for appending."""
    return _path(data, engine).open("ab")  # the engine inherits it open; the directory (0700) stays ours


def tail(data: DataDirectory, engine: str, since: int = 0) -> str:
    """The last 2000 bytes of an engine's log, for the message that says why it did not start.

    Of what it has from `since` on, unless it was shortened meanwhile.
    """
    with _path(data, engine).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - 2000, since if since <= size else 0))
        return file.read().decode(errors="replace").strip()


async def bound_logs(data: DataDirectory) -> None:
    """Keeps every log file, and the older one beside it, at 10 MiB and what a second brings; without end."""
    while True:
        try:
            await asyncio.to_thread(shorten_logs, data)
        except Exception as exc:  # noqa: BLE001 - a full disk or no thread, as a rule; the next look may succeed
            log.warning("logs_not_shortened", error=in_words(exc) or repr(exc))
        await asyncio.sleep(LOOK_EVERY_S)


def shorten_logs(data: DataDirectory, largest: int = LARGEST_BYTES) -> None:
    """Puts the end of each log over `largest` bytes aside as `<engine>.log.1`, and empties it. Raises OSError."""
    for path in data.logs.glob("*.log"):
        size = path.stat().st_size
        if size > largest:
            try:
                with path.open("rb") as grown, path.with_suffix(".log.1").open("wb") as aside:
                    grown.seek(size - largest)
                    aside.write(grown.read(largest))
            finally:
                os.truncate(path, 0)  # also where the disk is full: then room is worth more than old lines


def _path(data: DataDirectory, engine: str) -> Path:
    return data.logs / f"{engine}.log"
