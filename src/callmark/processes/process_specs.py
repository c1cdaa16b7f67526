"""What the supervisor keeps running: engines and child processes, each started, awaited and stopped the same way."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from typing import NamedTuple, Protocol

import msgspec

from callmark.kit.engines.child import Child, ChildHolder, spawn
from callmark.kit.engines.data_directory import DataDirectory
from callmark.kit.engines.logfile import open_log, tail
from callmark.kit.errors import SetupError
from callmark.kit.settings import Settings, to_environ
from callmark.kit.settings.variables import PREFIX
from callmark.processes.child import ChildHealth, Ready
from callmark.processes.ports import is_address_here

START_WITHIN_S = 60.0
END_WITHIN_S = 5.0
"""How long a process may take to end once it has said why."""

CONNECT_WITHIN_S = 1.0
"""Within this machine: less than an answer may take."""

_MOST_BYTES = 65_536

_TO_SUPERVISOR = (signal.SIGHUP, signal.SIGUSR1)
"""What ends the supervisor, which then ends its processes: `pkill` and `systemctl kill` send it to all of them."""


class CannotAskError(Exception):
    """The process could not be asked, which is no fault of its own: its admin address cannot be reached from here."""


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

    async def look(self) -> Mapping[str, str]:
        """What is wrong with parts of it, by their names.

        Raises OSError, EOFError or ValueError when it does not answer, and CannotAskError when it could not be asked.
        """
        ...


class _Begun(NamedTuple):
    """A process that imports its modules, and then waits for its settings."""

    child: Child
    settings: int
    """The descriptor that they are written to."""
    ready: int
    """The descriptor that it tells us by."""


class ProcessUnit(ChildHolder):
    """A child process of ours (`callmark.processes.child`).

    It gets its settings through a pipe, so that it can begin before they are known, and so that no secret is in an
    environment. `settings` is to be set before `start`.
    """

    def __init__(
        self,
        kind: str,
        index: int,
        roles: Iterable[str],
        *,
        admin_port: int = 0,
        logs: DataDirectory | None = None,
        board_fd: int | None = None,
    ) -> None:
        self.name = f"{kind}-{index}"
        self.kind = kind
        self._board_fd = board_fd
        self.admin_port = admin_port
        """Where its health and metrics are: a port of its choice (0) until it first started, then always the same."""
        # -P: else Python looks for modules in the directory that we were started in, which others may write to.
        python = [sys.executable, "-P", "-m", "callmark.processes.child"]
        self._argv = [*python, kind, f"--index={index}", f"--roles={','.join(roles)}"]
        self._logs = logs
        self._begun: _Begun | None = None
        self.settings: Settings | None = None

    def begin(self) -> None:
        """Starts the process, which imports its modules and then waits for `start`. Raises OSError."""
        self._begun = self._spawned()

    async def start(self) -> None:
        """Starts the process, unless it has begun; returns once it serves."""
        if self.settings is None:
            raise RuntimeError("no settings")
        begun, self._begun = self._begun or self._spawned(), None
        with suppress(BrokenPipeError), os.fdopen(begun.settings, "wb") as pipe:  # `_until_ready` says that it ended
            pipe.write(msgspec.json.encode(to_environ(self.settings)))
        await self._until_ready(begun.child, begun.ready)

    def _spawned(self) -> _Begun:
        settings, to_settings = os.pipe()
        ready, to_ready = os.pipe()
        argv = [*self._argv, f"--admin-port={self.admin_port}", f"--settings-fd={settings}", f"--ready-fd={to_ready}"]
        inherited = [settings, to_ready]
        if self._board_fd is not None:
            argv.append(f"--board-fd={self._board_fd}")
            inherited.append(self._board_fd)
        try:
            with open_log(self._logs, self.name) if self._logs else nullcontext() as output:
                self._child = spawn(
                    self.name, argv, env=_environ(), output=output, pass_fds=inherited, ignores=_TO_SUPERVISOR
                )
        except BaseException:
            os.close(to_settings)
            os.close(ready)
            raise
        finally:
            os.close(settings)
            os.close(to_ready)
        return _Begun(self._child, to_settings, ready)

    async def _until_ready(self, child: Child, read: int) -> None:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                line = await _first_line(read)
        except TimeoutError:
            await child.stop(signal.SIGKILL, 1)
            raise SetupError(f"process {self.name} was not ready within {START_WITHIN_S:.0f} s") from None
        if not line:
            status = await child.wait()
            why = f":\n{tail(self._logs, self.name)}" if self._logs else "; its log line says why"
            raise SetupError(f"process {self.name} did not start ({how_it_ended(status)}){why}")
        ready = msgspec.json.decode(line, type=Ready)
        if ready.error:
            await child.stop(signal.SIGTERM, END_WITHIN_S)
            raise SetupError(f"process {self.name} did not start: {ready.error}")
        self.admin_port = ready.admin_port

    async def stop(self, within_s: float) -> None:
        """Asks it to end, and kills it after `within_s`."""
        if self._child:
            await self._child.stop(signal.SIGTERM, within_s)
        if self._begun:
            os.close(self._begun.settings)
            os.close(self._begun.ready)
            self._begun = None

    async def look(self) -> Mapping[str, str]:
        """What is wrong with parts of it, by their names, as its admin port says."""
        if self.settings is None:
            raise RuntimeError("no settings")
        reader, writer = await _connect(self.settings.reached_admin_host, self.admin_port)
        try:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            head, _, body = (await reader.read(_MOST_BYTES)).partition(b"\r\n\r\n")
            while not body:
                more = await reader.read(_MOST_BYTES)
                if not more:
                    raise EOFError(f"{self.name}: {head[:100]!r}")
                body += more
            return msgspec.json.decode(body, type=ChildHealth).troubles
        finally:
            writer.close()


def _environ() -> dict[str, str]:
    """Our environment without our settings, and without those of clients."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}  # noqa: TID251 - inherited


async def _connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises ConnectionRefusedError when no one listens at an address of this machine; otherwise CannotAskError.

    The kernel takes the connection for a process that does not respond.
    """
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            return await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        if not is_address_here(host):  # another machine refused
            raise CannotAskError(f"{host} is no address of this machine") from None
        raise
    except OSError as exc:
        raise CannotAskError(f"{host} cannot be reached ({exc.strerror or 'no connection in time'})") from exc


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
