"""The control API of the product clock."""

import asyncio
from datetime import timedelta

from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.domain.personalisation import partitions
from callmark.instants import iso_ms
from callmark.kit.heartbeats import move_clock
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.states.reset import tell_of_clock
from callmark.surfaces.http import Response, render


def clock_routes(deps: Deps, clock_moves: asyncio.Lock) -> list[BaseRoute]:
    """Reading it, and moving it forward, which this process does once at a time."""

    async def get_clock(_: Request) -> Response:
        return render(wire.ClockOut(iso_ms(deps.clock.now())))

    async def post_clock(request: Request) -> Response:
        """Moves the clock of every process, then wakes what has become due; answers when all have confirmed."""
        body = await wire.read(request, wire.ClockIn)
        by = timedelta(seconds=wire.advance(body.advance_s))
        async with clock_moves:
            await partitions.keep_partitions_at(deps, deps.clock.now() + by)
            await move_clock(deps.db, deps.fabric, by)
        await tell_of_clock(deps)
        return render(wire.ClockOut(iso_ms(deps.clock.now())))

    return [control_route("clock", GET=get_clock, POST=post_clock)]
