"""What the first page shows: figures of call personalisation for who may see them, and what waits to be looked at."""

from dataclasses import dataclass
from datetime import datetime, time

from callmark.domain.access.model import Actor, check, offers
from callmark.domain.callbacks import work_list
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.ids import DepartmentId, FeatureSetId, OperationId, ProcessId
from callmark.domain.personalisation.daily_figures.service import Days
from callmark.domain.policy.model import Action, Role
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import Within
from callmark.domain.webhooks import health
from callmark.domain.webhooks.health import WebhookHealth

MOST = 1_000
"""Where counting of what waits stops: more is told as "1,000+"."""
_MOST_SETS = 1_000


@dataclass(frozen=True)
class HomeFigures:
    """None stands for what the actor may not see."""

    days: Days | None
    callbacks_waiting: int | None
    feedback_today: int | None
    webhooks: list[WebhookHealth] | None


async def figures(deps: Deps, actor: Actor) -> HomeFigures:
    """The figures of the actor's account; of what hangs on a place, those of its own. Raises Forbidden."""
    check(actor, Action.HOME)
    account_id = actor.account_id
    scope = actor.session.actor(actor.address).scope
    sets = await _own_sets(deps, actor)
    midnight = datetime.combine(deps.clock.now().date(), time(), deps.clock.now().tzinfo)
    return HomeFigures(
        days=await call_figures.read_days(deps, account_id) if offers(actor, Action.RECORDS_VIEW) else None,
        callbacks_waiting=await work_list.count_new(deps, account_id, scope, MOST)
        if offers(actor, Action.CALLBACKS_VIEW)
        else None,
        feedback_today=await feedback.count_answers(deps, account_id, midnight, sets, MOST)
        if offers(actor, Action.FEEDBACK_VIEW)
        else None,
        webhooks=await health.list_health(deps, account_id) if offers(actor, Action.WEBHOOKS_VIEW) else None,
    )


async def _own_sets(deps: Deps, actor: Actor) -> list[FeatureSetId] | None:
    """The feature sets inside the actor's place; None for an admin, who sees all."""
    if actor.role is Role.ADMIN:
        return None
    if actor.node_id is None:
        return []
    within = {
        Role.DEPARTMENT_OWNER: Within(department_id=DepartmentId(actor.node_id)),
        Role.OPERATION_OWNER: Within(operation_id=OperationId(actor.node_id)),
        Role.PROCESS_OWNER: Within(process_id=ProcessId(actor.node_id)),
    }[actor.role]
    placed, _ = await structure.list_placed(deps, actor.account_id, within, page=1, limit=_MOST_SETS)
    return [one.feature_set.id for one in placed]
