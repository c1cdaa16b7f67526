"""Places that owners share: who holds fewest comes first."""

import asyncio

from callmark.kit.fair_slots import FairSlots
from callmark.kit.ids import new_id


async def test_a_newcomer_comes_before_the_rest_of_a_crowd() -> None:
    slots, crowd, newcomer = FairSlots(2), new_id(), new_id()
    order: list[str] = []
    free = asyncio.Event()

    async def visit(owner: str) -> None:
        async with slots.place(newcomer if owner == "newcomer" else crowd):
            order.append(owner)
            await free.wait()

    visits = [asyncio.create_task(visit("crowd")) for _ in range(5)]
    await asyncio.sleep(0)
    visits.append(asyncio.create_task(visit("newcomer")))
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(*visits)
    assert order == ["crowd", "crowd", "newcomer", "crowd", "crowd", "crowd"]


async def test_who_stops_waiting_takes_no_place() -> None:
    slots, owner = FairSlots(1), new_id()
    async with slots.place(owner):
        waiting = asyncio.create_task(_hold(slots))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with asyncio.timeout(30), slots.place(owner):
        pass


async def _hold(slots: FairSlots) -> None:
    async with slots.place(new_id()):
        await asyncio.Event().wait()
