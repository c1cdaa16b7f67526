"""What systemd hears from us, on a socket like its own."""

import asyncio
import os
import socket
from collections.abc import Generator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callmark.kit.service_manager import ServiceManager, View

WELL = View(works=True, troubles={})


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[socket.socket]:
    """A notify socket, in the file system or in the abstract name space."""
    name = str(tmp_path / "notify") if request.param == "file" else f"\0callmark-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        sock.settimeout(0)
        yield sock


def environ(manager: socket.socket, **more: str) -> dict[str, str]:
    name = manager.getsockname()
    return {"NOTIFY_SOCKET": f"@{name[1:].decode()}" if isinstance(name, bytes) else name, **more}


async def heard(manager: socket.socket) -> dict[str, str]:
    """The next message's lines."""
    async with asyncio.timeout(30):
        text = (await asyncio.get_running_loop().sock_recv(manager, 4096)).decode()
    return dict(line.split("=", 1) for line in text.splitlines())


async def test_it_hears_that_we_are_ready_still_work_and_stop(manager: socket.socket) -> None:
    told = ServiceManager.of(environ(manager, WATCHDOG_USEC="20000", WATCHDOG_PID=str(os.getpid())))
    telling = asyncio.create_task(told.keep_told(lambda: WELL))
    assert await heard(manager) == {"READY": "1"}
    for _ in range(3):
        assert await heard(manager) == {"STATUS": "everything works", "WATCHDOG": "1"}
    telling.cancel()
    await asyncio.wait({telling})
    while (last := await heard(manager)).get("WATCHDOG"):
        pass
    assert last == {"STOPPING": "1", "STATUS": "stopping"}


async def test_the_watchdog_is_not_answered_while_our_own_work_stands_still(manager: socket.socket) -> None:
    views = cycle([WELL, View(works=False, troubles={"worker-1": "ended;\nrestarting"})])
    told = ServiceManager.of(environ(manager, WATCHDOG_USEC="20000"))
    telling = asyncio.create_task(told.keep_told(lambda: next(views)))
    messages = [await heard(manager) for _ in range(5)]
    assert ["WATCHDOG" in message for message in messages] == [False, True, False, True, False]
    assert messages[2]["STATUS"] == "worker-1: ended; restarting"
    telling.cancel()
    await asyncio.wait({telling})


async def test_a_watchdog_that_waits_for_another_process_is_not_ours_to_answer(manager: socket.socket) -> None:
    given = environ(manager, WATCHDOG_USEC="20000", WATCHDOG_PID="1", HOME="/")
    telling = asyncio.create_task(ServiceManager.of(given).keep_told(lambda: WELL))
    assert given == {"HOME": "/"}, "children must not inherit it"
    assert [await heard(manager) for _ in range(2)] == [{"READY": "1"}, {"STATUS": "everything works"}]
    telling.cancel()
    await asyncio.wait({telling})


async def test_a_manager_that_has_gone_stops_nothing(tmp_path: Path) -> None:
    turned = asyncio.Event()

    def view() -> View:
        turned.set()
        return WELL

    with capture_logs() as lines:
        telling = asyncio.create_task(ServiceManager(str(tmp_path / "gone")).keep_told(view))
        await turned.wait()
        assert not telling.done()
        telling.cancel()
        await asyncio.wait({telling})
    assert telling.cancelled()
    assert {line["event"] for line in lines} == {"service_manager_not_told"}


async def test_a_manager_that_does_not_read_holds_up_nothing_else(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callmark.kit.service_manager._SEND_WITHIN_S", 60)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full, suppress(BlockingIOError):
        full.settimeout(0)
        while True:
            full.sendto(b"X=1", manager.getsockname())
    telling = asyncio.create_task(ServiceManager.of(environ(manager)).keep_told(lambda: WELL))
    await asyncio.sleep(0.1)  # it is sending by now, and we come to read
    while (first := await heard(manager)) == {"X": "1"}:
        pass
    assert first == {"READY": "1"}
    telling.cancel()
    await asyncio.wait({telling})
