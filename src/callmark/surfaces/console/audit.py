"""The audit log: of an account for its admins, of the installation for operators."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import PAGE, AuditAction, AuditEntry, AuditFilter
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get
from callmark.surfaces.cursors import InstantKey

_PAGER: Pager[AuditEntry, InstantKey] = Pager(
    InstantKey, lambda one: (one.at, one.id), PAGE, filters=("q", "action", "account")
)


class AuditPage(Page, frozen=True):
    """A page of the log; `url` is its address without filters, `account_id` whose log an operator looks at."""

    template: ClassVar[str] = "audit/list.html"
    entries: list[AuditEntry]
    wanted: AuditFilter
    actions: list[AuditAction]
    account_id: str
    url: str
    next: str
    first: str


async def show_account(request: ConsoleRequest) -> Response:
    wanted = _wanted(request)
    found = await audit.list_for_business(request.deps, request.account_id, wanted, _PAGER.position(request), PAGE + 1)
    return _page(request, found, wanted)


async def show_installation(request: ConsoleRequest) -> Response:
    """Every account's log and the installation's own; with `account`, that account's."""
    wanted, asked = _wanted(request), parse_uuid(request.query("account"))
    account_id = AccountId(asked) if asked else None
    found = await audit.list_entries(request.deps, account_id, wanted, _PAGER.position(request), PAGE + 1)
    return _page(request, found, wanted, str(account_id or ""))


def _page(request: ConsoleRequest, found: list[AuditEntry], wanted: AuditFilter, account_id: str = "") -> Response:
    part = _PAGER.part(request, found)
    return page(
        request, AuditPage(part.rows, wanted, list(AuditAction), account_id, request.path, part.next, part.first)
    )


def _wanted(request: ConsoleRequest) -> AuditFilter:
    return AuditFilter(action=request.query("action"), text=request.query("q").strip())


ROUTES = (
    get("/audit", show_account, Action.AUDIT_VIEW),
    get("/operator/audit", show_installation, Action.OPERATE),
)
