"""Usage against limits. Source: contract, sections 1.7, 3.1, 3.2 and 9.1."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import MOST_KEYS, TokensUsed
from callmark.domain.limits.model import BUCKETS, TOKENS_QUOTA, Bucket
from callmark.domain.personalisation.daily_figures.service import DayFigures
from callmark.domain.policy.model import Action
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.model import MOST_WEBHOOKS
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get


@dataclass(frozen=True)
class Usage:
    """Counts of what has limits, and the records of today (UTC); `is_behind`: not all of these are counted yet."""

    tokens: TokensUsed
    keys: int
    webhooks: int
    today: DayFigures
    is_behind: bool


@dataclass(frozen=True)
class UsagePage(Page):
    """What is used of what."""

    template: ClassVar[str] = "usage/usage.html"
    usage: Usage
    buckets: tuple[Bucket, ...] = BUCKETS
    most_tokens: int = TOKENS_QUOTA
    most_keys: int = MOST_KEYS
    most_webhooks: int = MOST_WEBHOOKS


async def show_usage(request: ConsoleRequest) -> Response:
    """The page; it asks again every few seconds."""
    deps, account_id = request.deps, request.account_id
    days = await call_figures.read_days(deps, account_id)
    used = Usage(
        await credentials.tokens_used(deps, account_id),
        len(await credentials.list_keys(deps, account_id)),
        len(await webhooks.list_webhooks(deps, account_id)),
        days.today,
        days.is_behind,
    )
    return page(request, UsagePage(used))


ROUTES = (get("/usage", show_usage, Action.USAGE_VIEW),)
