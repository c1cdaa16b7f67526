"""The jobs that list and delist numbers: a page of them, one, and its progress as it goes (contract, D24)."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.feature_sets import visible_sets
from callmark.domain.feature_sets.model import FeatureSet
from callmark.domain.ids import ListingJobId
from callmark.domain.numbers import reviews
from callmark.domain.numbers.model import JobKind, JobState, ListingJob
from callmark.domain.policy.model import Action
from callmark.kit.errors import NotFound
from callmark.surfaces.console import sse
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get
from callmark.surfaces.console.sse import Progress

JOBS = "/console/numbers/jobs"
_PAGE, _FOLLOWED = 50, 2
_JobKey = tuple[datetime, ListingJobId]
_PAGER: Pager[ListingJob, _JobKey] = Pager(_JobKey, lambda one: (one.requested_at, one.id), _PAGE, "before")
_TICK, _TICKS = timedelta(milliseconds=500), 600
"""How often a job is read, and after how many times the browser is to ask again."""


class JobLine(Struct, frozen=True):
    """A job with the name of its feature set, empty for a number group and for one that is deleted."""

    job: ListingJob
    feature_set_name: str
    is_deleted: bool = False


class JobsPage(Page, frozen=True):
    """Every job of the actor's place, newest first."""

    template: ClassVar[str] = "numbers/jobs.html"
    jobs: list[JobLine]
    followed: set[ListingJobId]
    next: str
    first: str


class JobPage(Page, frozen=True):
    """One job."""

    template: ClassVar[str] = "numbers/job.html"
    line: JobLine
    text: str


async def show_jobs(request: ConsoleRequest) -> Response:
    of = request.deps, request.account_id, request.by.scope
    jobs = await reviews.list_jobs(*of, before=_PAGER.position(request), limit=_PAGE + 1)
    part = _PAGER.part(request, jobs)
    deps, account_id, scope = of
    sets = await visible_sets.find_each(deps, account_id, {job.feature_set_id for job in part.rows}, scope)
    names = {set_id: one.feature_set for set_id, one in sets.items()}
    shown = [_line(job, names.get(job.feature_set_id)) for job in part.rows]
    return page(request, JobsPage(shown, followed(shown), part.next, part.first))


async def show_job(request: ConsoleRequest) -> Response:
    job = await _get_job(request)
    of = request.deps, request.account_id, job.feature_set_id, request.by.scope
    one: FeatureSet | None = None
    with suppress(NotFound):  # the feature set is deleted
        one = (await visible_sets.get_visible(*of)).feature_set
    return page(request, JobPage(_line(job, one), _progress_of(job).text))


def _line(job: ListingJob, one: FeatureSet | None) -> JobLine:
    return JobLine(job, one.name if one and not one.is_number_group else "", one is None)


async def follow_job(request: ConsoleRequest) -> Response:
    """The job's progress as it goes."""
    await _get_job(request)
    return sse.stream(_events(request))


async def _get_job(request: ConsoleRequest) -> ListingJob:
    return await reviews.get_job(request.deps, request.account_id, request.by.scope, request.id(ListingJobId))


async def _events(request: ConsoleRequest) -> AsyncIterator[Progress]:
    for _ in range(_TICKS):
        job = await _get_job(request)
        yield _progress_of(job)
        if job.state is JobState.ENDED:
            return
        await request.deps.real_clock.sleep(_TICK)


def _progress_of(job: ListingJob) -> Progress:
    if job.state is JobState.IN_REVIEW:
        text = "Waiting for the operator's review"
    else:
        text = ("Listing" if job.kind is JobKind.PUBLISH else "Delisting") if job.why is None else "Rejecting"
    return Progress(job.done_count + job.failed_count, job.number_count, text, job.state is JobState.ENDED)


def followed(jobs: list[JobLine]) -> set[ListingJobId]:
    """The jobs whose progress the page follows: few, because a browser opens few connections to one server."""
    return {line.job.id for line in [one for one in jobs if one.job.state is JobState.RUNNING][:_FOLLOWED]}


ROUTES = (
    get("/numbers/jobs", show_jobs, Action.NUMBERS_VIEW),
    get("/numbers/jobs/{id}", show_job, Action.NUMBERS_VIEW),
    get("/numbers/jobs/{id}/progress", follow_job, Action.NUMBERS_VIEW),
)
