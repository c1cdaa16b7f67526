"""The control API under `/emulator/v1`, and the demo's first page at `/` (docs/emulator.md). Emulator mode only."""

import asyncio
from datetime import timedelta

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation import partitions
from callmark.kit.clock import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.heartbeats import move_clock
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator import state_queries
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.accounts import account_routes
from callmark.surfaces.emulator.control_api.answers import answer_routes
from callmark.surfaces.emulator.control_api.due_work import work_routes
from callmark.surfaces.emulator.control_api.faults import FaultsOut, wanted_faults
from callmark.surfaces.emulator.control_api.mails import mail_routes
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.control_api.sinks import sink_routes
from callmark.surfaces.emulator.control_api.snapshots import snapshot_routes
from callmark.surfaces.emulator.control_api.webhooks import webhook_routes
from callmark.surfaces.emulator.handsets import farm_api, magic_receivers
from callmark.surfaces.emulator.handsets.model import Memory, Script, VirtualHandset
from callmark.surfaces.emulator.handsets.service import list_handsets
from callmark.surfaces.emulator.pages.first_page import EmulatorPage
from callmark.surfaces.emulator.pages.live_screens import Live
from callmark.surfaces.emulator.pages.mails import mail_page_routes
from callmark.surfaces.emulator.pages.routes import page_routes
from callmark.surfaces.emulator.push_service.routes import push_service_routes
from callmark.surfaces.emulator.states.reset import reset, reset_to_seed, tell_of_clock
from callmark.surfaces.http import Response, render


