"""What is tried again, when, and with what; what is raised when that is over."""

from datetime import timedelta

import pytest
from tests.client.virtual import RECORD, Played, Reply, VirtualTime, answer, body_of, error, headers_of, replies

import callmark
from callmark.client import extensions, pushing
from callmark.client.flow import Answer
from callmark.client.options import Generation
from callmark.client.records import CallRecord
from callmark.client.results import PushResult
from callmark.client.token_stores import MemoryTokenStore

GOOD = answer({"status_info": {"status": "success", "message": "Record processed successfully"}})
PAGE = Answer(502, {"content-type": "text/html"}, b"<html><title>502 Bad Gateway</title></html>")
CUT = callmark.APIConnectionError("cut")


def push(played: Played, *, generation: Generation = 2, max_retries: int = 2) -> PushResult:
    record = CallRecord(**RECORD, expires_in=timedelta(hours=1))
    return played.run(pushing.push(played.core(generation=generation, max_retries=max_retries), record, None))


@pytest.mark.parametrize(
    "fault",
    [
        CUT,
        callmark.APITimeoutError("slow"),
        error(408),
        error(429),
        error(500),
        error(503),
        PAGE,
        Answer(200, {"content-type": "application/json"}, b'{"status_in'),
        Answer(200, {"content-type": "text/html"}, b"<title>Log in to the network</title>"),
    ],
)
def test_what_may_pass_is_tried_again_with_the_same_bytes_and_the_same_key(fault: Reply) -> None:
    played = Played(replies(fault, fault, GOOD))
    assert push(played).status == "success"
    first, *others = [(request.body, headers_of(request)["Idempotency-Key"]) for request in played.requests]
    assert others == [first, first]


def test_it_is_tried_again_as_often_as_is_wanted() -> None:
    played = Played(replies(*[CUT] * 1100, GOOD))
    assert push(played, max_retries=5000).status == "success"
    assert played.pauses[:6] == [0.5, 1, 2, 4, 8, 8]
    assert max(played.pauses) == 8


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b"<TITLE lang='en'>\n  502 Bad\xff Gateway \n</title><title>more</title>", "502 Bad\ufffd Gateway"),
        (b"<title> </title>", "the server gave no reason"),
        (b"<title>" + b"long " * 50 + b"</title>", "the server gave no reason"),
        # To try each place at which blanks and text can meet takes hours.
        (b"<title>" * 100_000 + b" " * 100_000, "the server gave no reason"),
    ],
)
def test_a_page_of_a_proxy_is_told_by_its_title(page: bytes, said: str) -> None:
    played = Played(lambda _: Answer(502, {"content-type": "text/html"}, page))
    with pytest.raises(callmark.ServerError) as raised:
        push(played, max_retries=0)
    assert raised.value.message == said


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (CUT, callmark.APIConnectionError),
        (error(429), callmark.RateLimited),
        (PAGE, callmark.ServerError),
        (Answer(200, {}, b"{"), callmark.UnexpectedAnswer),
        (answer([]), callmark.UnexpectedAnswer),
    ],
)
def test_a_fault_that_stays_is_raised_after_the_retries(fault: Reply, kind: type[callmark.CallmarkError]) -> None:
    played = Played(lambda _: fault)
    with pytest.raises(kind):
        push(played, max_retries=4)
    assert len(played.requests) == 5
    assert played.pauses == [0.5, 1, 2, 4]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, callmark.BadRequest),
        (403, callmark.PermissionDenied),
        (404, callmark.NotFound),
        (405, callmark.BadRequest),
        (409, callmark.Conflict),
        (410, callmark.NotFound),
        (413, callmark.BadRequest),
        (422, callmark.Conflict),
        (302, callmark.UnexpectedAnswer),
    ],
)
def test_what_will_not_pass_is_raised_at_once(status: int, kind: type[callmark.APIStatusError]) -> None:
    played = Played(lambda _: error(status, "its-slug", "its message", x_request_id="r1"))
    with pytest.raises(kind) as raised:
        push(played)
    assert len(played.requests) == 1
    assert raised.value.status == status
    assert raised.value.request_id == "r1"
    assert "r1" in str(raised.value)


def test_a_first_try_that_is_still_running_is_waited_for() -> None:
    played = Played(replies(CUT, error(409, "conflict", retry_after="1"), GOOD))
    assert push(played).status == "success"
    assert played.pauses[1] >= 1


def test_the_pause_is_the_one_that_the_server_wants() -> None:
    played = Played(replies(error(429, retry_after="7"), GOOD))
    push(played)
    assert played.pauses == [pytest.approx(7, abs=0.1)]


def test_a_pause_may_be_a_date() -> None:
    date, until = "Thu, 01 Jan 2026 10:00:00 GMT", "Thu, 01 Jan 2026 10:00:30 GMT"
    played = Played(replies(error(503, retry_after=until, date=date), GOOD))
    push(played)
    assert played.pauses == [pytest.approx(30, abs=0.1)]


@pytest.mark.parametrize("odd", ["nan", "inf", "-inf", "1e999", "soon", "-5"])
def test_a_pause_that_is_no_time_is_none(odd: str) -> None:
    played = Played(replies(error(503, retry_after=odd), GOOD))
    assert push(played).status == "success"
    assert played.pauses == [pytest.approx(0.5) if odd != "-5" else pytest.approx(0, abs=0.1)]


def test_a_pause_that_is_too_long_is_the_callers_to_make() -> None:
    played = Played(lambda _: error(429, retry_after="600"))
    with pytest.raises(callmark.RateLimited) as raised:
        push(played)
    assert raised.value.retry_after == 600
    assert played.pauses == []


