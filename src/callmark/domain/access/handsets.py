"""Handset apps and registrations, for operators."""

from dataclasses import dataclass

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Operating
from callmark.domain.deps import Deps
from callmark.domain.handsets import directory
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import HandsetApp, Listed, Wanted
from callmark.domain.ids import HandsetAppId
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber, shorten

MOST_COUNTED = directory.MOST_COUNTED
PAGE = 50


@dataclass(frozen=True)
class Handsets:
    """A page of registrations by number; `connected` is None when NATS cannot be asked."""

    listed: list[Listed]
    connected: set[PhoneNumber] | None
    is_last: bool


@dataclass(frozen=True)
class Totals:
    """All registrations (counting stops after `MOST_COUNTED`), and open streams (None when not all can be asked)."""

    registered: int
    connected: int | None


async def list_apps(deps: Deps) -> list[HandsetApp]:
    """Every app, revoked ones too, oldest first."""
    return await handsets.list_apps(deps)


async def get_app(deps: Deps, app_id: HandsetAppId) -> HandsetApp:
    """The app. Raises NotFound."""
    found = next((app for app in await handsets.list_apps(deps) if app.id == app_id), None)
    if found is None:
        raise NotFound("no handset app with this id")
    return found


async def count_registrations(deps: Deps, app_id: HandsetAppId) -> int:
    """How many live registrations an app has made; counting stops after `MOST_COUNTED`."""
    return await directory.count_registrations(deps, app_id)


async def create_app(deps: Deps, operating: Operating, name: str) -> tuple[HandsetApp, str]:
    """The new app and its credential, which is shown this once. Raises InvalidInput for the name."""
    async with changing(deps, operating) as change:
        app, credential = await handsets.create_app(change.deps, name)
        await change.note("handset_app.created", app.name, app_id=str(app.id))
    return app, credential


async def revoke_app(deps: Deps, operating: Operating, app_id: HandsetAppId) -> HandsetApp:
    """Ends an app's credential and every registration made with it. Raises NotFound."""
    async with changing(deps, operating) as change:
        app = await handsets.mark_revoked(change.deps, app_id)
        await change.note("handset_app.revoked", app.name, app_id=str(app.id))
    await handsets.recheck(deps)
    return app


async def list_handsets(deps: Deps, wanted: Wanted, after: str) -> Handsets:
    """A page of live registrations, those after the number `after`, and which of them are connected now."""
    found = await directory.list_registrations(deps, wanted, after, PAGE + 1)
    listed = found[:PAGE]
    connected = await directory.connected_among(deps, [one.phone_number for one in listed])
    return Handsets(listed, connected, len(found) <= PAGE)


async def totals(deps: Deps) -> Totals:
    """Over all of them."""
    return Totals(await directory.count_registrations(deps), await directory.count_connected(deps))


async def get_handset(deps: Deps, phone: PhoneNumber) -> Listed:
    """A number's live registration. Raises NotFound."""
    return await directory.get_registration(deps, phone)


async def forget_handset(deps: Deps, operating: Operating, phone: PhoneNumber) -> None:
    """Ends the number's registration and its streams; the app may register it again. Raises NotFound."""
    async with changing(deps, operating) as change:
        ended = await handsets.mark_forgotten(change.deps, phone)
        await change.note("handset.forgotten", shorten(phone), os=ended.os, app_version=ended.app_version)
    await handsets.recheck(deps)
