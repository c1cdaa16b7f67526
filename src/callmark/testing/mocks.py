"""A respx router that answers every route of the API with its documented example, for tests without any process."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import resources
from typing import Any, TypeAlias, cast

import httpx
import msgspec
import respx
from msgspec import Struct

Json: TypeAlias = dict[str, Any]


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
    any address. The token is of this moment, so that the clocks agree, and the status of a batch shows the records that
    were pushed last, as delivered.
    """
    pushed: dict[str, list[Json]] = {}
    router = _DocumentedRouter(assert_all_called=False)
    below = re.escape(base_url.rstrip("/")) if base_url else "https?://[^/]+"
    for answer in documented_answers():
        path = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(answer.path))
        route = router.route(method=answer.method, url__regex=rf"^{below}{path}(\?.*)?$", name=answer.name)
        route.mock(side_effect=_answering(answer, pushed))
    return router


def _answering(answer: DocumentedAnswer, pushed: dict[str, list[Json]]) -> Callable[[httpx.Request], httpx.Response]:
    """`pushed` has the newest batch of each generation."""
    kind, _, generation = answer.name.partition("V")

    def make(request: httpx.Request) -> httpx.Response:
        body = answer.body
        if kind == "createToken":
            body = body | {"created_at": datetime.now(UTC).isoformat()}
        elif kind == "pushBatch":
            pushed[generation] = _records(request)
        elif kind == "readBatchStatus" and generation in pushed:
            body = _status(body, pushed[generation])
        return httpx.Response(answer.status, json=body)

    return make


def _records(request: httpx.Request) -> list[Json]:
    try:
        return msgspec.json.decode(request.content, type=_Pushed).call_records
    except msgspec.DecodeError:
        return []


def _status(body: Any, records: list[Json]) -> Any:  # noqa: ANN401 - JSON of either shape
    """The documented status with a row for each record, as the first of the documented ones: it was delivered."""
    if isinstance(body, dict):
        whole = cast("Json", body)
        return whole | {"data": _status(whole["data"], records)}
    documented: Json = body[0]
    bare = documented | dict.fromkeys(documented.keys() & {"call_reason", "dynamic_call_reason"})
    return [bare | {name: value for name, value in record.items() if name in bare} for record in records]
