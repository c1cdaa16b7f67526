"""Alerts about a day's call records: many have faults, or far fewer than usual reach handsets."""

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation.daily_figures import queries
from callmark.domain.personalisation.daily_figures.queries import DayBesideWeek
from callmark.kit.text import share

FEWEST_RECORDS = 100
"""Of a day, before anything is said about it."""

INVALID_SHARE = 0.2
FEWEST_BEFORE = 500
"""Pushes of the seven days before, so that their share means something."""


def has_many_invalid(day: DayBesideWeek) -> bool:
    """Whether one in five of today's records has faults."""
    return day.accepted >= FEWEST_RECORDS and day.invalid >= INVALID_SHARE * day.accepted


def are_pushes_failing(day: DayBesideWeek) -> bool:
    """Whether the share that reached handsets at once is less than half that of the seven days before."""
    if day.settled < FEWEST_RECORDS or day.settled_before < FEWEST_BEFORE:
        return False
    return 2 * day.pushed * day.settled_before < day.pushed_before * day.settled


async def watch_days(deps: Deps) -> None:
    """Tells what is remarkable about today, once a day for each account and kind."""
    async with deps.db.connection() as tx:
        days = await queries.select_beside_week(tx, deps.clock.now().date(), FEWEST_RECORDS)
    for day in days:
        if has_many_invalid(day):
            await _tell(deps, day, AlertKind.RECORDS_INVALID)
        if are_pushes_failing(day):
            await _tell(deps, day, AlertKind.PUSHES_FAILING)


async def _tell(deps: Deps, day: DayBesideWeek, kind: AlertKind) -> None:
    async with deps.db.transaction() as tx:
        account = await accounts.get_account_in(tx, AccountId(day.account_id))
        alert = _alert(deps, day, kind, account.name)
        await alerts.tell_once(tx, deps, alert, day.day.isoformat())


def _alert(deps: Deps, day: DayBesideWeek, kind: AlertKind, account_name: str) -> Alert:
    console = f"{deps.public_url}/console"
    if kind is AlertKind.RECORDS_INVALID:
        how = "many call records are invalid"
        lines = [
            f"{day.invalid:,} of the {day.accepted:,} call records that {account_name} has pushed today have faults.",
            "They will not be shown. Each record says which of its fields is wrong and why.",
        ]
        link = ("Open the invalid records", f"{console}/records?state=invalid")
    else:
        how, today = "fewer call records reach handsets", share(day.pushed, day.settled)
        lines = [
            f"{today} of today's valid call records of {account_name} reached a handset at once.",
            f"In the seven days before it was {share(day.pushed_before, day.settled_before)}.",
            "The page of each record says why it did not: for example, that no handset is registered with its number.",
        ]
        link = ("Open today's figures", console)
    return Alert(kind, AccountId(day.account_id), f"{account_name}: {how}", lines, [link])
