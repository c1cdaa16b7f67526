"""The operations of a cycle, each at its time."""

import asyncio
import random
from collections.abc import Sequence
from time import monotonic

from chaos.answers import HandsetAnswers
from chaos.errands import Errands
from chaos.numbering import Numbering
from chaos.plan import Planned
from chaos.pushes import Pushes
from chaos.stage import Stage


class Load:
    """Carries operations out; what a repeat would settle is kept until it is settled."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        names = Numbering(seed)
        self.pushes = Pushes(stage, names)
        self.errands = Errands(stage, names)
        self._answers = HandsetAnswers(stage, names)
        self._operations = {**self.pushes.operations, **self._answers.operations, **self.errands.operations}

    async def close(self) -> None:
        """Ends the clients."""
        await self.pushes.close()
        await self.errands.close()

    async def run(self, operations: Sequence[Planned]) -> None:
        """All of a cycle; returns when each has ended."""
        began = monotonic()
        async with asyncio.TaskGroup() as tasks:
            for planned in operations:
                tasks.create_task(self._at(began + planned.at_s, planned))

    async def settle(self) -> bool:
        """Repeats what was not answered, once; whether nothing is left."""
        settled = await asyncio.gather(self.pushes.settle(), self._answers.settle(), self.errands.settle())
        return all(settled)

    async def _at(self, due: float, planned: Planned) -> None:
        await asyncio.sleep(max(0.0, due - monotonic()))
        self._stage.operations[planned.kind] += 1
        if await self._operations[planned.kind](random.Random(planned.draw)):
            self._stage.done[planned.kind] += 1
