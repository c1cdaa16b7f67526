"""Lists over pages that move while they are read."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.client.virtual import Played, Reply, answer, replies

from callmark.client import inventory
from callmark.client.core import Core
from callmark.client.errors import BadRequest
from callmark.client.events import EventLog
from callmark.client.flow import Request, Stream

PAGE = inventory.PAGE
LISTS: list[tuple[str, str, Callable[[Core], Stream[Any]]]] = [
    ("", "id", inventory.labels),
    ("numbers", "phone_number", lambda core: inventory.numbers(core, {})),
    ("feature_sets", "id", lambda core: inventory.feature_sets(core, {})),
]


@pytest.mark.parametrize(("name", "key", "read"), LISTS, ids=["labels", "numbers", "feature sets"])
@pytest.mark.parametrize("created", [1, PAGE + 1])
def test_a_row_comes_once_though_others_are_created_meanwhile(
    name: str, key: str, read: Callable[[Core], Stream[Any]], created: int
) -> None:
    rows = [{key: f"old-{place}"} for place in range(2 * PAGE + 5)]

    def serve(request: Request) -> Reply:
        page = int(parse_qs(urlsplit(request.url).query)["page"][0])
        shown = rows[(page - 1) * PAGE : page * PAGE]
        pages = -(-len(rows) // PAGE)
        if page <= 2:
            rows[:0] = [{key: f"new-{page}-{place}"} for place in range(created)]
        return answer({name: shown, "pagination_information": {"total_page_count": pages}} if name else shown)

    played = Played(serve)
    found = [getattr(row, key) for row in played.iterate(read(played.core()))]
    assert [one for one in found if one.startswith("old")] == [f"old-{place}" for place in range(2 * PAGE + 5)]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("read", [inventory.numbers, inventory.feature_sets])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_filter_is_not_sent(read: Callable[..., Stream[Any]], empty: str) -> None:
    played = Played(replies())
    with pytest.raises(BadRequest, match="department_id is empty"):
        list(played.iterate(read(played.core(), {"department_id": empty, "process_id": None})))


def test_with_a_wait_events_end_only_when_none_came_meanwhile() -> None:
    def page(*numbers: int, last: int) -> Reply:
        events = [{"number": number, "event": {"event_id": str(number), "event_type": "cmb"}} for number in numbers]
        return answer({"events": events, "next_after": last, "last_number": last})

    played = Played(replies(page(1, 2, last=2), page(3, last=3), page(last=3)))
    log, core = EventLog(0, 100, 20), played.core()
    found = [played.run(log.next_event(core)) for _ in range(4)]
    assert [event and event.number for event in found] == [1, 2, 3, None]
    assert [request.url.partition("?")[2] for request in played.requests] == [
        f"after={after}&limit=100&wait_s=20" for after in (0, 2, 3)
    ]
