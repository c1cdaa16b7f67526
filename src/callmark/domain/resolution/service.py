"""Resolves a ringing call: the newest accepted open call record of the pair, else nothing, with the reason."""

from callmark.domain.calls.model import CallSource
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import Reach, Registration, reach_of
from callmark.domain.ids import AccountId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.frames import identity_of
from callmark.domain.resolution.model import (
    WHY_OTHER,
    WHY_UNREACHABLE,
    AccountView,
    Offers,
    Resolution,
    Shows,
    why_nothing,
    why_shown,
    why_unable,
)
from callmark.kit.phone import PhoneNumber


async def resolve(deps: Deps, registration: Registration, caller: PhoneNumber) -> Resolution:
    """What shows on this handset when `caller` rings now. One statement when a record shows, two when none does."""
    least = deps.settings.min_app_version
    reach = reach_of(registration.os, registration.app_version, least)
    if reach is not Reach.REACHABLE:
        return _nothing(caller, why_unable(reach, registration, least))
    now = deps.clock.now()
    receiver = registration.phone_number
    async with deps.db.connection() as tx:
        record = await personalisation.newest_open(tx, receiver, caller, now)
        if record is None:
            return _nothing(caller, why_nothing(await personalisation.latest_of_pair(tx, receiver, caller, now), now))
    return Resolution(caller, identity_of(record, deps.public_url), CallSource.CALL_RECORD, why_shown(record), Offers())


async def resolve_for_account(
    deps: Deps, account_id: AccountId, receiver: PhoneNumber, caller: PhoneNumber
) -> AccountView:
    """What the receiver would see if `caller` rang now, and why, without a word about any other account's records."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        reach = (await handsets.reach(tx, [receiver], deps.settings.min_app_version))[receiver]
        if reach is not Reach.REACHABLE:
            return AccountView(Shows.NONE, None, WHY_UNREACHABLE[reach])
        record = await personalisation.newest_open(tx, receiver, caller, now)
        if record is None:
            nearest = await personalisation.latest_of_pair(tx, receiver, caller, now, account_id)
            return AccountView(Shows.NONE, None, why_nothing(nearest, now))
    if record.account_id != account_id:
        return AccountView(Shows.OTHER, None, WHY_OTHER)
    return AccountView(Shows.CALL_RECORD, identity_of(record, deps.public_url), why_shown(record))


def _nothing(caller: PhoneNumber, why: str) -> Resolution:
    return Resolution(caller, None, CallSource.NONE, why, Offers())
