"""Feature sets: list, form with a phone beside it, publish and unpublish. Source: contract, section 12.3, D18."""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import (
    FeatureSet,
    FeatureSetName,
    FeatureSetState,
    PlacedFeatureSet,
)
from callmark.domain.feature_sets.visible_sets import VisibleFeatureSet
from callmark.domain.ids import FeatureSetId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.policy.model import Action
from callmark.domain.stale_confirmations import digest_of
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import Node, flat
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.record_rules.same_names import folded
from callmark.surfaces.console import consequences, display_names
from callmark.surfaces.console.confirm import SEEN, Blocked, Confirm, confirmed
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.structure import MovePage, options_of, refused_move

LIST = "/console/feature-sets"
_PAGE = 50
_SHORT_ID = 8
"""How much of an id lists show: its last characters."""


class FeatureSetFilter(Struct, frozen=True):
    """What the list is narrowed to; an empty part narrows nothing. `text` is part of the name."""

    text: str = ""
    state: FeatureSetState | None = None
    place: UUID | None = None

    def among(self, names: Iterable[FeatureSetName]) -> list[FeatureSetName]:
        """Those of that text, whatever their state and place."""
        text = folded(self.text)
        is_id = len(text) >= _SHORT_ID
        return [one for one in names if text in folded(one.name) or (is_id and str(one.id).endswith(text))]


class FeatureSetIdentity(Struct, frozen=True):
    """What a listed number of a feature set shows; empty where it has none."""

    name: str
    logo_url: str
    reason: str


class SetsPage(Page, frozen=True):
    """A page of the list. `is_narrowed`: an empty list is because of the filters."""

    template: ClassVar[str] = "feature_sets/list.html"
    sets: list[VisibleFeatureSet]
    total: int
    wanted: FeatureSetFilter
    places: list[tuple[str, str]]
    is_narrowed: bool
    may_create: bool
    url: str
    next: str
    first: str


class SetPage(Page, frozen=True):
    """One feature set: what it shows, its place, what can be done."""

    template: ClassVar[str] = "feature_sets/set.html"
    one: FeatureSet
    trail: list[tuple[str, str]]
    path: tuple[UUID, ...]
    identity: FeatureSetIdentity
    why: str
    to_do: str


async def show_list(request: ConsoleRequest) -> Response:
    """The feature sets of the actor's place, by name."""
    filters = _PAGER.filtered_by(request)
    state = filters["state"]
    wanted = FeatureSetFilter(
        filters["q"], FeatureSetState(state) if state in set(FeatureSetState) else None, parse_uuid(filters["place"])
    )
    deps, account_id, scope = request.deps, request.account_id, request.by.scope
    names = await visible_sets.list_names(deps, account_id, scope, wanted.place, wanted.state)
    found = wanted.among(one for one in names if not one.is_number_group)
    tree = await structure.places(deps, account_id, scope)
    part = _PAGER.page(request, found)
    sets = await visible_sets.find_each(deps, account_id, [one.id for one in part.rows], scope)
    return page(
        request,
        SetsPage(
            [sets[one.id] for one in part.rows if one.id in sets],
            len(found),
            wanted,
            place_options(tree),
            is_narrowed=wanted != FeatureSetFilter(),
            may_create=any(node.has_sets for node in flat(tree).values()),
            url=LIST,
            next=part.next,
            first=part.first,
        ),
    )


async def show_set(request: ConsoleRequest) -> Response:
    placed = await placed_of(request)
    one = placed.feature_set
    identity = await identity_of(request, one)
    return page(request, SetPage(one, _trail(placed), placed.place.path, identity, _why(one), _to_do(one)))


