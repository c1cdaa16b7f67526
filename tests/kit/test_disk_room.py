"""Errors that a full disk is the reason of say so, and no others do."""

import errno
import os
from pathlib import Path

import pytest

from callmark.kit.disk_room import SEGMENT_BYTES, NoRoom, naming_full_disk, refuse_first_start, refuse_full, says_full
from callmark.kit.errors import SetupError, Unavailable

FULL = Path("/proc/callmark")
"""Below a file system that never has room."""
ADVICE = "; free some space there, or name a directory on another disk with --data (CALLMARK_DATA)"


def test_a_first_start_says_what_it_needs(tmp_path: Path) -> None:
    refuse_first_start(tmp_path)
    with pytest.raises(NoRoom) as refused:
        refuse_first_start(FULL)
    said = "the disk of /proc/callmark has no room: 0.0 MiB free, a first start needs 100 MiB"
    assert refused.value.message == said + ADVICE


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_where_there_is_room_the_error_says_what_there_is_none_of(tmp_path: Path, number: int) -> None:
    words = os.strerror(number)
    with pytest.raises(NoRoom) as refused:
        refuse_full(tmp_path, f'could not write to file "base/4/1247": {words}')
    assert refused.value.message == f"the disk of {tmp_path} has no room: {words}{ADVICE}"
    assert says_full(f"FATAL: {words}\n") == words


def test_what_says_nothing_of_a_disk_is_of_the_disk_only_where_it_can_be() -> None:
    refuse_full(FULL, "the connection was closed")
    with pytest.raises(NoRoom, match=r"has no room: 0\.0 MiB free; free some"):
        refuse_full(FULL, "the connection was closed", SEGMENT_BYTES)


@pytest.mark.parametrize(
    ("error", "is_named"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), True),
        (SetupError("initdb failed: No space left on device"), True),
        (Unavailable("postgresql: the server closed the connection"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (SetupError("port 8080 is in use"), False),
        (KeyError("no space"), False),
    ],
)
def test_an_error_is_named_after_the_disk_if_that_is_its_reason(error: Exception, *, is_named: bool) -> None:
    with pytest.raises(type(error) if not is_named else NoRoom) as raised, naming_full_disk(FULL, SEGMENT_BYTES):
        raise error
    assert (raised.value.__cause__ if is_named else raised.value) is error
