"""PostgreSQL and NATS on a small disk of their own, behind proxies that can fail; started again whenever they end."""

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

from callmark.kit.clock import SystemClock
from callmark.kit.engines.nats import EmbeddedNats
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.postgres.migrate import migrate
from chaos.processes import send, tree, until_gone
from chaos.proxy import FaultProxy

DISK_MB = 3072
GONE_WITHIN_S = 10.0
_DSN = re.compile(r"//(\w+):([^@]+)@/(\w+)\?host=([^&]*)")

FILL_TRIES = 50


class Disk:
    """A file system in memory that can be full: its size is changed to what is used, and back.

    Where nobody may mount one, it is a plain folder, and never full.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.can_be_full = False

    def mount(self) -> None:
        """Tries to; says in `can_be_full` whether it did."""
        with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
            self._mount(["-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(self.folder)])
            self.can_be_full = True

    def fill(self) -> None:
        """Nothing more can be written."""
        for left in reversed(range(FILL_TRIES)):
            used = shutil.disk_usage(self.folder).used
            try:
                self._mount(["-o", f"remount,size={used}", str(self.folder)])
            except subprocess.CalledProcessError:  # more was written in between
                if not left:
                    raise
            else:
                return

    def free(self) -> None:
        """As it was."""
        self._mount(["-o", f"remount,size={DISK_MB}m", str(self.folder)])

    def unmount(self) -> None:
        """Everything on it is gone."""
        if self.can_be_full:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        shutil.rmtree(self.folder)

    def _mount(self, arguments: list[str]) -> None:
        subprocess.run(["mount", *arguments], check=True, stderr=subprocess.DEVNULL)


class Engine:
    """One of the two, started again when it ended, as a service manager does."""

    def __init__(self, name: str, unit: EmbeddedPostgres | EmbeddedNats, proxy: FaultProxy) -> None:
        self.name = name
        self.proxy = proxy
        self._unit = unit
        self._keeping: asyncio.Task[None] | None = None
        self._may_start = asyncio.Event()
        self._may_start.set()

    async def start(self) -> None:
        """Its proxy, and who looks after it."""
        await self.proxy.start()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """All three."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self.proxy.stop()
        await self._unit.stop()

    def pids(self) -> list[int]:
        """Its processes."""
        return tree(self._unit.pid)

    def kill(self) -> None:
        """At once and all of it; it is started again when `let_start` says so."""
        self._may_start.clear()
        pids = self.pids()
        send(pids, signal.SIGCONT)
        send(pids, signal.SIGKILL)

    def let_start(self) -> None:
        """It may run again."""
        self._may_start.set()

    async def until_up(self) -> None:
        """Returns when it answers."""
        while True:
            try:
                if self._may_start.is_set() and not await self._unit.look():
                    return
            except (OSError, EOFError, RuntimeError):
                pass
            await asyncio.sleep(0.05)

    async def _keep(self) -> None:
        while True:
            pids = self.pids()
            await self._unit.wait()
            await until_gone(pids, GONE_WITHIN_S)
            await self._may_start.wait()
            try:
                await self._unit.start()
            except Exception as exc:  # noqa: BLE001 - a full disk, for one; whatever it is, it is tried again
                print(f"{self.name} did not start: {str(exc)[-300:]}", flush=True)
                await asyncio.sleep(0.3)


class Engines:
    """Both, and how the platform reaches them through their proxies."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="callmark-chaos-"))
        folder.chmod(0o755)
        self.folder = folder
        self.disk = Disk(folder)
        self.postgres: Engine
        self.nats: Engine
        self._postgres = EmbeddedPostgres(folder / "data")
        self._nats = EmbeddedNats(folder / "data")

    async def start(self) -> dict[str, str]:
        """The settings with which the platform uses them."""
        self.disk.mount()
        dsn, nats_url = await asyncio.gather(self._postgres.start(), self._nats.start())
        await migrate(dsn, SystemClock())
        found = _DSN.search(dsn)
        assert found
        user, password, database, host = found.groups()
        self.postgres = Engine("postgresql", self._postgres, FaultProxy(Path(unquote(host)) / ".s.PGSQL.5432"))
        begin, _, port = nats_url.rpartition(":")
        self.nats = Engine("nats", self._nats, FaultProxy(("127.0.0.1", int(port))))
        await self._both(lambda engine: engine.start())
        return {
            "CALLMARK_POSTGRES_DSN": f"postgresql://{user}:{password}@127.0.0.1:{self.postgres.proxy.port}/{database}",
            "CALLMARK_NATS_URL": f"{begin}:{self.nats.proxy.port}",
            "CALLMARK_DATA": str(self.folder / "platform"),
        }

    async def stop(self, *, keep: bool) -> None:
        """Ends both; their data are kept beside the disk if they are to be looked at."""
        await self._both(lambda engine: engine.stop())
        if keep:
            shutil.copytree(self.folder, self.kept, symlinks=True, ignore=shutil.ignore_patterns("run", "programs"))
        self.disk.unmount()

    @property
    def logs(self) -> Path:
        """Where both write theirs."""
        return self.folder / "data" / "logs"

    @property
    def kept(self) -> Path:
        """Where the data are after a violation."""
        return self.folder.with_name(self.folder.name + "-kept")

    async def _both(self, work: Callable[[Engine], Awaitable[None]]) -> None:
        await asyncio.gather(*(work(engine) for engine in (self.postgres, self.nats)))
