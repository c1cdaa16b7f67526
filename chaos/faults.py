"""What is done to the platform, and undone again."""

import asyncio
import random
import signal
from collections.abc import Sequence
from time import monotonic

from chaos.checker.history import Fault
from chaos.engines import Engine
from chaos.installation import Serve
from chaos.plan import Planned
from chaos.processes import send
from chaos.proxy import Weather
from chaos.receiver import Mood
from chaos.stage import Stage

JUMPS_S = (1, 7, 61, 125, 600)
FORGETS = frozenset({"kill postgresql", "kill everything", "full disk"})
"""After these, windows of limits begin again, because PostgreSQL has crashed; also after `Stage.move_clock`."""


class Faults:
    """Carries a cycle's faults out. Each ends by itself; `run` returns when all have."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def run(self, faults: Sequence[Planned]) -> None:
        """All of a cycle, each at its time."""
        began = monotonic()
        async with asyncio.TaskGroup() as tasks:
            for planned in faults:
                tasks.create_task(self._at(began + planned.at_s, planned))

    async def _at(self, due: float, planned: Planned) -> None:
        await asyncio.sleep(max(0.0, due - monotonic()))
        self._stage.faults[planned.kind] += 1
        began = monotonic()
        print(f"    {planned.kind} for {planned.for_s:g} s", flush=True)
        how, _, what = planned.kind.partition(" ")
        chance = random.Random(planned.draw)
        await self._do(how, what, chance, planned.for_s)
        if planned.kind in FORGETS:
            await self._stage.engines.postgres.until_up()
        self._stage.history.note(
            Fault(kind=planned.kind, began=began, ended=monotonic(), forgets=planned.kind in FORGETS)
        )

    async def _do(self, how: str, what: str, chance: random.Random, for_s: float) -> None:
        match how:
            case "kill":
                await self._kill(what, chance, for_s)
            case "stop":
                await self._stop(what, chance, for_s)
            case "full":
                await self._fill(for_s)
            case "cut":
                await self._cut(what, for_s)
            case "delay" | "halve" | "refuse":
                await self._weather(what, Weather(how), for_s)
            case "clock":
                await self._stage.move_clock(chance.choice(JUMPS_S))
            case _:
                await self._receive(Mood(how), for_s)

    # processes --------------------------------------------------------------------------------------------------------

    async def _kill(self, what: str, chance: random.Random, for_s: float) -> None:
        """Children are started again by their supervisor, the rest by us after `for_s`."""
        if what in {"api", "gateway", "worker"}:
            send(self._child(what, chance), signal.SIGKILL)
            return
        killed = self._killed(what, chance)
        await asyncio.sleep(for_s)
        for one in killed:
            one.let_start()

    def _killed(self, what: str, chance: random.Random) -> Sequence[Serve | Engine]:
        stage = self._stage
        if what == "supervisor":
            serve = chance.choice(stage.platform.serves)
            serve.kill(with_children=False)
            return [serve]
        engines = [stage.engines.postgres, stage.engines.nats]
        named = [engine for engine in engines if engine.name == what]
        if what == "everything":
            for serve in stage.platform.serves:
                serve.kill(with_children=True)
            named = engines
        for engine in named:
            engine.kill()
        return [*named, *(stage.platform.serves if what == "everything" else ())]

    def _child(self, what: str, chance: random.Random) -> list[int]:
        platform, draw = self._stage.platform, chance.getrandbits(16)
        if what == "worker":
            return platform.serves[draw % len(platform.serves)].child("worker", 0)
        return (platform.front if what == "api" else platform.back).child("http", draw)

    async def _stop(self, what: str, chance: random.Random, for_s: float) -> None:
        stage = self._stage
        match what:
            case "supervisor":
                pids = [chance.choice(stage.platform.serves).pid]
            case "postgresql":
                pids = stage.engines.postgres.pids()
            case "nats":
                pids = stage.engines.nats.pids()
            case _:
                pids = self._child(what, chance)
        send(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            send(pids, signal.SIGCONT)

    # disk, network, receivers, clock ----------------------------------------------------------------------------------

    async def _fill(self, for_s: float) -> None:
        disk = self._stage.engines.disk
        disk.fill()
        try:
            await asyncio.sleep(for_s)
        finally:
            disk.free()

    async def _cut(self, what: str, for_s: float) -> None:
        """At the beginning and at the end."""
        proxy = self._engine(what).proxy
        proxy.cut()
        await asyncio.sleep(for_s)
        proxy.cut()

    async def _weather(self, what: str, weather: Weather, for_s: float) -> None:
        proxy = self._engine(what).proxy
        proxy.weather = weather
        if weather is Weather.REFUSE:  # who is connected already would notice nothing
            proxy.cut()
        try:
            await asyncio.sleep(for_s)
        finally:
            proxy.weather = Weather.CLEAR

    def _engine(self, what: str) -> Engine:
        engines = self._stage.engines
        return engines.postgres if what == "postgresql" else engines.nats

    async def _receive(self, mood: Mood, for_s: float) -> None:
        receiver = self._stage.receiver
        receiver.mood = mood
        try:
            await asyncio.sleep(for_s)
        finally:
            receiver.mood = Mood.WELL
