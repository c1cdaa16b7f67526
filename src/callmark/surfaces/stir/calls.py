"""`POST /stir/v1/calls`: how a call ended."""

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.outcomes import report_outcome
from callmark.surfaces.stir.endpoint import StirEndpoint, StirRequest
from callmark.surfaces.stir.wire import CallAnswer, call_answer, read_outcome

MOST_BYTES = 16 * 1024


def endpoint(deps: Deps) -> StirEndpoint:
    async def report(request: StirRequest) -> CallAnswer:
        return call_answer(await report_outcome(deps, request.edge, read_outcome(request.body)))

    return StirEndpoint(deps, report, MOST_BYTES)
