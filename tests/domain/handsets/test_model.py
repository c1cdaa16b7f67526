"""App versions, and what makes a handset able to show a pushed identity."""

import msgspec
import pytest
from hypothesis import given, strategies as st

from callmark.domain.handsets.model import OS, Reach, app_name, parse_version, reach_of
from callmark.domain.ids import AccountId, RecordId
from callmark.domain.personalisation.handset_messages import RecordRef, encode_identity, encode_withdraw
from callmark.domain.personalisation.model import OpenRecord, RecordKey
from callmark.instants import LAST_MS, from_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

versions = st.lists(st.integers(0, 999_999), min_size=1, max_size=4)


def text(parts: list[int]) -> str:
    return ".".join(map(str, parts))


@given(versions, versions)
def test_versions_compare_by_their_integers(one: list[int], other: list[int]) -> None:
    pad = [0, 0, 0, 0]
    assert (parse_version(text(one)) < parse_version(text(other))) == ((one + pad)[:4] < (other + pad)[:4])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "1.",
        ".1",
        "1..2",
        "a",
        "1.2.3.4.5",
        "1.2rc1",
        "1234567",
        "1.2-" + "x" * 40,
        "1.2-\u0661",
        "1.2\n",
        "\u0661.\u0662",
        "-1",
        " 1",
    ],
)
def test_what_is_not_dotted_integers_is_no_version(bad: str) -> None:
    with pytest.raises(InvalidInput):
        parse_version(bad)


@pytest.mark.parametrize("name", ["4.2.0-beta1", "4.2.0+build.7", "4.2.0 (1234)", "4.2_debug", "4.2.0-"])
def test_what_android_developers_add_to_a_version_does_not_count(name: str) -> None:
    assert parse_version(name) == parse_version("4.2.0")


@pytest.mark.parametrize(
    ("os", "version", "reach"),
    [
        (OS.ANDROID, "4.10", Reach.REACHABLE),
        (OS.ANDROID, "4.2.0", Reach.REACHABLE),
        (OS.ANDROID, "4.1.9", Reach.APP_VERSION_NOT_SUPPORTED),
        (OS.IOS, "4.2", Reach.OS_NOT_SUPPORTED),
        (OS.IOS, "0.1", Reach.OS_NOT_SUPPORTED),
    ],
)
def test_the_os_is_judged_before_the_version(os: OS, version: str, reach: Reach) -> None:
    assert reach_of(os, version, "4.2") is reach


def test_an_app_needs_a_name() -> None:
    assert app_name("  Ring  ") == "Ring"
    for bad in ("  ", "x" * 101):
        with pytest.raises(InvalidInput):
            app_name(bad)


@given(st.integers(0, LAST_MS))
def test_a_reference_comes_back_as_the_key_it_was_made_of(ends_ms: int) -> None:
    key = RecordKey(PhoneNumber("919900000001"), from_ms(ends_ms), RecordId(new_id()))
    assert RecordRef.of(key).key() == key


@pytest.mark.parametrize("ends_at", [-1, LAST_MS + 1])
def test_a_reference_outside_the_calendar_is_no_key(ends_at: int) -> None:
    assert RecordRef(new_id(), "919900000001", ends_at).key() is None


@given(st.integers(0, 999_999))
def test_frames_carry_windows_in_milliseconds_and_acceptance_in_microseconds(microsecond: int) -> None:
    key = RecordKey(PhoneNumber("919900000001"), from_ms(1767265200000), RecordId(new_id()))
    accepted = from_ms(1767261600000).replace(microsecond=microsecond)
    record = OpenRecord(
        key,
        AccountId(new_id()),
        PhoneNumber("918040001234"),
        "Acme",
        b"\1\2",
        None,
        from_ms(1767261600000),
        accepted,
        7,
    )
    frame = msgspec.json.decode(encode_identity(record, "http://callmark.test"))
    assert frame["accepted_at"] == 1767261600000000 + microsecond
    assert (frame["starts_at"], frame["record"]["ends_at"]) == (1767261600000, 1767265200000)
    assert frame["logo_url"] == "http://callmark.test/logos/0102.png"
    assert msgspec.json.decode(encode_withdraw(key))["record"] == frame["record"]
