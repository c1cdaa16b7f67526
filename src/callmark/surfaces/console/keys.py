"""Manage API Keys. Source: contract, section 3.2; D47: a Key ID is shown once, with its secret."""

from datetime import datetime
from typing import ClassVar, TypedDict

import msgspec
from msgspec import Struct
from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import LONGEST_DESCRIPTION, LONGEST_NAME, ApiKey, NewKey, ending
from callmark.domain.ids import KeyReference
from callmark.domain.limits.model import KEYS
from callmark.domain.policy.model import Action
from callmark.domain.policy.plan import ALL_ACCESS, MANAGEMENT, KeyAccess
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.first_steps import token_curl
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.shown_once import ShownBeforePage, show_once, shown_page

LIST = "/console/keys"
_BACK = ("API keys", LIST)


class ShownAccess(Struct, frozen=True):
    """What a key gives or may give access to; `in_plan`: whether it works at the moment."""

    access: KeyAccess
    in_plan: bool


class KeysPage(Page, frozen=True):
    """The account's keys, each with its access, and the account's id."""

    template: ClassVar[str] = "keys/list.html"
    keys: list[tuple[ApiKey, list[ShownAccess]]]
    account_id: str
    most: int


class KeyFormPage(Page, frozen=True):
    """Name, description and access of a new key, or of one there is (`reference`)."""

    template: ClassVar[str] = "keys/form.html"
    form: Form
    access: list[ShownAccess]
    reference: str
    longest_name: int = LONGEST_NAME
    longest_description: int = LONGEST_DESCRIPTION


class NewKeyPage(Page, frozen=True):
    """A pair, shown this once, to copy or to save as a file."""

    template: ClassVar[str] = "keys/new.html"
    name: str
    account_id: str
    key_id: str
    api_key: str
    file_name: str
    file_text: str
    curl: str
    reference: str
    last_used_at: datetime | None = None


class FirstRequestPart(Page, frozen=True):
    """A line that waits for the key's first request (`last_used_at` None), and asks again until it came."""

    template: ClassVar[str] = "keys/first_request.html"
    reference: str
    last_used_at: datetime | None


async def show_keys(request: ConsoleRequest) -> Response:
    keys = await credentials.list_keys(request.deps, request.account_id)
    most = (await accounts.get_account(request.deps, request.account_id)).limits.of(KEYS)
    shown = [(key, [one for one in _offered(request, key) if one.access in key.features]) for key in keys]
    return page(request, KeysPage(shown, str(request.account_id), most))


async def show_create(request: ConsoleRequest) -> Response:
    """The empty form; every feature of the plan is chosen, as most want. `management` is for those who ask for it."""
    return page(request, KeyFormPage(Form.of(features=[*request.features]), _offered(request), ""))


async def create(request: ConsoleRequest) -> Response:
    """Makes a key and shows it once."""
    form = request.form
    try:
        made = await credentials.create_key(request.deps, request.account_id, by=request.by, **_typed(form))
    except (InvalidInput, Conflict) as refused:
        return page(request, KeyFormPage(form.refused(refused), _offered(request), ""), 422)
    return await _shown_once(request, form.text("name").strip(), made)


async def show_edit(request: ConsoleRequest) -> Response:
    key = await _key(request)
    return page(request, KeyFormPage(_filled(key), _offered(request, key), str(key.reference)))


async def edit(request: ConsoleRequest) -> Response:
    """Changes name, description and access; its tokens act by it at once."""
    key = await _key(request)
    wanted = request.form.onto(_filled(key))
    try:
        changed = await credentials.update_key(
            request.deps,
            request.account_id,
            key.id,
            by=request.by,
            name=wanted.text("name"),
            description=wanted.text("description"),
            features=wanted.choices("features", ALL_ACCESS),
        )
    except InvalidInput as refused:
        return page(request, KeyFormPage(wanted.refused(refused), _offered(request, key), str(key.reference)), 422)
    return request.go(LIST, f"{changed.name} was saved.")


async def ask_regenerate(request: ConsoleRequest) -> Page:
    """Says what a new pair ends."""
    key = await _key(request)
    return Confirm(
        title=f"Regenerate {key.name}?",
        lost=[
            f"The pair whose Key ID ends in {key.ending} stops working immediately.",
            "Tokens created with it stop working too.",
        ],
        button="Regenerate",
        back=LIST,
    )


