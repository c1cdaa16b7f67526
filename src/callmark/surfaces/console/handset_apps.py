"""The operator's handset apps: who may register handsets."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.handsets import directory, service as handsets
from callmark.domain.handsets.model import LONGEST_NAME, HandsetApp
from callmark.domain.ids import HandsetAppId
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput
from callmark.surfaces.console import consequences
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.shown_once import ShownBeforePage, show_once, shown_page

LIST = "/console/operator/handset-apps"


class HandsetAppsPage(Page, frozen=True):
    """Every app, revoked ones too."""

    template: ClassVar[str] = "handset_apps/list.html"
    apps: list[HandsetApp]


class HandsetAppFormPage(Page, frozen=True):
    """The name of a new app."""

    template: ClassVar[str] = "handset_apps/form.html"
    form: Form
    longest_name: int = LONGEST_NAME


class NewHandsetAppPage(Page, frozen=True):
    """A credential, shown this once."""

    template: ClassVar[str] = "handset_apps/new.html"
    name: str
    app_id: str
    credential: str
    gateway: str


async def show_apps(request: ConsoleRequest) -> Response:
    return page(request, HandsetAppsPage(await handsets.list_apps(request.deps)))


async def show_create(request: ConsoleRequest) -> Response:
    return page(request, HandsetAppFormPage(Form()))


async def create(request: ConsoleRequest) -> Response:
    """Makes an app and shows its credential once."""
    form = request.form
    try:
        app, credential = await handsets.create_app(request.deps, form.text("name"), by=request.by)
    except InvalidInput as refused:
        return page(request, HandsetAppFormPage(form.refused(refused)), 422)
    gateway = f"{request.deps.public_url}/handset/v1"
    return await show_once(request, f"{LIST}/shown", NewHandsetAppPage(app.name, str(app.id), credential, gateway))


async def show_new(request: ConsoleRequest) -> Response:
    """The credential that was just made, once."""
    to_do = "If you did not save the credential, revoke the app and create another."
    otherwise = ShownBeforePage("This credential has already been shown", to_do, ("Handset apps", LIST))
    return await shown_page(request, NewHandsetAppPage, otherwise)


async def ask_revoke(request: ConsoleRequest) -> Page:
    app = await handsets.get_app(request.deps, request.id(HandsetAppId))
    count = await directory.count_registrations(request.deps, app.id)
    return Confirm(
        title=f"Revoke {app.name}?",
        lost=[
            consequences.registrations_end(count, directory.MOST_COUNTED),
            "Its credential stops working. This cannot be undone.",
        ],
        button="Revoke app",
        back=LIST,
    )


async def revoke(request: ConsoleRequest) -> Response:
    app = await handsets.revoke_app(request.deps, request.id(HandsetAppId), by=request.by)
    return request.go(LIST, f"{app.name} was revoked.")


ROUTES = (
    get("/operator/handset-apps", show_apps, Action.OPERATE),
    get("/operator/handset-apps/new", show_create, Action.OPERATE),
    post("/operator/handset-apps/new", create, Action.OPERATE),
    get("/operator/handset-apps/shown/{token}", show_new, Action.OPERATE),
    *confirmed("/operator/handset-apps/{id}/revoke", ask_revoke, revoke, Action.OPERATE),
)
