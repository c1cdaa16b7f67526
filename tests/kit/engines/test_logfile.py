"""Log files stay in bounds while who writes to them goes on."""

import asyncio
import errno
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.waiting import until

from callmark.kit.engines import logfile
from callmark.kit.engines.child import spawn
from callmark.kit.engines.data_directory import DataDirectory
from callmark.kit.engines.logfile import bound_logs, open_log, shorten_logs
from callmark.kit.tasks import end

_CHATTERS = "import os\nfor n in range(10**9): os.write(2, b'%09d %s\\n' % (n, b'x' * 990))"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path)
    made.logs.mkdir()
    return made


def test_a_log_that_has_grown_keeps_its_end_and_is_written_on(data: DataDirectory) -> None:
    with open_log(data, "nats") as log:
        for number in range(1000):
            log.write(b"%09d\n" % number)
        log.flush()
        shorten_logs(data, 5000)
        log.write(b"the next line\n")
    newer, older = (data.logs / "nats.log").read_bytes(), (data.logs / "nats.log.1").read_bytes()
    assert newer == b"the next line\n"  # no hole where the old lines were
    assert older == b"".join(b"%09d\n" % number for number in range(500, 1000))


def test_one_within_bounds_is_left_alone(data: DataDirectory) -> None:
    with open_log(data, "nats") as log:
        log.write(b"x" * 5000)
    shorten_logs(data, 5000)
    assert [path.name for path in data.logs.iterdir()] == ["nats.log"]


async def test_a_program_that_never_stops_writing_stays_in_bounds(data: DataDirectory) -> None:
    """It writes three times what both files may hold; a look each second is what bounds it."""
    with open_log(data, "chatters") as log:
        child = spawn("chatters", [sys.executable, "-c", _CHATTERS], env=dict(os.environ), output=log)
    bounding = asyncio.create_task(bound_logs(data))
    await until(lambda: has_written(child.pid, 6 * logfile.LARGEST_BYTES))
    await child.stop(signal.SIGKILL, 1)
    shorten_logs(data)
    bounding.cancel()
    sizes = {path.name: path.stat().st_size for path in data.logs.iterdir()}
    assert sizes.keys() == {"chatters.log", "chatters.log.1"}
    assert sum(sizes.values()) <= 2 * logfile.LARGEST_BYTES


async def test_logs_stay_in_bounds_once_a_thread_can_be_started_again(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [RuntimeError("can't start new thread"), OSError(errno.ENOSPC, "No space left on device"), ValueError()]
    looked = asyncio.Event()

    async def to_thread(look: Callable[[DataDirectory], None], of: DataDirectory) -> None:
        if refused:
            raise refused.pop()
        look(of)
        looked.set()

    monkeypatch.setattr(logfile.asyncio, "to_thread", to_thread)
    monkeypatch.setattr(logfile, "LOOK_EVERY_S", 0)
    with open_log(data, "nats") as log:
        log.write(b"x" * (logfile.LARGEST_BYTES + 1))
    bounding = asyncio.create_task(bound_logs(data))
    await asyncio.wait({bounding, looking := asyncio.create_task(looked.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not bounding.done()
    await end([bounding, looking])
    assert (data.logs / "nats.log.1").stat().st_size == logfile.LARGEST_BYTES


async def has_written(pid: int, size: int) -> bool:
    found = re.search(r"wchar: (\d+)", Path(f"/proc/{pid}/io").read_text())  # noqa: ASYNC240 - the kernel's memory
    return bool(found) and int(found[1]) > size
