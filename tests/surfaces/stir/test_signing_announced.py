"""Accounts that show their identity in announced calls only: what signed calls say, and who hears of the others."""

from collections.abc import AsyncGenerator

import pytest
from tests.support.factories import phone
from tests.surfaces.stir.staging import Network, claims_of, headers_of, network

from callmark.domain.accounts import service as accounts
from callmark.domain.announced_calls import service as announced_calls
from callmark.domain.announced_calls.model import AnnouncedState, CallAnnouncement
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.spoof_alarms import service as spoof_alarms
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.kit.phone import PhoneNumber


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        await accounts.update_account(made.deps, made.cast.account.id, by=SYSTEM, announced_calls_only=True)
        yield made


async def say(there: Network, receiver: PhoneNumber, state: AnnouncedState) -> None:
    said = CallAnnouncement("one", there.caller, receiver, state)
    await announced_calls.announce(there.deps, there.cast.account.id, said)


async def names_in(there: Network, *receivers: PhoneNumber) -> set[str]:
    """Every name that the headers of a call carry."""
    signed = await there.sign(receivers[0], token=there.trunk, dest={"tn": list(receivers)})
    return {rcd.name for header in headers_of(signed) if (rcd := claims_of(header).rcd)}


async def alarmed(there: Network) -> set[PhoneNumber]:
    """Whose calls the account heard of."""
    alarms = await spoof_alarms.newest_alarms(there.deps, there.cast.account.id)
    assert {alarm.cause for alarm in alarms} <= {SpoofCause.NOT_ANNOUNCED}
    return {alarm.receiver_number for alarm in alarms}


async def test_a_call_that_was_not_announced_is_signed_without_a_name_and_the_account_hears_of_it(
    there: Network,
) -> None:
    receiver = phone()
    assert await names_in(there, receiver) == set()
    assert await alarmed(there) == {receiver}


async def test_an_announced_call_has_its_name_until_it_has_ended(there: Network) -> None:
    receiver = phone()
    await say(there, receiver, AnnouncedState.RINGING)
    assert await names_in(there, receiver) == {"Acme Deliveries"}
    assert await alarmed(there) == set()
    await say(there, receiver, AnnouncedState.ENDED)
    assert await names_in(there, receiver) == set()
    assert await alarmed(there) == {receiver}


async def test_a_record_announces_its_call(there: Network) -> None:
    receiver = phone()
    await there.announce(receiver)
    assert await names_in(there, receiver) == {"Acme Deliveries"}
    assert await alarmed(there) == set()


async def test_a_call_to_several_is_announced_to_none_of_them(there: Network) -> None:
    one, other = phone(), phone()
    await say(there, one, AnnouncedState.RINGING)
    assert await names_in(there, one, other) == set()
    assert await alarmed(there) == {one, other}
