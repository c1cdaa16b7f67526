"""Accounts that show their identity in announced calls only: what a handset and the account itself see."""

import pytest
from tests.support.actors import ALICE
from tests.support.factories import make_cast, phone
from tests.support.listed_number import Listed, bodies, make_listed, offer_everything, set_state
from tests.surfaces.gateway.helpers import Owner, make_handset, new_record, store_records

from callmark.domain.accounts import service as accounts
from callmark.domain.announced_calls import service as announced_calls
from callmark.domain.announced_calls.model import AnnouncedState, CallAnnouncement
from callmark.domain.calls.model import CallSource
from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.handset_messages import Identity
from callmark.domain.resolution import model, service as resolution
from callmark.domain.resolution.model import ListedIdentity, Offers, Resolution, ShownSource
from callmark.domain.spoof_alarms import service as spoof_alarms
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.kit.zones import device_zone


@pytest.fixture
async def owner(deps: Deps) -> Owner:
    return await make_handset(deps, phone())


@pytest.fixture
async def acme(deps: Deps) -> Listed:
    """Its number shows an identity and offers something; only in announced calls."""
    listed = await make_listed(deps)
    await offer_everything(deps, listed)
    await accounts.update_account(deps, listed.account_id, by=ALICE, announced_calls_only=True)
    return listed


async def resolve(deps: Deps, owner: Owner, acme: Listed) -> Resolution:
    return await resolution.resolve(deps, owner.registration, acme.number, device_zone("UTC"))


async def say(deps: Deps, owner: Owner, acme: Listed, state: AnnouncedState) -> None:
    said = CallAnnouncement("one", acme.number, owner.number, state)
    await announced_calls.announce(deps, acme.account_id, said)


async def test_a_call_that_was_not_announced_shows_and_offers_nothing(deps: Deps, owner: Owner, acme: Listed) -> None:
    found = await resolve(deps, owner, acme)
    assert (found.identity, found.source, found.offers) == (None, CallSource.NONE, Offers())
    assert found.why.endswith(model.WHY_NOT_ANNOUNCED)


async def test_the_account_hears_once_of_a_call_that_it_did_not_announce(
    deps: Deps, owner: Owner, acme: Listed
) -> None:
    for _ in range(2):  # a handset that asks again asks about the same call
        await resolve(deps, owner, acme)
    (alarm,) = await spoof_alarms.newest_alarms(deps, acme.account_id)
    assert (alarm.caller_number, alarm.receiver_number) == (acme.number, owner.number)
    assert alarm.cause is SpoofCause.NOT_ANNOUNCED
    (event,) = await bodies(deps, acme.account_id)
    assert '"event_type":"possible_spoof"' in event


async def test_no_alarm_is_raised_by_an_announced_call_by_a_record_or_by_looking(
    deps: Deps, owner: Owner, acme: Listed
) -> None:
    await say(deps, owner, acme, AnnouncedState.RINGING)
    await resolve(deps, owner, acme)
    await say(deps, owner, acme, AnnouncedState.ENDED)
    await resolution.resolve_for_account(deps, acme.account_id, owner.number, acme.number)
    open_ = await make_listed(deps)  # its identity shows in every call
    await resolve(deps, owner, open_)
    for account_id in (acme.account_id, open_.account_id):
        assert await spoof_alarms.newest_alarms(deps, account_id) == []


async def test_an_announced_call_shows_until_it_has_ended(deps: Deps, owner: Owner, acme: Listed) -> None:
    await say(deps, owner, acme, AnnouncedState.RINGING)
    found = await resolve(deps, owner, acme)
    assert isinstance(found.identity, ListedIdentity)
    assert found.offers.call_me_back
    other = await make_handset(deps, phone())
    assert (await resolve(deps, other, acme)).identity is None
    await say(deps, owner, acme, AnnouncedState.ENDED)
    assert (await resolve(deps, owner, acme)).identity is None


