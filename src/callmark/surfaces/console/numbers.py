"""Numbers: search, bulk actions, one number with what it shows. Source: contract, sections 7 and 12.3, D18."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import FeatureSetState, PlacedFeatureSet
from callmark.domain.ids import FeatureSetId
from callmark.domain.numbers import imports, search as number_search
from callmark.domain.numbers.model import ListingJob, Number, NumberDetails, NumberFilter, NumberState
from callmark.domain.numbers.proofs import codes as proof_codes
from callmark.domain.numbers.proofs.model import NumberCode, ProofState
from callmark.domain.policy.model import Action, Path
from callmark.domain.structure import service as structure
from callmark.instants import iso_us
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber, parse_digits
from callmark.surfaces.console import consequences, display_names, stale_pages
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.csv_export import headers_of
from callmark.surfaces.console.feature_sets import FeatureSetIdentity, identity_of, place_options
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.proof_form import ProofFormPage
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.set_choice import SetChoice, choice_of
from callmark.surfaces.streaming import Streaming
from callmark.tables.written import as_csv

LIST = "/console/numbers"
_PAGE = 50
_NumberKey = tuple[datetime, PhoneNumber]
_PAGER: Pager[NumberDetails, _NumberKey] = Pager(
    _NumberKey,
    lambda one: (one.number.created_at, one.number.phone_number),
    _PAGE,
    "before",
    filters=("q", "state", "proof", "place", "set", "named"),
)
_MOST_CHOSEN = 10_000


class PlacedNumber(Struct, frozen=True):
    """A number, where it is (None: in a number group, outside the structure), and the job that works on it."""

    details: NumberDetails
    placed: PlacedFeatureSet | None
    job: ListingJob | None

    @property
    def path(self) -> Path:
        """Ids from its department down; empty for a number group's."""
        return self.placed.place.path if self.placed else ()


class NumbersPage(Page, frozen=True):
    """A page of the list, newest first. `is_narrowed`: an empty list is because of the filters."""

    template: ClassVar[str] = "numbers/list.html"
    numbers: list[NumberDetails]
    wanted: NumberFilter
    places: list[tuple[str, str]]
    choice: SetChoice
    is_narrowed: bool
    url: str
    export: str
    choose: str
    next: str
    first: str


class NumberPage(Page, frozen=True):
    """One number: what it shows when it calls, and why nothing where it shows nothing."""

    template: ClassVar[str] = "numbers/number.html"
    found: PlacedNumber
    identity: FeatureSetIdentity
    why: str
    form: Form
    code: NumberCode | None
    sends_codes: bool


class DelistPage(Page, frozen=True):
    """Asks before chosen numbers are delisted."""

    template: ClassVar[str] = "numbers/delist.html"
    chosen: list[Number]
    action: str
    back: str


async def show_list(request: ConsoleRequest) -> Response:
    """The numbers of the actor's place."""
    wanted = _wanted(request)
    of = request.deps, request.account_id, request.by.scope
    found = await number_search.search_numbers(*of, wanted, before=_PAGER.position(request), limit=_PAGE + 1)
    names = await visible_sets.list_names(*of, wanted.place)
    placed = [one for one in names if not one.is_number_group]
    part = _PAGER.part(request, found)
    listed = NumbersPage(
        part.rows,
        wanted,
        place_options(await structure.places(*of)),
        choice_of(placed, request.query("named"), str(wanted.feature_set or "")),
        is_narrowed=wanted != NumberFilter(),
        url=LIST,
        export=stale_pages.link_to_file(request, f"{LIST}/export", **_PAGER.filtered_by(request)),
        choose=_PAGER.here(request, f"{LIST}/chosen"),
        next=part.next,
        first=part.first,
    )
    return page(request, listed)


