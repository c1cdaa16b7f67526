"""A cluster of three NATS nodes on loopback, as `deploy/nats` describes it."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from tests.support.engines import reachable_directory
from tests.support.waiting import until

from callmark.kit.engines.binaries import ENVIRONMENT, find_nats
from callmark.kit.engines.child import Child, spawn
from callmark.kit.ports import free_port

SAMPLE = Path(__file__).parents[2] / "deploy" / "nats"
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Node:
    """One of the three; may be started again after its end."""

    def __init__(self, host: str, directory: Path, ports: dict[str, int]) -> None:
        self.host = host
        self.directory = directory
        self.address = f"{host}:{ports['4222']}"
        self._monitor = f"http://{host}:{ports['8222']}"
        self._child: Child | None = None
        text = (SAMPLE / "nats.conf").read_text().replace("/etc/nats", str(directory)).replace("127.0.0.1:8222", "HTTP")
        for number, name in enumerate(HOSTS, 1):
            text = text.replace(f"nats{number}.internal", name)
        text = text.replace("port: 6222", f'host: "{host}"\n  port: 6222').replace("HTTP", f"{host}:8222")
        for known, port in ports.items():
            text = text.replace(known, str(port))
        (directory / "nats.conf").write_text(text)

    @property
    def pid(self) -> int:
        assert self._child
        return self._child.pid

    def start(self) -> None:
        command = [find_nats(None), "-c", self.directory / "nats.conf", "-a", self.host]
        with (self.directory / "log").open("ab") as log:
            self._child = spawn("nats", command, env={**ENVIRONMENT, "NATS_NAME": self.host}, output=log)

    async def kill(self) -> None:
        if self._child:
            await self._child.stop(signal.SIGKILL, 1)

    def read_again(self) -> None:
        """Takes the present files as its configuration."""
        assert self._child
        self._child.send(signal.SIGHUP)

    async def sees(self, others: int) -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                routes = (await http.get(f"{self._monitor}/routez")).json()["routes"]
        except (httpx.TransportError, ValueError):
            return False
        return len({route["remote_name"] for route in routes}) == others


class Cluster:
    """The nodes, and what Callmark needs to reach them."""

    def __init__(self, directory: Path) -> None:
        ports: dict[str, int] = dict(zip(("4222", "6222", "8222"), free_ports(3), strict=True))
        made = directory / "made"
        subprocess.run([SAMPLE / "make-keys.sh", made, *HOSTS], check=True, capture_output=True)
        self.nodes = [Node(host, made / host, ports) for host in HOSTS]
        self.ca = made / "ca.crt"
        self.url = (made / "url").read_text().strip().replace(":4222", f":{ports['4222']}")

    def node_of(self, server: str) -> Node:
        return next(node for node in self.nodes if node.address == server)

    async def start(self) -> None:
        for node in self.nodes:
            node.start()
        await self.whole()

    async def whole(self) -> None:
        """Returns when every node sees the two others."""

        async def all_see() -> bool:
            return all(await asyncio.gather(*(node.sees(len(HOSTS) - 1) for node in self.nodes)))

        await until(all_see)


@asynccontextmanager
async def nats_cluster() -> AsyncGenerator[Cluster]:
    directory = reachable_directory()
    cluster = Cluster(directory)
    try:
        await cluster.start()
        yield cluster
    finally:
        await asyncio.gather(*(node.kill() for node in cluster.nodes))
        shutil.rmtree(directory)


def free_ports(count: int) -> list[int]:
    """Ports that are free on each of the hosts."""
    found = set[int]()
    while len(found) < count:
        found.add(free_port(host="0.0.0.0"))
    return list(found)
