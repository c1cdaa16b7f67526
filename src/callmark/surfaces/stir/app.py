"""The routes of the role `stir`."""

from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.foreign_files import ForeignFiles
from callmark.surfaces.stir import calls, certificates, icons, signing, verification


class StirRoutes:
    """Routes under `/stir/v1`, and icons under `/brand`."""

    def __init__(self, deps: Deps) -> None:
        self._files = ForeignFiles(deps)
        self.routes: list[BaseRoute] = [
            Route("/stir/v1/signing", signing.endpoint(deps)),
            Route("/stir/v1/verification", verification.endpoint(deps, self._files)),
            Route("/stir/v1/calls", calls.endpoint(deps)),
            *certificates.routes(deps),
            *icons.routes(deps),
        ]

    async def start(self) -> None:
        """Nothing runs beside requests."""

    async def stop(self) -> None:
        """Ends the connections to other signers' hosts."""
        await self._files.close()
