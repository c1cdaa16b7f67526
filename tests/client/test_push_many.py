"""Lists of any length: order, pace, memory, faults."""

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.client.played_batches import HOUR, Batches, Row, push_many, records
from tests.client.virtual import RECORD, Played, Reply, answer, error, headers_of

import callmark
from callmark.client.flow import Answer, Request
from callmark.client.options import Generation
from callmark.client.pushing import LongList, Progress, create_batch, push, read_batch, wait_for


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_results_come_in_order_with_their_records(generation: Generation) -> None:
    _, results = push_many(Batches(generation), records(1203))
    found = list(results)
    assert [result.record.receiver for result in found] == [row["receiver"] for row in records(1203)]
    assert [result.index for result in found] == list(range(1203))
    assert {(result.status, result.message) for result in found} == {
        ("success", ""),
        ("error", "Not a Truecaller user"),
    }
    assert all(result.status == ("error" if result.record.receiver.endswith("7") else "success") for result in found)


def test_a_bad_row_is_a_result_among_the_others() -> None:
    odd = [RECORD | {"reason": "half an emoji \ud83d"}, RECORD | {"ends_at": 2**64}]
    rows = [*records(3), {"receiver": "1"}, None, *records(2), {"caler": "1"}, *odd]
    _, results = push_many(Batches(), rows)
    found = list(results)
    assert [result.status for result in found] == [
        *["success"] * 3,
        *["invalid"] * 2,
        *["success"] * 2,
        *["invalid"] * 3,
    ]
    assert [result.field for result in found if result.status == "invalid"] == [
        *["caller", None, "caler"],
        *["reason", "ends_at"],
    ]
    assert found[3].record.receiver == "1"


def test_only_bad_rows_send_nothing() -> None:
    played, results = push_many(Batches(), [{}] * 600)
    assert [result.status for result in results] == ["invalid"] * 600
    assert played.requests == []


def test_nothing_gives_nothing() -> None:
    played, results = push_many(Batches(), [])
    assert list(results) == []
    assert played.requests == []


def test_equal_records_each_get_a_result() -> None:
    _, results = push_many(Batches(), [RECORD | {"expires_in": HOUR}] * 5)
    assert [result.status for result in results] == ["success"] * 5


def test_a_lost_answer_makes_no_second_batch() -> None:
    server = Batches()
    taken = iter([False, True, True])

    def lossy(request: Request) -> Reply:
        reply = server(request)
        return reply if request.method == "GET" or next(taken, True) else callmark.APIConnectionError("cut")

    played = Played(lossy)
    found = list(played.iterate(LongList(played.core(), None, wait=True).run(records(700))))
    assert len(found) == 700
    assert sorted(map(len, server.batches.values())) == [200, 500]


def test_a_storm_of_refusals_is_waited_out() -> None:
    server = Batches()
    server.faults = itertools.chain([error(429, retry_after="30")] * 15, itertools.repeat(None))
    played, results = push_many(server, records(10))
    assert len(list(results)) == 10
    assert sum(played.pauses) >= 15 * 30


def limited(reply: Answer, left: int) -> Answer:
    return Answer(reply.status, {"ratelimit": f'"batch";r={left};t=20'}, reply.body)


def test_the_pace_is_the_servers() -> None:
    server = Batches()
    left = itertools.chain([2, 1], itertools.repeat(0))

    def paced(request: Request) -> Reply:
        reply = server(request)
        assert isinstance(reply, Answer)
        return reply if request.method == "GET" else limited(reply, next(left))

    played = Played(paced)
    assert len(list(played.iterate(LongList(played.core(), None, wait=True).run(records(2500))))) == 2500
    assert [pause for pause in played.pauses if pause > 10] == [20, 20]


def test_an_error_comes_after_all_that_is_known() -> None:
    server = Batches()
    server.looks_needed = 1
    refused = error(403, "forbidden-error", "not authorized. please contact your admin.")
    server.faults = itertools.chain([None, None, refused], itertools.repeat(None))
    _, results = push_many(server, records(2000))
    found: list[str] = []
    with pytest.raises(callmark.PermissionDenied):
        found.extend(result.status for result in results)
    assert len(found) == 1000
    assert "pending" not in found


