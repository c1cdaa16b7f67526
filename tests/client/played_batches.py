"""A server that keeps batches, as a test plays it (`virtual`), and records for it."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.client.virtual import RECORD, Played, Reply, answer, body_of, headers_of

import callmark
from callmark.client.flow import Request
from callmark.client.options import Generation
from callmark.client.pushing import LongList

HOUR = timedelta(hours=1)
Row = dict[str, Any]


class Batches:
    """A server that keeps batches; what is sent is `success` at the second look."""

    def __init__(self, generation: Generation = 2) -> None:
        self.generation: Generation = generation
        self.batches: dict[str, list[Row]] = {}
        self.by_key: dict[str, str] = {}
        self.looks: dict[str, int] = {}
        self.faults: Iterator[Reply | None] = itertools.repeat(None)
        self.looks_needed = 2
        self.keep = True

    def __call__(self, request: Request) -> Reply:
        if fault := next(self.faults):
            return fault
        if request.method == "POST":
            return self._take(request)
        batch_id = parse_qs(urlsplit(request.url).query)["batchId"][0]
        self.looks[batch_id] = self.looks.get(batch_id, 0) + 1
        rows = [row | self._status(row, self.looks[batch_id]) for row in self.batches[batch_id]]
        return answer(rows if self.generation == 1 else {"batch_id": batch_id, "data": rows})

    def _take(self, request: Request) -> Reply:
        key = headers_of(request)["Idempotency-Key"]
        batch_id = self.by_key.setdefault(key, f"00000000-0000-4000-8000-{len(self.by_key):012}")
        if not self.keep:
            self.batches.clear()
        self.batches[batch_id] = body_of(request)["call_records"]
        told = {"status": "success", "message": f"Records Uploaded Successfully. BatchID: {batch_id}"}
        return answer(told if self.generation == 1 else {"batch_id": batch_id})

    def _status(self, row: Row, looks: int) -> Row:
        if looks < self.looks_needed:
            told = "pending"
        else:
            told = (
                "not a truecaller user"
                if str(row.get("receiver", row.get("receiver_number"))).endswith("7")
                else "success"
            )
        if self.generation == 1:
            return {"id": "r", "status": told}
        if told.startswith("not"):
            return {"id": "r", "status_info": {"status": "error", "message": "Not a Truecaller user"}}
        return {"id": "r", "status_info": {"status": told}}


def records(count: int) -> Iterator[Row]:
    """Good ones for as many receivers."""
    for i in range(count):
        yield RECORD | {"receiver": f"9199{i:08}", "expires_in": HOUR}


def push_many(server: Batches, source: Any, **options: Any) -> tuple[Played, Iterator[callmark.RecordResult]]:
    """The results of a list, and what the server saw of it."""
    played = Played(server)
    long_list = LongList(
        played.core(generation=server.generation), options.get("on_progress"), wait=options.get("wait", True)
    )
    return played, played.iterate(long_list.run(iter(source)))
