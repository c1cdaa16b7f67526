"""What is offered, which slot a request may name, and the documented payloads, byte for byte."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from callmark.domain.callbacks.hours_reader import parse_hours
from callmark.domain.callbacks.model import (
    CallbackRequest,
    CallbackTerms,
    NewCallbackRequest,
    RequestState,
    check_hours,
    chosen_slot,
    config_name,
    offer_of,
    other_number,
    payload_of,
)
from callmark.domain.ids import AccountId, CallbackRequestId, FeatureSetId
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.kit.zones import device_zone

NOW = datetime(2026, 1, 1, 10, 0, 5, tzinfo=UTC)
INDIA = ZoneInfo("Asia/Kolkata")
SOME_ID = UUID(int=7)
PICKER = CallbackTerms("Weekday callbacks", slot_picker=True, time_zone=INDIA, hours=parse_hours("sat 11:00-12:00"))
PLAIN = CallbackTerms("Weekday callbacks", slot_picker=False, time_zone=INDIA)
ASKED = NewCallbackRequest(SOME_ID, PhoneNumber("918040001234"))
REQUEST = CallbackRequest(
    id=CallbackRequestId(SOME_ID),
    account_id=AccountId(SOME_ID),
    feature_set_id=FeatureSetId(SOME_ID),
    feature_set_name="Delivery default",
    is_number_group=False,
    business_number=PhoneNumber("918040001234"),
    receiver_number=PhoneNumber("919900112233"),
    request_id=SOME_ID,
    requested_at=NOW,
    is_interested=True,
    is_sim_unknown=False,
    alternate_number=None,
    slot_starts_at=None,
    config_name="Weekday callbacks",
    state=RequestState.NEW,
    handled_by_email=None,
    handled_at=None,
)
WITH_SLOT = replace(REQUEST, slot_starts_at=datetime(2026, 1, 3, 5, 30, tzinfo=UTC))


def shown(request: CallbackRequest) -> str:
    return msgspec.json.encode(payload_of(request, INDIA)).decode()


def test_with_a_slot_picker_the_payload_names_the_slot() -> None:
    assert shown(WITH_SLOT) == (
        '{"business_number":"918040001234","feature_set":"Delivery default","client_number":"919900112233",'
        '"requested_at":"1767261605","requested_date":"2026-01-03","requested_slot":"Saturday",'
        '"preferred_from_time":"1767418200","preferred_to_time":"1767420000",'
        '"is_interested":true,"alternate_number":"","cmb_config_name":"Weekday callbacks"}'
    )


def test_without_a_slot_picker_the_payload_has_na_and_null() -> None:
    assert shown(REQUEST) == (
        '{"business_number":"918040001234","feature_set":"Delivery default","client_number":"919900112233",'
        '"requested_at":"1767261605","requested_date":"NA","requested_slot":"NA",'
        '"preferred_from_time":null,"preferred_to_time":null,'
        '"is_interested":true,"alternate_number":"","cmb_config_name":"Weekday callbacks"}'
    )


def test_not_interested_is_the_same_with_false() -> None:
    assert shown(replace(REQUEST, is_interested=False)) == shown(REQUEST).replace("true", "false")


def test_of_an_unknown_sim_the_registered_number_is_the_alternate_one() -> None:
    payload = shown(replace(WITH_SLOT, is_sim_unknown=True))
    assert '"client_number":"Phone number not available"' in payload
    assert '"alternate_number":"919900112233"' in payload


def test_an_alternate_number_that_was_typed_is_kept() -> None:
    typed = replace(REQUEST, alternate_number=PhoneNumber("919900445566"))
    assert '"alternate_number":"919900445566"' in shown(typed)
    assert '"alternate_number":"919900445566"' in shown(replace(typed, is_sim_unknown=True))


def test_of_a_number_group_its_name_stands_in_place_of_the_feature_set() -> None:
    assert shown(replace(WITH_SLOT, is_number_group=True)) == shown(WITH_SLOT).replace("feature_set", "number_group")


def test_date_and_weekday_are_those_of_the_businesss_zone() -> None:
    late = replace(REQUEST, slot_starts_at=datetime(2026, 1, 2, 18, 30, tzinfo=UTC))  # midnight in India
    assert '"requested_date":"2026-01-03","requested_slot":"Saturday"' in shown(late)


def test_the_number_to_call_instead_is_another_than_both_of_the_call() -> None:
    own, other = REQUEST.receiver_number, PhoneNumber("919900445566")
    assert other_number(replace(ASKED, alternate_number=other), own) == other
    assert other_number(replace(ASKED, alternate_number=own), own) is None
    with pytest.raises(InvalidInput, match="alternate_number is the number that called") as refused:
        other_number(replace(ASKED, alternate_number=ASKED.business_number), own)
    assert refused.value.field == "alternate_number"


def test_slots_are_offered_in_the_devices_own_zone() -> None:
    offer = offer_of(PICKER, NOW, device_zone("Asia/Dubai"))
    assert offer.slots == ["2026-01-03T09:30:00+04:00", "2026-01-03T10:00:00+04:00"]
    for written in ("+04:00", "+0400", "GMT+04:00", "GMT+0400", "UTC+04:00"):
        assert offer_of(PICKER, NOW, device_zone(written)) == offer
    assert offer_of(PICKER, NOW, device_zone("GMT-03:30")).slots[0] == "2026-01-03T02:00:00-03:30"
    assert offer_of(PICKER, NOW, device_zone("Z")) == offer_of(PICKER, NOW, device_zone("UTC"))
    assert offer_of(PLAIN, NOW, INDIA).slots == []


@pytest.mark.parametrize(
    "zone", ["", "India", "localtime", "../etc/passwd", "+4", "+25:00", "GMT+4", "UTC+4", "Asia", "\0"]
)
def test_a_device_in_no_known_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput):
        device_zone(zone)


def test_an_offered_slot_may_be_chosen_in_whichever_zone_it_is_written() -> None:
    for text in ("2026-01-03T09:30:00+04:00", "2026-01-03T05:30:00+00:00", "2026-01-03T05:30:00Z"):
        assert chosen_slot(replace(ASKED, slot=text), PICKER, NOW) == datetime(2026, 1, 3, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slot", "why"),
    [
        (None, "slot is required"),
        ("2026-01-03T09:31:00+04:00", "slot is not one of the slots offered now"),
        ("2026-01-10T09:30:00+04:00", "slot is not one of the slots offered now"),
        ("2026-01-03T09:30:00", "slot is invalid"),
        ("tomorrow", "slot is invalid"),
    ],
)
def test_a_slot_that_is_not_offered_is_refused(slot: str | None, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        chosen_slot(replace(ASKED, slot=slot), PICKER, NOW)


def test_a_slot_that_has_begun_meanwhile_is_not_offered_any_more() -> None:
    slot = "2026-01-03T05:30:00+00:00"
    start = datetime(2026, 1, 3, 5, 30, tzinfo=UTC)
    assert chosen_slot(replace(ASKED, slot=slot), PICKER, start - timedelta(seconds=1)) == start
    with pytest.raises(InvalidInput):
        chosen_slot(replace(ASKED, slot=slot), PICKER, start)


def test_a_slot_is_refused_where_there_is_none_to_choose() -> None:
    slot = "2026-01-03T05:30:00+00:00"
    with pytest.raises(InvalidInput, match="without a slot picker"):
        chosen_slot(replace(ASKED, slot=slot), PLAIN, NOW)
    with pytest.raises(InvalidInput, match="not interested"):
        chosen_slot(replace(ASKED, slot=slot, is_interested=False), PICKER, NOW)
    assert chosen_slot(ASKED, PLAIN, NOW) is None
    assert chosen_slot(replace(ASKED, is_interested=False), PICKER, NOW) is None


def test_a_slot_picker_needs_hours_and_a_configuration_a_name() -> None:
    with pytest.raises(InvalidInput):
        check_hours(PLAIN.hours, slot_picker=True)
    check_hours(PLAIN.hours, slot_picker=False)
    assert config_name("  Weekdays ") == "Weekdays"
    for name in ("", " ", "x" * 101, "two\nlines"):
        with pytest.raises(InvalidInput):
            config_name(name)
