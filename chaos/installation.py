"""Two `callmark serve` on one pair of engines: the first for businesses, the second for handsets; both do the work.

Or, to be quick, one that does everything.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from callmark.kit.ports import free_port
from chaos.api import Api
from chaos.processes import children, command, send, tree, until_gone

SECRET_KEY = "made-up " * 4
READY_WITHIN_S = 60.0
COMMAND = [sys.executable, "-P", "-m", "callmark.main"]


class Serve:
    """One `callmark serve`, started again whenever it ended."""

    def __init__(self, name: str, roles: str, processes: int, environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._argv = [*COMMAND, "serve", "--port", str(self.port), "--roles", roles, "--processes", str(processes)]
        self._environ = dict(environ) | {"CALLMARK_PUBLIC_URL": self.url}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._may_start = asyncio.Event()
        self._may_start.set()

    def start(self) -> None:
        """Starts it, and who looks after it."""
        self._spawn()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """SIGTERM, as a user would; what is left after ten seconds is killed."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        assert self._process
        pids = tree(self._process.pid)
        self._process.terminate()
        left = await until_gone(pids, 10)
        send(left, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        assert self._process
        return self._process.pid

    def child(self, kind: str, draw: int) -> list[int]:
        """One of its processes of a kind, and what runs below it; none while there is none."""
        found = [pid for pid in children(self.pid) if f"callmark.processes.child {kind}" in command(pid)]
        return tree(found[draw % len(found)]) if found else []

    def kill(self, *, with_children: bool) -> None:
        """At once; it is started again when `let_start` says so. Children without their parent end by themselves."""
        self._may_start.clear()
        send(tree(self.pid) if with_children else [self.pid], signal.SIGKILL)

    def let_start(self) -> None:
        """It may run again."""
        self._may_start.set()

    def _spawn(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._argv,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is ours
            )

    async def _keep(self) -> None:
        while True:
            assert self._process
            pids = tree(self.pid)
            while self._process.poll() is None:
                pids = tree(self.pid) or pids
                await asyncio.sleep(0.05)
            await until_gone(pids, 10)
            await self._may_start.wait()
            self._spawn()


class Installation:
    """Both, and how clients reach them."""

    def __init__(self, engines: Mapping[str, str], logs: Path, hosts: int = 2) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CALLMARK_")}
        self.environ: dict[str, str] = (
            inherited
            | dict(engines)
            | {
                "CALLMARK_SECRET_KEY": SECRET_KEY,
                "CALLMARK_EMULATOR": "true",
                "CALLMARK_OUTGOING_NETWORKS": "127.0.0.0/8",
                "CALLMARK_LOG_LEVEL": "info",
            }
        )
        if hosts == 1:
            self.front = self.back = Serve("only", "api,console,gateway,worker", 1, self.environ, logs / "only.log")
        else:
            self.front = Serve("front", "api,console,worker", 2, self.environ, logs / "front.log")
            self.back = Serve("back", "gateway,worker", 1, self.environ, logs / "back.log")
        self.serves: list[Serve] = list(dict.fromkeys((self.front, self.back)))

    def run(self, *arguments: str) -> str:
        """What a `callmark` command prints. Raises CalledProcessError."""
        argv = [*COMMAND, *arguments]
        return subprocess.run(argv, env=self.environ, check=True, capture_output=True, text=True).stdout

    @property
    def secrets(self) -> dict[str, str]:
        """Of its settings, and what they are."""
        password = urlsplit(self.environ["CALLMARK_POSTGRES_DSN"]).password
        assert password
        return {SECRET_KEY: "the secret key", unquote(password): "the password of PostgreSQL"}

    def start(self) -> None:
        """Starts both; `until_ready` waits for them."""
        for serve in self.serves:
            serve.start()

    async def stop(self) -> None:
        """Ends both."""
        await asyncio.gather(*(serve.stop() for serve in self.serves))

    async def until_ready(self, api: Api, gateway: Api, within_s: float = READY_WITHIN_S) -> bool:
        """Whether the API, the gateway and a worker are there in time."""
        deadline = asyncio.get_running_loop().time() + within_s
        for server, role in ((api, "api"), (gateway, "gateway"), (api, "console")):
            while not (await server.ask("GET", f"/readyz/{role}")).is_taken:
                if asyncio.get_running_loop().time() > deadline:
                    return False
                await asyncio.sleep(0.05)
        return True

    def processes(self) -> dict[str, int]:
        """Each process of ours by its name."""
        found: dict[str, int] = {}
        for serve in self.serves:
            found[f"{serve.name} supervisor"] = serve.pid
            for pid in children(serve.pid):
                words = command(pid).partition("callmark.processes.child ")[2].split()
                if words:
                    found[f"{serve.name} {words[0]} {words[1]}"] = pid
        return found
