"""Tests against the whole platform; the fixtures come with `callmark[testing]`."""

import parcels
import pytest

import callmark
from callmark.testing import Emulator


def test_the_phone_shows_the_order(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone = callmark_emulator.handset()
    assert parcels.announce(callmark_client, callmark_emulator.label.id, phone.number, order=17)
    screen = phone.ring(parcels.DRIVERS)
    assert screen.name == callmark_emulator.label.name
    assert screen.reason == "Your order 17 arrives today"


def test_the_order_shows_until_the_driver_must_have_come(
    callmark_emulator: Emulator, callmark_client: callmark.Client
) -> None:
    phone = callmark_emulator.handset()
    parcels.announce(callmark_client, callmark_emulator.label.id, phone.number, order=17)
    callmark_emulator.clock.advance(hours=5)
    assert phone.screen(parcels.DRIVERS).reason != "Your order 17 arrives today"


def test_a_receiver_with_an_old_app_is_sent_a_message(
    callmark_emulator: Emulator, callmark_client: callmark.Client
) -> None:
    phone = callmark_emulator.handset(app_version="0.9.0")
    assert not parcels.announce(callmark_client, callmark_emulator.label.id, phone.number, order=17)


def test_a_busy_server_is_asked_again(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone = callmark_emulator.handset()
    callmark_emulator.fail(status=503, count=1)
    assert parcels.announce(callmark_client, callmark_emulator.label.id, phone.number, order=17)


@pytest.mark.parametrize("times", [1, 2])
def test_who_wants_a_call_is_called_once(callmark_emulator: Emulator, times: int) -> None:
    sink = callmark_emulator.sink("desk")
    secret = callmark_emulator.webhook(sink).secret
    phone = callmark_emulator.handset()
    phone.ring(callmark_emulator.number, outcome="missed")
    phone.call_me_back()
    callmark_emulator.wait_idle()
    events = [request.event(secret) for request in sink.requests()]
    assert parcels.wanted_callbacks(events * times) == [phone.number]
