"""Holds every recorded answer against the library: a success is read, an error becomes the error of its status."""

import re
from collections.abc import Callable, Mapping

import httpx
import pytest

import callmark
from callmark.client.answers import check, decoded
from callmark.client.extensions import Record
from callmark.client.flow import Answer
from callmark.client.inventory import FeatureSet, Label, Number, NumberBuckets
from callmark.client.results import read_batch_id, read_push, read_rows, result_of

KINDS: dict[int, type[callmark.APIStatusError]] = {
    400: callmark.BadRequest,
    401: callmark.AuthenticationError,
    403: callmark.PermissionDenied,
    404: callmark.NotFound,
    405: callmark.BadRequest,
    409: callmark.Conflict,
    413: callmark.BadRequest,
    415: callmark.BadRequest,
    429: callmark.RateLimited,
}


def _rows(answer: Answer) -> object:
    results = [result_of(row, "batch", index) for index, row in enumerate(read_rows(answer))]
    assert all(
        (result.status == "success") == (result.message == "") or result.status == "pending" for result in results
    )
    return results


def _many(key: str, kind: type[object]) -> Callable[[Answer], object]:
    def read(answer: Answer) -> object:
        rows = decoded(answer, dict[str, object])[key]
        return [decoded(Answer(200, {}, httpx.Response(200, json=row).content), kind) for row in rows]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType] - a list

    return read


READERS: dict[tuple[str, str], Callable[[Answer], object]] = {
    ("POST", "dynamic_call_record"): read_push,
    ("POST", "dynamic_call_records"): read_batch_id,
    ("GET", "dynamic_call_records"): _rows,
    ("GET", "labels"): lambda answer: decoded(answer, list[Label]),
    ("GET", "numbers"): _many("numbers", Number),
    ("GET", "feature_sets"): _many("feature_sets", FeatureSet),
    ("POST", "publish"): lambda answer: decoded(answer, NumberBuckets),
    ("POST", "delist"): lambda answer: decoded(answer, NumberBuckets),
    ("GET", "records"): lambda answer: decoded(answer, Record),
}
_PATH = re.compile(r"^(?:/v[23])?/clients/[^/]+/")


def check_read(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Whether the library reads this answer of a route that it uses."""
    if not _PATH.match(path) or method == "HEAD":
        return
    answer = Answer(status, httpx.Headers(dict(headers)), body)
    if status < 400:
        if reader := READERS.get((method, path.partition("?")[0].rpartition("/")[2])):
            reader(answer)
        return
    with pytest.raises(KINDS[status]) as raised:
        check(answer, is_push=True)
    assert raised.value.message
    assert raised.value.request_id
    assert status != 429 or raised.value.retry_after
