"""Child processes: awaited, stopped, killed when they do not listen, never outliving their parent."""

import asyncio
import os
import select
import signal
import subprocess
import sys

from callmark.kit.engines.child import run, spawn

PARENT = """
import signal
from callmark.kit.engines.child import spawn
print(spawn('x', ['sleep', '60'], env={'PATH': '/usr/bin:/bin'}).pid, flush=True)
signal.pause()
"""
PATH = {"PATH": "/usr/bin:/bin"}


async def test_the_exit_status_is_told_to_everyone_who_waits() -> None:
    child = spawn("x", ["sh", "-c", "exit 7"], env=PATH)
    assert await asyncio.gather(child.wait(), child.wait()) == [7, 7]
    assert await child.wait() == 7


async def test_a_child_that_does_not_listen_is_killed_in_time() -> None:
    read, write = os.pipe()
    child = spawn("x", ["sh", "-c", "trap '' TERM; echo >/dev/fd/$0; sleep 60", str(write)], env=PATH, pass_fds=[write])
    os.close(write)
    assert os.read(read, 1) == b"\n"  # it ignores the signal from here on
    os.close(read)

    async def stop_when_cancelled() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await child.stop(signal.SIGTERM, within_s=0.1)
        raise AssertionError("it was not cancelled")

    stopping = asyncio.create_task(stop_when_cancelled())  # as with Ctrl-C, which cancels the task that cleans up
    await asyncio.sleep(0)
    stopping.cancel()
    assert await asyncio.wait_for(stopping, 30) == -signal.SIGKILL


async def test_a_short_programs_output_is_whole() -> None:
    status, text = await run(["sh", "-c", "seq 100000; exit 3"], env=PATH)
    assert (status, len(text.splitlines())) == (3, 100_000)


def test_a_child_dies_with_its_parent() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PARENT,
        ],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout
    child = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    assert select.select([child], [], [], 2)[0], "it lives on"
    os.close(child)
