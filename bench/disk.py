"""How long the disk takes to keep what it is told: every commit waits for that."""

import os
from pathlib import Path
from time import perf_counter, sleep

_PAGE = b"\1" * 8192
_PAGES = 1000
_PAUSE_S = 0.002


def flush_ms(folder: Path, pages: int = _PAGES) -> list[float]:
    """Milliseconds of each of 1,000 flushes of a page (or so many), a moment apart, in order of length.

    As PostgreSQL flushes its log: into a file that has its length already, with fdatasync.
    """
    path = folder / "flushes"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.pwrite(descriptor, bytes(pages * len(_PAGE)), 0)
        os.fsync(descriptor)
        return sorted(_flush(descriptor, number) for number in range(pages))
    finally:
        os.close(descriptor)
        path.unlink()


def _flush(descriptor: int, number: int) -> float:
    sleep(_PAUSE_S)
    os.pwrite(descriptor, _PAGE, number * len(_PAGE))
    began = perf_counter()
    os.fdatasync(descriptor)
    return (perf_counter() - began) * 1000
