"""What the first page shows: figures of call personalisation for who may see them, and what waits to be looked at."""

from dataclasses import dataclass
from datetime import datetime, time

from callmark.domain.access.model import Actor, check, offers
from callmark.domain.callbacks import work_list
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.personalisation.daily_figures.service import DailyFigures
from callmark.domain.policy.model import Action
from callmark.domain.webhooks.deliveries import health
from callmark.domain.webhooks.deliveries.health import WebhookHealth

MOST = 1_000
"""Where counting of what waits stops: more is told as "1,000+"."""


@dataclass(frozen=True)
class HomeFigures:
    """None stands for what the actor may not see."""

    days: DailyFigures | None
    callbacks_waiting: int | None
    feedback_today: int | None
    webhooks: list[WebhookHealth] | None


async def figures(deps: Deps, actor: Actor) -> HomeFigures:
    """The figures of the actor's account; of what hangs on a place, those of its own. Raises Forbidden."""
    check(actor, Action.HOME)
    account_id = actor.account_id
    scope = actor.session.actor(actor.address).scope
    midnight = datetime.combine(deps.clock.now().date(), time(), deps.clock.now().tzinfo)
    return HomeFigures(
        days=await call_figures.read_days(deps, account_id) if offers(actor, Action.RECORDS_VIEW) else None,
        callbacks_waiting=await work_list.count_new(deps, account_id, scope, MOST)
        if offers(actor, Action.CALLBACKS_VIEW)
        else None,
        feedback_today=await feedback.count_answers(deps, account_id, scope, midnight, MOST)
        if offers(actor, Action.FEEDBACK_VIEW)
        else None,
        webhooks=await health.list_health(deps, account_id) if offers(actor, Action.WEBHOOKS_VIEW) else None,
    )
