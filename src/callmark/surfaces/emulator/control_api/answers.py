"""The control API's routes by which a receiver answers a business: call me back, and feedback (docs/emulator.md)."""

from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.gateway.wire import FEEDBACK_BODY_BYTES
from callmark.surfaces.http import Response, render


def answer_routes(deps: Deps) -> list[BaseRoute]:
    """`handsets/{phone}/call-me-back` and `handsets/{phone}/feedback`."""

    async def call_me_back(request: Request) -> Response:
        """The receiver asks a business to call back, or says that they are not interested."""
        body = await wire.read(request, wire.CallMeBackIn)
        alternate = wire.phone(body.alternate_number, "alternate_number") if body.alternate_number else None
        business = wire.phone(body.business_number, "business_number")
        ask = farm_api.AskBack(
            receiver=wire.path_phone(request),
            business_number=business,
            slot=body.slot,
            interested=body.interested,
            sim_unknown=body.sim_unknown,
            alternate_number=alternate,
        )
        asked = await farm_api.ask(deps, ask, farm_api.AskedBack)
        return render(
            wire.CallMeBackOut(asked.request_id, business, body.interested, body.slot, body.sim_unknown, alternate)
        )

    async def feedback(request: Request) -> Response:
        """The receiver answers a campaign after the newest call of that type from the business."""
        body = await wire.read(request, wire.FeedbackIn, largest_bytes=FEEDBACK_BODY_BYTES)
        respond = farm_api.Respond(
            receiver=wire.path_phone(request),
            business_number=wire.phone(body.business_number, "business_number"),
            campaign_id=body.campaign_id,
            call_type=body.call_type,
            answers=body.answers,
        )
        done = await farm_api.ask(deps, respond, farm_api.Responded)
        return render(wire.FeedbackOut(done.call_id, respond.business_number, respond.campaign_id, respond.call_type))

    return [
        control_route("handsets/{phone}/call-me-back", POST=call_me_back),
        control_route("handsets/{phone}/feedback", POST=feedback),
    ]
