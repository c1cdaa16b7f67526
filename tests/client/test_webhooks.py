"""Webhooks: what the server signs is ours, nothing else is; events of both consoles are typed."""

import json
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.client.webhook_events import CALLBACK, ID, KEY, SECRET, event, signed

import callmark
from callmark.client.events import Event, read_event
from callmark.domain.events.model import EventType
from callmark.domain.webhooks.deliveries import samples
from callmark.kit.clock import SystemClock
from callmark.kit.outbound.signed_posts import shown_secret

OTHER = shown_secret(b"o" * 24)
NO_SLOT = {"requested_date": "NA", "requested_slot": "NA", "preferred_from_time": None, "preferred_to_time": None}
ANSWER = {"question_id": "q1", "question": "Did the courier arrive on time?", "answer": "Yes"}
FEEDBACK: dict[str, Any] = {
    "business_number": "918040001234",
    "feature_set": "Delivery default",
    "client_number": "919900112233",
    "campaign_id": "a0b1c2d3-e4f5-4678-89ab-cdef01234567",
    "campaign_name": "Delivery check",
    "campaign_type": "questions",
    "call_type": "answered",
    "responded_at": "1767261605",
    "responses": [ANSWER],
}


def test_a_callback_with_a_slot() -> None:
    body = event("cmb", CALLBACK)
    found = callmark.webhooks.unwrap(body, signed(body), secret=SECRET)
    assert isinstance(found, callmark.CallMeBackEvent)
    assert found.event_id == ID
    assert found.client_number == found.callable_number == "919900112233"
    assert found.slot == callmark.Slot(
        start=datetime(2026, 1, 3, 5, 30, tzinfo=UTC), end=datetime(2026, 1, 3, 6, tzinfo=UTC)
    )
    assert found.requested_date == date(2026, 1, 3)
    assert found.alternate_number is None


def test_the_other_two_kinds_of_callback() -> None:
    for interested in (True, False):
        found = read_event(json.loads(event("cmb", CALLBACK | NO_SLOT | {"is_interested": interested})))
        assert isinstance(found, callmark.CallMeBackEvent)
        assert (found.slot, found.requested_slot, found.is_interested) == (None, None, interested)


@pytest.mark.parametrize("kind", EventType)
def test_an_event_of_every_type_is_typed_with_all_that_its_payload_says(kind: EventType) -> None:
    payload = samples.payload(kind, SystemClock().now())
    found = read_event(json.loads(event(kind, dict(payload))))
    assert type(found) is not Event, "a receiver that uses our library would get it untyped"
    assert payload.keys() <= {one.name for one in fields(found)}


def test_a_possible_spoof_is_typed() -> None:
    payload = {"business_number": "918040001234", "client_number": "919900112233", "detected_at": "1767261605"}
    body = event("possible_spoof", payload | {"cause": "not_announced"})
    assert callmark.webhooks.unwrap(body, signed(body), secret=SECRET) == callmark.PossibleSpoofEvent(
        event_id=ID,
        event_type="possible_spoof",
        client_account_id="acc",
        created_at=datetime(2026, 1, 1, 10, 0, 5, tzinfo=UTC),
        raw=json.loads(body),
        business_number="918040001234",
        client_number="919900112233",
        detected_at=datetime(2026, 1, 1, 10, 0, 5, tzinfo=UTC),
        cause="not_announced",
    )


@pytest.mark.parametrize("told", ["Phone number not available", "Phone Number Not Available"])
def test_a_phone_that_does_not_know_its_number_is_called_on_the_other(told: str) -> None:
    payload = CALLBACK | {"client_number": told, "alternate_number": "919900112233"}
    found = read_event(json.loads(event("cmb", payload)))
    assert isinstance(found, callmark.CallMeBackEvent)
    assert (found.client_number, found.callable_number) == (None, "919900112233")


def test_an_event_of_the_old_console_names_its_number_group() -> None:
    payload = {name: value for name, value in CALLBACK.items() if name != "feature_set"} | {"number_group": "Old"}
    found = read_event(json.loads(event("cmb", payload)))
    assert isinstance(found, callmark.CallMeBackEvent)
    assert (found.feature_set, found.number_group) == (None, "Old")


def test_feedback() -> None:
    body = event("user_feedback", FEEDBACK, seen_later={"by": "a later version"})
    found = callmark.webhooks.unwrap(body.decode(), signed(body), secret=SECRET)
    assert isinstance(found, callmark.FeedbackEvent)
    assert found.responses == (callmark.FeedbackResponse(**ANSWER),)
    assert found.raw["seen_later"] == {"by": "a later version"}


