"""A primary and its synchronous standby on loopback, as `deploy/postgresql` describes them."""

import asyncio
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import LiteralString

import asyncpg
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts
from tests.support.nats_cluster import free_ports
from tests.support.waiting import until

from callmark.kit.engines.binaries import ENVIRONMENT, choose_postgres, reachable_postgres
from callmark.kit.engines.child import Child, run, spawn
from callmark.kit.engines.leftovers import postgres_of
from callmark.kit.engines.owner import engine_owner, give
from callmark.kit.postgres.database import connect

SAMPLE = Path(__file__).parents[2] / "deploy" / "postgresql"
HOST, USER, PASSWORD = "127.0.0.1", "callmark", "made-up"


class PostgresServer:
    """One of the two; may be started again after its end."""

    def __init__(self, name: str, port: int, data: Path, bin_dir: Path) -> None:
        self.name = name
        self.port = port
        self.data = data
        self._bin_dir = bin_dir
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        assert self._child
        return self._child.pid

    @property
    def dsn(self) -> str:
        """This server alone."""
        return f"postgresql://{USER}:{PASSWORD}@{HOST}:{self.port}/postgres"

    async def make(self) -> None:
        """Makes the data of a primary."""
        password = self.data.with_name("password")
        password.write_text(PASSWORD)
        password.chmod(0o644)
        await self._run(
            "initdb",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
        )
        shutil.copy(SAMPLE / "callmark.conf", self.data)
        (self.data / "callmark.conf").chmod(0o644)
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(
                "include 'callmark.conf'\nfsync = off\nunix_socket_directories = ''\nshared_buffers = '64MB'\n"
            )

    async def follow(self, primary: "PostgresServer") -> None:
        """Makes the data of a standby."""
        await self._run("pg_basebackup", "-R", "-X", "stream", "-c", "fast", "--no-sync", f"--dbname={primary.dsn}")

    async def start(self) -> None:
        """Returns when it answers."""
        settings = [f"--port={self.port}", f"--listen_addresses={HOST}", f"--cluster_name={self.name}"]
        with self.data.with_name(f"{self.name}.log").open("ab") as log:
            self._child = spawn(
                self.name,
                [self._bin_dir / "postgres", "-D", self.data, *settings],
                env=ENVIRONMENT,
                owner=engine_owner(),
                output=log,
                on_parents_death=signal.SIGQUIT,
            )

        async def answers() -> bool:
            try:
                asked = await asyncpg.connect(self.dsn, timeout=5)  # ours would refuse a standby
            except (OSError, asyncpg.PostgresError):
                return False
            await asked.close()
            return True

        await until(answers, 30)

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._child:
            self._child.send(signal.SIGCONT)
            self._child.send(number)
            await self._child.wait()
            await until(self._is_left_alone, 30)

    async def _is_left_alone(self) -> bool:
        """Whether no process works in its data: one that was killed leaves children, which notice it a moment later."""
        return not postgres_of(self.data)

    async def promote(self) -> None:
        status, text = await self.ask_to_promote()
        assert status == 0, text
        assert text.strip() == "promoted"

    async def ask_to_promote(self, *arguments: str) -> tuple[int, str]:
        """Exit status and output of the script that operators use."""
        environ = {**ENVIRONMENT, "PGHOST": HOST, "PGPORT": str(self.port), "PGUSER": USER, "PGPASSWORD": PASSWORD}
        environ["PATH"] = f"{self._bin_dir}:{environ['PATH']}"
        return await run([SAMPLE / "promote.sh", *arguments], env=environ)

    async def _run(self, program: str, *options: str) -> None:
        argv = [self._bin_dir / program, "-D", self.data, *options]
        status, text = await run(argv, env=ENVIRONMENT, owner=engine_owner(), cwd=self.data.parent)
        assert status == 0, text


class PostgresPair:
    """Both servers; `dsn` names the standby first, so that the order of hosts decides nothing."""

    def __init__(self, directory: Path) -> None:
        found = reachable_postgres(choose_postgres(None, None), engine_owner(), directory)
        ports = free_ports(2)
        self._bin_dir = found.bin_dir
        self.primary = PostgresServer("pg1", ports[0], directory / "pg1", found.bin_dir)
        self.standby = PostgresServer("pg2", ports[1], directory / "pg2", found.bin_dir)
        hosts = ",".join(f"{HOST}:{server.port}" for server in (self.standby, self.primary))
        self.dsn = f"postgresql://{USER}:{PASSWORD}@{hosts}/postgres"

    async def start(self, first_starts: FirstStarts | None) -> None:
        """Both run, and commits are in both."""
        if first_starts:
            await first_starts.put_made("pair", self.primary.data, self._make_primary)
        else:
            await self.primary.make()
        await self.primary.start()
        await self.standby.follow(self.primary)
        await self.standby.start()

        async def is_synchronous() -> bool:
            return await _value(self.primary.dsn, "SELECT sync_state FROM pg_stat_replication") in {"quorum", "sync"}

        await until(is_synchronous, 30)

    async def _make_primary(self, data: Path) -> None:
        give(data.parent, engine_owner(), 0o755)
        await PostgresServer(self.primary.name, self.primary.port, data, self._bin_dir).make()


@asynccontextmanager
async def postgres_pair(first_starts: FirstStarts | None = None) -> AsyncGenerator[PostgresPair]:
    """Both on data of their own; with `first_starts` all primaries have one system identifier."""
    directory = reachable_directory()
    give(directory, engine_owner(), 0o755)
    pair = PostgresPair(directory)
    try:
        await pair.start(first_starts)
        yield pair
    finally:
        await asyncio.gather(pair.primary.kill(), pair.standby.kill())
        shutil.rmtree(directory)


async def _value(dsn: str, statement: LiteralString) -> object:
    async with connect(dsn) as tx:
        return await tx.fetchval(statement)
