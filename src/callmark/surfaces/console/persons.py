"""What is kept about a phone number, for operators: exported as a file, or erased."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.persons import exporting, service as persons
from callmark.domain.persons.model import Erasure
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.streaming import Streaming

URL = "/console/operator/persons"
PAGER: Pager[Erasure, InstantKey] = Pager(InstantKey, lambda one: (one.requested_at, one.id), 50)
_NO_NUMBER = "Enter a phone number with its country code."
_NOT_THE_SAME = "Enter the same number again."


class PersonsPage(Page, frozen=True):
    """Both forms, and a page of the erasures at `url`, newest first; `is_running`: it asks again."""

    template: ClassVar[str] = "persons/persons.html"
    export: Form
    erase: Form
    erasures: list[Erasure]
    is_running: bool
    url: str
    next: str
    first: str


async def show(request: ConsoleRequest) -> Response:
    """The forms and the table."""
    return page(request, await _page(request))


async def export(request: ConsoleRequest) -> Response:
    """The file. The number comes in the form, so that no address has it."""
    try:
        number = _number(request.form, "number")
    except InvalidInput as refused:
        return page(request, await _page(request, export=request.form.refused(refused)), 422)
    made = await exporting.export_person(request.deps, number, by=request.by)
    name = f"callmark-person-{made.exported_at:%Y%m%dT%H%M%SZ}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Streaming(exporting.indented(made), media_type="application/json", headers=headers)


async def erase(request: ConsoleRequest) -> Response:
    """Begins an erasure of the number that was typed twice."""
    form = request.form
    try:
        await persons.request_erasure(request.deps, _number_typed_twice(form), by=request.by)
    except InvalidInput as refused:
        return page(request, await _page(request, erase=form.refused(refused)), 422)
    except Conflict as exc:
        refused = InvalidInput(exc.message, field="number_to_erase")
        return page(request, await _page(request, erase=form.refused(refused)), 422)
    return request.go(URL, "The erasure has started.")


def _number_typed_twice(form: Form) -> PhoneNumber:
    number = _number(form, "number_to_erase")
    if _number(form, "number_again") != number:
        raise InvalidInput(_NOT_THE_SAME, field="number_again")
    return number


async def _page(request: ConsoleRequest, export: Form | None = None, erase: Form | None = None) -> PersonsPage:
    found = await persons.list_erasures(request.deps, PAGER.position(request), PAGER.size + 1)
    part, url = PAGER.part(request, found), PAGER.here(request, URL)
    is_running = any(one.ended_at is None for one in part.rows)
    return PersonsPage(export or Form(), erase or Form(), part.rows, is_running, url, part.next, part.first)


def _number(form: Form, field: str) -> PhoneNumber:
    try:
        return persons.parse_number(form.text(field))
    except InvalidInput:
        raise InvalidInput(_NO_NUMBER, field=field) from None


ROUTES = (
    get("/operator/persons", show, Action.OPERATE),
    post("/operator/persons/export", export, Action.OPERATE),
    post("/operator/persons/erase", erase, Action.OPERATE),
)