def test_an_event_of_an_unknown_type_is_kept_whole() -> None:
    found = read_event(json.loads(event("spam_report", {"score": 5})))
    assert (type(found), found.event_type, found.raw["spam_report_payload"]) == (
        callmark.Event,
        "spam_report",
        {"score": 5},
    )


@pytest.mark.parametrize(("kind", "payload"), [("cmb", CALLBACK), ("user_feedback", FEEDBACK), ("spam_report", {})])
def test_events_are_kept_in_sets(kind: str, payload: dict[str, Any]) -> None:
    one, again, other = (read_event(json.loads(event(kind, payload, more=more))) for more in (1, 1, 2))
    assert {one, again, other} == {one, other}


@pytest.mark.parametrize("kind", ["cmb", "user_feedback", ""])
@pytest.mark.parametrize("odd", [None, 5, "x", [], [5], {}, True])
def test_odd_fields_lose_no_event(kind: str, odd: object) -> None:
    payload = dict.fromkeys(CALLBACK | FEEDBACK, odd)
    assert read_event({"event_id": ID, "event_type": kind, f"{kind}_payload": payload}).event_id == ID
    assert read_event({"event_id": ID, "event_type": odd, "created_at": odd}).event_id == ID


def test_headers_may_come_as_any_framework_has_them() -> None:
    body = event("cmb", CALLBACK)
    headers = signed(body)
    upper = {name.title(): value for name, value in headers.items()}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    message = Message()  # what http.server has
    for name, value in headers.items():
        message[name] = value
    for one in (upper, pairs, list(headers.items()), message):
        assert callmark.webhooks.unwrap(body, one, secret=SECRET).event_id == ID


def test_headers_may_be_lists_and_bodies_any_bytes() -> None:
    """As AWS has several values of a header, of which the last counts elsewhere too."""
    body = event("cmb", CALLBACK)
    lists = {name: ["another", value] for name, value in signed(body).items()}
    for one in (body, body.decode(), bytearray(body), memoryview(body)):
        assert callmark.webhooks.unwrap(one, lists, secret=SECRET).event_id == ID  # pyright: ignore[reportArgumentType] - any bytes


@pytest.mark.parametrize("body", [json.loads(event("cmb", CALLBACK)), [1], 5, True])
def test_a_parsed_body_is_the_programs_fault_and_said_to_be(body: object) -> None:
    told = r"the body is of type \w+\. Pass it as it came \(request\.body"
    with pytest.raises(callmark.CallmarkError, match=told) as raised:
        callmark.webhooks.unwrap(body, signed(event("cmb", CALLBACK)), secret=SECRET)  # pyright: ignore[reportArgumentType] - the fault
    assert not isinstance(raised.value, callmark.WebhookVerificationError)


@pytest.mark.parametrize("headers", ["abc", b"abc", 5, ["webhook-id"], [("webhook-id", "x", "y")], [5], dict])
def test_headers_that_are_none_are_the_programs_fault_and_said_to_be(headers: object) -> None:
    told = r"the headers are of type \w+, and no mapping or pairs\. Pass them as they came \(request\.headers"
    with pytest.raises(callmark.CallmarkError, match=told) as raised:
        callmark.webhooks.unwrap(event("cmb", CALLBACK), headers, secret=SECRET)  # pyright: ignore[reportArgumentType] - the fault
    assert not isinstance(raised.value, callmark.WebhookVerificationError)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("odd", [None, [], 5, {}])
def test_whatever_a_header_is_the_request_is_refused(name: str, odd: object) -> None:
    body = event("cmb", CALLBACK)
    headers: dict[str, Any] = signed(body)
    with pytest.raises(callmark.WebhookVerificationError):
        callmark.webhooks.unwrap(body, headers | {name: odd}, secret=SECRET)


def test_a_request_without_body_or_headers_is_refused() -> None:
    """Anybody can send one, and front ends without servers hand over None for it."""
    body = event("cmb", CALLBACK)
    with pytest.raises(callmark.WebhookVerificationError, match="no signature fits"):
        callmark.webhooks.unwrap(None, signed(body), secret=SECRET)
    with pytest.raises(callmark.WebhookVerificationError, match="not a webhook of ours"):
        callmark.webhooks.unwrap(body, None, secret=SECRET)


