"""Usage against limits. Source: contract, sections 1.7, 3.1, 3.2 and 9.1."""

from msgspec import Struct

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import TokensUsed
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import AccountLimits
from callmark.domain.personalisation.daily_figures import service as record_figures
from callmark.domain.personalisation.daily_figures.service import DayFigures
from callmark.domain.webhooks import service as webhooks


class AccountUsage(Struct, frozen=True):
    """Counts of what has limits, and the records of today (UTC), without their calls.

    `is_behind`: not all of these records are counted yet.
    """

    tokens: TokensUsed
    keys: int
    webhooks: int
    today: DayFigures
    is_behind: bool
    limits: AccountLimits


async def read_usage(deps: Deps, account_id: AccountId) -> AccountUsage:
    """What the account uses of its limits, as of now."""
    days = await record_figures.read_days(deps, account_id)
    return AccountUsage(
        await credentials.tokens_used(deps, account_id),
        len(await credentials.list_keys(deps, account_id)),
        len(await webhooks.list_webhooks(deps, account_id)),
        days.today,
        days.is_behind,
        (await accounts.get_account(deps, account_id)).limits,
    )
