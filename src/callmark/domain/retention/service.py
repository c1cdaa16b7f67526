"""Looks at the oldest row of each kind: what the jobs that delete have left."""

from datetime import datetime, timedelta

from callmark.domain.retention import model, queries
from callmark.domain.retention.model import KeptKind, KindState
from callmark.kit.checks import CheckResult
from callmark.kit.postgres.database import Tx
from callmark.kit.settings import Settings


async def look(tx: Tx, settings: Settings, now: datetime) -> list[KindState]:
    """How every kind stands; `now` is of the product clock."""
    return [await _state(tx, kind, kind.period(settings), now) for kind in model.KINDS]


async def check(tx: Tx, settings: Settings, now: datetime) -> CheckResult:
    """Whether anything is kept for longer than its setting says."""
    found = [one for one in await look(tx, settings, now) if one.is_overdue]
    if not found:
        return CheckResult("retention", ok=True, detail="nothing is kept for longer than it should be")
    names = ", ".join(one.kind.name for one in found)
    advice = "Start a worker. If one runs, see its log, and `callmark retention`."
    return CheckResult("retention", ok=False, detail=f"kept for too long: {names}", advice=advice)


async def _state(tx: Tx, kind: KeptKind, period: timedelta | None, now: datetime) -> KindState:
    before = model.overdue_before(period, now)
    found = [await queries.select_oldest(tx, table, before) for table in kind.tables]
    oldest_at = min((at for at in found if at is not None), default=None)
    return KindState(kind, period, oldest_at, is_overdue=bool(oldest_at and before and oldest_at < before))
