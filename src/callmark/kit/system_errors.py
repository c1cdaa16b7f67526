"""What the operating system refuses, in words for an operator: what is short or closed, and what to do."""

import errno
import os
from pathlib import Path

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
"""What a full disk answers, and one on which a user may have no more."""

_CLOSED = (errno.EACCES, errno.EPERM)
_SHORT: dict[int | None, str] = {
    errno.EMFILE: "this process may open no more files. Raise its limit (`ulimit -n`, or LimitNOFILE= of systemd)",
    errno.ENFILE: "the machine may open no more files. Raise fs.file-max",
    errno.EAGAIN: (
        "no more processes or threads can be started. Raise the limit (`ulimit -u`, TasksMax= of systemd, or the"
        " container's)"
    ),
    errno.ENOMEM: "the machine has no more memory",
}


def shortage(exc: Exception) -> str:
    """What this process has run out of, in one line; empty for any other exception.

    It says nothing of what was asked of another process when it was raised.
    """
    number = exc.errno if isinstance(exc, OSError) else None
    if isinstance(exc, RuntimeError) and "can't start new thread" in str(exc):
        number = errno.EAGAIN
    elif isinstance(exc, BlockingIOError) and exc.strerror != os.strerror(errno.EAGAIN):
        number = None  # of Python's buffers: output that someone has made to wait for no one
    return _SHORT.get(number, "")


def in_words(exc: Exception) -> str:
    """One line about a refusal that is the machine's or its operator's to end; empty for any other exception."""
    if why := shortage(exc):
        return why
    number = exc.errno if isinstance(exc, OSError) else None
    name: object = getattr(exc, "filename", None)
    path = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None
    if number in FULL_DISK:
        return f"the disk{f' of {path}' if path else ''} has no room: {os.strerror(number)}"
    return _of_path(number, path) if path else ""


def _of_path(number: int | None, path: Path) -> str:
    if number == errno.EROFS:
        return f"{path} cannot be written: the file system is read-only"
    if number == errno.EISDIR:
        return f"{path} is a directory, where a file belongs. Move it away"
    if number == errno.ENOTDIR:
        file = next((place for place in path.parents if place.exists()), path)
        return f"{path} cannot be used: {file} is not a directory"
    if number in _CLOSED:
        return f"{path} cannot be used: {os.strerror(number)}{_whose(path)}"
    return ""


def _whose(path: Path) -> str:
    """Whose it is, where that may be why: what is closed to us is the nearest place that we can see."""
    if not hasattr(os, "geteuid"):  # Windows, where the client commands work too
        return ""
    from callmark.kit.engines.owner import name_of

    me = os.geteuid()
    for place in (path, *path.parents):
        try:
            uid = place.stat().st_uid
        except OSError:
            continue
        if uid == me:
            return ""
        return f". {place} belongs to the user {name_of(uid)}: run as that user, or give it to {name_of(me)} (chown)"
    return ""
