"""Usage against limits. Source: contract, sections 1.7, 3.1, 3.2 and 9.1."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.limits.model import BUCKETS, Bucket
from callmark.domain.policy.model import Action
from callmark.domain.usage.service import AccountUsage, read_usage
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get


class UsagePage(Page, frozen=True):
    """What is used of what."""

    template: ClassVar[str] = "usage/usage.html"
    usage: AccountUsage
    buckets: list[Bucket]


async def show_usage(request: ConsoleRequest) -> Response:
    """The page; it asks again every few seconds."""
    usage = await read_usage(request.deps, request.account_id)
    return page(request, UsagePage(usage, [usage.limits.bucket(bucket) for bucket in BUCKETS]))


ROUTES = (get("/usage", show_usage, Action.USAGE_VIEW),)
