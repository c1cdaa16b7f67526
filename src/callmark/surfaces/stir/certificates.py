"""`GET /stir/v1/certs/<serial>.pem`: certificates for those who verify a call; what is at an address never changes."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmark.domain.deps import Deps
from callmark.domain.signer_certificates import service as signer_certificates
from callmark.domain.signer_certificates.model import ADDRESS
from callmark.kit.errors import NotFound
from callmark.surfaces.assets import FOR_EVER
from callmark.surfaces.http import is_held

_HEADERS = {"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}


def routes(deps: Deps) -> list[Route]:
    """The one route of certificates; its errors are rendered by the application."""

    async def certificate(request: Request) -> Response:
        serial = request.path_params["serial"]
        if not ADDRESS.fullmatch(serial):
            raise NotFound
        headers = _HEADERS | {"ETag": f'"{serial}"'}
        if is_held(request.headers.get("If-None-Match", ""), headers["ETag"]):  # it cannot have changed
            return Response(status_code=304, headers=headers)
        chain = await signer_certificates.chain_pem(deps, serial)
        return Response(chain, media_type="application/pem-certificate-chain", headers=headers)

    return [Route("/stir/v1/certs/{serial}.pem", certificate, methods=["GET"])]
