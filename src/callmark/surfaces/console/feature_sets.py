"""Feature sets: list, form with a phone beside it, publish and unpublish. Source: contract, section 12.3, D18."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from starlette.responses import Response

from callmark.domain.access import feature_sets as access
from callmark.domain.access.feature_sets import Choices, Hung, Identity, Wanted
from callmark.domain.access.structure import Node
from callmark.domain.ids import CallReasonId, FeatureSetId, LabelId
from callmark.domain.labels.model import Label, logo_address
from callmark.domain.policy.model import Action
from callmark.domain.structure.model import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    FeatureSet,
    FeatureSetChange,
    FeatureSetState,
    NewFeatureSet,
    PhoneType,
    Placed,
)
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Blocked, Confirm, confirm
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, decode_key, encode_key, with_query
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.structure import MovePage, options_of

LIST = "/console/feature-sets"
_PAGE = 50
_FIELDS = {"label_id": "label", "call_reason_id": "reason", "process_id": "process"}


@dataclass(frozen=True)
class SetsPage(Page):
    """A page of the list. `is_narrowed`: an empty list is because of the filters."""

    template: ClassVar[str] = "feature_sets/list.html"
    sets: list[Hung]
    total: int
    wanted: Wanted
    places: list[tuple[str, str]]
    is_narrowed: bool
    may_create: bool
    url: str
    next: str
    first: str


@dataclass(frozen=True)
class SetPage(Page):
    """One feature set: what it shows, where it hangs, what can be done."""

    template: ClassVar[str] = "feature_sets/set.html"
    one: FeatureSet
    trail: list[tuple[str, str]]
    path: tuple[UUID, ...]
    identity: Identity
    why: str
    to_do: str


@dataclass(frozen=True)
class SetFormPage(Page):
    """The form of a new feature set, or of one there is (`set_id`), with what its numbers will show beside it."""

    template: ClassVar[str] = "feature_sets/form.html"
    form: Form
    set_id: str
    homes: list[tuple[str, str]]
    choices: Choices
    chosen: Label | None
    reason: str
    logos: dict[str, str]
    may_label: bool
    back: str
    longest_name: int = LONGEST_NAME
    longest_description: int = LONGEST_DESCRIPTION


async def show_list(request: ConsoleRequest) -> Response:
    """The feature sets of the actor's place, by name."""
    state = request.query("state")
    wanted = Wanted(
        request.query("q"),
        FeatureSetState(state) if state in set(FeatureSetState) else None,
        parse_uuid(request.query("place")),
    )
    found, tree = await access.list_sets(request.deps, request.actor, wanted)
    after = decode_key(request.query("after"), 2)
    rest = [one for one in found if after is None or _key(one) > after]
    shown = rest[:_PAGE]
    kept = {"q": wanted.text, "state": state, "place": str(wanted.place or "")}
    return page(
        request,
        SetsPage(
            shown,
            len(found),
            wanted,
            place_options(tree),
            is_narrowed=any(kept.values()),
            may_create=any(node.has_sets for node in access.places.flat(tree).values()),
            url=LIST,
            next=with_query(LIST, **kept, after=encode_key(*_key(shown[-1]))) if len(rest) > _PAGE else "",
            first=with_query(LIST, **kept) if after else "",
        ),
    )


async def show_set(request: ConsoleRequest) -> Response:
    """One feature set."""
    placed = await access.find_set(request.deps, request.actor, request.id(FeatureSetId))
    one, path = placed.feature_set, access.path_of(placed.place)
    identity = await access.identity_of(request.deps, request.actor, one)
    return page(request, SetPage(one, _trail(placed), path, identity, _why(one), _to_do(one)))


async def show_create(request: ConsoleRequest) -> Response:
    """The empty form."""
    homes = await access.homes(request.deps, request.actor)
    form = Form.of(process=request.query("process"), phone_type=PhoneType.VERIFIED.value)
    return await _form_page(request, form, "", homes)


async def create(request: ConsoleRequest) -> Response:
    """Makes a draft."""
    form = request.form
    try:
        new = NewFeatureSet(
            form.text("name"),
            form.text("description"),
            _label(form),
            _reason(form),
            form.is_on("call_me_back"),
            form.is_on("survey"),
            _phone_type(form),
        )
        made = await access.create_set(request.deps, request.actor, parse_uuid(form.text("process")), new)
    except (InvalidInput, Conflict) as refused:
        return await _form_page(
            request, _about(form, refused), "", await access.homes(request.deps, request.actor), 422
        )
    return request.go(f"{LIST}/{made.id}", f"{made.name} was created as a draft. Next: list its numbers.")


async def show_edit(request: ConsoleRequest) -> Response:
    """The form with what it has."""
    placed = await access.find_set(request.deps, request.actor, request.id(FeatureSetId), Action.FEATURE_SETS_MANAGE)
    return await _form_page(request, _filled(placed.feature_set), str(placed.feature_set.id), [])


