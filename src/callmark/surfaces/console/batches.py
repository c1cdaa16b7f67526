"""Batches of call records: the list, and one with its records."""

from datetime import date, timedelta
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallCounts
from callmark.domain.ids import BatchId
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.personalisation.batches.model import Stages
from callmark.domain.personalisation.model import MOST_RECORDS, Batch, Outcome, StoredRecord
from callmark.domain.personalisation.search import service as search
from callmark.domain.personalisation.search.service import BatchFilter, FoundBatches
from callmark.domain.policy.model import Action
from callmark.instants import midnight
from callmark.kit.ids import id_part
from callmark.kit.zones import presently_named, time_zone
from callmark.surfaces.console import consequences
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import read_day
from callmark.surfaces.console.request import ConsoleRequest, whole_number, with_query
from callmark.surfaces.console.route import get
from callmark.surfaces.cursors import InstantKey, decode_key, encode_key

LIST = "/console/batches"
_STATES = {"done": True, "working": False}


class BatchesPage(Page, frozen=True):
    """A page of batches, newest first."""

    template: ClassVar[str] = "batches/list.html"
    found: FoundBatches
    since: str
    until: str
    state: str
    zone: str
    q: str
    next: str
    first: str


class BatchDetailsPage(Page, frozen=True):
    """One batch and a page of its records; `may_withdraw` while a window of it is open or to come."""

    template: ClassVar[str] = "batches/batch.html"
    batch: Batch
    stages: Stages
    calls: CallCounts
    records: list[StoredRecord]
    outcome: str
    counts: dict[Outcome, int]
    may_withdraw: bool
    next: str
    first: str


async def show_batches(request: ConsoleRequest) -> Response:
    """All batches, by date and state."""
    since, until, state = read_day(request.query("since")), read_day(request.query("until")), request.query("state")
    named = request.query("zone")
    zone = presently_named(time_zone(named, "zone")) if named else request.zone
    wanted = BatchFilter(
        midnight(since, zone) if since else None,
        midnight(until + timedelta(days=1), zone) if until else None,
        _STATES.get(state),
        id_part(request.query("q")) or "",
    )
    after = decode_key(request.query("after"), InstantKey)
    found = FoundBatches([], None)
    if wanted.id_part or not request.query("q").strip():  # else no id can begin or end like that
        found = await search.list_batches(request.deps, request.account_id, wanted, after)
    filters = {
        "since": _day(since),
        "until": _day(until),
        "state": state if state in _STATES else "",
        "zone": zone.key,
        "q": request.query("q"),
    }
    return page(
        request,
        BatchesPage(
            found,
            **filters,
            next=with_query(LIST, **filters, after=encode_key(found.next)) if found.next else "",
            first=with_query(LIST, **filters) if after else "",
        ),
    )


async def show_batch(request: ConsoleRequest) -> Response:
    """A batch with its funnel, and its records by outcome."""
    batch_id = request.id(BatchId)
    outcome = Outcome(request.query("state")) if request.query("state") in set(Outcome) else None
    after = whole_number(request.query("after"), MOST_RECORDS)
    stages = await batches.count_stages(request.deps, request.account_id, batch_id)
    found = await batches.read_page(
        request.deps,
        request.account_id,
        batch_id,
        after=-1 if after is None else after,
        limit=search.PAGE + 1,
        outcome=outcome,
    )
    shown = found.records[: search.PAGE]
    last = shown[-1].position if len(found.records) > search.PAGE else None
    counts = {Outcome.SUCCESS: stages.delivered, Outcome.PENDING: stages.pending, **stages.failures}
    path = f"{LIST}/{batch_id}"
    state = outcome.value if outcome else ""
    more = with_query(path, state=state, after=str(last)) if last is not None else ""
    return page(
        request,
        BatchDetailsPage(
            stages.batch,
            stages,
            await calls.count_calls(request.deps, stages.keys),
            shown,
            state,
            {one: count for one, count in counts.items() if count},
            stages.batch.ends_to > request.deps.clock.now() and stages.withdrawn < stages.valid,
            more,
            with_query(path, state=state) if after is not None else "",
        ),
    )


async def ask_withdraw(request: ConsoleRequest) -> Page:
    stages = await batches.count_stages(request.deps, request.account_id, request.id(BatchId))
    lost = [
        consequences.identities_removed(stages.valid),
        "Records whose window has ended do not change.",
        "This cannot be undone. To show them again, push the records again.",
    ]
    return Confirm("Withdraw this batch?", lost, "Withdraw batch", f"{LIST}/{stages.batch.id}")


async def withdraw(request: ConsoleRequest) -> Response:
    """Takes back what has not ended."""
    done = await batches.withdraw_batch(request.deps, request.account_id, request.id(BatchId), by=request.by)
    said, kind = consequences.records_withdrawn(done.withdrawn), "success" if done.withdrawn else "warning"
    return request.go(f"{LIST}/{done.batch.id}", said, kind)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


ROUTES = (
    get("/batches", show_batches, Action.RECORDS_VIEW),
    get("/batches/{id}", show_batch, Action.RECORDS_VIEW),
    *confirmed("/batches/{id}/withdraw", ask_withdraw, withdraw, Action.RECORDS_PUSH),
)
