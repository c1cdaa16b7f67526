"""Validation of a record: pure rules. The texts are covered by tests/contract."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from callmark.domain.ids import AccountId, LabelId
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.personalisation.validation import V1, V2, V3, KnownLabels, Rules, all_faults, validate
from callmark.instants import LAST_MS, from_ms, to_ms
from callmark.record_rules.characters import is_showable
from callmark.record_rules.fields import Fault, Faulty, Field, NewRecord
from callmark.record_rules.reasons import FORBIDDEN_IN_REASON
from callmark.record_rules.words import text_hint

NOW = datetime(2026, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)
ACME = Label(
    id=LabelId(UUID(int=1)),
    account_id=AccountId(UUID(int=2)),
    label_type=LabelType.DYNAMIC,
    name="Acme Deliveries",
    category=8,
    sub_category=53,
    logo_sha256=b"",
    is_default=False,
    created_by_email="",
    created_at=NOW,
)
KNOWN = KnownLabels({str(ACME.id): ACME}, ACME)
GOOD = NewRecord(
    "918040001234",
    "919900112233",
    str(ACME.id),
    None,
    None,
    to_ms(NOW),
    to_ms(NOW) + 3_600_000,
)


def fault(rules: Rules = V1, labels: KnownLabels = KNOWN, **changed: Any) -> tuple[Field, Fault] | None:
    try:
        validate(GOOD._replace(**changed), rules, labels, to_ms(NOW))
    except Faulty as bad:
        return bad.field, bad.fault
    return None


def test_a_good_record_takes_the_labels_name_when_it_brings_none() -> None:
    assert validate(GOOD, V1, KNOWN, to_ms(NOW)).label_name == "Acme Deliveries"


def test_faults_are_reported_in_the_documented_order() -> None:
    everything = dict.fromkeys(GOOD._fields, 7.5)
    for field in Field:
        found = fault(V1, KNOWN, **everything)
        assert found is not None
        assert found[0] is field
        everything[field] = getattr(GOOD, field)


@pytest.mark.parametrize("name", ["label_name", "call_reason"])
def test_optional_fields_may_be_null(name: str) -> None:
    assert fault(V1, KNOWN, **{name: None}) is None


@pytest.mark.parametrize("name", ["caller", "receiver", "label_id", "starts_at", "ends_at"])
@pytest.mark.parametrize("value", [None, ""])
def test_required_fields_that_are_null_or_empty_are_required(name: str, value: object) -> None:
    assert fault(V1, KNOWN, **{name: value}) == (Field(name), Fault.REQUIRED)


@given(st.text(alphabet="0123456789", min_size=0, max_size=20))
def test_a_number_is_7_to_15_digits_without_a_leading_zero(digits: str) -> None:
    good = 7 <= len(digits) <= 15 and not digits.startswith("0")
    assert (fault(V1, caller=digits) is None) == good
    assert (fault(V2, caller="+" + digits) is None) == good
    assert (fault(V3, caller="+" + digits, receiver="+919900112233") is None) == good
    assert fault(V1, caller="+" + digits) == (Field.CALLER, Fault.PHONE)


@pytest.mark.parametrize("digits", ["91990011223٣", "91990011223²", "9199 00112233", "+919900112233", "919900112233\n"])
def test_digits_of_other_scripts_and_spaces_are_no_phone_number(digits: str) -> None:
    assert fault(receiver=digits) == (Field.RECEIVER, Fault.PHONE)


@given(st.text(min_size=0, max_size=120))
def test_a_call_reason_is_10_to_100_code_points_without_forbidden_characters(text: str) -> None:
    found = fault(call_reason=text)
    if not 10 <= len(text) <= 100:
        assert found == (Field.CALL_REASON, Fault.REASON_LENGTH)
    elif set(text) & FORBIDDEN_IN_REASON or text[0] in ".,- " or text[-1] in ".,- " or not is_showable(text):
        assert found == (Field.CALL_REASON, Fault.REASON_CHARACTERS)
    else:
        assert found is None


def test_exactly_thirteen_characters_and_those_that_cannot_be_shown_are_forbidden() -> None:
    refused = {chr(c) for c in range(0x3000) if fault(call_reason=f"aaaaa{chr(c)}aaaaa") is not None}
    assert refused == set("!@#$%^&*()_+/") | {chr(c) for c in range(0x3000) if not is_showable(f"a{chr(c)}a")}


@pytest.mark.parametrize("rules", [V1, V2])
@pytest.mark.parametrize("name", ["   ", "\u200b\u200b\u200b", "\u202eknaB", "Acme\n", "Ac\0me"])
def test_a_name_that_hides_is_refused_after_its_length(rules: Rules, name: str) -> None:
    assert fault(rules, label_name=name) == (Field.LABEL_NAME, Fault.NAME_CHARACTERS)
    assert fault(rules, label_name=name * 20) == (Field.LABEL_NAME, Fault.NAME_LENGTH)
    told = [bad.fault for bad in all_faults(GOOD._replace(label_name=name * 20), rules, KNOWN, to_ms(NOW))]
    assert told == [Fault.NAME_LENGTH, Fault.NAME_CHARACTERS]


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 25 * 3_600_000))
def test_a_window_ends_not_before_now_after_its_start_and_within_24_hours(start: int, length: int) -> None:
    starts_at = to_ms(NOW) + start
    ends_at = starts_at + length
    found = fault(starts_at=starts_at, ends_at=ends_at)
    if ends_at < to_ms(NOW):
        assert found == (Field.ENDS_AT, Fault.END_PAST)
    elif length <= 0:
        assert found == (Field.ENDS_AT, Fault.END_ORDER)
    elif length > 86_400_000:
        assert found == (Field.ENDS_AT, Fault.TOO_LONG)
    else:
        assert found is None


@pytest.mark.parametrize("value", ["1767261600000", 1767261600000.0, True, -1, LAST_MS + 1, 10**40, [], {}])
def test_an_instant_is_a_whole_number_up_to_the_year_9999(value: object) -> None:
    assert fault(starts_at=value) == (Field.STARTS_AT, Fault.INVALID)


def test_the_last_millisecond_of_the_year_9999_is_an_instant() -> None:
    assert from_ms(LAST_MS) == datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    assert fault(starts_at=LAST_MS - 1, ends_at=LAST_MS) is None


def test_without_a_label_the_newer_generations_use_the_default_one_if_a_name_is_given() -> None:
    assert fault(V2, label_id=None, label_name="Acme") is None
    assert fault(V2, label_id=None) == (Field.LABEL_ID, Fault.REQUIRED)
    assert fault(V2, KnownLabels({}, None), label_id=None, label_name="Acme") == (Field.LABEL_ID, Fault.REQUIRED)
    assert fault(V1, label_id=None, label_name="Acme") == (Field.LABEL_ID, Fault.REQUIRED)


def test_a_label_that_is_given_is_always_checked() -> None:
    assert fault(V2, label_id=str(UUID(int=9)), label_name="Acme") == (Field.LABEL_ID, Fault.LABEL)
    assert fault(V2, label_id="not-a-uuid", label_name="Acme") == (Field.LABEL_ID, Fault.INVALID)


@pytest.mark.parametrize(("rules", "length", "ok"), [(V1, 1, True), (V2, 2, False), (V2, 3, True), (V1, 41, False)])
def test_label_names_have_each_generations_bounds(rules: Rules, length: int, ok: bool) -> None:
    assert (fault(rules, label_name="क" * length) is None) == ok


def test_an_empty_label_name_is_absent_on_v1_and_an_error_later() -> None:
    assert fault(V1, label_name="") is None
    assert fault(V2, label_name="") == (Field.LABEL_NAME, Fault.NAME_LENGTH)


def test_an_end_in_the_present_millisecond_has_not_passed() -> None:
    assert fault(starts_at=to_ms(NOW) - 1000, ends_at=to_ms(NOW)) is None


_PHONES = st.sampled_from([None, "", 7, "918040001234", "+918040001234", "12"])
_INSTANTS = st.sampled_from([None, "1", 1.5, 0, to_ms(NOW), to_ms(NOW) + 1, to_ms(NOW) + 86_400_001, LAST_MS + 1])
_RECORDS = st.builds(
    NewRecord,
    _PHONES,
    _PHONES,
    st.sampled_from([None, "", 7, str(ACME.id), str(UUID(int=9)), "x"]),
    st.sampled_from([None, "", "A", "Acme", "a" * 41, 7]),
    st.sampled_from([None, "", "Sale!", "Your parcel arrives", "Your parcel arrives!", ".Your parcel", 7]),
    _INSTANTS,
    _INSTANTS,
)


@given(_RECORDS, st.sampled_from([V1, V2, V3]))
def test_the_first_of_all_faults_is_the_one_that_a_push_is_refused_for(record: NewRecord, rules: Rules) -> None:
    found = [(bad.field, bad.fault) for bad in all_faults(record, rules, KNOWN, to_ms(NOW))]
    assert found[:1] == [one for one in [fault(rules, **record._asdict())] if one]
    assert len(set(found)) == len(found)
    assert [field for field, _ in found] == sorted((field for field, _ in found), key=list(Field).index)


def test_all_faults_of_a_record_are_found_at_once() -> None:
    bad = NewRecord(None, "12", 7, "a" * 41, "Sale!", "1", to_ms(NOW) - 1)
    found = [(one.field, one.fault) for one in all_faults(bad, V1, KNOWN, to_ms(NOW))]
    assert found == [
        (Field.CALLER, Fault.REQUIRED),
        (Field.RECEIVER, Fault.PHONE),
        (Field.LABEL_ID, Fault.INVALID),
        (Field.LABEL_NAME, Fault.NAME_LENGTH),
        (Field.CALL_REASON, Fault.REASON_LENGTH),
        (Field.CALL_REASON, Fault.REASON_CHARACTERS),
        (Field.STARTS_AT, Fault.INVALID),
        (Field.ENDS_AT, Fault.END_PAST),
    ]
    window = GOOD._replace(starts_at=to_ms(NOW), ends_at=to_ms(NOW) - 1)
    assert [one.fault for one in all_faults(window, V1, KNOWN, to_ms(NOW))] == [Fault.END_PAST, Fault.END_ORDER]


@pytest.mark.parametrize("rules", [V1, V2, V3])
def test_texts_that_are_far_too_long_are_judged_to_the_end(rules: Rules) -> None:
    long = "Your parcel arrives" + "\u200d" * 500_000  # to copy what stands before each would take many minutes
    found = all_faults(GOOD._replace(label_name=long, call_reason=long), rules, KNOWN, to_ms(NOW))
    faults = [one.fault for one in found if one.field in {Field.LABEL_NAME, Field.CALL_REASON}]
    assert faults == [Fault.NAME_LENGTH, Fault.NAME_CHARACTERS, Fault.REASON_LENGTH, Fault.REASON_CHARACTERS]
    assert text_hint(Fault.NAME_CHARACTERS, long) == "remove U+200D ZERO WIDTH JOINER"