async def ask_publish(request: ConsoleRequest) -> Page:
    """Says what publishing does, or what is missing."""
    placed = await placed_of(request)
    one, back = placed.feature_set, f"{LIST}/{placed.feature_set.id}"
    identity = await identity_of(request, one)
    if one.label_id is None:
        reasons = ["A published feature set needs a label. Choose one first."]
        to = ("Choose a label", f"{back}/edit")
        return Blocked(f"{one.name} cannot be published yet", reasons, to, back)
    lost = [
        f"Its listed numbers (currently {one.number_count:,}) show {identity.name} from the next call.",
        f"Call reason: {identity.reason}" if identity.reason else "They show no call reason.",
        "You can unpublish it at any time. Its numbers stay listed.",
    ]
    return Confirm(f"Publish {one.name}?", lost, "Publish", back, danger=False)


async def publish(request: ConsoleRequest) -> Response:
    """Lets its listed numbers show it."""
    set_id = (await placed_of(request)).feature_set.id
    try:
        one = await feature_sets.publish_feature_set(request.deps, request.account_id, set_id, by=request.by)
    except InvalidInput as refused:
        return request.go(f"{LIST}/{set_id}/edit", display_names.sentence(refused.for_people), "danger")
    return request.go(f"{LIST}/{set_id}", f"{one.name} was published.")


async def ask_unpublish(request: ConsoleRequest) -> Page:
    placed = await placed_of(request)
    one, back = placed.feature_set, f"{LIST}/{placed.feature_set.id}"
    lost = [
        *consequences.numbers_hidden(one.number_count),
        "Call Me Back and User Feedback are off until then.",
    ]
    return Confirm(f"Unpublish {one.name}?", lost, "Unpublish", back)


async def unpublish(request: ConsoleRequest) -> Response:
    """Stops its numbers from showing it."""
    set_id = (await placed_of(request)).feature_set.id
    one = await feature_sets.unpublish_feature_set(request.deps, request.account_id, set_id, by=request.by)
    return request.go(f"{LIST}/{set_id}", f"{one.name} was unpublished. Its numbers now show nothing.")


async def show_move(request: ConsoleRequest) -> Response:
    """Where it may go."""
    placed = await placed_of(request)
    return await _moving(request, placed, Form())


async def move(request: ConsoleRequest) -> Response:
    form, set_id = request.form, request.id(FeatureSetId)
    placed = await placed_of(request)
    try:
        node = await home(request, form.text("to"))
        await feature_sets.move_feature_set(request.deps, request.account_id, set_id, ProcessId(node.id), by=request.by)
    except (InvalidInput, Conflict) as refused:
        return await _moving(request, placed, refused_move(form, refused), 422)
    return request.go(f"{LIST}/{set_id}", f"{placed.feature_set.name} is moved to {node.where}.")


async def ask_delete(request: ConsoleRequest) -> Page:
    """Says what goes with it, or why it cannot be deleted yet."""
    placed = await placed_of(request)
    one, back = placed.feature_set, f"{LIST}/{placed.feature_set.id}"
    if one.number_count:
        them = display_names.agree(one.number_count, "it", "them")
        reasons = [
            f"It holds {display_names.count(one.number_count, 'number')}. Delist {them} first.",
            f"To hide {them} temporarily, unpublish the feature set instead.",
        ]
        to = ("Delist its numbers", f"{back}/listing")
        return Blocked(f"{one.name} cannot be deleted yet", reasons, to, back)
    gone = await feature_sets.get_dependents(request.deps, one.id)
    lost = [f"Its id {one.id} stops working: the API answers 403 for it."]
    if gone.callback_config:
        lost.append(f"Its Call Me Back configuration {gone.callback_config} is deleted too.")
    if gone.campaigns:
        lost.append(consequences.campaigns_deleted(gone.campaigns, gone.answer_count))
    if gone.open_request_count:
        lost.append(consequences.requests_left(gone.open_request_count))
    lost.append("This cannot be undone.")
    return Confirm(f"Delete {one.name}?", lost, "Delete feature set", back, seen=digest_of(gone.lost))


async def delete(request: ConsoleRequest) -> Response:
    of, shown = (request.deps, request.account_id, (await placed_of(request)).feature_set.id), request.form.text(SEEN)
    one = await feature_sets.delete_feature_set(*of, by=request.by, shown=shown)
    return request.go(LIST, f"{one.name} was deleted.")