class EmulatorRoutes:
    """The control API, the first page and its styles."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._clock_moves = asyncio.Lock()
        self._live = Live(deps)
        self.routes: list[BaseRoute] = [
            control_route("clock", GET=self.get_clock, POST=self.post_clock),
            control_route("handsets", GET=self.list_handsets, POST=self.make_handset),
            control_route("handsets/{phone}", PATCH=self.change_handset, DELETE=self.remove_handset),
            control_route("handsets/{phone}/screen", GET=self.screen),
            control_route("calls", POST=self.call),
            control_route("faults", GET=self.get_faults, PUT=self.put_faults, DELETE=self.delete_faults),
            control_route("seed", GET=self.get_seed, PUT=self.put_seed),
            control_route("reset", POST=self.post_reset),
            *answer_routes(deps),
            *mail_routes(deps),
            *mail_page_routes(deps),
            *snapshot_routes(deps, self._clock_moves),
            *account_routes(deps),
            *webhook_routes(deps),
            *work_routes(deps),
            *sink_routes(deps),
            *push_service_routes(deps),
            *self._live.routes,
            *page_routes(deps),
            Route("/", EmulatorPage(deps).show, methods=["GET"]),
        ]

    async def start(self) -> None:
        """Listens to the handsets, which run in a separate process, for the pages that show them."""
        await self._live.start()

    async def stop(self) -> None:
        """Nothing to stop."""

    # clock ------------------------------------------------------------------------------------------------------------

    async def get_clock(self, _: Request) -> Response:
        """The product clock."""
        return render(wire.ClockOut(iso_ms(self._deps.clock.now())))

    async def post_clock(self, request: Request) -> Response:
        """Moves the clock of every process, then wakes what has become due; answers when all have confirmed."""
        body = await wire.read(request, wire.ClockIn)
        by = timedelta(seconds=wire.advance(body.advance_s))
        deps = self._deps
        async with self._clock_moves:
            await partitions.keep_partitions_at(deps, deps.clock.now() + by)
            await move_clock(deps.db, deps.fabric, deps.real_clock, by)
        await tell_of_clock(deps)
        return render(wire.ClockOut(iso_ms(deps.clock.now())))

    # handsets ---------------------------------------------------------------------------------------------------------

    async def list_handsets(self, _: Request) -> Response:
        """Every virtual handset, by number."""
        counted = await farm_api.ask(self._deps, farm_api.Count(), farm_api.Counted)
        connected, asleep = frozenset(counted.connected), frozenset(counted.asleep)
        return render(
            [
                wire.HandsetOut.of(
                    row,
                    connected=row.phone_number in connected,
                    asleep=row.phone_number in asleep,
                    memory=counted.memories.get(row.phone_number, Memory()),
                )
                for row in await list_handsets(self._deps)
            ]
        )

    async def make_handset(self, request: Request) -> Response:
        """A fresh installation of the app on a number; answers when it is registered and as online as asked."""
        body = await wire.read(request, wire.HandsetIn)
        handset = VirtualHandset(
            phone_number=wire.phone(body.phone_number, "phone_number"),
            os=OS.ANDROID if body.os is UNSET else wire.os_of(body.os),
            app_version=magic_receivers.APP_VERSION if body.app_version is UNSET else wire.version(body.app_version),
            online=True if body.online is UNSET else body.online,
            script=Script() if body.script is UNSET else wire.script(body.script),
        )
        made = await farm_api.ask(self._deps, farm_api.Make(handset), farm_api.Made)
        return render(_told(made), 201)

    async def change_handset(self, request: Request) -> Response:
        """Changes what the body names; the answer comes when the change is in force."""
        body = await wire.read(request, wire.HandsetChangeIn)
        number = _path_phone(request)
        if body.phone_number is not UNSET and wire.phone(body.phone_number, "phone_number") != number:
            raise InvalidInput("phone_number cannot change; create another handset", field="phone_number")
        change = farm_api.Change(
            phone_number=number,
            os=UNSET if body.os is UNSET else wire.os_of(body.os),
            app_version=UNSET if body.app_version is UNSET else wire.version(body.app_version),
            online=body.online,
            script=UNSET if body.script is UNSET else wire.script(body.script),
        )
        made = await farm_api.ask(self._deps, change, farm_api.Made)
        return render(_told(made))

    async def remove_handset(self, request: Request) -> Response:
        """Uninstalls the app: the number's registration ends, and the handset is gone."""
        await farm_api.ask(self._deps, farm_api.Remove(_path_phone(request)), farm_api.Removed)
        return Response(204, headers=[])

    # calls ------------------------------------------------------------------------------------------------------------

    async def screen(self, request: Request) -> Response:
        """What would show if `caller` rang now, and why; nothing is reported."""
        caller = request.query_params.get("caller")
        if not caller:
            raise InvalidInput("the query parameter caller is required", field="caller")
        look = farm_api.Look(_path_phone(request), wire.phone(caller, "caller"))
        return render((await farm_api.ask(self._deps, look, farm_api.ScreenShown)).screen)

    async def call(self, request: Request) -> Response:
        """Rings a handset: what showed. The handset reports the call as a real one would."""
        body = await wire.read(request, wire.CallIn)
        ring = farm_api.Ring(
            wire.phone(body.receiver, "receiver"),
            wire.phone(body.caller, "caller"),
            None if body.outcome is UNSET else wire.outcome(body.outcome),
        )
        rung = await farm_api.ask(self._deps, ring, farm_api.Rung)
        return render(wire.CallOut(**msgspec.structs.asdict(rung.screen), outcome=rung.outcome))

    # faults, randomness, reset ----------------------------------------------------------------------------------------

    async def get_faults(self, _: Request) -> Response:
        """What is left of the faults."""
        async with self._deps.db.connection() as tx:
            return render(FaultsOut.of(await state_queries.select_faults(tx)))

    async def put_faults(self, request: Request) -> Response:
        """Sets faults in place of those there are; answers when they are in force."""
        wanted = wanted_faults(await wire.read(request, wire.FaultsIn))
        await self._set_faults(wanted)
        return render(FaultsOut.of(wanted))

    async def delete_faults(self, _: Request) -> Response:
        """Clears the faults."""
        await self._set_faults(state_queries.Faults())
        return Response(204, headers=[])

    async def _set_faults(self, wanted: state_queries.Faults) -> None:
        async with self._deps.db.transaction() as tx:
            before = await state_queries.select_faults(tx)
            await state_queries.put_faults(tx, wanted)
        if before.drop_every or wanted.drop_every:  # the rest is no matter of the handsets
            await farm_api.ask(self._deps, farm_api.TakeFaults(), farm_api.Done)

    async def get_seed(self, _: Request) -> Response:
        """The seed of the handsets' randomness."""
        async with self._deps.db.connection() as tx:
            return render(wire.SeedOut(await state_queries.select_seed(tx)))

    async def put_seed(self, request: Request) -> Response:
        """Sets the seed: every handset counts and draws from the beginning."""
        body = await wire.read(request, wire.SeedIn)
        async with self._deps.db.connection() as tx:
            await state_queries.put_seed(tx, body.seed)
        await farm_api.ask(self._deps, farm_api.TakeSeed(), farm_api.Done)
        return render(wire.SeedOut(body.seed))

    async def post_reset(self, request: Request) -> Response:
        """Forgets what happened, or all but the seed; answers with the clock once every process has confirmed."""
        body = await wire.read(request, wire.ResetIn, empty=b"{}")
        async with self._clock_moves:
            await (reset(self._deps) if body.to is UNSET else reset_to_seed(self._deps))
        return render(wire.ClockOut(iso_ms(self._deps.clock.now())))


def _told(made: farm_api.Made) -> wire.HandsetOut:
    return wire.HandsetOut.of(made.handset, connected=made.connected, asleep=made.is_asleep, memory=made.memory)


def _path_phone(request: Request) -> PhoneNumber:
    return wire.phone(request.path_params["phone"], "the phone number in the path")