def test_an_environment_in_place_of_headers_is_said_to_be_one() -> None:
    body = event("cmb", CALLBACK)
    environment = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed(body).items()}
    with pytest.raises(callmark.WebhookVerificationError, match=r"pass request\.headers, not request\.META"):
        callmark.webhooks.unwrap(body, environment | {"wsgi.version": (1, 0)}, secret=SECRET)
    assert callmark.webhooks.unwrap(body, environment | signed(body), secret=SECRET).event_id == ID


def test_while_a_secret_is_rotated_either_end_may_be_first() -> None:
    body, new = event("cmb", CALLBACK), b"n" * 24
    both = signed(body, new, KEY)
    assert callmark.webhooks.unwrap(body, both, secret=SECRET).event_id == ID
    assert callmark.webhooks.unwrap(body, signed(body, new), secret=[SECRET, shown_secret(new)]).event_id == ID


def test_any_library_of_standard_webhooks_signs_alike() -> None:
    body = event("cmb", CALLBACK)
    now = SystemClock().now()
    headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(ID, now, body.decode()),
    }
    assert callmark.webhooks.unwrap(body, headers, secret=SECRET).event_id == ID


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"webhook-signature": "v1,AAAA"}, "no signature fits"),
        ({"webhook-signature": "v1,!!!! v2,x"}, "no signature fits"),
        ({"webhook-signature": ""}, "no signature fits"),
        ({"webhook-signature": "v1,\u00e9"}, "no signature fits"),
        ({"webhook-id": "\udce9"}, "no signature fits"),
        ({"webhook-id": "another"}, "no signature fits"),
        ({"webhook-timestamp": ""}, "not a webhook of ours"),
        ({"webhook-timestamp": "9" * 310}, "not a webhook of ours"),
        ({"webhook-timestamp": "5"}, "ago"),
        ({"webhook-timestamp": "9999999999"}, "in the future"),
    ],
)
def test_what_is_not_ours_is_refused(change: dict[str, str], told: str) -> None:
    body = event("cmb", CALLBACK)
    with pytest.raises(callmark.WebhookVerificationError, match=told):
        callmark.webhooks.unwrap(body, signed(body) | change, secret=SECRET)


def test_a_changed_body_is_refused() -> None:
    body = event("cmb", CALLBACK)
    with pytest.raises(callmark.WebhookVerificationError):
        callmark.webhooks.unwrap(body + b" ", signed(body), secret=SECRET)
    with pytest.raises(callmark.WebhookVerificationError):
        callmark.webhooks.unwrap(body.decode() + "\ud800", signed(body), secret=SECRET)


def test_the_tolerance_is_the_callers() -> None:
    body = event("cmb", CALLBACK)
    old = signed(body, at=SystemClock().now() - timedelta(minutes=6))
    with pytest.raises(callmark.WebhookVerificationError, match="ago"):
        callmark.webhooks.unwrap(body, old, secret=SECRET)
    assert callmark.webhooks.unwrap(body, old, secret=SECRET, tolerance=600).event_id == ID


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 10**5 + b"]" * 10**5])
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(callmark.WebhookVerificationError, match="signed"):
        callmark.webhooks.unwrap(body, signed(body), secret=SECRET)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!", "", " \n", [], ["", "whsec_"], None, [None], b"whsec_abcd", 5])
def test_without_a_secret_it_is_the_set_up_that_is_wrong_and_not_the_request(secret: str | list[str]) -> None:
    body = event("cmb", CALLBACK)
    with pytest.raises(callmark.CallmarkError, match="webhooks cannot be verified") as raised:
        callmark.webhooks.unwrap(body, signed(body, b""), secret=secret)
    assert not isinstance(raised.value, callmark.WebhookVerificationError)


@pytest.mark.parametrize(
    "secret",
    [SECRET + "\n", [SECRET, ""], ["whsec_!", f" {SECRET}"], f"{OTHER}, {SECRET}".split(","), (None, SECRET), {SECRET}],
)
def test_secrets_are_read_as_files_and_variables_have_them(secret: str | list[str]) -> None:
    body = event("cmb", CALLBACK)
    assert callmark.webhooks.unwrap(body, signed(body), secret=secret).event_id == ID


def test_a_secret_that_cannot_be_used_is_mentioned_when_no_other_fits() -> None:
    body = event("cmb", CALLBACK)
    with pytest.raises(callmark.WebhookVerificationError, match=r"no signature fits.*1 cannot be used.*whsec_"):
        callmark.webhooks.unwrap(body, signed(body), secret=[OTHER, "whsec"])