@pytest.mark.parametrize(
    ("fails", "kind", "counts"),
    [
        ("outcomes", callmark.ServerError, {"pending": 2000}),
        ("transport", RuntimeError, {"pending": 2000}),
        ("source", ZeroDivisionError, {"success": 1350, "error": 150}),
        ("progress", ZeroDivisionError, {"success": 450, "error": 50}),
    ],
)
def test_what_was_accepted_is_handed_over_before_any_error(
    fails: str, kind: type[Exception], counts: dict[str, int]
) -> None:
    server = Batches()
    server.looks_needed = 1

    def serve(request: Request) -> Reply:
        if fails == "transport" and request.method == "GET":
            return RuntimeError("closed meanwhile")
        return error(502) if fails == "outcomes" and request.method == "GET" else server(request)

    def source() -> Iterator[Row]:
        yield from records(1750)
        if fails == "source":
            raise ZeroDivisionError
        yield from records(250)

    def report(_: Progress) -> None:
        if fails == "progress":
            raise ZeroDivisionError

    played, found = Played(serve), list[callmark.RecordResult]()
    with pytest.raises(kind):
        found.extend(played.iterate(LongList(played.core(), report, wait=True).run(source())))
    assert Counter(result.status for result in found) == counts
    assert {result.batch_id for result in found} == set(server.batches)
    if fails == "outcomes":
        assert sum(request.method == "GET" for request in played.requests) == 3  # of the first batch, and no other


class TimeLimitExceeded(Exception):
    """As Celery and RQ raise it in whatever runs."""


@pytest.mark.parametrize("fails", ["limit", "source", "progress"])
@pytest.mark.parametrize("is_readable", [True, False])
def test_after_an_error_no_outcome_is_waited_for(fails: str, *, is_readable: bool) -> None:
    """Soon after the time limit of a task its process is killed: what is held back until then is lost."""
    server = Batches()
    server.looks_needed = 10**9

    def serve(request: Request) -> Reply:
        if request.method == "POST":
            return TimeLimitExceeded() if fails == "limit" and len(server.batches) == 3 else server(request)
        return server(request) if is_readable else error(502)

    def source() -> Iterator[Row]:
        yield from records(1500)
        if fails == "source":
            raise TimeLimitExceeded
        yield from records(500)

    def report(progress: Progress) -> None:
        if fails == "progress" and progress.sent == 1500:
            raise TimeLimitExceeded

    played, found = Played(serve), list[callmark.RecordResult]()
    with pytest.raises(TimeLimitExceeded):
        found.extend(played.iterate(LongList(played.core(), report, wait=True).run(source())))
    assert [result.status for result in found] == ["pending"] * 1500
    assert {result.batch_id for result in found} == set(server.batches)
    assert played.pauses == []
    assert sum(request.method == "GET" for request in played.requests) == (3 if is_readable else 1)


def test_a_key_that_a_dead_process_holds_is_waited_for_but_not_for_ever() -> None:
    server = Batches()
    held_s = 30.0

    def serve(request: Request) -> Reply:
        if played.time.seconds < held_s:
            return error(409, "conflict", retry_after="1")
        if played.time.seconds < held_s + 10:  # whatever waited before, this is waited for too
            return error(429, "too-many-requests", retry_after="1")
        return server(request)

    played = Played(serve)
    found = list(played.iterate(LongList(played.core(), None, wait=True).run(records(3))))
    assert ([result.status for result in found], len(server.batches)) == (["success"] * 3, 1)
    held_s, played = 3600.0, Played(serve)
    with pytest.raises(callmark.Conflict):
        list(played.iterate(LongList(played.core(), None, wait=True).run(records(3))))
    assert 60 < played.time.seconds < 120


def test_without_waiting_every_record_is_pending_in_its_batch() -> None:
    played, results = push_many(Batches(), records(501), wait=False)
    found = list(results)
    assert {result.status for result in found} == {"pending"}
    assert len({result.batch_id for result in found}) == 2
    assert all(request.method == "POST" for request in played.requests)


def test_a_record_that_never_settles_is_handed_over_as_pending() -> None:
    server = Batches()
    server.looks_needed = 10**9
    played, results = push_many(server, records(3))
    assert [result.status for result in results] == ["pending"] * 3
    assert 590 <= sum(played.pauses) <= 610


def test_progress_ends_with_everything() -> None:
    seen: list[Progress] = []
    _, results = push_many(Batches(), itertools.chain(records(999), [{}]), on_progress=seen.append)
    assert len(list(results)) == 1000
    assert seen[-1] == Progress(1000, 1000, {"pending": 0, "success": 899, "error": 100, "invalid": 1})
    assert [progress.sent for progress in seen] == sorted(progress.sent for progress in seen)


def test_nothing_is_read_ahead_of_what_is_wanted() -> None:
    taken = 0

    def counted() -> Iterator[Row]:
        nonlocal taken
        for row in records(20_000):
            taken += 1
            yield row

    _, results = push_many(Batches(), counted())
    assert taken == 0
    next(results)
    assert taken <= 4000


