"""Use cases of handsets: apps that may register them, registrations, and who can be reached."""

from collections.abc import Collection
from functools import partial

import msgspec
import structlog
from msgspec import Struct

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.handsets import queries
from callmark.domain.handsets.model import (
    CREDENTIAL_FORM,
    OS,
    RECHECK,
    TAKEOVER,
    TOKEN_FORM,
    HandsetApp,
    PushToken,
    Reach,
    Registration,
    Takeover,
    app_name,
    parse_version,
    reach_of,
)
from callmark.domain.ids import HandsetAppId
from callmark.domain.policy.model import Actor
from callmark.kit.errors import Unauthenticated, found
from callmark.kit.ids import new_id, sha256
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.postgres.database import Tx

log = structlog.get_logger(__name__)

_UNKNOWN_APP = "no handset app with this id"

Make = tuple[str, str]
"""Operating system and app version of a live registration."""


class Registered(Struct, frozen=True):
    """A new registration and its token, which is shown this once."""

    registration: Registration
    token: str


async def create_app(deps: Deps, name: str, *, by: Actor) -> tuple[HandsetApp, str]:
    """The new app and its credential, which is shown this once. Raises InvalidInput for the name."""
    app = HandsetApp(HandsetAppId(new_id()), app_name(name), deps.clock.now(), None)
    credential = CREDENTIAL_FORM.new()
    async with deps.db.transaction() as tx:
        await queries.insert_app(tx, app, sha256(credential))
        await audit.note(
            tx, by, AuditAction.HANDSET_APP_CREATED, app.name, account_id=None, at=app.created_at, app_id=str(app.id)
        )
    return app, credential


async def list_apps(deps: Deps) -> list[HandsetApp]:
    """Every app, revoked ones too, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.select_apps(tx)


async def get_app(deps: Deps, app_id: HandsetAppId) -> HandsetApp:
    """The app. Raises NotFound."""
    return found(next((app for app in await list_apps(deps) if app.id == app_id), None), _UNKNOWN_APP)


async def revoke_app(deps: Deps, app_id: HandsetAppId, *, by: Actor) -> HandsetApp:
    """Ends an app's credential and every registration made with it; safe to repeat. Raises NotFound."""
    async with deps.db.transaction() as tx:
        now = deps.clock.now()
        app = found(await queries.revoke_app(tx, app_id, now), _UNKNOWN_APP)
        await audit.note(tx, by, AuditAction.HANDSET_APP_REVOKED, app.name, account_id=None, at=now, app_id=str(app.id))
        tx.after_commit(partial(recheck, deps))
    return app


async def forget_number(deps: Deps, phone: PhoneNumber, *, by: Actor) -> None:
    """Ends the number's registration and its streams; the app may register it again. Raises NotFound.

    The audit log, which may be kept without an end, has two digits of the number.
    """
    async with deps.db.transaction() as tx:
        now = deps.clock.now()
        ended = found(await queries.forget_number(tx, phone, now), "no handset with this number is registered")
        facts = {"os": ended.os.value, "app_version": ended.app_version}
        await audit.note(tx, by, AuditAction.HANDSET_FORGOTTEN, f"…{phone[-2:]}", account_id=None, at=now, **facts)
        tx.after_commit(partial(recheck, deps))


async def register(
    deps: Deps,
    app_credential: str,
    phone: PhoneNumber,
    os: OS,
    version: str,
    push: PushToken | None = None,
) -> Registered:
    """The number's live registration from now on; what was there before ends, with its streams everywhere.

    With `push` the app is woken when something is for it and no stream is open.

    Raises Unauthenticated for the credential, InvalidInput for the version.
    """
    parse_version(version)
    token = TOKEN_FORM.new()
    async with deps.db.transaction() as tx:
        app_id = await queries.find_live_app(tx, sha256(app_credential))
        if app_id is None:
            raise Unauthenticated
        made = await queries.put_registration(tx, app_id, phone, os, version, sha256(token), push, deps.clock.now())
        tx.after_commit(partial(announce, deps, Takeover(phone, made.generation)))
    log.info("handset_registered", phone=shorten(phone), generation=made.generation, os=os.value, app_version=version)
    return Registered(made, token)


async def forget(deps: Deps, token: str) -> None:
    """Ends the registration with this token and its streams: the number has no handset then. Raises Unauthenticated."""
    async with deps.db.transaction() as tx:
        ended = await queries.forget(tx, sha256(token), deps.clock.now())
        if ended is None:
            raise Unauthenticated
        tx.after_commit(partial(announce, deps, Takeover(ended.phone_number, ended.generation, forgotten=True)))
    log.info("handset_forgotten", phone=shorten(ended.phone_number), generation=ended.generation)


async def authenticate(deps: Deps, token: str) -> Registration:
    """The live registration with this token. Raises Unauthenticated."""
    (registration,) = await deps.gather(queries.find_by_token_each, [sha256(token)])
    if registration is None:
        raise Unauthenticated
    return registration


async def announce_stream(deps: Deps, registration: Registration, stream: str) -> None:
    """Tells every gateway that `stream` took over from older streams of the same registration."""
    await announce(deps, Takeover(registration.phone_number, registration.generation, stream=stream))


async def ended_among(deps: Deps, registrations: Collection[Registration]) -> dict[Registration, int | None]:
    """Those of `registrations` that have ended, each with the generation that is live now, None without one."""
    live = await deps.gather(queries.live_generation_each, [r.phone_number for r in registrations])
    each = zip(registrations, live, strict=True)
    return {r: now and now[0] for r, now in each if now != (r.generation, r.registered_at)}


async def reach(tx: Tx, receivers: Collection[PhoneNumber], min_app_version: str) -> dict[PhoneNumber, Reach]:
    """Whether each receiver's handset can show a pushed identity, in one query."""
    known = await makes(tx, receivers)
    return {phone: reach_by(known.get(phone), min_app_version) for phone in receivers}


async def makes(tx: Tx, receivers: Collection[PhoneNumber]) -> dict[PhoneNumber, Make]:
    """The handset of each receiver that has one. One query."""
    return {phone: (os, version) for phone, os, version in await queries.makes_of(tx, receivers)}


def reach_by(make: Make | None, min_app_version: str) -> Reach:
    """Whether a receiver with this handset can be shown a pushed identity."""
    return reach_of(*make, min_app_version) if make else Reach.NOT_REGISTERED


async def recheck(deps: Deps) -> None:
    """Makes every gateway close the streams whose registration has ended; without NATS they find out by themselves."""
    await deps.fabric.announce(RECHECK)


async def announce(deps: Deps, takeover: Takeover) -> None:
    """Tells every gateway that streams of a number must end."""
    await deps.fabric.announce(TAKEOVER, msgspec.json.encode(takeover))
