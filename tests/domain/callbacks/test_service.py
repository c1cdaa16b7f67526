"""Call Me Back is configured, offered and asked for; each request is stored with its event, once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.actors import ALICE, BOB, owner_of
from tests.support.audit_log import log_of
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, bodies, make_listed, ring, set_switch

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.hours import hours_text
from callmark.domain.callbacks.model import (
    CallbackConfig,
    CallbackOffer,
    CallbackRequest,
    NewCallbackRequest,
    RequestState,
)
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import FeatureSetId
from callmark.domain.numbers import service as numbers
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.kit.zones import device_zone

HOURS = "sat 11:00-12:00"
SLOT = "2026-01-03T09:30:00+04:00"


async def configure(deps: Deps, listed: Listed) -> CallbackConfig:
    return await callbacks.set_config(
        deps,
        listed.account_id,
        listed.feature_set_id,
        name="Weekday callbacks",
        slot_picker=True,
        time_zone="Asia/Kolkata",
        hours=HOURS,
        by=ALICE,
    )


async def offered(deps: Deps, listed: Listed) -> CallbackOffer | None:
    async with deps.db.connection() as tx:
        caller = await numbers.answered_caller(tx, listed.number)
        assert caller
        return await callbacks.offered(tx, caller, deps.clock.now(), device_zone("Asia/Dubai"))


def asked(listed: Listed) -> NewCallbackRequest:
    return NewCallbackRequest(random_uuid(), listed.number)


async def test_a_feature_set_has_one_configuration_and_a_part_not_given_stays(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    of = (deps, listed.account_id, listed.feature_set_id)
    first = await callbacks.set_config(*of, by=ALICE)
    assert (first.name, first.slot_picker, first.time_zone.key) == ("Delivery default", False, "UTC")
    clock.advance(timedelta(hours=1))
    second = await configure(deps, listed)
    assert (second.id, second.created_at, second.updated_at) == (first.id, first.created_at, clock.now())
    third = await callbacks.set_config(*of, name="Callbacks", by=BOB)
    assert third == replace(second, name="Callbacks")
    assert await callbacks.get_config(*of) == third
    assert await callbacks.list_configs(deps, listed.account_id) == [third]
    assert hours_text(third.hours) == HOURS
    assert await callbacks.delete_config(*of, by=ALICE) == third
    with pytest.raises(NotFound):
        await callbacks.get_config(*of)
    with pytest.raises(NotFound):
        await callbacks.delete_config(*of, by=ALICE)


async def test_a_configuration_that_cannot_be_used_is_refused(deps: Deps) -> None:
    listed = await make_listed(deps)
    of = (deps, listed.account_id, listed.feature_set_id)
    with pytest.raises(InvalidInput, match="hours are required"):
        await callbacks.set_config(*of, slot_picker=True, by=ALICE)
    with pytest.raises(InvalidInput, match="time zone"):
        await callbacks.set_config(*of, time_zone="Mars/Olympus", by=ALICE)
    with pytest.raises(NotFound):
        await callbacks.set_config(deps, listed.account_id, FeatureSetId(new_id()), name="Mine", by=ALICE)


async def test_hours_that_were_stored_longer_than_is_allowed_are_read_and_can_be_changed(deps: Deps) -> None:
    listed = await make_listed(deps)
    of = (deps, listed.account_id, listed.feature_set_id)
    config = await configure(deps, listed)
    halves = ",".join(f"{hour:02}:00-{hour:02}:30" for hour in range(24))
    stored = "; ".join(f"{day} {halves}" for day in ("mon", "wed", "fri", "sun"))
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE callback_config SET hours = $1 WHERE id = $2", stored, config.id)
    (found,) = await callbacks.list_configs(deps, listed.account_id)
    assert hours_text(found.hours) == stored
    assert hours_text((await callbacks.set_config(*of, hours=HOURS, by=ALICE)).hours) == HOURS


async def test_a_stored_zone_that_is_not_known_here_keeps_its_name_and_offers_no_slots(deps: Deps) -> None:
    listed = await make_listed(deps)
    config = await configure(deps, listed)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE callback_config SET time_zone = 'Mars/Olympus' WHERE id = $1", config.id)
    assert await offered(deps, listed) == CallbackOffer("Weekday callbacks", slot_picker=False, slots=[])
    renamed = await callbacks.set_config(
        deps, listed.account_id, listed.feature_set_id, name="Callbacks", hours=HOURS, by=ALICE
    )
    assert await callbacks.list_configs(deps, listed.account_id) == [renamed]
    assert (renamed.time_zone.key, renamed.slot_picker) == ("Mars/Olympus", True)


async def test_an_owner_configures_its_place_alone_and_number_groups_are_of_the_whole_account(deps: Deps) -> None:
    near = await make_listed(deps)
    far = await make_listed(deps, account_id=near.account_id)
    group = await make_listed(deps, account_id=near.account_id, is_number_group=True)
    account = (deps, near.account_id)
    olivia = owner_of((await feature_sets.get_placed(*account, near.feature_set_id)).place.process_id)
    assert (await callbacks.set_config(*account, near.feature_set_id, by=olivia)).created_by_email == olivia.email
    assert not (await callbacks.set_offered(*account, near.feature_set_id, by=olivia, on=False)).call_me_back
    for outside in (far, group):
        of = (*account, outside.feature_set_id)
        await callbacks.set_config(*of, by=ALICE)
        for refused in (
            callbacks.set_config(*of, by=olivia),
            callbacks.set_offered(*of, by=olivia, on=False),
            callbacks.delete_config(*of, by=olivia),
            callbacks.delete_config(*account, near.feature_set_id, by=owner_of(None)),
        ):
            with pytest.raises(NotFound):
                await refused
    await callbacks.delete_config(*account, near.feature_set_id, by=olivia)


async def test_who_changed_a_configuration_is_in_the_audit_log(deps: Deps) -> None:
    listed = await make_listed(deps)
    of = (deps, listed.account_id, listed.feature_set_id)
    await configure(deps, listed)
    await callbacks.set_config(*of, by=BOB, slot_picker=False)
    await callbacks.set_offered(*of, by=BOB, on=False)
    await callbacks.delete_config(*of, by=BOB)
    log = (await log_of(deps, listed.account_id))[::-1]
    told = {"feature_set": "Delivery default", "time_zone": "Asia/Kolkata", "hours": HOURS}
    switched = {"feature_set_id": str(listed.feature_set_id), "call_me_back": False}
    assert [(one.actor_email, one.action, one.subject, one.details) for one in log] == [
        (ALICE.email, "callback_config.changed", "Weekday callbacks", told | {"slot_picker": True}),
        (BOB.email, "callback_config.changed", "Weekday callbacks", told | {"slot_picker": False}),
        (BOB.email, "feature_set.changed", "Delivery default", switched),
        (BOB.email, "callback_config.deleted", "Weekday callbacks", {"feature_set": "Delivery default"}),
    ]


async def test_the_offer_has_the_configurations_slots_in_the_devices_zone(deps: Deps) -> None:
    listed = await make_listed(deps)
    await configure(deps, listed)
    slots = ["2026-01-03T09:30:00+04:00", "2026-01-03T10:00:00+04:00"]
    assert await offered(deps, listed) == CallbackOffer("Weekday callbacks", slot_picker=True, slots=slots)


async def test_without_a_configuration_a_call_back_without_slots_is_offered_under_the_feature_sets_name(
    deps: Deps,
) -> None:
    listed = await make_listed(deps)
    assert await offered(deps, listed) == CallbackOffer("Delivery default", slot_picker=False, slots=[])


async def test_nothing_is_offered_while_the_switch_is_off(deps: Deps) -> None:
    listed = await make_listed(deps, call_me_back=False)
    await configure(deps, listed)
    assert await offered(deps, listed) is None
    receiver, _ = await ring(deps, listed)
    with pytest.raises(InvalidInput, match="does not offer callbacks"):
        await callbacks.request(deps, receiver, asked(listed))


async def test_a_request_is_stored_with_its_event(deps: Deps) -> None:
    listed = await make_listed(deps)
    await configure(deps, listed)
    receiver, _ = await ring(deps, listed)
    request = await callbacks.request(deps, receiver, replace(asked(listed), slot=SLOT))
    assert request.slot_starts_at == datetime(2026, 1, 3, 5, 30, tzinfo=UTC)
    assert await work_list.list_requests(deps, listed.account_id) == [request]
    (event,), _ = await events.events_after(deps, listed.account_id, 0, 10)
    assert event.event_type is EventType.CALL_ME_BACK
    assert event.body == (
        f'{{"event_id":"{event.id}","client_account_id":"{listed.account_id}","event_type":"cmb",'
        '"created_at":"1767261600","cmb_payload":{'
        f'"business_number":"{listed.number}","feature_set":"Delivery default","client_number":"{receiver}",'
        '"requested_at":"1767261600","requested_date":"2026-01-03","requested_slot":"Saturday",'
        '"preferred_from_time":"1767418200","preferred_to_time":"1767420000",'
        '"is_interested":true,"alternate_number":"","cmb_config_name":"Weekday callbacks"}}'
    )


async def test_a_request_of_a_number_group_names_the_group(deps: Deps) -> None:
    listed = await make_listed(deps, is_number_group=True, name="Old numbers")
    receiver, _ = await ring(deps, listed, CallEvent.REJECTED)
    await callbacks.request(deps, receiver, asked(listed))
    (body,) = await bodies(deps, listed.account_id)
    payload = json.loads(body)["cmb_payload"]
    assert list(payload)[1] == "number_group"
    assert (payload["number_group"], payload["cmb_config_name"]) == ("Old numbers", "Old numbers")


async def test_a_repeated_request_changes_nothing_whatever_has_changed_meanwhile(deps: Deps) -> None:
    listed = await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    wanted = asked(listed)
    first = await callbacks.request(deps, receiver, wanted)
    await set_switch(deps, listed, "call_me_back", on=False)
    assert await callbacks.request(deps, receiver, replace(wanted, is_interested=False)) == first
    assert len(await bodies(deps, listed.account_id)) == 1


async def test_the_same_request_sent_twice_at_once_makes_one_row_and_one_event(deps: Deps) -> None:
    listed = await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    for _ in range(10):
        wanted = asked(listed)
        one, other = await asyncio.gather(*[callbacks.request(deps, receiver, wanted) for _ in range(2)])
        assert one == other
    assert len(await work_list.list_requests(deps, listed.account_id)) == 10
    assert len(await bodies(deps, listed.account_id)) == 10


async def test_one_request_id_of_two_receivers_means_two_requests(deps: Deps) -> None:
    listed = await make_listed(deps)
    wanted = asked(listed)
    for _ in range(2):
        receiver, _ = await ring(deps, listed)
        await callbacks.request(deps, receiver, wanted)
    assert len(await bodies(deps, listed.account_id)) == 2


async def test_only_after_a_missed_or_rejected_call_of_that_number(deps: Deps) -> None:
    listed, other = await make_listed(deps), await make_listed(deps)
    receiver, _ = await ring(deps, listed, CallEvent.ANSWERED)
    await ring(deps, listed, CallEvent.SHOWN, receiver)
    await ring(deps, other, CallEvent.MISSED, receiver)
    await ring(deps, listed, CallEvent.MISSED)
    with pytest.raises(Conflict, match="no missed or rejected call"):
        await callbacks.request(deps, receiver, asked(listed))
    await ring(deps, listed, CallEvent.REJECTED, receiver)
    assert await callbacks.request(deps, receiver, asked(listed))


async def test_a_number_that_is_not_shown_offers_no_call_back(deps: Deps) -> None:
    draft, unpublished = await make_listed(deps, state="draft"), await make_listed(deps, state="unpublished")
    for listed in (draft, unpublished, replace(draft, number=phone())):
        receiver, _ = await ring(deps, listed)
        with pytest.raises(InvalidInput) as refused:
            await callbacks.request(deps, receiver, asked(listed))
        assert refused.value.field == "business_number"


async def test_a_slot_is_judged_by_what_is_offered_now(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    await configure(deps, listed)
    receiver, _ = await ring(deps, listed)
    with pytest.raises(InvalidInput, match="slot is required"):
        await callbacks.request(deps, receiver, asked(listed))
    clock.advance(timedelta(days=2))
    with pytest.raises(InvalidInput, match="not one of the slots offered"):
        await callbacks.request(deps, receiver, replace(asked(listed), slot=SLOT))
    assert await bodies(deps, listed.account_id) == []


async def test_not_interested_is_told_and_leaves_nothing_to_do(deps: Deps) -> None:
    listed = await make_listed(deps)
    await configure(deps, listed)
    receiver, _ = await ring(deps, listed)
    request = await callbacks.request(deps, receiver, replace(asked(listed), is_interested=False))
    assert (request.state, request.handled_by_email) == (RequestState.DONE, None)
    (body,) = await bodies(deps, listed.account_id)
    payload = json.loads(body)["cmb_payload"]
    assert (payload["is_interested"], payload["requested_date"], payload["preferred_to_time"]) == (False, "NA", None)


async def test_an_unknown_sim_and_an_alternate_number_are_kept(deps: Deps) -> None:
    listed = await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    alternate = PhoneNumber("919900445566")
    await callbacks.request(deps, receiver, replace(asked(listed), is_sim_unknown=True))
    await callbacks.request(deps, receiver, replace(asked(listed), alternate_number=alternate))
    await callbacks.request(deps, receiver, replace(asked(listed), alternate_number=receiver))
    with pytest.raises(InvalidInput, match="alternate_number is the number that called"):
        await callbacks.request(deps, receiver, replace(asked(listed), alternate_number=listed.number))
    payloads = [json.loads(body)["cmb_payload"] for body in await bodies(deps, listed.account_id)]
    assert [(p["client_number"], p["alternate_number"]) for p in payloads] == [
        ("Phone number not available", receiver),
        (receiver, alternate),
        (receiver, ""),
    ]


async def test_event_numbers_have_no_gap_when_transactions_are_undone_among_others(deps: Deps) -> None:
    listed = await make_listed(deps)

    class UndoneError(Exception):
        """What undoes a transaction."""

    async def undone() -> None:
        async with deps.db.transaction() as tx:
            await events.append(tx, listed.account_id, EventType.CALL_ME_BACK, {}, deps.clock.now())
            raise UndoneError

    async def asking() -> CallbackRequest:
        receiver, _ = await ring(deps, listed)
        return await callbacks.request(deps, receiver, asked(listed))

    ended = await asyncio.gather(*[use() for _ in range(40) for use in (asking, undone)], return_exceptions=True)
    assert sum(isinstance(one, UndoneError) for one in ended) == 40
    assert len(await bodies(deps, listed.account_id)) == 40


async def test_a_receiver_cannot_flood_a_business_number_with_requests(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=msgspec.structs.replace(deps.settings, answers_a_day=2))
    listed, other = await make_listed(deps), await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    first = asked(listed)
    for wanted in (first, asked(listed)):
        await callbacks.request(deps, receiver, wanted)
    with pytest.raises(Conflict, match="has reached the limit"):
        await callbacks.request(deps, receiver, asked(listed))
    await callbacks.request(deps, receiver, first)  # sent again: it is stored already
    assert len(await bodies(deps, listed.account_id)) == 2

    somebody, _ = await ring(deps, listed)  # others are free, and other numbers
    await callbacks.request(deps, somebody, asked(listed))
    await ring(deps, other, receiver=receiver)
    await callbacks.request(deps, receiver, asked(other))
    clock.advance(timedelta(days=1))
    for _ in range(2):
        await callbacks.request(deps, receiver, asked(listed))
    clock.advance(-timedelta(days=2))  # it was ahead: what was asked then is none of the day
    await callbacks.request(deps, receiver, asked(listed))