def place_options(tree: list[Node]) -> list[tuple[str, str]]:
    """The places of a tree for a filter, ids and names."""
    return options_of(flat(tree).values())


def _key(one: FeatureSetName) -> tuple[str, UUID]:
    return one.name.casefold(), one.id


def _trail(placed: PlacedFeatureSet) -> list[tuple[str, str]]:
    """The places above it, names and ids."""
    place = placed.place
    found = [
        (place.department_name, str(place.department_id)),
        (place.operation_name, str(place.operation_id)),
        (place.process_name, str(place.process_id)),
    ]
    return [*found, (place.sub_process_name, str(place.sub_process_id))] if place.sub_process_id else found


def _why(one: FeatureSet) -> str:
    """What the phone says when nothing is shown."""
    if one.state is FeatureSetState.PUBLISHED:
        return ""
    return "Preview only. The feature set is not published, so its numbers show nothing."


def _to_do(one: FeatureSet) -> str:
    """What comes next in the order of section 12.3: label, numbers, publish."""
    if one.label_id is None:
        return "label"
    if not one.number_count:
        return "numbers"
    return "" if one.state is FeatureSetState.PUBLISHED else "publish"


async def identity_of(request: ConsoleRequest, one: FeatureSet) -> FeatureSetIdentity:
    """What a listed number of it shows once it is published."""
    of = (request.deps, request.account_id)
    label = await labels.get_label(*of, one.label_id) if one.label_id else None
    reason = await call_reasons.get_call_reason(*of, one.call_reason_id) if one.call_reason_id else None
    return FeatureSetIdentity(
        label.name if label else "",
        labels.logo_url(request.deps.public_url, label) if label else "",
        reason.text if reason else "",
    )


async def placed_of(request: ConsoleRequest) -> PlacedFeatureSet:
    """The feature set that the path names."""
    return await feature_sets.get_placed(request.deps, request.account_id, request.id(FeatureSetId), request.by.scope)


async def homes(request: ConsoleRequest) -> list[Node]:
    """The processes and sub-processes that the visitor may put feature sets in."""
    tree = await structure.places(request.deps, request.account_id, request.by.scope)
    return [node for node in flat(tree).values() if node.has_sets]


async def home(request: ConsoleRequest, text: str) -> Node:
    """The one of them that was chosen. Raises InvalidInput about `process`."""
    found = next((node for node in await homes(request) if str(node.id) == text), None)
    if found is None:
        raise InvalidInput("choose a process", field="process")
    return found


async def _moving(request: ConsoleRequest, placed: PlacedFeatureSet, form: Form, status: int = 200) -> Response:
    one = placed.feature_set
    offered = [node for node in await homes(request) if node.id != one.process_id]
    back = f"{LIST}/{one.id}"
    if not offered:
        return page(
            request, Blocked(f"{one.name} cannot be moved", ["There is no other process to move it to."], None, back)
        )
    text = consequences.numbers_move(one.number_count)
    return page(
        request, MovePage(f"Move {one.name}", text, "Move to", options_of(offered), form, f"{back}/move", back), status
    )


_PAGER = Pager(tuple[str, UUID], _key, _PAGE, filters=("q", "state", "place"), is_falling=False)


ROUTES = (
    get("/feature-sets", show_list, Action.FEATURE_SETS_VIEW),
    get("/feature-sets/{id}", show_set, Action.FEATURE_SETS_VIEW),
    *confirmed("/feature-sets/{id}/publish", ask_publish, publish, Action.FEATURE_SETS_MANAGE),
    *confirmed("/feature-sets/{id}/unpublish", ask_unpublish, unpublish, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}/move", show_move, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/move", move, Action.FEATURE_SETS_MANAGE),
    *confirmed("/feature-sets/{id}/delete", ask_delete, delete, Action.FEATURE_SETS_MANAGE),
)
