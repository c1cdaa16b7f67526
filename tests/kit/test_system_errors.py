"""What an operator reads where the machine refuses something: one line that says what to do, no traceback."""

import errno
import os
import shutil

import click
import pytest
from click.testing import CliRunner
from tests.support.engines import reachable_directory
from tests.support.other_users import needs_root

from callmark.kit.exit_status import ending
from callmark.kit.system_errors import in_words

BUFFERED = BlockingIOError(errno.EAGAIN, "write could not complete without blocking", 0)


def error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (error(errno.ENOSPC, "/data/x"), "the disk of /data/x has no room: No space left on device"),
        (error(errno.EDQUOT), "the disk has no room: Disk quota exceeded"),
        (error(errno.EROFS, "/data/x"), "/data/x cannot be written: the file system is read-only"),
        (error(errno.EMFILE), "this process may open no more files. Raise its limit (`ulimit -n`,"),
        (error(errno.ENFILE), "the machine may open no more files"),
        (error(errno.EAGAIN), "no more processes or threads can be started"),
        (RuntimeError("can't start new thread"), "no more processes or threads can be started"),
        (error(errno.ENOMEM), "the machine has no more memory"),
        (error(errno.EISDIR, "/data/x"), "/data/x is a directory, where a file belongs. Move it away"),
        (error(errno.ENOTDIR, "/dev/null/x"), "/dev/null/x cannot be used: /dev/null is not a directory"),
        (error(errno.EACCES, "/nowhere/x"), "/nowhere/x cannot be used: Permission denied"),
    ],
)
def test_what_the_machine_refuses_is_said_in_a_line(exc: Exception, said: str) -> None:
    assert in_words(exc).startswith(said)
    assert "\n" not in in_words(exc)


@pytest.mark.parametrize(
    "exc",
    [
        error(errno.ENOENT, "/x"),
        error(errno.EACCES),
        error(errno.ECONNREFUSED),
        RuntimeError("x"),
        OSError("x"),
        BUFFERED,
    ],
)
def test_a_fault_of_ours_keeps_its_traceback(exc: Exception) -> None:
    assert in_words(exc) == ""


@needs_root
def test_whose_a_closed_file_is_is_said() -> None:
    data = reachable_directory()
    try:
        (data / "logs").mkdir()
        (data / "logs/nats.log").touch()
        for closed in (data / "logs/nats.log", data / "logs"):
            os.seteuid(65534)
            try:
                said = in_words(error(errno.EACCES, str(data / "logs/nats.log")))
            finally:
                os.seteuid(0)
            assert said.endswith(f". {closed} belongs to the user root: run as that user, or give it to nobody (chown)")
            (data / "logs").chmod(0)
    finally:
        shutil.rmtree(data)


def test_a_command_ends_with_the_line() -> None:
    @click.command
    @click.pass_context
    def fails(context: click.Context) -> None:
        with ending(context):
            raise error(errno.ENOSPC, "/data/x")

    ended = CliRunner().invoke(fails)
    assert (ended.exit_code, ended.stderr) == (1, "Error: the disk of /data/x has no room: No space left on device\n")
