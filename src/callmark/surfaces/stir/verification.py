"""`POST /stir/v1/verification`: the verdict on a call that arrives, and what its phone may show."""

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.foreign_files import ForeignFiles
from callmark.domain.signed_calls.verification import verify_call
from callmark.surfaces.stir.endpoint import StirEndpoint, StirRequest
from callmark.surfaces.stir.wire import VerificationAnswer, read_verification, verification_answer

MOST_BYTES = 128 * 1024


def endpoint(deps: Deps, files: ForeignFiles) -> StirEndpoint:
    async def verify(request: StirRequest) -> VerificationAnswer:
        asked = read_verification(request.body, request.request_id)
        return verification_answer(await verify_call(deps, files, request.edge, asked))

    return StirEndpoint(deps, verify, MOST_BYTES)
