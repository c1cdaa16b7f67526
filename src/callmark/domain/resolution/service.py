"""Resolves a ringing call: an open call record of the pair, else the listed number's identity, else nothing and why."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from msgspec.structs import replace

from callmark.domain.announced_calls import service as announced_calls
from callmark.domain.callbacks import service as callbacks
from callmark.domain.calls.model import CallSource
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import Reach, Registration, reach_of
from callmark.domain.ids import AccountId
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import ListedCaller, Unlisted
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.handset_messages import identity_of
from callmark.domain.personalisation.model import OpenRecord, RingingPair
from callmark.domain.resolution import model
from callmark.domain.resolution.model import AccountView, NetworkCall, Offers, Resolution, ShownSource
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.domain.spoof_alarms.service import raise_possible_spoof
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx


async def resolve(deps: Deps, registration: Registration, caller: PhoneNumber, zone: tzinfo) -> Resolution:
    """What shows on this handset when `caller` rings now, and what may be offered afterwards, in the handset's `zone`.

    Two statements, for the record and for the number, shared by all who ask at the same moment; one more for each
    of Call Me Back and survey where a listed number's switch is on, and one to say why when nothing shows.
    """
    reach = reach_of(registration.os, registration.app_version, deps.settings.min_app_version)
    record, listed = await _found(deps, registration.phone_number, caller, reach)
    if record is not None:
        offers = Offers()
        if isinstance(listed, ListedCaller) and listed.account_id == record.account_id:
            offers = await _offers(deps, listed, zone)
        shown = identity_of(record, deps.public_url)
        return Resolution(caller, shown, CallSource.CALL_RECORD, model.why_shown(record), offers)
    if isinstance(listed, ListedCaller) and not listed.is_hidden:
        shown = model.listed_identity(listed, deps.public_url)
        offers = await _offers(deps, listed, zone)
        return Resolution(caller, shown, CallSource.LISTED_NUMBER, model.WHY_LISTED, offers)
    if isinstance(listed, ListedCaller):
        receiver = registration.phone_number
        await raise_possible_spoof(deps, listed.account_id, caller, receiver, SpoofCause.NOT_ANNOUNCED)
    why = f"{await _why_no_record(deps, registration, caller, reach)}; {_why_no_number(listed)}"
    return Resolution(caller, None, CallSource.NONE, why, Offers())


async def resolve_for_account(
    deps: Deps, account_id: AccountId, receiver: PhoneNumber, caller: PhoneNumber
) -> AccountView:
    """What the receiver would see if `caller` rang now, and why, without a word about anything of other accounts."""
    async with deps.db.connection() as tx:
        reach = (await handsets.reach(tx, [receiver], deps.settings.min_app_version))[receiver]
    if reach is Reach.NOT_REGISTERED:
        return AccountView(ShownSource.NONE, None, model.WHY_UNREACHABLE[reach])
    record, listed = await _found(deps, receiver, caller, reach)
    if record is not None and record.account_id == account_id:
        return AccountView(ShownSource.CALL_RECORD, identity_of(record, deps.public_url), model.why_shown(record))
    is_own = listed is not None and listed.account_id == account_id
    shows_number = isinstance(listed, ListedCaller) and not listed.is_hidden
    if record is not None or (shows_number and not is_own):
        return AccountView(ShownSource.OTHER, None, model.WHY_OTHER)
    if isinstance(listed, ListedCaller) and shows_number:
        return AccountView(ShownSource.LISTED_NUMBER, model.listed_identity(listed, deps.public_url), model.WHY_LISTED)
    why_record = model.WHY_UNREACHABLE.get(reach) or await _why_nothing(deps, receiver, caller, account_id)
    why_number = _why_no_number(listed) if is_own else model.WHY_NOT_OWN
    return AccountView(ShownSource.NONE, None, f"{why_record}; {why_number}")


_Found = tuple[OpenRecord | None, ListedCaller | Unlisted | None]
"""The record that is open for a pair, and what the caller's number is listed as."""


