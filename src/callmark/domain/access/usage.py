"""What an account has used of its limits (contract, sections 1.7, 3.1, 3.2, 9.1), for its admins."""

from dataclasses import dataclass

from callmark.domain.access.model import Actor, check
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import TokensUsed
from callmark.domain.deps import Deps
from callmark.domain.personalisation.daily_figures.service import DayFigures
from callmark.domain.policy.model import Action
from callmark.domain.webhooks import service as webhooks


@dataclass(frozen=True)
class Usage:
    """Counts of what has limits, and the records of today (UTC); `is_behind`: not all of these are counted yet."""

    tokens: TokensUsed
    keys: int
    webhooks: int
    today: DayFigures
    is_behind: bool


async def read_usage(deps: Deps, actor: Actor) -> Usage:
    """As of now. Raises Forbidden."""
    check(actor, Action.USAGE_VIEW)
    found = await call_figures.read_days(deps, actor.account_id)
    return Usage(
        await credentials.tokens_used(deps, actor.account_id),
        len(await credentials.list_keys(deps, actor.account_id)),
        len(await webhooks.list_webhooks(deps, actor.account_id)),
        found.today,
        found.is_behind,
    )
