"""The control API of what makes runs alike: the seed of the handsets' randomness, and the reset."""

import asyncio

from msgspec import UNSET
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.instants import iso_ms
from callmark.surfaces.emulator import state_queries
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.states.reset import reset, reset_to_seed
from callmark.surfaces.http import Response, render


def reset_routes(deps: Deps, clock_moves: asyncio.Lock) -> list[BaseRoute]:
    """Where a run begins; a reset moves the clock, alone in its process."""

    async def get_seed(_: Request) -> Response:
        async with deps.db.connection() as tx:
            return render(wire.SeedOut(await state_queries.select_seed(tx)))

    async def put_seed(request: Request) -> Response:
        """Sets the seed: every handset counts and draws from the beginning."""
        body = await wire.read(request, wire.SeedIn)
        async with deps.db.connection() as tx:
            await state_queries.put_seed(tx, body.seed)
        await farm_api.ask(deps, farm_api.TakeSeed(), farm_api.Done)
        return render(wire.SeedOut(body.seed))

    async def post_reset(request: Request) -> Response:
        """Forgets what happened, or all but the seed; answers with the clock once every process has confirmed."""
        body = await wire.read(request, wire.ResetIn, empty=b"{}")
        async with clock_moves:
            await (reset(deps) if body.to is UNSET else reset_to_seed(deps))
        return render(wire.ClockOut(iso_ms(deps.clock.now())))

    return [control_route("seed", GET=get_seed, PUT=put_seed), control_route("reset", POST=post_reset)]