async def _found(deps: Deps, receiver: PhoneNumber, caller: PhoneNumber, reach: Reach) -> _Found:
    """What there is to show; no record on a handset that cannot show records."""
    ((record, listed),) = await deps.gather(find_each, [RingingPair(receiver, caller, deps.clock.now())])
    return (record if reach is Reach.REACHABLE else None), listed


async def find_each(tx: Tx, asked: Sequence[RingingPair]) -> list[_Found]:
    """What there is to show for each call. Two statements, as a rule. Fits `deps.gather`."""
    records = await personalisation.newest_open_each(tx, asked)
    found = zip(records, await _callers(tx, asked), strict=True)
    return [(record, _shown_beside(record, listed)) for record, listed in found]


def _shown_beside(record: OpenRecord | None, listed: ListedCaller | Unlisted | None) -> ListedCaller | Unlisted | None:
    """What the number is listed as: an open record of its account announces the call, also where it cannot show."""
    if record is None or not isinstance(listed, ListedCaller) or listed.account_id != record.account_id:
        return listed
    return replace(listed, is_hidden=False)


async def _callers(tx: Tx, asked: Sequence[RingingPair]) -> list[ListedCaller | Unlisted | None]:
    """What each number that rings is listed as; hidden where its account shows it in announced calls only.

    One statement more where there is such an account.
    """
    found = await numbers.callers(tx, [one.caller for one in asked])
    guarded = [(at, one) for at, one in enumerate(found) if isinstance(one, ListedCaller) and one.announced_only]
    calls = [(one.account_id, asked[at].caller, asked[at].receiver, asked[at].at) for at, one in guarded]
    for (at, one), is_announced in zip(guarded, await announced_calls.are_announced(tx, calls), strict=True):
        if not is_announced:
            found[at] = replace(one, is_hidden=True)
    return found


def _why_no_number(listed: ListedCaller | Unlisted | None) -> str:
    return model.WHY_NOT_ANNOUNCED if isinstance(listed, ListedCaller) else model.why_unlisted(listed)


async def resolve_for_network(
    deps: Deps, caller: PhoneNumber, receiver: PhoneNumber, account_id: AccountId | None, at: datetime | None = None
) -> NetworkCall:
    """Whose call it is on the telephone network, and what it shows there, now or `at` an instant.

    A proven number belongs to its account, any other to the account whose record is open for the pair.
    With `account_id` only that account's records are asked. Shared by all who ask at the same moment.
    """
    ((record, listed),) = await deps.gather(
        _find_on_network_each, [RingingPair(receiver, caller, at or deps.clock.now(), account_id)]
    )
    return NetworkCall(record, listed)


async def _find_on_network_each(tx: Tx, asked: Sequence[RingingPair]) -> list[_Found]:
    """Another account's record of a proven number is not found: on the network it would be a forged name."""
    found = await _callers(tx, asked)
    owners = [one.account_id if isinstance(one, ListedCaller) and one.is_proven else None for one in found]
    owned = [one._replace(account_id=one.account_id or owner) for one, owner in zip(asked, owners, strict=True)]
    return list(zip(await personalisation.newest_open_each(tx, owned), found, strict=True))


async def _offers(deps: Deps, listed: ListedCaller, zone: tzinfo) -> Offers:
    """What this number's feature set offers now."""
    if not (listed.call_me_back or listed.survey):
        return Offers()
    async with deps.db.connection() as tx:
        callback = await callbacks.offered(tx, listed, deps.clock.now(), zone)
        return model.offers_of(callback, await feedback.offered(tx, listed))


async def _why_no_record(deps: Deps, registration: Registration, caller: PhoneNumber, reach: Reach) -> str:
    if reach is not Reach.REACHABLE:
        return model.why_unable(reach, registration, deps.settings.min_app_version)
    return await _why_nothing(deps, registration.phone_number, caller, None)


async def _why_nothing(deps: Deps, receiver: PhoneNumber, caller: PhoneNumber, account_id: AccountId | None) -> str:
    """Why no record shows; to an account, from records of its own."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        return model.why_nothing(await personalisation.latest_of_pair(tx, receiver, caller, now, account_id), now)
