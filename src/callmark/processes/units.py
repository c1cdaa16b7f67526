"""What the supervisor keeps running: engines and child processes, each started, awaited and stopped the same way."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Protocol

import msgspec

from callmark.kit.engines.child import Child, spawn
from callmark.kit.engines.data_directory import DataDirectory
from callmark.kit.engines.logfile import open_log, tail
from callmark.kit.errors import SetupError
from callmark.processes.child import Ready

START_WITHIN_S = 60.0


class Unit(Protocol):
    """One thing that should run; it may be started again after it ended."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def pid(self) -> int:
        """Process id of the last start."""
        ...

    async def start(self) -> object:
        """Starts it; returns once it works. Raises SetupError or OSError."""
        ...

    async def wait(self) -> int:
        """The exit status once it has ended."""
        ...

    async def stop(self, within_s: float) -> object:
        """Asks it to end, and kills it after `within_s`."""
        ...


class ProcessUnit:
    """A child process of ours (`callmark.processes.child`)."""

    def __init__(
        self,
        kind: str,
        index: int,
        roles: str,
        environ: Mapping[str, str],
        *,
        admin_port: int = 0,
        logs: DataDirectory | None = None,
    ) -> None:
        self.name = f"{kind}-{index}"
        self.admin_port = admin_port
        """Where its health and metrics are: a port of its choice (0) until it first started, then always the same."""
        self._argv = [sys.executable, "-m", "callmark.processes.child", kind, f"--index={index}", f"--roles={roles}"]
        self._environ = environ
        self._logs = logs
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """Process id of the last start."""
        return self._started().pid

    async def start(self) -> None:
        """Starts the process; returns once it serves."""
        read, write = os.pipe()
        try:
            argv = [*self._argv, f"--admin-port={self.admin_port}", f"--ready-fd={write}"]
            with open_log(self._logs, self.name) if self._logs else nullcontext() as output:
                self._child = spawn(self.name, argv, env=self._environ, output=output, pass_fds=[write])
        finally:
            os.close(write)
        try:
            line = await asyncio.wait_for(_first_line(read), START_WITHIN_S)
        except TimeoutError:
            await self._child.stop(signal.SIGKILL, 1)
            raise SetupError(f"process {self.name} was not ready within {START_WITHIN_S:.0f} s") from None
        if not line:
            status = await self._child.wait()
            why = f":\n{tail(self._logs, self.name)}" if self._logs else "; its log line says why"
            raise SetupError(f"process {self.name} did not start ({how_it_ended(status)}){why}")
        self.admin_port = msgspec.json.decode(line, type=Ready).admin_port

    async def wait(self) -> int:
        """The exit status once it has ended."""
        return await self._started().wait()

    async def stop(self, within_s: float) -> None:
        """Asks it to end, and kills it after `within_s`."""
        if self._child:
            await self._child.stop(signal.SIGTERM, within_s)

    def _started(self) -> Child:
        if self._child is None:
            raise RuntimeError("not started")
        return self._child


def how_it_ended(status: int) -> str:
    """An exit status in words."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


async def _first_line(descriptor: int) -> bytes:
    """The line a child writes when it is ready; empty when it ended without one. Closes `descriptor`."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        return await reader.readline()
    finally:
        transport.close()
