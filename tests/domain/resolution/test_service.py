"""What shows when it rings, and the reason given when nothing does."""

import asyncio
import re
from datetime import timedelta
from typing import Any, LiteralString, cast

import msgspec
from msgspec.structs import replace
from tests.support.cases import each
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, offer_everything, set_state, set_switch
from tests.surfaces.gateway.helpers import (
    CALLER,
    NOTHING_KNOWN,
    Owner,
    make_handset,
    new_record,
    store_records,
)

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.calls.model import CallSource
from callmark.domain.deps import Deps
from callmark.domain.feedback.model import CallType
from callmark.domain.handsets.model import OS
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.personalisation import partitions, service as personalisation
from callmark.domain.personalisation.handset_messages import Identity
from callmark.domain.personalisation.model import RingingPair
from callmark.domain.policy.model import SYSTEM
from callmark.domain.resolution import service as resolution
from callmark.domain.resolution.model import ListedIdentity, Offers, Resolution
from callmark.instants import to_ms
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.zones import device_zone

HOUR_MS = 3_600_000
UNLISTED = "the caller's number is not listed"


async def resolve(deps: Deps, owner: Owner, caller: PhoneNumber = CALLER, zone: str = "UTC") -> Resolution:
    return await resolution.resolve(deps, owner.registration, caller, device_zone(zone))


async def test_the_latest_accepted_open_record_shows(deps: Deps, clock: FakeClock) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    now = to_ms(clock.now())
    await store_records(deps, cast, new_record(deps, cast, owner.number))
    clock.advance(timedelta(minutes=1))
    _, last = await store_records(
        deps,
        cast,
        new_record(deps, cast, owner.number, label_name="First of two"),
        new_record(deps, cast, owner.number, label_name="Second of two"),
    )
    clock.advance(timedelta(minutes=1))
    await store_records(
        deps,
        cast,
        new_record(deps, cast, owner.number, starts_at=now + HOUR_MS, ends_at=now + 2 * HOUR_MS),
        new_record(deps, cast, owner.number, caller="918040009999"),
        new_record(deps, cast, phone()),
    )
    found = await resolve(deps, owner)
    assert isinstance(found.identity, Identity)
    assert (found.identity.id, found.identity.name) == (last.key.id, "Second of two")
    assert found.source is CallSource.CALL_RECORD
    assert str(last.key.id) in found.why


