"""Proofs of a business's numbers: ask the operator with a letter, or type a code (docs/number-ownership.md)."""

from asyncio import to_thread
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from starlette.responses import Response

from callmark.domain.ids import ProofRequestId
from callmark.domain.numbers import number_list_parser, search as number_search
from callmark.domain.numbers.model import MOST_NUMBERS
from callmark.domain.numbers.number_list_parser import ListReading
from callmark.domain.numbers.proofs import codes as proof_codes, service as proofs
from callmark.domain.numbers.proofs.model import (
    LARGEST_LETTER_BYTES,
    CodeChannel,
    ProofLetter,
    ProofRequest,
    read_letter,
)
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput, TooManyRequests
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.numbers import number_page
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.proof_form import ProofFormPage
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

LIST = "/console/numbers/proofs"
LARGEST_BYTES = LARGEST_LETTER_BYTES + (1 << 20)
_PAGE = 50
_LONGEST_LIST, _MOST_LINES = 100 * MOST_NUMBERS, 2 * MOST_NUMBERS
"""Of what is typed, empty lines included. A longer text takes seconds to read, to find that it lists too much."""
_RequestKey = tuple[datetime, UUID]
_PAGER: Pager[ProofRequest, _RequestKey] = Pager(_RequestKey, lambda one: (one.requested_at, one.id), _PAGE, "before")


class ProofRequestsPage(Page, frozen=True):
    """What was asked for, and what was decided."""

    template: ClassVar[str] = "numbers/proofs.html"
    requests: list[ProofRequest]
    next: str
    first: str


async def show_requests(request: ConsoleRequest) -> Response:
    """The requests of the actor's place, newest first."""
    before = _PAGER.position(request)
    found = await proofs.list_requests(
        request.deps,
        request.account_id,
        request.by.scope,
        before=None if before is None else (before[0], ProofRequestId(before[1])),
        limit=_PAGE + 1,
    )
    part = _PAGER.part(request, found)
    return page(request, ProofRequestsPage(part.rows, part.next, part.first))


async def show_form(request: ConsoleRequest) -> Response:
    """The form, for a number of the query if there is one."""
    return page(request, ProofFormPage(Form.of(numbers=request.query("number"))))


async def send(request: ConsoleRequest) -> Response:
    """Asks the operator."""
    form = request.form
    try:
        numbers, letter = await _numbers(form), await _letter(request)
        made = await proofs.request_proof(request.deps, request.account_id, numbers, letter, by=request.by)
    except (InvalidInput, Conflict) as refused:
        if isinstance(refused, InvalidInput) and refused.field == "phone_numbers":
            refused = InvalidInput(refused.message, field="numbers")
        return page(request, ProofFormPage(_without_letter(request, form.refused(refused))), 422)
    count = display_names.count(made.number_count, "number")
    return request.go(LIST, f"The operator will review the proof of {count}.")


async def ask_withdraw(request: ConsoleRequest) -> Page:
    found = await proofs.get_request(request.deps, request.account_id, request.by.scope, request.id(ProofRequestId))
    lost = [f"{display_names.count(found.waiting_count, 'number').capitalize()} will be unproven again."]
    return Confirm("Take back this request?", lost, "Take back", LIST)


async def withdraw(request: ConsoleRequest) -> Response:
    """Takes a request back."""
    try:
        await proofs.withdraw_request(request.deps, request.account_id, request.id(ProofRequestId), by=request.by)
    except Conflict as refused:
        return request.go(LIST, display_names.sentence(refused.message), "warning")
    return request.go(LIST, "The request was taken back.")


async def send_code(request: ConsoleRequest) -> Response:
    """Has a code called or sent to the number."""
    number, channel = request.phone_number(), request.form.text("channel")
    await number_search.get_number(request.deps, request.account_id, request.by.scope, number)  # else 404
    back = f"/console/numbers/{number}"
    if channel not in set(CodeChannel):
        return request.go(back, "Choose how the code is sent.", "warning")
    try:
        of = request.deps, request.account_id, number
        await proof_codes.send_code(*of, CodeChannel(channel), by=request.by)
    except (InvalidInput, Conflict) as refused:
        return request.go(back, display_names.sentence(refused.message), "warning")
    except TooManyRequests:
        return request.go(back, "This number or account had all its codes of today. Try again tomorrow.", "warning")
    return request.go(back, "A code is on its way. It counts for ten minutes.")


async def prove(request: ConsoleRequest) -> Response:
    """Proves the number, if its code was typed."""
    number, form = request.phone_number(), request.form
    try:
        await proof_codes.prove_by_code(request.deps, request.account_id, number, form.text("code"), by=request.by)
    except (InvalidInput, Conflict) as refused:
        return await number_page(request, Form().refused(refused), 422)
    return request.go(f"/console/numbers/{number}", f"{display_names.phone(number)} is proven.")


async def _numbers(form: Form) -> list[PhoneNumber]:
    """The numbers that were typed. Raises InvalidInput for a line without one, and for a text that is too long."""
    text = form.text("numbers")
    if len(text) > _LONGEST_LIST or len(text.splitlines()) > _MOST_LINES:
        raise InvalidInput(f"ask for at most {MOST_NUMBERS:,} numbers at once, one a line", field="numbers")
    listed = await to_thread(number_list_parser.read_list, text, ListReading())
    if listed.rejected:
        first = listed.rejected[0]
        raise InvalidInput(f"line {first.line} has no valid number: {first.why}", field="numbers")
    return list(listed.numbers)


async def _letter(request: ConsoleRequest) -> ProofLetter | None:
    file = request.file("letter")
    return None if file is None else read_letter(file.filename or "", await file.read())


def _without_letter(request: ConsoleRequest, form: Form) -> Form:
    """The refused form, which says that the letter is to be chosen again: no page can fill in a file."""
    if "letter" in form.errors:
        return form
    try:
        file = request.file("letter")
    except InvalidInput as refused:
        return form.refused(refused)
    if file is None:
        return form
    return form.refused(InvalidInput(f"the file {file.filename} was not kept. Choose it again", field="letter"))


ROUTES = (
    get("/numbers/proofs", show_requests, Action.NUMBERS_VIEW),
    get("/numbers/proofs/new", show_form, Action.NUMBERS_MANAGE),
    post("/numbers/proofs/new", send, Action.NUMBERS_MANAGE, largest_bytes=LARGEST_BYTES),
    *confirmed("/numbers/proofs/{id}/withdraw", ask_withdraw, withdraw, Action.NUMBERS_MANAGE),
    post("/numbers/{number}/code", send_code, Action.NUMBERS_MANAGE),
    post("/numbers/{number}/prove", prove, Action.NUMBERS_MANAGE),
)
