"""The audit log: of an account for its admins, of the installation for operators."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import PAGE, AuditEntry, AuditFilter
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get
from callmark.surfaces.cursors import InstantKey

ACTIONS = (
    "account.created",
    "account.changed",
    "account.suspended",
    "account.restored",
    "batch.withdrawn",
    "account.limits_changed",
    "call_reason.created",
    "call_reason.changed",
    "call_reason.deleted",
    "certificate.imported",
    "certificate.issued",
    "certificate.retired",
    "edge.created",
    "edge.revoked",
    "handset.forgotten",
    "handset_app.created",
    "handset_app.revoked",
    "installation.renewed",
    "installation.moved",
    "installation.released",
    "key.created",
    "key.changed",
    "key.regenerated",
    "key.deleted",
    "label.created",
    "label.changed",
    "label.made_default",
    "label.deleted",
    "mail.sent_again",
    "member.created",
    "member.invited",
    "member.invited_again",
    "member.accepted",
    "member.changed",
    "member.revoked",
    "member.restored",
    "member.password_set",
    "member.deleted",
    "structure.created",
    "structure.renamed",
    "structure.moved",
    "structure.deleted",
    "feature_set.created",
    "feature_set.changed",
    "feature_set.moved",
    "feature_set.published",
    "feature_set.unpublished",
    "feature_set.deleted",
    "number_group.created",
    "numbers.listed",
    "numbers.delisted",
    "numbers.proof_requested",
    "numbers.proof_withdrawn",
    "numbers.code_sent",
    "numbers.proven",
    "numbers.proof_refused",
    "listing.approved",
    "listing.rejected",
    "password.changed",
    "password.reset",
    "person.erasure_requested",
    "person.erased",
    "person.export_begun",
    "person.exported",
    "record.pushed",
    "record.withdrawn",
    "trust_root.created",
    "trust_root.added",
    "trust_root.removed",
    "upload.created",
    "alerts.added",
    "alerts.changed",
    "alerts.confirmed",
    "alerts.stopped",
    "alerts.removed",
    "alerts.tested",
    "audit.pruned",
    "webhook.created",
    "webhook.changed",
    "webhook.tested",
    "webhook.paused",
    "webhook.resumed",
    "webhook.rotated",
    "webhook.recovered",
    "webhook.deleted",
    "delivery.resent",
    "callback_config.changed",
    "callback_config.deleted",
    "callback.taken",
    "callback.done",
    "callback.reopened",
    "campaign.created",
    "campaign.changed",
    "campaign.made_live",
    "campaign.ended",
    "campaign.deleted",
    "log.exported",
    "operator.acts",
    "operator.stopped",
    "operator.created",
    "operator.password_set",
    "operator.deleted",
    "operator_token.created",
    "operator_token.revoked",
)
"""What the filter offers: every action that a use case notes (a test compares)."""
_PAGER: Pager[AuditEntry, InstantKey] = Pager(
    InstantKey, lambda one: (one.at, one.id), PAGE, filters=("q", "action", "account")
)


class AuditPage(Page, frozen=True):
    """A page of the log; `url` is its address without filters, `account_id` whose log an operator looks at."""

    template: ClassVar[str] = "audit/list.html"
    entries: list[AuditEntry]
    wanted: AuditFilter
    actions: tuple[str, ...]
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
    return page(request, AuditPage(part.rows, wanted, ACTIONS, account_id, request.path, part.next, part.first))


def _wanted(request: ConsoleRequest) -> AuditFilter:
    return AuditFilter(action=request.query("action"), text=request.query("q").strip())


ROUTES = (
    get("/audit", show_account, Action.AUDIT_VIEW),
    get("/operator/audit", show_installation, Action.OPERATE),
)