async def regenerate(request: ConsoleRequest) -> Response:
    """A new pair in its place, shown once."""
    key = await _key(request)
    made = await credentials.regenerate_key(request.deps, request.account_id, key.id, by=request.by)
    return await _shown_once(request, key.name, made)


async def show_new(request: ConsoleRequest) -> Response:
    """The pair that was just made, once."""
    to_do = "If you did not save the secret, open the key's menu in the list and regenerate the pair."
    return await shown_page(request, NewKeyPage, ShownBeforePage("This secret has already been shown", to_do, _BACK))


async def show_first_request(request: ConsoleRequest) -> Response:
    """Whether the key has made a token yet, for the page that shows the new pair."""
    key = await _key(request)
    return page(request, FirstRequestPart(str(key.reference), key.last_used_at))


async def ask_delete(request: ConsoleRequest) -> Page:
    key = await _key(request)
    return Confirm(
        title=f"Delete {key.name}?",
        lost=[
            f"The pair whose Key ID ends in {key.ending} stops working immediately.",
            "Tokens created with it stop working too.",
            "This cannot be undone.",
        ],
        button="Delete key",
        back=LIST,
    )


async def delete(request: ConsoleRequest) -> Response:
    key = await _key(request)
    await credentials.delete_key(request.deps, request.account_id, key.id, by=request.by)
    return request.go(LIST, f"{key.name} was deleted.")


async def _shown_once(request: ConsoleRequest, name: str, made: NewKey) -> Response:
    account, key_id = str(request.account_id), str(made.key_id)
    text = msgspec.json.format(
        msgspec.json.encode({"client_account_id": account, "key_id": key_id, "api_key": made.api_key}), indent=2
    ).decode()
    file_name = f"callmark-key-{ending(made.key_id)}.json"
    curl = token_curl(request.deps.public_url, account, key_id, made.api_key)
    shown = NewKeyPage(name, account, key_id, made.api_key, file_name, text, curl, str(made.reference))
    return await show_once(request, f"{LIST}/shown", shown)


async def _key(request: ConsoleRequest) -> ApiKey:
    """The key of the address, which does not carry its Key ID (contract D47)."""
    return await credentials.get_key_by_reference(request.deps, request.account_id, request.id(KeyReference))


def _offered(request: ConsoleRequest, key: ApiKey | None = None) -> list[ShownAccess]:
    """What a key of this account may give access to: the plan's, and what this key has from an earlier plan."""
    plan, had = (*request.features, MANAGEMENT), key.features if key else ()
    return [ShownAccess(one, one in plan) for one in ALL_ACCESS if one in plan or one in had]


def _filled(key: ApiKey) -> Form:
    return Form.stored(name=key.name, description=key.description, features=[*key.features])


class _KeyFields(TypedDict):
    """What the form says about a new key."""

    name: str
    description: str
    features: list[KeyAccess]


def _typed(form: Form) -> _KeyFields:
    """Raises InvalidInput for a key that may do nothing."""
    features = [one for one in ALL_ACCESS if one.value in form.all("features")]
    if not features:
        raise InvalidInput("choose at least one feature", field="features")
    return _KeyFields(name=form.text("name"), description=form.text("description"), features=features)


ROUTES = (
    get("/keys", show_keys, Action.KEYS_VIEW),
    get("/keys/new", show_create, Action.KEYS_MANAGE),
    post("/keys/new", create, Action.KEYS_MANAGE),
    get("/keys/shown/{token}", show_new, Action.KEYS_MANAGE),
    get("/keys/{id}/first-request", show_first_request, Action.KEYS_VIEW),
    get("/keys/{id}/edit", show_edit, Action.KEYS_MANAGE),
    post("/keys/{id}/edit", edit, Action.KEYS_MANAGE),
    *confirmed("/keys/{id}/regenerate", ask_regenerate, regenerate, Action.KEYS_MANAGE),
    *confirmed("/keys/{id}/delete", ask_delete, delete, Action.KEYS_MANAGE),
)