def test_an_empty_bucket_is_waited_for_instead_of_being_refused() -> None:
    empty = answer({"status_info": {"status": "success"}}, ratelimit='"real-time";r=0;t=1')
    played = Played(replies(empty, GOOD))
    core = played.core()
    record = CallRecord(**RECORD, expires_in=timedelta(hours=1))
    played.run(pushing.push(core, record, None))
    assert played.pauses == []
    played.run(pushing.push(core, record, None))
    assert played.pauses == [1]


def test_another_bucket_is_not_waited_for() -> None:
    played = Played(replies(answer({}, ratelimit='"real-time";r=0;t=1'), answer({"shows": "none"})))
    core = played.core()
    played.run(pushing.push(core, CallRecord(**RECORD, expires_in=timedelta(hours=1)), None))
    played.run(extensions.resolve(core, "1", "2"))
    assert played.pauses == []


def test_both_envelopes_read_alike() -> None:
    told = "must be between 10 and 100 characters"
    first = error(400, "invalid-input", f"call_reason {told}")
    fault = {"status": "error", "field": "dynamic_call_reason"}
    later = {"status_info": fault | {"message": f"Request body is invalid: dynamic_call_reason {told}"}}
    seen: list[tuple[str | None, str, str | None]] = []
    said: dict[Generation, Reply] = {1: first, 2: answer(later, 400), 3: answer(later, 400)}
    for generation, reply in said.items():
        with pytest.raises(callmark.InvalidRecord) as raised:
            push(Played(replies(reply)), generation=generation)
        seen.append((raised.value.field, raised.value.message, raised.value.slug))
    assert seen == [("reason", f"reason {told}", "invalid-input")] * 3


@pytest.mark.parametrize(
    "body",
    [
        {"status_info": {"status": "error", "message": "OS not supported"}},
        {"statusInfo": {"status": "error", "message": "OS not supported"}},
        {"status": "error", "message": "OS not supported"},
    ],
)
def test_every_spelling_of_a_status_is_read(body: object) -> None:
    result = push(Played(replies(answer(body, x_request_id="r7"))))
    assert (result.status, result.message, result.request_id) == ("error", "OS not supported", "r7")


def test_a_success_without_a_body_is_one_in_the_first_generation() -> None:
    assert push(Played(replies(Answer(200, {}, b""))), generation=1).status == "success"


def test_a_page_of_a_proxy_is_named() -> None:
    with pytest.raises(callmark.ServerError, match="502 Bad Gateway"):
        push(Played(lambda _: PAGE), max_retries=0)
    login = Answer(200, {"content-type": "text/html; charset=utf-8"}, b"<TITLE>\n Log in </TITLE>")
    with pytest.raises(callmark.UnexpectedAnswer, match=r"text/html.*Log in.*base URL"):
        push(Played(lambda _: login), max_retries=0)


def test_the_record_starts_at_the_servers_present_when_the_clocks_differ() -> None:
    for shift in (3600.0, -3600.0, 0.0):
        played = Played(replies(GOOD))
        played.time.shift = shift
        push(played)
        sent = body_of(played.requests[0])
        assert sent["starts_at"] == pytest.approx(1767261600000, abs=1000)
        assert sent["ends_at"] - sent["starts_at"] == 3_600_000


@pytest.mark.parametrize(("set_by", "can_renew"), [(2400.0, True), (2400.0, False), (-600.0, True), (7200.0, True)])
def test_the_record_starts_at_the_servers_present_after_this_machines_clock_was_set(
    set_by: float, *, can_renew: bool
) -> None:
    """As NTP does it after a start; a window in the future would be accepted and show nothing for so long."""
    played = Played(lambda _: GOOD)
    played.time.seconds, played.time.shift = 1000.0, -set_by
    core = played.core()
    record = CallRecord(**RECORD, expires_in=timedelta(hours=1))
    played.run(pushing.push(core, record, None))
    played.time.shift = 0.0
    if not can_renew:
        played.token_reply = lambda: error(429)
    played.run(pushing.push(core, record, None))
    assert body_of(played.requests[-1])["starts_at"] == pytest.approx(1767261600000 + 1_000_000, abs=1000)


@pytest.mark.parametrize("uncounted", [600.0, 1_000_000.0])
def test_the_record_starts_at_the_servers_present_after_this_machine_slept_or_was_started(uncounted: float) -> None:
    """Then its two clocks differ as if one had been set, and no new token tells that they agree with the server's."""

    class Awake(VirtualTime):
        def monotonic(self) -> float:
            return super().monotonic() - uncounted

    played, store = Played(lambda _: GOOD), MemoryTokenStore()
    record = CallRecord(**RECORD, expires_in=timedelta(hours=1))
    played.run(pushing.push(played.core(store=store), record, None))
    played.time, played.token_reply = Awake(seconds=1000.0), lambda: error(429)
    played.run(pushing.push(played.core(store=store), record, None))
    assert body_of(played.requests[-1])["starts_at"] == pytest.approx(1767261600000 + 1_000_000, abs=1000)


def test_a_push_is_repeated_when_the_servers_own_clock_was_moved() -> None:
    late = answer(
        {"status_info": {"status": "error", "field": "ends_at", "message": "Request body is invalid: ends_at is over"}},
        400,
    )
    played = Played(replies(GOOD, late, GOOD))
    core = played.core()
    record = CallRecord(**RECORD, expires_in=timedelta(hours=1))
    played.run(pushing.push(core, record, None))
    played.server_shift = 5400.0
    assert played.run(pushing.push(core, record, None)).status == "success"
    assert body_of(played.requests[-1])["starts_at"] == pytest.approx(1767261600000 + 5_400_000, abs=1000)
