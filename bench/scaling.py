"""`python -m bench scale`: the same work on more processes and hosts; what a record costs each component there.

Rates stop at the processors of this machine, so the costs are what can be learned here: a component whose cost for an
item stays the same scales by adding more of it, one that all share is where it stops.
"""

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.hosts import Engines, Host, Nats, engines, host, microseconds_of, one_nats, staged, three_nats
from bench.pushing import BATCH, batches, push_batches, push_singles, singles
from bench.stage import Stage, connected_handsets, numbers
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port

BATCHES, PUSHES, ROUNDS = 60, 3000, 3
KINDS = ("api and gateway", "worker", "postgresql", "nats")
NAMESPACES = (("callmark-bench-1", "10.213.1"), ("callmark-bench-2", "10.213.2"))


class HostSpec(NamedTuple):
    """A host to start: its HTTP processes, its roles, and where it is."""

    processes: int = 1
    roles: str = "api,gateway,worker"
    address: str = "127.0.0.1"
    within: Sequence[str] = ()


class Layout(Struct, frozen=True):
    """An installation to measure."""

    name: str
    hosts: Sequence[HostSpec]
    nats: Callable[[], AbstractAsyncContextManager[Nats]] = one_nats
    around: Callable[[], AbstractAsyncContextManager[None]] | None = None


class Measured(Struct, frozen=True):
    """Items a second, and microseconds of each component for one; a value for each round."""

    rates: list[float] = field(default_factory=list[float])
    costs: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def add(self, items: int, seconds: float, spent: Counter[str]) -> None:
        self.rates.append(items / seconds)
        for kind in KINDS:
            self.costs.setdefault(kind, []).append(spent[kind] / items)


@asynccontextmanager
async def namespaces() -> AsyncGenerator[None]:
    """Two network namespaces, each with a pair of devices to this one. Needs root and iproute2."""
    _ip(*(f"netns add {name}" for name, _ in NAMESPACES))
    try:
        for number, (name, net) in enumerate(NAMESPACES, 1):
            _ip(
                f"link add cmb{number} type veth peer name eth0 netns {name}",
                f"address add {net}.1/24 dev cmb{number}",
                f"link set cmb{number} up",
                f"-n {name} address add {net}.2/24 dev eth0",
                f"-n {name} link set eth0 up",
                f"-n {name} link set lo up",
                f"-n {name} route add default via {net}.1",
            )
        yield
    finally:
        _ip(*(f"netns delete {name}" for name, _ in NAMESPACES))  # the devices go with them


def _ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["/usr/sbin/ip", *command.split()], check=True)


LAYOUTS = (
    Layout("one host, 1 HTTP process", [HostSpec()]),
    Layout("one host, 2 HTTP processes", [HostSpec(2)]),
    Layout("one host, 4 HTTP processes", [HostSpec(4)]),
    Layout("two hosts, 2 workers", [HostSpec(), HostSpec()]),
    Layout("two hosts, three NATS nodes", [HostSpec(), HostSpec()], nats=three_nats),
    Layout(
        "two hosts in network namespaces",
        [HostSpec(address=f"{net}.2", within=("/usr/sbin/ip", "netns", "exec", name)) for name, net in NAMESPACES],
        nats=lambda: one_nats("0.0.0.0"),
        around=namespaces,
    ),
)


def main() -> int:
    found: list[tuple[Layout, Measured, Measured]] = []
    for layout in LAYOUTS:
        print(f"{layout.name} …", flush=True)
        try:
            bulk, single = asyncio.run(measure(layout))
        except (subprocess.CalledProcessError, FileNotFoundError) as exc:
            print(f"{layout.name}: not on this machine: {exc}")
        else:  # the tables come at the end; a long run should not lose what it has
            print(f"{layout.name}: {_middle(bulk.rates):,.0f} records, {_middle(single.rates):,.0f} pushes a second")
            found.append((layout, bulk, single))
    console = Console(width=150)
    console.print(_table("A record in bulk, accepted to acknowledged", [(one, bulk) for one, bulk, _ in found]))
    console.print(_table("A real-time push", [(one, single) for one, _, single in found]))
    return 0


async def measure(layout: Layout) -> tuple[Measured, Measured]:
    """Bulk and real time, each several times."""
    bulk, single = Measured(), Measured()
    async with AsyncExitStack() as stack:
        if layout.around:
            await stack.enter_async_context(layout.around())
        on = await stack.enter_async_context(engines(layout.nats()))
        hosts = [await stack.enter_async_context(_host(on, spec)) for spec in layout.hosts]
        stages = [await stack.enter_async_context(_stage(on, number, hosts)) for number in range(len(hosts))]
        pids = [*on.pids, *(one.pid for one in hosts)]
        many = [batches(one, _receivers(number), BATCHES // len(stages)) for number, one in enumerate(stages)]
        each = [singles(one, _receivers(number), PUSHES // len(stages)) for number, one in enumerate(stages)]
        for _ in range(ROUNDS + 1):
            await _timed(bulk, pids, [push_batches(one, ready) for one, ready in zip(stages, many, strict=True)])
            await _timed(single, pids, [push_singles(one, ready) for one, ready in zip(stages, each, strict=True)])
    return bulk, single


@asynccontextmanager
async def _host(on: Engines, spec: HostSpec) -> AsyncGenerator[Host]:
    environ = on.environ
    if spec.within:  # it reaches this side by the first address of its network
        environ["CALLMARK_NATS_URL"] = on.nats.url.replace("0.0.0.0", f"{spec.address.rpartition('.')[0]}.1")
    async with host(
        environ,
        on.folder / "hosts.log",
        port=free_port(),
        roles=spec.roles,
        processes=spec.processes,
        address=spec.address,
        within=spec.within,
    ) as one:
        yield one


@asynccontextmanager
async def _stage(on: Engines, number: int, hosts: Sequence[Host]) -> AsyncGenerator[Stage]:
    """Accounts and receivers of their own for each host; the receivers' handsets are connected to the next one."""
    here, elsewhere = hosts[number], hosts[(number + 1) % len(hosts)]
    near = replace(on, nats=replace(on.nats, url=on.nats.url.replace("0.0.0.0", "127.0.0.1")))
    async with (
        staged(near, here, accounts_count=8) as stage,
        connected_handsets(replace(stage, url=elsewhere.url), _receivers(number)),
    ):
        yield stage


def _receivers(number: int) -> list[PhoneNumber]:
    return numbers((number + 1) * BATCH)[number * BATCH :]


async def _timed(measured: Measured, pids: Sequence[int], work: Sequence[Awaitable[int]]) -> None:
    before, began = microseconds_of(pids), perf_counter()
    items = sum(await asyncio.gather(*work))
    seconds, after = perf_counter() - began, microseconds_of(pids)
    measured.add(items, seconds, after - before)


def _table(title: str, found: Sequence[tuple[Layout, Measured]]) -> Table:
    table = Table("layout", "a second", *(f"{kind}, µs" for kind in KINDS), title=title)
    for layout, one in found:
        costs = (_middle(one.costs[kind]) for kind in KINDS)
        table.add_row(layout.name, f"{_middle(one.rates):,.0f}", *(f"{cost:,.0f}" for cost in costs))
    return table


def _middle(values: Sequence[float]) -> float:
    """Without the first, in which connections are made."""
    return sorted(values[1:])[len(values[1:]) // 2]
