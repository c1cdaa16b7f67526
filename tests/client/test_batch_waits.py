"""Waiting for batches that the server does not show as they were sent."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.client.virtual import RECORD, Played, Reply, answer, body_of

import callmark
from callmark.client.cli.sending import settled_or_shown
from callmark.client.flow import Request
from callmark.client.pushing import BatchState, LongList, create_batch, wait_for

ROWS: list[dict[str, Any]] = [
    RECORD | {"receiver": f"91990000000{i}", "starts_at": 1_767_261_600_000, "ends_at": 1_767_265_200_000}
    for i in range(3)
]
Shown = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def serving(shown: Shown) -> Played:
    """A server that accepts a batch, and shows of its rows what `shown` makes of them."""
    sent: list[dict[str, Any]] = []

    def serve(request: Request) -> Reply:
        if request.method == "POST":
            sent.extend(body_of(request)["call_records"])
            return answer({"batch_id": "b-1"})
        return answer({"data": shown(sent)})

    return Played(serve)


def with_outcome(row: dict[str, Any], status: str = "success") -> dict[str, Any]:
    return row | {"id": "r", "status_info": {"status": status}}


def created(played: Played) -> BatchState:
    return played.run(create_batch(played.core(), ROWS, None))


def test_a_batch_that_the_server_no_longer_has_is_not_waited_for_without_end() -> None:
    played = serving(lambda _: [])
    with pytest.raises(callmark.NotFound, match="no batch b-1"):
        played.run(wait_for(played.core(), created(played), None))
    assert 10 <= played.time.seconds < 20
    with pytest.raises(callmark.WaitTimeout, match="3 of 3"):
        played.run(wait_for(played.core(), created(played), 5)).check_over()


def test_a_batch_that_is_shown_late_is_waited_for() -> None:
    played = serving(lambda sent: [with_outcome(row) for row in sent] if played.time.seconds > 5 else [])
    state = played.run(wait_for(played.core(), created(played), None))
    assert [result.status for result in state.results] == ["success"] * 3


def test_a_record_that_is_shown_as_another_stays_pending_once_all_have_an_outcome() -> None:
    def shown(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
        other = with_outcome(sent[2] | {"ends_at": 1}, "success" if played.time.seconds > 30 else "pending")
        return [with_outcome(sent[0]), with_outcome(sent[1]), other]

    played = serving(shown)
    state = played.run(wait_for(played.core(), created(played), None))
    assert [result.status for result in state.results] == ["success", "success", "pending"]
    assert 30 < played.time.seconds < 60


def test_a_record_that_is_not_shown_yet_is_waited_for() -> None:
    played = serving(lambda sent: [with_outcome(row) for row in sent[: 3 if played.time.seconds > 30 else 1]])
    state = played.run(wait_for(played.core(), created(played), None))
    assert [result.status for result in state.results] == ["success"] * 3


def test_what_is_settled_shortly_before_the_time_is_over_is_no_timeout() -> None:
    played = serving(
        lambda sent: [with_outcome(row, "success" if played.time.seconds > 3.9 else "pending") for row in sent]
    )
    state = played.run(wait_for(played.core(), created(played), 4))
    assert state.is_settled
    assert played.time.seconds <= 4


def half_done(request: httpx.Request) -> httpx.Response:
    """A server that has reached two of three receivers."""
    if request.method == "POST":
        return httpx.Response(200, json={"token": "t", "batch_id": "b-1"})
    statuses = "success", "success", "pending"
    rows = [with_outcome(row, status) for row, status in zip(ROWS, statuses, strict=True)]
    return httpx.Response(200, json={"data": rows})


OPTIONS: dict[str, Any] = {"base_url": "http://a.example", "account_id": "a", "key_id": "k", "api_key": "s"}


def test_after_the_time_a_batch_is_as_it_was_last_read() -> None:
    http = httpx.Client(transport=httpx.MockTransport(half_done))
    batch = callmark.Client(**OPTIONS, http_client=http).batches.create(ROWS)
    with pytest.raises(callmark.WaitTimeout, match="1 of 3 records"):
        batch.wait(timeout=0)
    assert (batch.counts["success"], batch.counts["pending"]) == (2, 1)


async def test_so_is_one_of_coroutines() -> None:
    http = httpx.AsyncClient(transport=httpx.MockTransport(half_done))
    batch = await callmark.AsyncClient(**OPTIONS, http_client=http).batches.create(ROWS)
    with pytest.raises(callmark.WaitTimeout, match="1 of 3 records"):
        await batch.wait(timeout=0)
    assert (batch.counts["success"], batch.counts["pending"]) == (2, 1)


def test_a_long_list_hands_over_what_the_server_lost_before_its_error() -> None:
    played = serving(lambda _: [])
    results = played.iterate(LongList(played.core(), None, wait=True).run(iter(ROWS)))
    assert [(one.status, one.batch_id) for one in (next(results), next(results), next(results))] == [
        ("pending", "b-1")
    ] * 3
    with pytest.raises(callmark.NotFound):
        next(results)
    assert played.time.seconds < 20


def test_a_push_that_continues_ends_though_the_server_lost_a_batch() -> None:
    played = serving(lambda _: [])
    state = played.run(settled_or_shown(played.core(), created(played)))
    assert [result.status for result in state.results] == ["pending"] * 3
    assert played.time.seconds < 20
