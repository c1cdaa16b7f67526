"""Child processes that never outlive us: started with a parent-death signal, awaited through a pidfd.

Plain `subprocess.Popen` rather than asyncio's subprocesses: asyncio kills its children when the event loop that started
them closes, and its child watcher needs a thread per child. A child here belongs to the process, not to a loop.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import IO

from msgspec import Struct

from callmark.kit.engines.owner import Owner
from callmark.kit.tasks import ends_within

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: after a fork nothing may be loaded safely


class Pipes(Struct, frozen=True):
    """Where a child writes and what it reads: open files, or `subprocess`' names for what is none.

    A bare file as a child's output takes its errors too, and the child reads nothing.
    """

    output: IO[bytes] | FileIO | None
    errors: IO[bytes] | int | None
    reads: IO[bytes] | FileIO | int = subprocess.DEVNULL


class Child:
    """A running (or ended) child process; `name` is what reports call it."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id, also after its end."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    async def wait(self) -> int:
        """Its exit status once it has ended: negative for the signal that ended it."""
        while (status := self._process.poll()) is None:
            await _readable(os.pidfd_open(self.pid))
        return status

    def send(self, number: signal.Signals) -> None:
        """Sends `number` when it still runs."""
        if self.running:
            os.kill(self.pid, number)

    async def stop(self, number: signal.Signals, within_s: float) -> int:
        """Asks it to end with `number`; what has not ended within `within_s` is killed with its process group."""
        self.send(number)
        if not await ends_within(self.wait(), within_s):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return await self.wait()


class ChildHolder:
    """What runs as a child process, and may start another one when that has ended."""

    _child: Child | None = None

    @property
    def pid(self) -> int:
        """Process id of the child started last."""
        return self._started().pid

    async def wait(self) -> int:
        """The exit status of the child started last, once it has ended."""
        return await self._started().wait()

    def _started(self) -> Child:
        if self._child is None:
            raise RuntimeError("not started")
        return self._child


def _before_it_runs(on_parents_death: signal.Signals, ignores: Sequence[signal.Signals]) -> Callable[[], None]:
    parent = os.getpid()

    def tie_to_parent() -> None:
        # CPython runs this after it has changed user and group, and it must: a change of credentials clears the signal.
        if _libc.prctl(_PR_SET_PDEATHSIG, int(on_parents_death), 0, 0, 0) != 0:
            os._exit(127)
        for number in ignores:
            signal.signal(number, signal.SIG_IGN)
        if os.getppid() != parent:  # the parent died before the signal was set
            os._exit(127)

    return tie_to_parent


def spawn(  # noqa: PLR0913 - what a child needs, each named where it is given
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    owner: Owner | None = None,
    output: IO[bytes] | FileIO | Pipes | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    on_parents_death: signal.Signals = signal.SIGTERM,
    ignores: Sequence[signal.Signals] = (),
) -> Child:
    """Starts `argv` as a direct child in its own session, so that Ctrl-C in the terminal reaches only us.

    It `ignores` these signals from its first moment. To be called from the main thread: the parent-death signal follows
    the thread that started it. Raises OSError.
    """
    streams = output if isinstance(output, Pipes) else Pipes(output, subprocess.STDOUT if output else None)
    process = subprocess.Popen(
        [os.fspath(arg) for arg in argv],
        env=dict(env),
        user=owner.uid if owner else None,
        group=owner.gid if owner else None,
        extra_groups=[] if owner else None,
        stdin=streams.reads,
        stdout=streams.output,
        stderr=streams.errors,
        cwd=cwd,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=_before_it_runs(on_parents_death, ignores),  # noqa: PLW1509 - a few system calls, nothing that could hold a lock
    )
    return Child(name, process)


async def run(
    argv: Sequence[str | Path], *, env: Mapping[str, str], owner: Owner | None = None, cwd: Path | None = None
) -> tuple[int, str]:
    """Exit status and output (both streams) of a short program; when we are cancelled, it ends with all it started."""
    read, write = os.pipe()
    with FileIO(read) as output:
        with FileIO(write, "w") as end:
            child = spawn(str(argv[0]), argv, env=env, owner=owner, output=end, cwd=cwd)
        try:
            text = await _read_all(output)
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
            await _read_all(output)  # until the last of them has let go of it
            raise
    return await child.wait(), text.decode(errors="replace")


async def _read_all(pipe: FileIO) -> bytes:
    os.set_blocking(pipe.fileno(), False)
    chunks: list[bytes] = []
    while True:
        chunk = pipe.read(65536)  # None: nothing there yet
        if chunk == b"":
            return b"".join(chunks)
        if chunk is None:
            await _readable(os.dup(pipe.fileno()))
        else:
            chunks.append(chunk)


async def _readable(descriptor: int) -> None:
    """Returns when `descriptor` can be read (a pidfd: when its process has ended), and closes it."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
