"""What tests of integrators do with an emulator, and that it begins each test as seeded."""

import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import callmark
from callmark.testing import Emulator, EmulatorError

CALLER = "918040001234"
HOUR = timedelta(hours=1)


def push(client: callmark.Client, emulator: Emulator, receiver: str, **changed: Any) -> callmark.PushResult:
    record: dict[str, Any] = {"caller": CALLER, "label_id": emulator.label.id, "reason": "Your order 17 arrives today"}
    return client.push(receiver=receiver, expires_in=HOUR, **record | changed)


def test_the_screen_shows_what_was_pushed(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone = callmark_emulator.handset()
    assert push(callmark_client, callmark_emulator, phone.number).status == "success"
    screen = phone.ring(f"+{CALLER}")
    assert (screen.name, screen.reason, screen.source) == (
        "Acme Deliveries",
        "Your order 17 arrives today",
        "call_record",
    )
    assert (screen.outcome, screen.verified) == ("answered", True)
    assert phone.ring(CALLER, outcome="rejected").outcome == "rejected"
    assert phone.screen("918061110001").name == "Borealis Service"


async def test_coroutines_push_too(callmark_emulator: Emulator, callmark_async_client: callmark.AsyncClient) -> None:
    phone = callmark_emulator.handset()
    record = {"caller": CALLER, "receiver": phone.number, "label_id": callmark_emulator.label.id, "expires_in": HOUR}
    results = [one async for one in callmark_async_client.push_many([record])]
    assert [one.status for one in results] == ["success"]
    assert phone.ring(CALLER).name == "Acme Deliveries"


def test_handsets_that_cannot_be_reached(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    kinds: list[tuple[dict[str, Any], str]] = [
        ({"os": "ios"}, "OS not supported"),
        ({"app_version": "0.9.0"}, "App version not supported"),
        ({"online": False}, "Failed to push"),
    ]
    phones = [callmark_emulator.handset(**kind) for kind, _ in kinds]
    said = [push(callmark_client, callmark_emulator, phone.number).message for phone in phones]
    assert said == [message for _, message in kinds]


def test_a_handset_that_sleeps_is_woken(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone = callmark_emulator.handset(script={"sleeps": True})
    assert phone.asleep
    record = {"caller": CALLER, "receiver": phone.number, "label_id": callmark_emulator.label.id, "expires_in": HOUR}
    assert [one.status for one in callmark_client.push_many([record])] == ["success"]
    assert phone.ring(CALLER, outcome="answered").source == "call_record"


def test_a_handset_changes(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone = callmark_emulator.handset(script={"rejects": True})
    assert phone.ring(callmark_emulator.number).outcome == "rejected"
    phone.follow({})
    assert phone.ring(callmark_emulator.number).outcome == "answered"
    phone.go_offline()
    assert push(callmark_client, callmark_emulator, phone.number).message == "Failed to push"
    phone.go_online()
    assert phone.ring(CALLER).reason == "Your order 17 arrives today"
    phone.uninstall()
    assert push(callmark_client, callmark_emulator, phone.number).message == "Not a Truecaller user"


def test_what_receivers_say_reaches_the_webhook(callmark_emulator: Emulator) -> None:
    sink = callmark_emulator.sink("orders")
    secret = callmark_emulator.webhook(sink).secret
    phone = callmark_emulator.handset()
    phone.ring(callmark_emulator.number, outcome="missed")
    phone.call_me_back()
    phone.feedback("No", "Ring the bell")
    callmark_emulator.wait_idle()
    called, answered = sorted((one.event(secret) for one in sink.requests()), key=lambda one: type(one).__name__)
    assert isinstance(called, callmark.CallMeBackEvent)
    assert (called.client_number, called.business_number) == (phone.number, callmark_emulator.number)
    assert isinstance(answered, callmark.FeedbackEvent)
    assert [one.answer for one in answered.responses] == ["No", "Ring the bell"]


def test_a_sink_works_behind_an_address_that_only_the_tests_know(
    callmark_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a container's published port, or of a service of Compose."""
    credentials = tmp_path / "credentials.json"
    callmark_emulator.save_credentials(credentials)
    look_up = socket.getaddrinfo

    def known_here(host: Any, *args: Any, **kwargs: Any) -> Any:
        return look_up("127.0.0.1" if host == "callmark.test" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", known_here)
    connected = Emulator.connect(callmark_emulator.base_url.replace("127.0.0.1", "callmark.test"), credentials)
    sink = connected.sink()
    connected.webhook(sink)
    phone = connected.handset()
    phone.ring(connected.number, outcome="missed")
    phone.call_me_back()
    connected.wait_idle()
    connected.close()
    assert [one.json()["event_type"] for one in callmark_emulator.sink().requests()] == ["cmb"]


def test_a_slot_that_has_begun_since_the_call_is_not_asked_for(callmark_emulator: Emulator) -> None:
    sink = callmark_emulator.sink("orders")
    secret = callmark_emulator.webhook(sink).secret
    phone = callmark_emulator.handset()
    slots = phone.ring(callmark_emulator.number, outcome="missed").offers.slots
    begins = datetime.fromisoformat(slots[0])
    callmark_emulator.clock.advance(seconds=(begins - callmark_emulator.clock.now()).total_seconds() + 1)
    phone.call_me_back()
    callmark_emulator.wait_idle()
    [event] = [one.event(secret) for one in sink.requests()]
    assert isinstance(event, callmark.CallMeBackEvent)
    assert event.preferred_from_time == datetime.fromisoformat(slots[1])


def test_a_webhook_can_be_another_accounts(callmark_emulator: Emulator) -> None:
    bank = callmark_emulator.account(1)
    sink = callmark_emulator.sink()
    callmark_emulator.webhook(sink.url, account=bank)
    phone = callmark_emulator.handset(script={"call_me_back": True})
    phone.ring(callmark_emulator.number, outcome="missed")
    phone.ring(bank.numbers[0], outcome="missed")
    callmark_emulator.wait_idle()
    assert [one.json()["client_account_id"] for one in sink.requests()] == [bank.id]


def test_requests_fail_on_demand(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    once = callmark_client.with_options(max_retries=0)
    callmark_emulator.fail(slug="too-many-requests")
    with pytest.raises(callmark.RateLimited):
        list(once.labels.list())
    assert list(once.labels.list())
    callmark_emulator.fail(status=503, count=9)
    callmark_emulator.stop_failing()
    assert list(once.labels.list())
    ways: list[dict[str, Any]] = [{"count": 1}, {}]
    for how in ways:
        callmark_emulator.fail(**how)
        with pytest.raises(callmark.ServerError):
            list(once.labels.list())
        assert list(once.labels.list())
    callmark_emulator.fail(latency_ms=1)  # nothing fails
    assert list(once.labels.list())


def test_handsets_of_two_programs_have_different_numbers(callmark_emulator: Emulator, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    callmark_emulator.save_credentials(credentials)
    other = Emulator.connect(callmark_emulator.base_url, credentials)
    phones = [one.handset() for one in (callmark_emulator, other, other, callmark_emulator)]
    other.close()
    assert len({phone.number for phone in phones}) == 4


def test_clients_follow_the_clock_and_their_tokens_never_run_out(
    callmark_emulator: Emulator, callmark_client: callmark.Client
) -> None:
    phone = callmark_emulator.handset()
    before = callmark_emulator.clock.now()
    for _ in range(12):
        assert push(callmark_client, callmark_emulator, phone.number).status == "success"
        assert phone.screen(CALLER).source == "call_record"
        callmark_emulator.clock.advance(hours=2)
        assert phone.screen(CALLER).source == "listed_number"
    assert callmark_emulator.clock.now() - before > timedelta(hours=24)


def test_a_new_account_has_what_a_test_needs(callmark_emulator: Emulator) -> None:
    returns = callmark_emulator.new_account("Acme Express", members=[{"email": "erin@express.example"}])
    phone = callmark_emulator.handset()
    with returns.client() as client:
        label_id = returns.labels[0].id
        result = client.push(caller="918040009999", receiver=phone.number, label_id=label_id, expires_in=HOUR)
    assert result.status == "success"
    assert phone.ring("918040009999").name == "Acme Express"
    assert [one.email for one in returns.members] == ["erin@express.example"]


def test_a_reset_undoes_everything(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone, began = callmark_emulator.handset(), callmark_emulator.clock.now()
    left = callmark_emulator.new_account("Left")
    callmark_emulator.webhook(callmark_emulator.sink("left"))
    assert push(callmark_client, callmark_emulator, phone.number).status == "success"
    callmark_emulator.clock.advance(hours=5)
    callmark_emulator.fail(status=503, count=9)
    callmark_emulator.reset()
    assert callmark_emulator.clock.now() - began < HOUR
    assert push(callmark_client, callmark_emulator, phone.number).message == "Not a Truecaller user"
    again = callmark_emulator.handset()
    again.ring(callmark_emulator.number, outcome="missed")
    again.call_me_back()
    callmark_emulator.wait_idle()
    assert callmark_emulator.sink("left").requests() == []
    with pytest.raises(callmark.AuthenticationError):
        list(left.client().labels.list())


def test_work_that_is_left_is_named(callmark_emulator: Emulator, callmark_client: callmark.Client) -> None:
    phone = callmark_emulator.handset(script={"ack_delay_s": 8})
    record = {"caller": CALLER, "receiver": phone.number, "label_id": callmark_emulator.label.id, "expires_in": HOUR}
    callmark_client.batches.create([record])
    with pytest.raises(EmulatorError, match="there is still work: 1 batches"):
        callmark_emulator.wait_idle(timeout=0)


def test_what_is_refused_is_told(callmark_emulator: Emulator) -> None:
    phone = callmark_emulator.handset()
    with pytest.raises(EmulatorError, match=rf"no call to {phone.number}: call `ring` first"):
        phone.call_me_back()
    phone.ring(callmark_emulator.number)
    with pytest.raises(EmulatorError, match="3 answers to 2 questions: Did the courier"):
        phone.feedback("Yes", "No", "Maybe")
    with pytest.raises(EmulatorError, match="url must be a complete address"):
        callmark_emulator.webhook("nowhere")
    for _ in range(5):
        callmark_emulator.webhook(callmark_emulator.sink())
    with pytest.raises(EmulatorError, match="at most 5 webhooks"):
        callmark_emulator.webhook(callmark_emulator.sink())


def test_an_account_keeps_its_secret_to_itself(callmark_emulator: Emulator) -> None:
    account = callmark_emulator.account()
    assert account.api_key not in repr(account)
    assert account.api_key not in repr(account.client())
