"""The control API of the virtual handsets: which there are, what they show, and calls to them."""

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.kit.errors import InvalidInput
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.handsets import farm_api, magic_receivers, service
from callmark.surfaces.emulator.handsets.model import Memory, Script, VirtualHandset
from callmark.surfaces.http import Response, render


def handset_routes(deps: Deps) -> list[BaseRoute]:
    """What a test does with phones."""
    handsets = _Handsets(deps)
    return [
        control_route("handsets", GET=handsets.list_all, POST=handsets.make),
        control_route("handsets/{phone}", PATCH=handsets.change, DELETE=handsets.remove),
        control_route("handsets/{phone}/screen", GET=handsets.screen),
        control_route("calls", POST=handsets.call),
    ]


class _Handsets:
    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def list_all(self, _: Request) -> Response:
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
                for row in await service.list_handsets(self._deps)
            ]
        )

    async def make(self, request: Request) -> Response:
        """A fresh installation of the app on a number; answers when it is registered and as online as asked."""
        body = await wire.read(request, wire.HandsetIn)
        handset = VirtualHandset(
            phone_number=wire.phone(body.phone_number, "phone_number"),
            os=OS.ANDROID if body.os is UNSET else body.os,
            app_version=magic_receivers.APP_VERSION if body.app_version is UNSET else wire.version(body.app_version),
            online=True if body.online is UNSET else body.online,
            script=Script() if body.script is UNSET else wire.script(body.script),
        )
        made = await farm_api.ask(self._deps, farm_api.Make(handset), farm_api.Made)
        return render(_out(made), 201)

    async def change(self, request: Request) -> Response:
        """Changes what the body names; the answer comes when the change is in force."""
        body = await wire.read(request, wire.HandsetChangeIn)
        number = wire.path_phone(request)
        if body.phone_number is not UNSET and wire.phone(body.phone_number, "phone_number") != number:
            raise InvalidInput("phone_number cannot change; create another handset", field="phone_number")
        change = farm_api.Change(
            phone_number=number,
            os=body.os,
            app_version=UNSET if body.app_version is UNSET else wire.version(body.app_version),
            online=body.online,
            script=UNSET if body.script is UNSET else wire.script(body.script),
        )
        made = await farm_api.ask(self._deps, change, farm_api.Made)
        return render(_out(made))

    async def remove(self, request: Request) -> Response:
        """Uninstalls the app: the number's registration ends, and the handset is gone."""
        await farm_api.ask(self._deps, farm_api.Remove(wire.path_phone(request)), farm_api.Done)
        return Response(204, headers=[])

    async def screen(self, request: Request) -> Response:
        """What would show if `caller` rang now, and why; nothing is reported."""
        caller = request.query_params.get("caller")
        if not caller:
            raise InvalidInput("the query parameter caller is required", field="caller")
        look = farm_api.Look(wire.path_phone(request), wire.phone(caller, "caller"))
        return render((await farm_api.ask(self._deps, look, farm_api.ScreenShown)).screen)

    async def call(self, request: Request) -> Response:
        """Rings a handset: what showed. The handset reports the call as a real one would."""
        body = await wire.read(request, wire.CallIn)
        ring = farm_api.Ring(
            wire.phone(body.receiver, "receiver"),
            wire.phone(body.caller, "caller"),
            None if body.outcome is UNSET else CallEvent(body.outcome),
        )
        rung = await farm_api.ask(self._deps, ring, farm_api.Rung)
        return render(wire.CallOut(**msgspec.structs.asdict(rung.screen), outcome=rung.outcome))


def _out(made: farm_api.Made) -> wire.HandsetOut:
    return wire.HandsetOut.of(made.handset, connected=made.connected, asleep=made.is_asleep, memory=made.memory)
