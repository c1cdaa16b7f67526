"""`POST /stir/v1/signing`: the `Identity` headers of a call that leaves."""

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.signing import sign_call
from callmark.surfaces.stir.endpoint import StirEndpoint, StirRequest
from callmark.surfaces.stir.wire import SigningAnswer, SigningOut, read_signing

MOST_BYTES = 16 * 1024


def endpoint(deps: Deps) -> StirEndpoint:
    async def sign(request: StirRequest) -> SigningAnswer:
        headers = await sign_call(deps, request.edge, read_signing(request.body))
        return SigningAnswer(SigningOut(headers.identity, headers.identity, list(headers.others)))

    return StirEndpoint(deps, sign, MOST_BYTES)
