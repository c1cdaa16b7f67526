"""The installation's audit log."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry
from callmark.domain.ids import AccountId
from callmark.surfaces.api.doc_parts import UUID
from callmark.surfaces.api.example_values import ACCOUNT_ID
from callmark.surfaces.api.management.account import (
    AUDIT_PAGER,
    ENTRY,
    LOG_FILTERS,
    AuditEntryView,
    asked_of_log,
    entry_view,
)
from callmark.surfaces.api.operator.route import OperatorRoute
from callmark.surfaces.api.own.request import id_filter
from callmark.surfaces.api.own.shapes import Id, NextAfter, text_id
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.http import Response, render


class InstallationEntryView(AuditEntryView, kw_only=True):
    """One change: who did what, when and from where, and to which account."""

    client_account_id: Annotated[Id | None, Meta(description="The account; null for the installation itself.")]


class InstallationLogView(msgspec.Struct):
    """A page of the installation's audit log."""

    entries: Annotated[list[InstallationEntryView], Meta(description="The entries, newest first.")]
    next_after: NextAfter


async def read_audit_log(request: ApiRequest) -> Response:
    """`GET audit_log?client_account_id=&action=&text=&after=&limit=`."""
    account_id = id_filter(request, "client_account_id", AccountId)
    found = await audit.list_entries(request.deps, account_id, *asked_of_log(request))
    rows, next_after = AUDIT_PAGER.part(request, found)
    return render(InstallationLogView([_shown(one) for one in rows], next_after))


def _shown(entry: AuditEntry) -> InstallationEntryView:
    told = msgspec.structs.asdict(entry_view(entry))
    return InstallationEntryView(**told, client_account_id=text_id(entry.account_id))


_ENTRY = ENTRY | {
    "actor": "operator token Billing",
    "by_operator": True,
    "action": "account.limits_changed",
    "subject": "Acme Deliveries",
    "details": {"limits": {"batch": 120}},
    "client_account_id": ACCOUNT_ID,
}

ROUTES = (
    OperatorRoute(
        "GET",
        "audit_log",
        read_audit_log,
        name="readInstallationLog",
        summary="Read the installation's audit log",
        description="Returns who changed what, in every account and in the installation itself, newest first.",
        response=InstallationLogView,
        answer={"entries": [_ENTRY], "next_after": None},
        params=(ParamDoc("client_account_id", "Only this account's log.", UUID), *LOG_FILTERS),
    ),
)
