"""The control API of snapshots."""

import asyncio
from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.instants import iso_ms
from callmark.surfaces.api.own.shapes import Instant
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.states import snapshots
from callmark.surfaces.emulator.states.model import Snapshot
from callmark.surfaces.emulator.states.reset import restore
from callmark.surfaces.http import Response, render


class SnapshotOut(Struct, frozen=True):
    """A snapshot of everything that the emulator has."""

    name: Annotated[str, Meta(description="The snapshot's name.")]
    made_at: Annotated[Instant, Meta(description="When it was made, by the real clock.")]
    now: Annotated[Instant, Meta(description="The product clock when it was made.")]


def snapshot_routes(deps: Deps, clock_moves: asyncio.Lock) -> list[BaseRoute]:
    """Making, restoring, listing and deleting them; a restoration moves the clock, alone in its process."""

    async def list_snapshots(_: Request) -> Response:
        return render([_out(one) for one in await snapshots.list_all(deps)])

    async def get_snapshot(request: Request) -> Response:
        return render(_out(await snapshots.get(deps, _name(request))))

    async def put_snapshot(request: Request) -> Response:
        await wire.read(request, wire.NothingIn, empty=b"{}")
        return render(_out(await snapshots.take(deps, _name(request))))

    async def delete_snapshot(request: Request) -> Response:
        await snapshots.delete(deps, _name(request))
        return Response(204, headers=[])

    async def restore_snapshot(request: Request) -> Response:
        await wire.read(request, wire.NothingIn, empty=b"{}")
        async with clock_moves:
            await restore(deps, _name(request))
        return render(wire.ClockOut(iso_ms(deps.clock.now())))

    return [
        control_route("snapshots", GET=list_snapshots),
        control_route("snapshots/{name}", GET=get_snapshot, PUT=put_snapshot, DELETE=delete_snapshot),
        control_route("snapshots/{name}/restore", POST=restore_snapshot),
    ]


def _name(request: Request) -> str:
    return snapshots.parse_name(request.path_params["name"])


def _out(snapshot: Snapshot) -> SnapshotOut:
    return SnapshotOut(snapshot.name, iso_ms(snapshot.made_at), iso_ms(snapshot.clock_at))
