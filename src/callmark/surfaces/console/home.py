"""The first page after signing in: how today goes, and what waits for attention."""

from datetime import datetime, time
from typing import ClassVar

import msgspec
from msgspec import Struct
from starlette.responses import Response

from callmark.domain.callbacks import work_list
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.feedback import service as feedback
from callmark.domain.personalisation.daily_figures.service import DailyFigures
from callmark.domain.personalisation.model import Outcome
from callmark.domain.policy.model import Action
from callmark.domain.webhooks.deliveries import health
from callmark.domain.webhooks.deliveries.health import WebhookHealth
from callmark.kit.text import share
from callmark.surfaces.console.first_steps import Card, card_on_home
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import Access, get

MOST = 1_000
"""Where counting of what waits stops: more is shown as "1,000+"."""


class HomeFigures(Struct, frozen=True):
    """None stands for what the visitor may not see."""

    days: DailyFigures | None
    callbacks_waiting: int | None
    feedback_today: int | None
    webhooks: list[WebhookHealth] | None


class Stage(Struct, frozen=True):
    """A step of the funnel: how many of today's records came so far, and how many of a hundred accepted that is.

    `url` is of the list of just these, empty where no list can be narrowed to them.
    """

    label: str
    hint: str
    count: int
    share: str
    width: float
    url: str


class HomePage(Page, frozen=True):
    """Figures as far as the visitor may see them; `chart` is JSON for the chart of the last days."""

    template: ClassVar[str] = "home/home.html"
    account_id: str
    figures: HomeFigures
    stages: list[Stage]
    failures: list[tuple[Outcome, int]]
    chart: str
    has_any: bool
    card: Card | None
    most: int


async def show_home(request: ConsoleRequest) -> Response:
    """A business's own numbers; an operator who acts for none goes to the accounts."""
    if request.live_session.account_id is None:
        return request.go("/console/operator/accounts")
    figures = await _figures(request)
    days = figures.days
    failures = sorted(days.today.failures.items(), key=lambda one: -one[1]) if days else []
    if days and days.today.invalid:
        failures = sorted([*failures, (Outcome.INVALID, days.today.invalid)], key=lambda one: -one[1])
    return page(
        request,
        HomePage(
            str(request.account_id),
            figures,
            _stages(days) if days else [],
            [one for one in failures if one[1]],
            _chart(days) if days else "",
            bool(days and any(day.accepted or day.shown for day in days.days)),
            await card_on_home(request),
            MOST,
        ),
    )


async def _figures(request: ConsoleRequest) -> HomeFigures:
    """The figures of the account; of what belongs to a place, those of the visitor's own."""
    deps, account_id, scope = request.deps, request.account_id, request.by.scope
    has_place = not scope.is_nowhere
    midnight = datetime.combine(deps.clock.now().date(), time(), deps.clock.now().tzinfo)
    return HomeFigures(
        days=await call_figures.read_days(deps, account_id) if request.offers(Action.RECORDS_VIEW) else None,
        callbacks_waiting=await work_list.count_new(deps, account_id, scope, MOST + 1)
        if has_place and request.offers(Action.CALLBACKS_VIEW)
        else None,
        feedback_today=await feedback.count_answers(deps, account_id, scope, midnight, MOST + 1)
        if has_place and request.offers(Action.FEEDBACK_VIEW)
        else None,
        webhooks=await health.list_health(deps, account_id) if request.offers(Action.WEBHOOKS_VIEW) else None,
    )


def _stages(days: DailyFigures) -> list[Stage]:
    today = days.today
    since = f"?since={today.day}&zone=UTC"

    def stage(label: str, hint: str, count: int, url: str = "") -> Stage:
        width = min(100 * count / today.accepted, 100) if today.accepted else 0
        return Stage(label, hint, count, share(count, today.accepted), width, url)

    return [
        stage("Accepted", "records accepted today", today.accepted, f"/console/batches{since}"),
        stage("Valid", "records without faults", today.valid),
        stage("Pushed", "confirmed by the handset", today.pushed, f"/console/records{since}&state=success"),
        stage("Shown", "displayed during a call", today.shown),
        stage("Answered", "calls answered", today.answered),
    ]


def _chart(days: DailyFigures) -> str:
    lines = {
        "days": [f"{day.day}" for day in days.days],
        "accepted": [day.accepted for day in days.days],
        "pushed": [day.pushed for day in days.days],
        "shown": [day.shown for day in days.days],
        "answered": [day.answered for day in days.days],
    }
    return msgspec.json.encode(lines).decode()


ROUTES = (get("", show_home, Access.SIGNED_IN), get("/", show_home, Access.SIGNED_IN))
