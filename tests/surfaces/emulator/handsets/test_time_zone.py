import pytest

from callmark.domain.handsets.model import OS
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.model import Script, VirtualHandset
from callmark.surfaces.emulator.handsets.time_zone import zone_of


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("919900000001", {"Asia/Kolkata"}),
        ("971501234567", {"Asia/Dubai"}),
        ("12125550100", {"America/New_York"}),
        ("447700900123", {"Europe/London", "Europe/Guernsey"}),  # a mobile number: by its country, which has one clock
        ("61412345678", {"UTC"}),  # a mobile number of a country with several clocks
        ("18005550100", {"UTC"}),
        ("9990001", {"UTC"}),  # no country at all
    ],
)
def test_a_numbers_zone_is_its_areas_or_its_countrys_and_utc_where_that_is_not_one(
    number: str, zones: set[str]
) -> None:
    assert zone_of(PhoneNumber(number)) in zones


def test_a_script_that_names_a_zone_decides() -> None:
    handset = VirtualHandset(phone_number=PhoneNumber("919900000001"), os=OS.ANDROID, app_version="4.2.0", online=True)
    assert handset.time_zone == "Asia/Kolkata"
    assert (
        VirtualHandset(
            phone_number=handset.phone_number,
            os=OS.ANDROID,
            app_version="1",
            online=True,
            script=Script(time_zone="+04:00"),
        ).time_zone
        == "+04:00"
    )