async def test_a_window_opens_at_its_start_and_is_over_at_its_end(deps: Deps, clock: FakeClock) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    now = to_ms(clock.now())
    (record,) = await store_records(
        deps, cast, new_record(deps, cast, owner.number, starts_at=now + 60_000, ends_at=now + 120_000)
    )
    early = await resolve(deps, owner)
    assert early.identity is None
    assert early.why == (
        f"the window of call record {record.key.id} of this caller does not open until 2026-01-01T10:01:00.000Z;"
        f" {UNLISTED}"
    )
    clock.advance(timedelta(minutes=1))
    assert (await resolve(deps, owner)).identity
    await accounts.update_account(deps, cast.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    assert (await resolve(deps, owner)).why == (
        f"call record {record.key.id} of this caller is of an account that is suspended; {UNLISTED}"
    )
    await accounts.update_account(deps, cast.account.id, state=AccountState.ACTIVE, by=SYSTEM)
    assert (await resolve(deps, owner)).identity
    clock.advance(timedelta(minutes=1))
    late = await resolve(deps, owner)
    assert (late.identity, late.source) == (None, CallSource.NONE)
    assert late.why == (
        f"the window of call record {record.key.id} of this caller ended at 2026-01-01T10:02:00.000Z; {UNLISTED}"
    )


async def test_a_withdrawn_record_does_not_show_and_the_one_before_does(deps: Deps) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    before, after = await store_records(
        deps, cast, new_record(deps, cast, owner.number), new_record(deps, cast, owner.number)
    )
    await personalisation.withdraw_record(deps, cast.account.id, after.key.id, by=SYSTEM)
    found = await resolve(deps, owner)
    assert isinstance(found.identity, Identity)
    assert found.identity.id == before.key.id
    await personalisation.withdraw_record(deps, cast.account.id, before.key.id, by=SYSTEM)
    nothing = await resolve(deps, owner)
    assert nothing.identity is None
    assert nothing.why == (
        f"call record {after.key.id} of this caller was withdrawn at 2026-01-01T10:00:00.000Z; {UNLISTED}"
    )


async def test_without_a_record_the_reason_says_so(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    nothing = await resolve(deps, owner)
    assert nothing.why == NOTHING_KNOWN
    assert nothing.offers == Offers()


async def test_handsets_that_cannot_show_call_records_get_the_real_reason(deps: Deps) -> None:
    cast = await make_cast(deps)
    ios = await make_handset(deps, phone(), os=OS.IOS)
    old = await make_handset(deps, phone(), version="0.9")
    await store_records(deps, cast, new_record(deps, cast, ios.number), new_record(deps, cast, old.number))
    on_ios = await resolve(deps, ios)
    on_old = await resolve(deps, old)
    assert on_ios.identity is on_old.identity is None
    assert on_ios.why == f"call records show on Android only; this handset runs ios; {UNLISTED}"
    assert on_old.why == f"call records need app version 1.0.0; this handset has 0.9; {UNLISTED}"


async def test_a_listed_number_shows_its_feature_sets_identity_on_every_registered_handset(deps: Deps) -> None:
    listed = await make_listed(deps)
    for owner in (
        await make_handset(deps, phone()),
        await make_handset(deps, phone(), os=OS.IOS),
        await make_handset(deps, phone(), version="0.9"),
    ):
        found = await resolve(deps, owner, listed.number)
        assert isinstance(found.identity, ListedIdentity)
        assert (found.source, found.identity.caller_number) == (CallSource.LISTED_NUMBER, listed.number)
        assert (found.identity.name, found.identity.call_reason) == ("Acme Deliveries", None)
        assert found.identity.logo_url.startswith("http://callmark.test/logos/")
        assert found.identity.verified
        assert found.why == "the caller's number is listed, and its feature set is published"


NOT_LISTED: list[tuple[LiteralString, str, str]] = [
    ("number", "pending", "is not listed yet"),
    ("number", "delisting", "is being delisted"),
    ("number", "failed", "could not be listed"),
    ("feature_set", "unpublished", "is in a feature set that is not published"),
    ("feature_set", "draft", "is in a feature set that is not published"),
    ("client_account", "suspended", "is of an account that is suspended"),
]


async def test_a_number_that_is_not_listed_any_more_shows_nothing_and_says_why(deps: Deps) -> None:
    owner = await make_handset(deps, phone())

    async def says_why(case: tuple[LiteralString, str, str]) -> None:
        table, state, why = case
        listed = await make_listed(deps)
        await set_state(deps, listed, table, state)
        found = await resolve(deps, owner, listed.number)
        assert (found.identity, found.source, found.offers) == (None, CallSource.NONE, Offers())
        assert found.why == f"this handset has no call record of this caller; the caller's number {why}"

    await each(NOT_LISTED, says_why)


async def test_a_delisted_number_is_like_any_other(deps: Deps) -> None:
    listed, owner = await make_listed(deps), await make_handset(deps, phone())
    assert (await resolve(deps, owner, listed.number)).identity
    async with deps.db.connection() as tx:
        await tx.execute("DELETE FROM number WHERE phone_number = $1", listed.number)
    assert (await resolve(deps, owner, listed.number)).why == NOTHING_KNOWN


async def test_an_open_record_wins_over_the_listing_which_still_makes_the_offers(deps: Deps) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    listed = await make_listed(deps, account_id=cast.account.id)
    await offer_everything(deps, listed)
    await store_records(deps, cast, new_record(deps, cast, owner.number, caller=listed.number, label_name="By record"))
    found = await resolve(deps, owner, listed.number)
    assert (found.source, found.identity and found.identity.name) == (CallSource.CALL_RECORD, "By record")
    assert found.offers.call_me_back
    assert found.offers.campaigns


async def test_a_record_of_another_account_brings_no_offers_of_the_numbers_owner(deps: Deps) -> None:
    cast, owner, listed = await make_cast(deps), await make_handset(deps, phone()), await make_listed(deps)
    await offer_everything(deps, listed)
    allowing = replace(deps, settings=msgspec.structs.replace(deps.settings, foreign_callers="allow"))
    await store_records(allowing, cast, new_record(deps, cast, owner.number, caller=listed.number))
    found = await resolve(deps, owner, listed.number)
    assert (found.source, found.offers) == (CallSource.CALL_RECORD, Offers())


async def test_offers_are_what_the_feature_set_has_switched_on_with_slots_in_the_handsets_zone(deps: Deps) -> None:
    listed, owner = await make_listed(deps), await make_handset(deps, phone())
    assert (await resolve(deps, owner, listed.number)).offers == Offers(
        call_me_back=True, config_name="Delivery default"
    )
    campaign = await offer_everything(deps, listed)
    offers = (await resolve(deps, owner, listed.number, "Asia/Dubai")).offers
    assert (offers.config_name, offers.slot_picker) == ("Weekday callbacks", True)
    assert offers.slots == ["2026-01-03T09:30:00+04:00", "2026-01-03T10:00:00+04:00"]
    (asks,) = offers.campaigns
    assert (asks.id, asks.name, asks.type) == (campaign.id, "Delivery check", campaign.campaign_type)
    assert asks.call_types == [CallType.ANSWERED, CallType.MISSED]
    assert offers.questions == list(campaign.questions)
    assert asks.question_ids == [question.id for question in campaign.questions]
    in_utc = (await resolve(deps, owner, listed.number)).offers.slots
    assert in_utc == ["2026-01-03T05:30:00+00:00", "2026-01-03T06:00:00+00:00"]
    await switched_off(deps, listed)
    assert (await resolve(deps, owner, listed.number)).offers == Offers()


async def switched_off(deps: Deps, listed: Listed) -> None:
    for switch in ("call_me_back", "survey"):
        await set_switch(deps, listed, switch, on=False)


class Explaining:
    """A connection that explains statements instead of running them."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.plan = ""

    async def fetch(self, query: LiteralString, *args: object) -> list[Any]:
        self.plan += "\n".join(row[0] for row in await self._tx.fetch(f"EXPLAIN {query}", *args))
        return []


async def test_looking_for_what_shows_reads_the_days_in_which_open_windows_end_and_no_others(
    deps: Deps, clock: FakeClock
) -> None:
    await partitions.keep_partitions(deps)
    async with deps.db.connection() as tx:
        explaining = Explaining(tx)
        asked = [RingingPair(phone(), CALLER, clock.now()), RingingPair(phone(), CALLER, clock.now())]
        await personalisation.newest_open_each(cast("Tx", explaining), asked)
    assert 1 <= len(set(re.findall(r"Index Scan using \w+ on (call_record_\d{8})", explaining.plan))) <= 3, (
        explaining.plan
    )


async def test_many_who_ask_at_once_each_get_their_own_answer(deps: Deps) -> None:
    cast_, listed = await make_cast(deps), await make_listed(deps)
    owners = [await make_handset(deps, phone()) for _ in range(5)]
    for owner in owners[::2]:
        record = new_record(deps, cast_, owner.number, label_name=f"For {owner.number}")
        await store_records(deps, cast_, record)
    found = await asyncio.gather(
        *(resolve(deps, owner) for owner in owners), *(resolve(deps, owner, listed.number) for owner in owners)
    )
    names = [one.identity and one.identity.name for one in found]
    expected = [f"For {owner.number}" if at % 2 == 0 else None for at, owner in enumerate(owners)]
    assert names == expected + ["Acme Deliveries"] * 5


async def test_on_the_network_a_proven_number_belongs_to_its_account(deps: Deps) -> None:
    cast_, listed, receiver, caller = await make_cast(deps), await make_listed(deps), phone(), phone()
    await store_records(deps, cast_, new_record(deps, cast_, receiver, caller=caller))
    async with deps.db.connection() as tx:  # listed by another account after the record came
        await tx.execute("UPDATE number SET phone_number = $2 WHERE phone_number = $1", listed.number, caller)
    found = await resolution.resolve_for_network(deps, caller, receiver, None)
    assert found.source is CallSource.CALL_RECORD, "a list that nobody has proven keeps nobody from calling"
    assert (found.proven, found.listed and found.listed.account_id) == (None, listed.account_id)
    await proofs.prove_numbers(deps, listed.account_id, [caller], by=SYSTEM)
    found = await resolution.resolve_for_network(deps, caller, receiver, None)
    assert (found.source, found.record) == (CallSource.LISTED_NUMBER, None), "another account's record is no identity"


async def test_on_the_network_an_announced_call_belongs_to_who_announced_it(deps: Deps) -> None:
    cast_, owner, receiver = await make_cast(deps), await make_cast(deps), phone()
    (own,) = await store_records(deps, owner, new_record(deps, owner, receiver))
    await store_records(deps, cast_, new_record(deps, cast_, receiver, label_name="Later"))
    seen = [await resolution.resolve_for_network(deps, CALLER, receiver, by) for by in (None, owner.account.id)]
    assert [one.record and one.record.label_name for one in seen] == ["Later", "Acme Deliveries"]
    assert seen[1].record
    assert seen[1].record.key.id == own.key.id


async def test_on_the_network_a_call_shows_what_was_open_when_it_began(deps: Deps, clock: FakeClock) -> None:
    cast_, receiver = await make_cast(deps), phone()
    await store_records(deps, cast_, new_record(deps, cast_, receiver))
    began = clock.now()
    clock.advance(timedelta(hours=2))
    assert (await resolution.resolve_for_network(deps, CALLER, receiver, None)).source is CallSource.NONE
    assert (await resolution.resolve_for_network(deps, CALLER, receiver, None, began)).source is CallSource.CALL_RECORD
