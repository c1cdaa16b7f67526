"""Keeping a part running: pauses grow, a part that cannot stay up ends the start."""

import asyncio

import pytest

from callmark.kit.errors import SetupError
from callmark.processes.keeper import keep, pause_s


class Flickering:
    """A part that ends at once, each time."""

    name = "flickering"
    pid = 1

    def __init__(self) -> None:
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1

    async def wait(self) -> int:
        return -9

    async def stop(self, within_s: float) -> None: ...


async def test_five_ends_within_a_minute_are_too_many() -> None:
    told: list[str] = []
    part = Flickering()
    with pytest.raises(SetupError, match="flickering ended 5 times within a minute, at last: killed by SIGKILL"):
        await keep(part, told.append)
    assert part.starts == 4
    assert told[0] == "flickering ended unexpectedly (killed by SIGKILL); starting it again"
    assert told[1] == "flickering is back"


async def test_a_failing_start_counts_as_an_end() -> None:
    class Stuck(Flickering):
        async def start(self) -> None:
            await asyncio.sleep(0)
            raise SetupError("port taken")

    with pytest.raises(SetupError, match="at last: port taken"):
        await keep(Stuck(), lambda _: None)


def test_pauses_grow_up_to_five_seconds() -> None:
    assert [pause_s(n) for n in (1, 2, 3, 9)] == [0.1, 0.2, 0.4, 5.0]
