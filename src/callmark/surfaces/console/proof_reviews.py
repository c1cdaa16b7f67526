"""The operator's proof reviews: what waits, its letter, approve, refuse with a reason."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.ids import ProofRequestId
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.proofs.model import ProofRequest, ProofRequestState
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.csv_export import csv_pieces
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, Gone
from callmark.surfaces.console.route import get, post
from callmark.surfaces.streaming import Streaming

LIST = "/console/operator/proofs"
_LIST_NAME = "the requests that wait"
_MOST = 100
_ENDINGS = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


class ProofReviewsPage(Page, frozen=True):
    """The requests that wait."""

    template: ClassVar[str] = "reviews/proofs.html"
    requests: list[ProofRequest]
    are_more: bool
    most: int = _MOST


class RefuseProofPage(Page, frozen=True):
    """Why a request is turned down."""

    template: ClassVar[str] = "reviews/refuse_proof.html"
    review: ProofRequest
    form: Form
    longest: int = proofs.LONGEST_REASON


async def show_reviews(request: ConsoleRequest) -> Response:
    """What waits, longest first."""
    found = await proofs.list_waiting(request.deps, limit=_MOST + 1)
    return page(request, ProofReviewsPage(found[:_MOST], len(found) > _MOST))


async def letter(request: ConsoleRequest) -> Response:
    """The letter of a request, as a download: what someone uploaded is never shown as a page of ours."""
    request_id = request.id(ProofRequestId)
    found = await proofs.read_letter(request.deps, request_id)
    headers = {
        "Content-Disposition": f'attachment; filename="letter-{request_id}.{_ENDINGS[found.media_type]}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(found.content, media_type=found.media_type, headers=headers)


async def numbers(request: ConsoleRequest) -> Response:
    """All numbers of a request, as CSV: a letter is compared with them."""
    request_id = request.id(ProofRequestId)
    found = await proofs.numbers_of(request.deps, request_id)
    headers = {"Content-Disposition": f'attachment; filename="numbers-{request_id}.csv"'}
    lines = csv_pieces(("phone_number", "proof"), found)
    return Streaming(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def ask_approve(request: ConsoleRequest) -> Page:
    """What an approval says, and of how many numbers: a list shows five of them."""
    found = await _waiting(request)
    count = display_names.count(found.waiting_count, "number")
    signed = "Calls from them can be signed with the name of this business."
    letter_said = f"The letter is {found.letter_name}." if found.letter_name else "There is no letter."
    return Confirm(f"Approve {count} of {found.account_name}?", [letter_said, signed], "Approve", LIST, danger=False)


async def approve(request: ConsoleRequest) -> Response:
    """Finds what waits in the request proven."""
    try:
        decided = await proofs.approve(request.deps, request.id(ProofRequestId), by=request.by)
    except Conflict as refused:
        return request.go(LIST, display_names.sentence(refused.message), "warning")
    return request.go(LIST, f"Approved: numbers of {decided.account_name} are proven.")


async def show_refuse(request: ConsoleRequest) -> Response:
    """The form that asks why."""
    return page(request, RefuseProofPage(await _waiting(request), Form()))


async def refuse(request: ConsoleRequest) -> Response:
    form, request_id = request.form, request.id(ProofRequestId)
    try:
        decided = await proofs.refuse(request.deps, request_id, form.text("reason"), by=request.by)
    except InvalidInput as refused:
        return page(request, RefuseProofPage(await _waiting(request), form.refused(refused)), 422)
    except Conflict as refused:
        return request.go(LIST, display_names.sentence(refused.message), "warning")
    return request.go(LIST, f"Refused: numbers of {decided.account_name} are not proven.")


async def _waiting(request: ConsoleRequest) -> ProofRequest:
    """The request that the path names. Raises Gone once it was taken back or decided."""
    try:
        found = await proofs.get_request_of_any_account(request.deps, request.id(ProofRequestId))
    except NotFound as exc:
        raise Gone("this request is no longer there", LIST, _LIST_NAME) from exc
    if found.state is not ProofRequestState.WAITING:
        raise Gone("this request was decided already", LIST, _LIST_NAME)
    return found


ROUTES = (
    get("/operator/proofs", show_reviews, Action.OPERATE),
    get("/operator/proofs/{id}/letter", letter, Action.OPERATE),
    get("/operator/proofs/{id}/numbers.csv", numbers, Action.OPERATE),
    *confirmed("/operator/proofs/{id}/approve", ask_approve, approve, Action.OPERATE),
    get("/operator/proofs/{id}/refuse", show_refuse, Action.OPERATE),
    post("/operator/proofs/{id}/refuse", refuse, Action.OPERATE),
)
