"""A run: cycle after cycle of load and faults, healing, reading and checking."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from msgspec import Struct, field

from chaos.checker.history import CycleEnd
from chaos.checker.invariant import Violation
from chaos.faults import Faults
from chaos.load import Load
from chaos.plan import Cycle, planned
from chaos.reading import NotReadError, Reading
from chaos.stage import Keep, Stage, staged

HEALED_WITHIN_S = 60.0
LIGHT_REST_S = 1.2
"""For so long a cycle waits for what is under way; what takes longer is looked at in the next."""
DEEP_REST_S = 100.0
RETRY_S = 125
"""The first pause between attempts of a webhook, and a little more."""
RETRIES_S = (RETRY_S, 365, 1805, 3605)


class Order(Struct, frozen=True):
    """What is to be run."""

    seed: int
    cycles: int
    fault_kinds: Sequence[str]
    hosts: int = 2


class Outcome(Struct):
    """What a run showed."""

    seed: int
    cycles: int = 0
    seconds: float = 0.0
    operations: dict[str, int] = field(default_factory=dict[str, int])
    done: dict[str, int] = field(default_factory=dict[str, int])
    faults: dict[str, int] = field(default_factory=dict[str, int])
    entries: dict[str, int] = field(default_factory=dict[str, int])
    violations: Sequence[Violation] = ()


class Run:
    """Its stage and who does what on it."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self._load = Load(stage, seed)
        self._faults = Faults(stage)
        self._reading = Reading(stage, self._load)

    async def close(self) -> None:
        """Ends its clients."""
        await self._load.close()

    async def cycle(self, cycle: Cycle) -> str:
        """Load and faults at once; then everything is healed, read and checked. How long each took."""
        began = monotonic()
        await self._stage.read_clock()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._load.run(cycle.operations))
            tasks.create_task(self._faults.run(cycle.faults))
        loaded = monotonic()
        await self._healed()
        healed = monotonic()
        await self._rest(DEEP_REST_S if cycle.deep else LIGHT_REST_S, deep=cycle.deep)
        if cycle.deep:
            await self._reading.at_rest()
            await self._reading.logs()
        await self._stage.read_clock()
        self._stage.history.note(
            CycleEnd(cycle=cycle.number, now_ms=self._stage.clock.now_ms(), at=monotonic(), deep=cycle.deep)
        )
        if cycle.deep:
            await self._reading.clean_up()
        return f"{loaded - began:.1f} s load, {healed - loaded:.1f} s healing, {monotonic() - healed:.1f} s rest"

    async def _healed(self) -> None:
        stage = self._stage
        async with asyncio.timeout(HEALED_WITHIN_S):
            await asyncio.gather(stage.engines.postgres.until_up(), stage.engines.nats.until_up())
        if not await stage.platform.until_ready(stage.api, stage.gateway, HEALED_WITHIN_S):
            raise NotReadError("the platform is not ready again")

    async def _rest(self, within_s: float, *, deep: bool) -> None:
        """Reads until nothing is under way, or the time is over."""
        deadline = monotonic() + within_s
        retries: list[int] = list(RETRIES_S)
        while True:
            answered = await self._load.settle()
            await self._reading.of_cycle()
            at_rest = answered and self._reading.is_settled and await self._is_connected()
            if at_rest and (not deep or await self._is_idle(retries)):
                return
            if monotonic() > deadline:
                return
            await asyncio.sleep(0.1 if deep else 0.2)

    async def _is_connected(self) -> bool:
        return all(handset.is_synced for handset in self._stage.handsets.values())

    async def _is_idle(self, retries: list[int]) -> bool:
        """Whether no queue has anything, and every delivery has ended; moves the clock to the next retry."""
        if any((await self._reading.work()).values()):
            return False
        left = [one for business in self._stage.businesses for one in await self._reading.deliveries(business)]
        if left and retries:
            await self._stage.move_clock(retries.pop(0))
        return not left


async def run(order: Order, folder: Path, *, tell: Callable[[str], None], is_over: Callable[[], bool]) -> Outcome:
    """Runs until the cycles are over, `is_over` says so, or a promise is broken; then the data are kept."""
    outcome, keep, began = Outcome(order.seed), Keep(), monotonic()
    async with staged(folder, order.hosts, keep) as stage:
        kinds = [kind for kind in order.fault_kinds if kind != "full disk" or stage.engines.disk.can_be_full]
        if kinds != order.fault_kinds:
            tell("without `full disk`: a file system cannot be mounted here, which takes root")
        running = Run(stage, order.seed)
        try:
            for cycle in planned(order.seed, order.cycles, kinds):
                took = await running.cycle(cycle)
                outcome.cycles = cycle.number
                tell(_line(cycle, took))
                if stage.history.found or is_over():
                    break
        except BaseException:
            keep.wanted = True
            raise
        finally:
            await running.close()
            outcome.seconds = monotonic() - began
            outcome.operations, outcome.faults = dict(stage.operations), dict(stage.faults)
            outcome.done = dict(stage.done)
            outcome.entries = dict(stage.history.checker.seen)
            outcome.violations = stage.history.found
            keep.wanted = keep.wanted or bool(stage.history.found)
    if keep.wanted:
        shutil.move(stage.engines.kept, folder / "data")
    return outcome


def _line(cycle: Cycle, took: str) -> str:
    faults = ", ".join(fault.kind for fault in cycle.faults) or "no fault"
    return f"cycle {cycle.number}{' (deep)' if cycle.deep else ''}: {faults}; {took}"
