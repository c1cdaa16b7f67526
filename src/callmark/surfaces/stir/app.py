"""The routes of the role `stir`."""

from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.surfaces.stir import certificates, icons


class StirRoutes:
    """Routes under `/stir/v1`, and icons under `/brand`."""

    def __init__(self, deps: Deps) -> None:
        self.routes: list[BaseRoute] = [*certificates.routes(deps), *icons.routes(deps)]

    async def start(self) -> None:
        """Nothing runs beside requests."""

    async def stop(self) -> None:
        """Nothing is kept."""
