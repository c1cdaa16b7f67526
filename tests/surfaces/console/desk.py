"""A member's browser at a business that may call this machine."""

from msgspec import Struct
from tests.domain.webhooks.receiving import Stage
from tests.support.audit_log import log_of
from tests.surfaces.console.browser import (
    Browser,
    Business,
    Visitors,
)

EVIL = '"><img src=x onerror=alert(1)>'


class Desk(Struct):
    """Alice's browser, at a business that may call this machine."""

    stage: Stage
    business: Business
    browse: Visitors
    alice: Browser

    async def actions(self) -> list[str]:
        log = await log_of(self.stage.deps, self.business.account.id)
        return [entry.action for entry in reversed(log)]