async def export(request: ConsoleRequest) -> Response:
    """All that the filters leave, as CSV."""
    stale_pages.check_link_to_file(request)
    headers = headers_of("callmark-numbers", request.live_session.account_name)
    lines = _lines(number_search.all_numbers(request.deps, request.account_id, request.by.scope, _wanted(request)))
    return Streaming(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(pages: AsyncIterator[list[NumberDetails]]) -> AsyncIterator[str]:
    yield as_csv([_COLUMNS])
    async for found in pages:
        yield as_csv(_row(one) for one in found)


def _row(found: NumberDetails) -> tuple[object, ...]:
    one, names = found.number, found.names
    place = (names.department, names.operation, names.process, names.sub_process)
    shown = (names.label_name, "on" if names.call_me_back else "off")
    instants = (iso_us(one.created_at), iso_us(one.updated_at))
    told = (one.phone_number, one.state, one.why, one.phone_type, names.feature_set_name)
    return (*told, *place, *shown, *instants, found.proof.state)


async def choose(request: ConsoleRequest) -> Response:
    """Does to the chosen numbers what the button says, and goes back to what was listed; delisting asks first."""
    back = _PAGER.here(request, LIST)
    try:
        chosen = await _all_found(request) if request.form.is_on("all") else _chosen(request.form)
    except InvalidInput as refused:
        return request.go(back, refused.message, "warning")
    if not chosen:
        return request.go(back, "Select numbers first.", "warning")
    if request.form.text("do") == "prove":
        return page(request, ProofFormPage(Form.of(numbers="\n".join(chosen))))
    if request.form.text("do") == "delist":
        found = await number_search.find_in_sets(request.deps, request.account_id, request.by.scope, chosen)
        if not found:
            return request.go(back, _GROUPED, "warning")
        return page(request, DelistPage(found, _PAGER.here(request, f"{LIST}/delist"), back))
    return await _publish_again(request, chosen, back)


async def delist(request: ConsoleRequest) -> Response:
    """Delists what was chosen and confirmed."""
    back = _PAGER.here(request, LIST)
    try:
        chosen = _chosen(request.form)
    except InvalidInput as refused:
        return request.go(back, refused.message, "warning")
    count = await imports.delist_chosen(request.deps, request.account_id, chosen, by=request.by)
    return request.go(back, consequences.numbers_being(count, "delisted"), "success" if count else "warning")


async def show_number(request: ConsoleRequest) -> Response:
    return await number_page(request)


async def number_page(request: ConsoleRequest, form: Form | None = None, status: int = 200) -> Response:
    """One number; `form` is that of its code, with what was wrong."""
    found = await _get(request)
    identity = FeatureSetIdentity("", "", "")
    if found.placed:
        identity = await identity_of(request, found.placed.feature_set)
    code = await proof_codes.find_code(request.deps, request.account_id, found.details.number.phone_number)
    sends = proof_codes.are_sent(request.deps)
    return page(request, NumberPage(found, identity, _why(found), form or Form(), code, sends), status)


async def ask_delist(request: ConsoleRequest) -> Page:
    number, found = request.phone_number(), await _get(request)
    lost = [
        f"Its calls no longer show {found.details.names.feature_set_name}.",
        "It leaves your account, and another business can list it.",
    ]
    return Confirm(f"Delist {display_names.phone(number)}?", lost, "Delist number", f"{LIST}/{number}")


async def delist_one(request: ConsoleRequest) -> Response:
    number = (await _get(request)).details.number.phone_number
    count = await imports.delist_chosen(request.deps, request.account_id, [number], by=request.by)
    return (
        request.go(LIST, f"{display_names.phone(number)} is being delisted.")
        if count
        else request.go(LIST, _GROUPED, "warning")
    )


async def again(request: ConsoleRequest) -> Response:
    """Sends one failed number to be listed again."""
    number = (await _get(request)).details.number.phone_number
    return await _publish_again(request, [number], f"{LIST}/{number}")


async def _publish_again(request: ConsoleRequest, chosen: list[PhoneNumber], back: str) -> Response:
    try:
        count = await imports.publish_again(request.deps, request.account_id, chosen, by=request.by)
    except InvalidInput as refused:
        nothing = "None of the selected numbers was published." if len(chosen) > 1 else ""
        return request.go(back, f"{display_names.sentence(refused.message)} {nothing}".rstrip(), "danger")
    if not count:
        return request.go(
            back, "None of the selected numbers has failed. You can only publish failed numbers again.", "warning"
        )
    return request.go(back, consequences.numbers_being(count, "listed again"))


_GROUPED = "Numbers in a number group cannot be delisted here. List them in a feature set first."


_COLUMNS = (
    "phone_number",
    "state",
    "why",
    "phone_type",
    "feature_set",
    "department",
    "operation",
    "process",
    "sub_process",
    "label",
    "call_me_back",
    "created_at",
    "updated_at",
    "proof",
)


def _wanted(request: ConsoleRequest) -> NumberFilter:
    filters = _PAGER.filtered_by(request)
    state, proof = filters["state"], filters["proof"]
    return NumberFilter(
        filters["q"],
        NumberState(state) if state in set(NumberState) else None,
        parse_uuid(filters["place"]),
        parse_uuid(filters["set"]),
        ProofState(proof) if proof in set(ProofState) else None,
    )


async def _get(request: ConsoleRequest) -> PlacedNumber:
    """The number that the path names. Raises NotFound."""
    of = request.deps, request.account_id
    details, job = await number_search.get_number(*of, request.by.scope, request.phone_number())
    return PlacedNumber(details, await _placed(request, details.number.feature_set_id), job)


async def _placed(request: ConsoleRequest, feature_set_id: FeatureSetId) -> PlacedFeatureSet | None:
    """The feature set with its place; None for a number group."""
    try:
        return await feature_sets.get_placed(request.deps, request.account_id, feature_set_id)
    except NotFound:
        return None


def _chosen(form: Form) -> list[PhoneNumber]:
    """The numbers that are ticked. Raises InvalidInput for more than a page offers."""
    found = [number for text in form.all("number") if (number := parse_digits(text))]
    _check_most(found)
    return found


async def _all_found(request: ConsoleRequest) -> list[PhoneNumber]:
    """All that the filters leave, on every page. Raises InvalidInput for more than can be chosen at once."""
    found: list[PhoneNumber] = []
    async for some in number_search.all_numbers(request.deps, request.account_id, request.by.scope, _wanted(request)):
        found += [one.number.phone_number for one in some]
        _check_most(found)
    return found


def _check_most(found: list[PhoneNumber]) -> None:
    if len(found) > _MOST_CHOSEN:
        raise InvalidInput(f"At most {_MOST_CHOSEN:,} numbers can be selected at once. Use Manage Listing for more.")


def _why(found: PlacedNumber) -> str:
    """Why the number shows nothing of this now; empty when it does."""
    number = found.details.number
    if number.state is NumberState.FAILED:
        return "Preview only. The number could not be listed."
    if number.state is not NumberState.LISTED:
        what = "The number is not listed yet" if number.state is NumberState.PENDING else "The number is being delisted"
        return f"Preview only. {what}."
    published = found.placed is None or found.placed.feature_set.state is FeatureSetState.PUBLISHED
    return "" if published else "Preview only. The feature set is not published."


ROUTES = (
    get("/numbers", show_list, Action.NUMBERS_VIEW),
    post("/numbers/chosen", choose, Action.NUMBERS_MANAGE),
    post("/numbers/delist", delist, Action.NUMBERS_MANAGE),
    get("/numbers/export", export, Action.NUMBERS_VIEW),
    get("/numbers/{number}", show_number, Action.NUMBERS_VIEW),
    *confirmed("/numbers/{number}/delist", ask_delist, delist_one, Action.NUMBERS_MANAGE),
    post("/numbers/{number}/again", again, Action.NUMBERS_MANAGE),
)
