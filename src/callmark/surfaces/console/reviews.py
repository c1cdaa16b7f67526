"""The operator's listing reviews: what waits, approve, reject with a reason. Source: contract, D18."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.ids import ListingJobId
from callmark.domain.labels.model import logo_address
from callmark.domain.numbers import reviews
from callmark.domain.numbers.model import Review
from callmark.domain.policy.model import Action
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import ChangedMeanwhile, Conflict, InvalidInput, NotFound
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import SEEN, Confirm, confirmed
from callmark.surfaces.console.csv_export import csv_pieces
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, Gone
from callmark.surfaces.console.route import get, post
from callmark.surfaces.streaming import Streaming

LIST = "/console/operator/reviews"
_MOST = 100
"""Requests that one page shows; the longest waiting first."""


class ReviewRow(Struct, frozen=True):
    """A request that waits, and the logo (empty: no label) that calls from its numbers would show."""

    review: Review
    logo_url: str


class ReviewsPage(Page, frozen=True):
    """The requests that wait; whether this installation reviews at all."""

    template: ClassVar[str] = "reviews/list.html"
    rows: list[ReviewRow]
    is_reviewing: bool
    are_more: bool


class RejectPage(Page, frozen=True):
    """Why a request is turned down."""

    template: ClassVar[str] = "reviews/reject.html"
    review: Review
    form: Form
    longest: int = reviews.LONGEST_REASON


async def show_reviews(request: ConsoleRequest) -> Response:
    """What waits, longest first."""
    found = await reviews.list_reviews(request.deps, limit=_MOST + 1)
    rows = [_row(request, one) for one in found[:_MOST]]
    return page(request, ReviewsPage(rows, request.deps.settings.listing_policy == "review", len(found) > _MOST))


async def numbers(request: ConsoleRequest) -> Response:
    """All numbers of a request, as CSV: the list shows five of them."""
    job_id = request.id(ListingJobId)
    try:
        found = await reviews.numbers_of(request.deps, job_id)
    except NotFound as exc:
        raise _gone(exc) from exc
    headers = {"Content-Disposition": f'attachment; filename="numbers-{job_id}.csv"'}
    lines = csv_pieces(("phone_number",), ((number,) for number in found))
    return Streaming(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def ask_approve(request: ConsoleRequest) -> Page:
    """Which name and logo the numbers get, of how many."""
    found = await _review(request)
    count = display_names.count(found.waiting_count, "number")
    shown = f"Calls from them show {found.label_name}." if found.label_name else "Their feature set has no label yet."
    reason = [f"The call reason is {found.call_reason}."] if found.call_reason else []
    title, seen = f"List {count} of {found.account_name}?", digest_of(found.identity)
    url = _row(request, found).logo_url
    logo = (url, f"Logo of {found.label_name}") if url else None
    return Confirm(title, [shown, *reason], "Approve", LIST, danger=False, seen=seen, logo=logo)


async def approve(request: ConsoleRequest) -> Response:
    """Lets one list its numbers."""
    try:
        decided = await reviews.approve(
            request.deps, request.id(ListingJobId), by=request.by, shown=request.form.text(SEEN)
        )
    except ChangedMeanwhile:
        raise
    except Conflict as refused:
        return request.go(LIST, display_names.sentence(refused.message), "warning")
    return request.go(LIST, f"Approved: {display_names.count(decided.waiting_count, 'number')} will be listed.")


async def show_reject(request: ConsoleRequest) -> Response:
    """The form that asks why."""
    return page(request, RejectPage(await _review(request), Form()))


async def reject(request: ConsoleRequest) -> Response:
    form, job_id = request.form, request.id(ListingJobId)
    try:
        decided = await reviews.reject(request.deps, job_id, form.text("reason"), by=request.by)
    except InvalidInput as refused:
        return page(request, RejectPage(await _review(request), form.refused(refused)), 422)
    except Conflict as refused:
        return request.go(LIST, display_names.sentence(refused.message), "warning")
    return request.go(LIST, f"Rejected: {display_names.count(decided.waiting_count, 'number')} will not be listed.")


async def _review(request: ConsoleRequest) -> Review:
    """The request that the path names. Raises Gone, also once it was decided."""
    try:
        return await reviews.get_review(request.deps, request.id(ListingJobId))
    except NotFound as exc:
        raise _gone(exc) from exc


def _row(request: ConsoleRequest, review: Review) -> ReviewRow:
    sha256 = review.logo_sha256
    return ReviewRow(review, logo_address(request.deps.public_url, sha256) if sha256 else "")


def _gone(exc: NotFound) -> Gone:
    return Gone(exc.message, LIST, "the requests that wait")


ROUTES = (
    get("/operator/reviews", show_reviews, Action.OPERATE),
    get("/operator/reviews/{id}/numbers.csv", numbers, Action.OPERATE),
    *confirmed("/operator/reviews/{id}/approve", ask_approve, approve, Action.OPERATE),
    get("/operator/reviews/{id}/reject", show_reject, Action.OPERATE),
    post("/operator/reviews/{id}/reject", reject, Action.OPERATE),
)