class Counted(callmark.CallRecord, frozen=True):
    """A record that knows how many of its kind are in memory."""

    alive = most = 0

    def __post_init__(self) -> None:
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1


def test_memory_does_not_grow_with_the_list() -> None:
    source = (Counted(**RECORD, reason=f"order {i}", ends_at=1767265200000) for i in range(6000))
    _, results = push_many(Batches(), source)
    assert sum(result.status == "success" for result in results) == 6000
    assert Counted.most <= 4500 + 1


def test_a_batch_has_one_to_five_hundred() -> None:
    played = Played(Batches())
    for count in (0, 501):
        with pytest.raises(callmark.InvalidRecord, match="1 to 500"):
            played.run(create_batch(played.core(), records(count), None))
    with pytest.raises(callmark.InvalidRecord, match="record 1: ends_at is required") as raised:
        played.run(create_batch(played.core(), [next(records(1)), RECORD], None))
    assert (raised.value.index, raised.value.field) == (1, "ends_at")


def test_a_call_under_its_own_key_has_the_same_values_when_it_is_repeated() -> None:
    played = Played(Batches())
    row = next(records(1))
    with pytest.raises(callmark.InvalidRecord, match="record 0: starts_at is required with idempotency_key") as raised:
        played.run(create_batch(played.core(), [row], "order-17"))
    assert (raised.value.index, raised.value.field) == (0, "starts_at")
    with pytest.raises(callmark.InvalidRecord, match="starts_at is required with idempotency_key"):
        played.run(push(played.core(), callmark.CallRecord(**row), "order-17"))
    for key in ("Bestellung-\u00e4", "order\n17", ""):
        with pytest.raises(callmark.BadRequest, match="idempotency_key has printable ASCII characters, at least one"):
            played.run(create_batch(played.core(), [row | {"starts_at": 1767261600000}], key))
        with pytest.raises(callmark.BadRequest, match="idempotency_key has printable ASCII characters"):
            played.run(push(played.core(), callmark.CallRecord(**row), key))
    assert played.requests == []


def test_waiting_ends_in_time_or_with_a_word() -> None:
    server = Batches()
    server.looks_needed = 10**9
    played = Played(server)
    rows = [row | {"starts_at": 1767261600000} for row in records(2)]
    state = played.run(create_batch(played.core(), rows, "mine"))
    assert headers_of(played.requests[0])["Idempotency-Key"] == "mine"
    with pytest.raises(callmark.WaitTimeout, match="2 of 2 records"):
        played.run(wait_for(played.core(), state, 5)).check_over()
    assert played.time.seconds <= 5


def test_a_batch_that_nobody_knows_is_empty_and_cannot_be_waited_for() -> None:
    played = Played(lambda _: answer({"data": []}))
    state = played.run(read_batch(played.core(), "00000000-0000-4000-8000-000000000000"))
    assert (state.results, state.is_settled) == ([], False)
    with pytest.raises(callmark.NotFound):
        played.run(wait_for(played.core(), state, None))


def test_a_bad_record_shows_what_was_sent_whatever_it_was() -> None:
    fault = {
        "status": "error",
        "field": "caller_number",
        "message": "Request body is invalid: caller_number is invalid",
    }
    row = {"id": "r", "caller_number": 5, "receiver_number": None, "starts_at": "x", "status_info": fault}
    played = Played(lambda _: answer({"data": [row]}))
    (found,) = played.run(read_batch(played.core(), "b")).results
    assert (found.status, found.field, found.message) == ("invalid", "caller", "caller is invalid")
    assert found.record == callmark.CallRecord("5", "")


@pytest.mark.parametrize("has_v2", [True, False])
def test_an_invalid_record_of_the_first_generation_is_explained_where_the_second_is_served(*, has_v2: bool) -> None:
    fault = {
        "status": "error",
        "field": "dynamic_call_reason",
        "message": "Request body is invalid: dynamic_call_reason x",
    }

    def serve(request: Request) -> Reply:
        if "/v2/" not in request.url:
            return answer([{"id": "r1", "status": "invalid input"}, {"id": "r2", "status": "success"}])
        return answer({"data": [{"id": "r1", "status_info": fault}]}) if has_v2 else error(404)

    played = Played(serve)
    bad, good = played.run(read_batch(played.core(generation=1), "b")).results
    assert (bad.status, bad.field, bad.message) == (
        ("invalid", "reason", "reason x") if has_v2 else ("invalid", None, "Invalid input")
    )
    assert good.status == "success"
