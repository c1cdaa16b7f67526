"""The control API under `/emulator/v1`, and the demo's first page at `/` (docs/emulator.md). Emulator mode only."""

import asyncio

from starlette.routing import BaseRoute, Route

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.control_api.accounts import account_routes
from callmark.surfaces.emulator.control_api.answers import answer_routes
from callmark.surfaces.emulator.control_api.clock import clock_routes
from callmark.surfaces.emulator.control_api.due_work import work_routes
from callmark.surfaces.emulator.control_api.faults import fault_routes
from callmark.surfaces.emulator.control_api.handsets import handset_routes
from callmark.surfaces.emulator.control_api.mails import mail_routes
from callmark.surfaces.emulator.control_api.resets import reset_routes
from callmark.surfaces.emulator.control_api.sinks import sink_routes
from callmark.surfaces.emulator.control_api.snapshots import snapshot_routes
from callmark.surfaces.emulator.control_api.webhooks import webhook_routes
from callmark.surfaces.emulator.pages.first_page import EmulatorPage
from callmark.surfaces.emulator.pages.live_screens import Live
from callmark.surfaces.emulator.pages.mails import mail_page_routes
from callmark.surfaces.emulator.pages.routes import page_routes
from callmark.surfaces.emulator.push_service.routes import push_service_routes


class EmulatorRoutes:
    """The control API, the first page and its styles."""

    def __init__(self, deps: Deps) -> None:
        clock_moves = asyncio.Lock()
        self._live = Live(deps)
        self.routes: list[BaseRoute] = [
            *clock_routes(deps, clock_moves),
            *handset_routes(deps),
            *fault_routes(deps),
            *reset_routes(deps, clock_moves),
            *answer_routes(deps),
            *mail_routes(deps),
            *mail_page_routes(deps),
            *snapshot_routes(deps, clock_moves),
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
