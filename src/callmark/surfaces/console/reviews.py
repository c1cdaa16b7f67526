"""The operator's listing reviews: what waits, approve, reject with a reason. Source: contract, D18."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import reviews as access
from callmark.domain.ids import ListingJobId
from callmark.domain.numbers.model import Review
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console import words
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import Form, Visit

LIST = "/console/operator/reviews"


@dataclass(frozen=True)
class ReviewsPage(Page):
    """The requests that wait; whether this installation reviews at all."""

    template: ClassVar[str] = "reviews/list.html"
    reviews: list[Review]
    is_reviewing: bool
    most: int = access.MOST


@dataclass(frozen=True)
class RejectPage(Page):
    """Why a request is turned down."""

    template: ClassVar[str] = "reviews/reject.html"
    review: Review
    form: Form
    longest: int = access.LONGEST_REASON


async def show_reviews(visit: Visit) -> Response:
    """What waits, longest first."""
    found = await access.list_reviews(visit.deps)
    return page(visit, ReviewsPage(found, visit.deps.settings.listing_policy == "review"))


async def approve(visit: Visit) -> Response:
    """Lets one list its numbers."""
    try:
        job = await access.approve(visit.deps, visit.operating, visit.id(ListingJobId))
    except Conflict as refused:
        return visit.go(LIST, words.sentence(refused.message), "warning")
    return visit.go(LIST, f"Approved: {words.count(job.number_count, 'number')} will be listed.")


async def show_reject(visit: Visit) -> Response:
    """The form that asks why."""
    return page(visit, RejectPage(await access.find_review(visit.deps, visit.id(ListingJobId)), Form()))


async def reject(visit: Visit) -> Response:
    """Turns one down."""
    form, job_id = visit.form, visit.id(ListingJobId)
    try:
        job = await access.reject(visit.deps, visit.operating, job_id, form.text("reason"))
    except InvalidInput as refused:
        return page(visit, RejectPage(await access.find_review(visit.deps, job_id), form.refused(refused)), 422)
    except Conflict as refused:
        return visit.go(LIST, words.sentence(refused.message), "warning")
    return visit.go(LIST, f"Rejected: {words.count(job.number_count, 'number')} will not be listed.")


ROUTES = (
    get("/operator/reviews", show_reviews, Action.OPERATE),
    post("/operator/reviews/{id}/approve", approve, Action.OPERATE),
    get("/operator/reviews/{id}/reject", show_reject, Action.OPERATE),
    post("/operator/reviews/{id}/reject", reject, Action.OPERATE),
)