async def test_an_open_record_announces_its_call(deps: Deps, owner: Owner) -> None:
    cast = await make_cast(deps)
    acme = await make_listed(deps, account_id=cast.account.id)
    await accounts.update_account(deps, cast.account.id, by=ALICE, announced_calls_only=True)
    await store_records(deps, cast, new_record(deps, cast, owner.number, caller=acme.number))
    found = await resolve(deps, owner, acme)
    assert isinstance(found.identity, Identity)
    assert await spoof_alarms.newest_alarms(deps, cast.account.id) == []
    assert found.source is CallSource.CALL_RECORD


@pytest.mark.parametrize(("os", "version"), [(OS.IOS, "5.0.0"), (OS.ANDROID, "0.9.0")])
async def test_a_record_of_its_account_announces_a_call_also_where_the_handset_cannot_show_records(
    deps: Deps, os: OS, version: str
) -> None:
    cast, other = await make_cast(deps), await make_cast(deps)
    owner = await make_handset(deps, phone(), os=os, version=version)
    acme = await make_listed(deps, account_id=cast.account.id)
    await offer_everything(deps, acme)
    await accounts.update_account(deps, cast.account.id, by=ALICE, announced_calls_only=True)
    await set_state(deps, acme, "number", "failed")  # then others may push records of it
    await store_records(deps, other, new_record(deps, other, owner.number, caller=acme.number))
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE number SET state = 'listed', why = NULL WHERE phone_number = $1", acme.number)
    assert (await resolve(deps, owner, acme)).source is CallSource.NONE
    assert len(await spoof_alarms.newest_alarms(deps, cast.account.id)) == 1

    owner = await make_handset(deps, phone(), os=os, version=version)
    await store_records(deps, cast, new_record(deps, cast, owner.number, caller=acme.number))
    found = await resolve(deps, owner, acme)
    assert isinstance(found.identity, ListedIdentity)
    assert (found.source, found.offers.call_me_back) == (CallSource.LISTED_NUMBER, True)
    view = await resolution.resolve_for_account(deps, cast.account.id, owner.number, acme.number)
    assert view.shows is ShownSource.LISTED_NUMBER
    assert len(await spoof_alarms.newest_alarms(deps, cast.account.id)) == 1  # that of before


async def test_the_switch_works_from_the_next_call_on(deps: Deps, owner: Owner, acme: Listed) -> None:
    await accounts.update_account(deps, acme.account_id, by=ALICE, announced_calls_only=False)
    assert isinstance((await resolve(deps, owner, acme)).identity, ListedIdentity)
    await accounts.update_account(deps, acme.account_id, by=ALICE, announced_calls_only=True)
    assert (await resolve(deps, owner, acme)).identity is None


async def test_calls_of_others_that_ring_at_the_same_moment_are_not_hidden(
    deps: Deps, owner: Owner, acme: Listed
) -> None:
    borealis = await make_listed(deps)
    await say(deps, owner, acme, AnnouncedState.RINGING)
    shows = [
        (await resolve(deps, owner, of)).identity is not None for of in (acme, borealis)
    ]  # fmt: skip
    await say(deps, owner, acme, AnnouncedState.ENDED)
    shows += [(await resolve(deps, owner, of)).identity is not None for of in (acme, borealis)]
    assert shows == [True, True, False, True]


async def test_an_account_learns_why_its_number_shows_nothing_and_others_do_not(
    deps: Deps, owner: Owner, acme: Listed
) -> None:
    borealis = await make_listed(deps)

    async def seen_by(of: Listed) -> tuple[ShownSource, str]:
        view = await resolution.resolve_for_account(deps, of.account_id, owner.number, acme.number)
        return view.shows, view.why.rpartition("; ")[2]

    assert await seen_by(acme) == (ShownSource.NONE, model.WHY_NOT_ANNOUNCED)
    assert await seen_by(borealis) == (ShownSource.NONE, model.WHY_NOT_OWN)
    await say(deps, owner, acme, AnnouncedState.RINGING)
    assert (await seen_by(acme))[0] is ShownSource.LISTED_NUMBER
    assert (await seen_by(borealis))[0] is ShownSource.OTHER
