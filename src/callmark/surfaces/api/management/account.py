"""What an account uses of its limits, and its audit log."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.limits.model import BUCKETS, KEYS, TOKENS, WEBHOOKS
from callmark.domain.policy.model import Action
from callmark.domain.usage.service import AccountUsage, read_usage
from callmark.instants import iso_ms
from callmark.surfaces.api.example_values import AT
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.request import ApiPager, text_filter
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.own.shapes import Id, Instant, NextAfter
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

AUDIT_PAGER: ApiPager[AuditEntry, InstantKey] = ApiPager(InstantKey, lambda one: (one.at, one.id))


class UsedOfView(msgspec.Struct):
    """How much of a limit is used."""

    used: Annotated[int, Meta(description="How many there are now.")]
    most: Annotated[int, Meta(description="How many there can be.")]


class TokenUseView(msgspec.Struct):
    """A token that is accepted now."""

    key_name: Annotated[str, Meta(description="The API key that it was made with.")]
    key_ending: Annotated[str, Meta(description="The last four characters of its Key ID.")]
    created_at: Annotated[Instant, Meta(description="When it was created, UTC.")]
    expires_at: Annotated[Instant, Meta(description="When it expires, UTC.")]
    requests: Annotated[dict[str, UsedOfView], Meta(description="Requests in the current window, by bucket.")]


class DayUseView(msgspec.Struct):
    """Call records of one day."""

    day: Annotated[str, Meta(description="The day, UTC.", extra_json_schema={"format": "date"})]
    accepted: Annotated[int, Meta(description="Records received.")]
    invalid: Annotated[int, Meta(description="Invalid ones.")]
    pushed: Annotated[int, Meta(description="On their handset.")]
    waiting: Annotated[int, Meta(description="Without an outcome yet.")]
    failed: Annotated[int, Meta(description="Not on their handset, for whatever reason.")]
    shown: Annotated[int, Meta(description="Shown in a call.")]
    answered: Annotated[int, Meta(description="Shown in a call that was answered.")]


class UsageView(msgspec.Struct):
    """What an account uses of its limits."""

    tokens_created: Annotated[UsedOfView, Meta(description="Access tokens created in the last 30 minutes.")]
    next_token_at: Annotated[
        Instant | None, Meta(description="When the next token can be created; null if it can be created now.")
    ]
    keys: Annotated[UsedOfView, Meta(description="API keys.")]
    webhooks: Annotated[UsedOfView, Meta(description="Webhooks.")]
    tokens: Annotated[list[TokenUseView], Meta(description="Tokens that are accepted now, newest first.")]
    today: Annotated[DayUseView, Meta(description="Call records of today.")]


class AuditEntryView(msgspec.Struct):
    """One change: who did what, when and from where."""

    id: Annotated[Id, Meta(description="The entry.")]
    at: Annotated[Instant, Meta(description="When, UTC.")]
    actor: Annotated[str, Meta(description="Email of a person, or `API key` or `operator token` and its name.")]
    by_operator: Annotated[bool, Meta(description="Whether someone who runs the installation did it.")]
    action: Annotated[str, Meta(description="What was done, such as `label.created`.")]
    subject: Annotated[str, Meta(description="The name of what it was done to.")]
    details: Annotated[dict[str, Any], Meta(description="Facts about the change; never secrets.")]
    address: Annotated[str, Meta(description="Where the request came from; empty for the command line.")]


class AuditLogView(msgspec.Struct):
    """A page of the audit log."""

    entries: Annotated[list[AuditEntryView], Meta(description="The entries, newest first.")]
    next_after: NextAfter


async def get_usage(request: ApiRequest) -> Response:
    """`GET usage`."""
    return render(_usage(await read_usage(request.deps, request.account_id)))


async def read_audit_log(request: ApiRequest) -> Response:
    """`GET audit_log?action=&text=&after=&limit=`."""
    found = await audit.list_for_business(request.deps, request.account_id, *asked_of_log(request))
    rows, next_after = AUDIT_PAGER.part(request, found)
    return render(AuditLogView([entry_view(one) for one in rows], next_after))


def asked_of_log(request: ApiRequest) -> tuple[AuditFilter, tuple[datetime, UUID] | None, int]:
    """What the query asks for, behind which entry, and how many."""
    wanted = AuditFilter(text_filter(request, "action"), text_filter(request, "text").strip())
    return wanted, AUDIT_PAGER.after(request), AUDIT_PAGER.limit(request) + 1


def _usage(usage: AccountUsage) -> UsageView:
    limits = usage.limits
    tokens = [
        TokenUseView(
            one.key_name,
            one.key_ending,
            iso_ms(one.created_at),
            iso_ms(one.expires_at),
            {bucket.name: UsedOfView(one.used[bucket.name], limits.of(bucket.name)) for bucket in BUCKETS},
        )
        for one in usage.tokens.tokens
    ]
    today = usage.today
    return UsageView(
        UsedOfView(usage.tokens.recent, limits.of(TOKENS.name)),
        None if usage.tokens.next_at is None else iso_ms(usage.tokens.next_at),
        UsedOfView(usage.keys, limits.of(KEYS)),
        UsedOfView(usage.webhooks, limits.of(WEBHOOKS)),
        tokens,
        DayUseView(
            today.day.isoformat(),
            today.accepted,
            today.invalid,
            today.pushed,
            today.waiting,
            today.failed,
            today.shown,
            today.answered,
        ),
    )


def entry_view(entry: AuditEntry) -> AuditEntryView:
    """An entry as it is answered."""
    return AuditEntryView(
        str(entry.id),
        iso_ms(entry.at),
        entry.actor_email,
        entry.by_operator,
        entry.action,
        entry.subject,
        dict(entry.details),
        entry.address,
    )


_DAY = {"day": "2026-01-01", "accepted": 500, "invalid": 2, "pushed": 471, "waiting": 0, "failed": 27}
_TOKEN = {
    "key_name": "Terraform",
    "key_ending": "c3d4",
    "created_at": AT,
    "expires_at": "2026-01-01T11:00:05.412Z",
    "requests": {"management": {"used": 3, "most": 50}},
}
ENTRY = {
    "id": "e5f60718-293a-4b4c-9d5e-7f8091021324",
    "at": AT,
    "actor": "API key Terraform",
    "by_operator": False,
    "action": "label.created",
    "subject": "Acme Deliveries",
    "details": {"type": "dynamic"},
    "address": "192.0.2.10",
}
LOG_FILTERS = (
    ParamDoc("action", "Only this action, such as `label.created`.", {"type": "string"}),
    ParamDoc("text", "Part of the actor or of the subject.", {"type": "string"}),
    *PAGING,
)

ROUTES = (
    ManagedRoute(
        "GET",
        "usage",
        get_usage,
        Action.USAGE_VIEW,
        name="getUsage",
        summary="Get the usage of limits",
        description="Returns what the account uses of its limits, and today's call records.",
        response=UsageView,
        answer={
            "tokens_created": {"used": 2, "most": 10},
            "next_token_at": None,
            "keys": {"used": 1, "most": 5},
            "webhooks": {"used": 1, "most": 5},
            "tokens": [_TOKEN],
            "today": _DAY | {"shown": 300, "answered": 210},
        },
    ),
    ManagedRoute(
        "GET",
        "audit_log",
        read_audit_log,
        Action.AUDIT_VIEW,
        name="readAuditLog",
        summary="Read the audit log",
        description="Returns who changed what in the account, newest first.",
        response=AuditLogView,
        answer={"entries": [ENTRY], "next_after": None},
        params=LOG_FILTERS,
    ),
)