async def edit(request: ConsoleRequest) -> Response:
    """Changes what its numbers show."""
    form, set_id = request.form, request.id(FeatureSetId)
    await access.find_set(request.deps, request.actor, set_id, Action.FEATURE_SETS_MANAGE)
    try:
        wanted = FeatureSetChange(
            name=form.text("name"),
            description=form.text("description"),
            label_id=_label(form),
            call_reason_id=_reason(form),
            call_me_back=form.is_on("call_me_back"),
            survey=form.is_on("survey"),
            phone_type=_phone_type(form),
        )
        new = await access.change_set(request.deps, request.actor, set_id, wanted)
    except (InvalidInput, Conflict) as refused:
        return await _form_page(request, _about(form, refused), str(set_id), [], 422)
    return request.go(f"{LIST}/{set_id}", f"{new.name} was saved. Its numbers show the changes from the next call.")


async def ask_publish(request: ConsoleRequest) -> Response:
    """Says what publishing does, or what is missing."""
    placed = await access.find_set(request.deps, request.actor, request.id(FeatureSetId), Action.FEATURE_SETS_MANAGE)
    one, back = placed.feature_set, f"{LIST}/{placed.feature_set.id}"
    identity = await access.identity_of(request.deps, request.actor, one)
    if one.label_id is None:
        reasons = ["A published feature set needs a label. Choose one first."]
        to = ("Choose a label", f"{back}/edit")
        return page(request, Blocked(f"{one.name} cannot be published yet", reasons, to, back))
    lost = [
        f"Its listed numbers (currently {one.number_count:,}) show {identity.name} from the next call.",
        f"Call reason: {identity.reason}" if identity.reason else "They show no call reason.",
        "You can unpublish it at any time. Its numbers stay listed.",
    ]
    return confirm(request, Confirm(f"Publish {one.name}?", lost, "Publish", f"{back}/publish", back, danger=False))


async def publish(request: ConsoleRequest) -> Response:
    """Lets its listed numbers show it."""
    set_id = request.id(FeatureSetId)
    try:
        one = await access.publish_set(request.deps, request.actor, set_id)
    except InvalidInput as refused:
        return request.go(f"{LIST}/{set_id}/edit", display_names.sentence(refused.for_people), "danger")
    return request.go(f"{LIST}/{set_id}", f"{one.name} was published.")


async def ask_unpublish(request: ConsoleRequest) -> Response:
    """Says what ends."""
    placed = await access.find_set(request.deps, request.actor, request.id(FeatureSetId), Action.FEATURE_SETS_MANAGE)
    one, back = placed.feature_set, f"{LIST}/{placed.feature_set.id}"
    lost = [
        f"Its {display_names.count(one.number_count, 'number')} show nothing from the next call.",
        "They stay listed and nothing is deleted. Publish the feature set again to restore it.",
        "Call Me Back and User Feedback are off until then.",
    ]
    return confirm(request, Confirm(f"Unpublish {one.name}?", lost, "Unpublish", f"{back}/unpublish", back))


async def unpublish(request: ConsoleRequest) -> Response:
    """Stops its numbers from showing it."""
    set_id = request.id(FeatureSetId)
    try:
        one = await access.unpublish_set(request.deps, request.actor, set_id)
    except Conflict as refused:
        return request.go(f"{LIST}/{set_id}", display_names.sentence(refused.message), "danger")
    return request.go(f"{LIST}/{set_id}", f"{one.name} was unpublished. Its numbers now show nothing.")


async def show_move(request: ConsoleRequest) -> Response:
    """Where it may hang."""
    placed = await access.find_set(request.deps, request.actor, request.id(FeatureSetId), Action.FEATURE_SETS_MANAGE)
    return await _moving(request, placed, Form())


async def move(request: ConsoleRequest) -> Response:
    """Hangs it elsewhere."""
    form, set_id = request.form, request.id(FeatureSetId)
    placed = await access.find_set(request.deps, request.actor, set_id, Action.FEATURE_SETS_MANAGE)
    try:
        node = await access.move_set(request.deps, request.actor, set_id, parse_uuid(form.text("to")))
    except InvalidInput as refused:
        return await _moving(request, placed, form.refused(InvalidInput(refused.for_people, field="to")), 422)
    except Conflict as refused:
        return await _moving(request, placed, form.refused(refused), 422)
    return request.go(f"{LIST}/{set_id}", f"{placed.feature_set.name} is moved to {node.where}.")


