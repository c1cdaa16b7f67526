"""Whether the disk of an installation has room, and the sentence that says that it has none."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from callmark.kit.errors import AppError, SetupError, Unavailable, said
from callmark.kit.system_errors import FULL_DISK

FIRST_START_BYTES = 100 * 1024**2
"""Free space that a first start needs: PostgreSQL's own tables, its log of changes, and our schema take 70 MB."""

SEGMENT_BYTES = 16 * 1024**2
"""PostgreSQL writes its log of changes in files of this size, and ends where it cannot make the next one."""


class NoRoom(SetupError):
    """The disk of an installation has no room; the text says which disk."""


def nearest_place(path: Path) -> Path:
    """The path, or the directory that is there of those above it, as far as we may enter them."""
    return next(place for place in (path, *path.absolute().parents) if os.path.exists(place))  # noqa: PTH110 - no error


def free_bytes(path: Path) -> int:
    """Free space of the disk where the path is or will be."""
    return shutil.disk_usage(nearest_place(path)).free


def says_full(text: str) -> str:
    """What a text says of a full disk, in the words of the system, which engines and libraries quote; else empty."""
    return next((words for words in map(os.strerror, FULL_DISK) if words in text), "")


def refuse_first_start(path: Path) -> None:
    """Raises NoRoom where nothing can be made that lasts: a disk that is full half-way says so late, or not at all."""
    if (free := free_bytes(path)) < FIRST_START_BYTES:
        needed = f"a first start needs {FIRST_START_BYTES >> 20} MiB"
        raise NoRoom(f"the disk of {path} has no room: {_mib(free)}, {needed}; {_ADVICE}")


def refuse_full(path: Path, text: str, least: int = 0) -> None:
    """Raises NoRoom if what failed with this text says that a disk is full, or if fewer than `least` bytes are free."""
    words, free = says_full(text), free_bytes(path)
    if words or free < least:
        why = _mib(free) if free < FIRST_START_BYTES else words  # of a quota, or of too many files
        raise NoRoom(f"the disk of {path} has no room: {why}; {_ADVICE}")


@contextmanager
def naming_full_disk(path: Path, least: int = 0) -> Generator[None]:
    """Raises NoRoom in place of an error of the block that says so, as `refuse_full` does.

    An engine that cannot be reached may have ended by it, and has no words: that is decided by `least`.
    """
    try:
        yield
    except NoRoom:
        raise
    except (OSError, AppError) as exc:
        text = exc.detail if isinstance(exc, AppError) else said(exc)
        try:
            refuse_full(path, text, least if isinstance(exc, Unavailable) else 0)
        except NoRoom as named:
            raise named from exc
        raise


_ADVICE = "free some space there, or name a directory on another disk with --data (CALLMARK_DATA)"


def _mib(free: int) -> str:
    return f"{free / 1024**2:.1f} MiB free"
