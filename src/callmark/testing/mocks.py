"""A respx router that answers every route of the API with its documented example, for tests without any process."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import resources
from typing import Any, TypeAlias
from uuid import UUID

import httpx
import msgspec
import respx
from msgspec import Struct

from callmark.broken_json import NOT_JSON

Json: TypeAlias = dict[str, Any]
DOWNLOAD = "downloadLog"
_LOGS = {
    "downloadCallMeBackLogs": (
        "business_number,feature_set,client_number,requested_at,requested_date,requested_slot,preferred_from_time,"
        "preferred_to_time,is_interested,alternate_number,cmb_config_name\n"
        '918040001234,Delivery default,919900112233,1767261605,NA,NA,,,true,"",Weekday callbacks\n'
    ),
    "downloadFeedbackLogs": (
        "business_number,feature_set,client_number,campaign_id,campaign_name,campaign_type,call_type,responded_at,"
        "responses\n"
        "918040001234,Delivery default,919900112233,a0b1c2d3-e4f5-4678-89ab-cdef01234567,Delivery check,questions,"
        'answered,1767261605,"[{""question_id"":""q1"",""question"":""Did the courier arrive on time?"",'
        '""answer"":""Yes""}]"\n'
    ),
}
"""A log of one event, as docs/logs.md describes its file."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class DocumentedAnswer(Struct, frozen=True):
    """A route with the answer that its documentation shows first; `name` is its operation in `/openapi.json`."""

    name: str
    method: str
    path: str
    status: int
    body: Any


class _Pushed(Struct):
    call_records: list[Json]


class _DocumentedRouter(respx.MockRouter):
    def __init__(self, base_url: str) -> None:
        self.batches: defaultdict[str, _Batches] = defaultdict(_Batches)
        """Of each generation."""
        self.logs = _Logs(base_url)
        self._before: list[tuple[dict[str, _Batches], str]] = []
        super().__init__(assert_all_called=False)

    def snapshot(self) -> None:
        """Keeps what a block finds."""
        super().snapshot()
        self._before.append((deepcopy(dict(self.batches)), self.logs.rows))

    def rollback(self) -> None:
        """Everything is as before the block: what was pushed in it, too."""
        super().rollback()
        batches, self.logs.rows = self._before.pop()
        self.batches.clear()
        self.batches.update(batches)

    def __getitem__(self, name: str) -> respx.Route:
        """The route of an operation. Raises KeyError with the names that are near."""
        try:
            return super().__getitem__(name)
        except KeyError:
            near = get_close_matches(name, [one.name for one in documented_answers()])
            hint = f", do you mean {' or '.join(near)}" if near else ""
            raise KeyError(f"no operation {name!r}{hint}? docs/testing.md lists them") from None


def documented_answers() -> list[DocumentedAnswer]:
    """Every route's, from the file that `python -m tools.documented_answers` makes of the API reference."""
    text = resources.files("callmark.testing").joinpath("documented_answers.json").read_bytes()
    return msgspec.json.decode(text, type=list[DocumentedAnswer])


def mock_router(*, base_url: str = "") -> respx.MockRouter:
    """Answers requests of httpx, and so of `callmark.Client`; a context manager and a decorator, as every respx router.

    Routes have the names of the API reference: `router["pushRecordV2"].respond(503)` changes one answer, and
    `router["pushRecordV2"].calls` is what was sent. With `base_url` only requests below it are answered, else those to
    any address. The token is of this moment, so that the clocks agree. The first batch has the documented id, each
    later one an id of its own, and its status shows its records as delivered; each block begins with none. The link to
    a log leads to the route `downloadLog`, which has one event.
    """
    router = _DocumentedRouter(base_url)
    batches, logs = router.batches, router.logs
    below = re.escape(base_url.rstrip("/")) if base_url else "https?://[^/]+"
    for answer in documented_answers():
        path = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(answer.path))
        route = router.route(method=answer.method, url__regex=rf"^{below}{path}(\?.*)?$", name=answer.name)
        route.mock(side_effect=logs.link(answer) if answer.name in _LOGS else _answering(answer, batches))
    router.route(method="GET", url__regex=rf"^{below}/downloads/[^/]+$", name=DOWNLOAD).mock(side_effect=logs.file)
    return router


def _answering(
    answer: DocumentedAnswer, batches: Mapping[str, "_Batches"]
) -> Callable[[httpx.Request], httpx.Response]:
    """`batches` are those of each generation."""
    kind, _, generation = answer.name.partition("V")

    def make(request: httpx.Request) -> httpx.Response:
        body = answer.body
        if kind == "createToken":
            body = body | {"created_at": datetime.now(UTC).isoformat()}
        elif kind == "pushBatch":
            body = batches[generation].pushed(request, body)
        elif kind == "readBatchStatus":
            body = batches[generation].status(request, body)
        return httpx.Response(answer.status, json=body)

    return make


class _Logs:
    """Links to logs, and the file behind the newest one: the documented link is the same for both."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self.rows = ""

    def link(self, answer: DocumentedAnswer) -> Callable[[httpx.Request], httpx.Response]:
        """The documented answer; its link leads below the base URL, if there is one."""
        url = httpx.URL(answer.body["url"])

        def make(_: httpx.Request) -> httpx.Response:
            self.rows = _LOGS[answer.name]
            shown = self._base_url + url.path if self._base_url else str(url)
            return httpx.Response(answer.status, json={"url": shown})

        return make

    def file(self, _: httpx.Request) -> httpx.Response:
        """The file."""
        return httpx.Response(200, text=self.rows, headers={"content-type": "text/csv; charset=utf-8"})


class _Batches:
    """What was pushed on the routes of one generation, by batch id."""

    def __init__(self) -> None:
        self._records: dict[str, list[Json]] = {}
        self._ids_by_key: dict[str, str] = {}

    def pushed(self, request: httpx.Request, documented: Json) -> Json:
        """The documented answer with the id of a new batch, or of the one that was made under the same key."""
        [(field, text)] = [(name, value) for name, value in documented.items() if _ID.search(value)]
        [first] = _ID.findall(text)
        key = request.headers.get("Idempotency-Key", "")
        batch_id = self._ids_by_key.get(key) or str(UUID(int=UUID(first).int + len(self._records)))
        if key:
            self._ids_by_key[key] = batch_id
        self._records[batch_id] = _records(request)
        return documented | {field: text.replace(first, batch_id)}

    def status(self, request: httpx.Request, documented: Json | list[Json]) -> Json | list[Json]:
        """The documented status with a row for each record of the batch; as it is for one that was not pushed here."""
        batch_id = request.url.params.get("batchId", "")
        records = self._records.get(batch_id)
        return documented if records is None else _status(documented, batch_id, records)


def _records(request: httpx.Request) -> list[Json]:
    try:
        return msgspec.json.decode(request.content, type=_Pushed).call_records
    except NOT_JSON:
        return []


def _status(body: Json | list[Json], batch_id: str, records: list[Json]) -> Json | list[Json]:
    """A row for each record as the first of the documented ones: it was delivered."""
    if isinstance(body, dict):
        return body | {"batch_id": batch_id, "data": _status(body["data"], batch_id, records)}
    documented = body[0]
    bare = documented | dict.fromkeys(documented.keys() & {"call_reason", "dynamic_call_reason"})
    bare |= dict.fromkeys(documented.keys() & {"batch_id"}, batch_id)
    return [bare | {name: value for name, value in record.items() if name in bare} for record in records]