async def ask_delete(request: ConsoleRequest) -> Response:
    """Says what goes with it, or why it cannot be deleted yet."""
    placed = await access.find_set(request.deps, request.actor, request.id(FeatureSetId), Action.FEATURE_SETS_MANAGE)
    one, back = placed.feature_set, f"{LIST}/{placed.feature_set.id}"
    if one.number_count:
        reasons = [
            f"It holds {display_names.count(one.number_count, 'number')}. Delist them first.",
            "To hide them temporarily, unpublish the feature set instead.",
        ]
        to = ("Delist its numbers", f"{back}/listing")
        return page(request, Blocked(f"{one.name} cannot be deleted yet", reasons, to, back))
    gone = await access.hangers_of(request.deps, request.actor, one.id)
    lost = [f"Its id {one.id} stops working: the API answers 403 for it."]
    if gone.callback_config:
        lost.append(f"Its Call Me Back configuration {gone.callback_config} is deleted too.")
    if gone.campaigns:
        names, answers = ", ".join(gone.campaigns), display_names.count(gone.answer_count, "answer")
        lost.append(f"Its feedback campaigns go with it, and {answers} to them: {names}.")
    lost.append("This cannot be undone.")
    return confirm(request, Confirm(f"Delete {one.name}?", lost, "Delete feature set", f"{back}/delete", back))


async def delete(request: ConsoleRequest) -> Response:
    """Removes it."""
    set_id = request.id(FeatureSetId)
    try:
        one = await access.delete_set(request.deps, request.actor, set_id)
    except Conflict as refused:
        return request.go(f"{LIST}/{set_id}", display_names.sentence(refused.message), "danger")
    return request.go(LIST, f"{one.name} was deleted.")


def place_options(tree: list[Node]) -> list[tuple[str, str]]:
    """The places of a tree for a filter, ids and names."""
    return options_of(access.places.flat(tree).values())


def _key(one: Hung) -> tuple[str, str]:
    return one.feature_set.name.casefold(), str(one.feature_set.id)


def _trail(placed: Placed) -> list[tuple[str, str]]:
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


async def _form_page(
    request: ConsoleRequest, form: Form, set_id: str, homes: list[Node], status: int = 200
) -> Response:
    choices = await access.choices(request.deps, request.actor)
    chosen = next((one for one in choices.labels if str(one.id) == form.text("label")), None)
    reason = next((one.text for one in choices.reasons if str(one.id) == form.text("reason")), "")
    logos = {str(one.id): logo_address(request.deps.public_url, one.logo_sha256) for one in choices.labels}
    may_label = request.may(Action.LABELS_MANAGE)
    back = f"{LIST}/{set_id}" if set_id else LIST
    return page(
        request, SetFormPage(form, set_id, options_of(homes), choices, chosen, reason, logos, may_label, back), status
    )


async def _moving(request: ConsoleRequest, placed: Placed, form: Form, status: int = 200) -> Response:
    one = placed.feature_set
    homes = [node for node in await access.homes(request.deps, request.actor) if node.id != one.process_id]
    back = f"{LIST}/{one.id}"
    if not homes:
        return page(
            request, Blocked(f"{one.name} cannot be moved", ["There is no other process to move it to."], None, back)
        )
    text = f"Its {display_names.count(one.number_count, 'number')} move with it and show the same as before."
    return page(
        request, MovePage(f"Move {one.name}", text, "Move to", options_of(homes), form, f"{back}/move", back), status
    )


def _filled(one: FeatureSet) -> Form:
    return Form.of(
        name=one.name,
        description=one.description,
        label=str(one.label_id or ""),
        reason=str(one.call_reason_id or ""),
        call_me_back="on" if one.call_me_back else "",
        survey="on" if one.survey else "",
        phone_type=one.phone_type.value,
    )


def _about(form: Form, refused: InvalidInput | Conflict) -> Form:
    """The form with what was refused beside the field that has another name here."""
    if isinstance(refused, Conflict):
        field = "phone_type" if "phone type" in refused.message else "name"
        return form.refused(InvalidInput(refused.message, field=field))
    return form.refused(InvalidInput(refused.for_people, field=_FIELDS.get(refused.field, refused.field)))


def _label(form: Form) -> LabelId | None:
    return LabelId(found) if (found := _chosen(form, "label")) else None


def _reason(form: Form) -> CallReasonId | None:
    return CallReasonId(found) if (found := _chosen(form, "reason")) else None


def _chosen(form: Form, name: str) -> UUID | None:
    """The id of an optional choice. Raises InvalidInput for what is none."""
    text = form.text(name)
    found = parse_uuid(text)
    if text and found is None:
        raise InvalidInput("choose one of the list", field=name)
    return found


def _phone_type(form: Form) -> PhoneType:
    text = form.text("phone_type") or PhoneType.VERIFIED.value
    if text not in set(PhoneType):
        raise InvalidInput("choose one of the list", field="phone_type")
    return PhoneType(text)


ROUTES = (
    get("/feature-sets", show_list, Action.FEATURE_SETS_VIEW),
    get("/feature-sets/new", show_create, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/new", create, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}", show_set, Action.FEATURE_SETS_VIEW),
    get("/feature-sets/{id}/edit", show_edit, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/edit", edit, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}/publish", ask_publish, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/publish", publish, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}/unpublish", ask_unpublish, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/unpublish", unpublish, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}/move", show_move, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/move", move, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}/delete", ask_delete, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/delete", delete, Action.FEATURE_SETS_MANAGE),
)
