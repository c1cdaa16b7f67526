"""Labels, numbers and feature sets: lists over all pages, listing and delisting (contract, sections 6 and 7)."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from msgspec import Struct

from callmark.client.core import Call, Core, encode, part
from callmark.client.errors import BadRequest
from callmark.client.flow import Emit, Flow, Stream, take
from callmark.client.real_dates import datetime

T = TypeVar("T")
PAGE = 1000
"""Rows a page; the routes' own default. Source: contract D29."""
MOST_NUMBERS = 10_000
"""Numbers of one request. Source: contract 7.1."""


class Label(Struct, frozen=True, kw_only=True):
    """A dynamic label: the identity that records show."""

    id: str
    name: str = ""
    logo_url: str = ""
    category: int | None = None
    sub_category: int | None = None
    created_by_email: str = ""
    created_at: datetime | None = None
    label_type: str = "dynamic"


class Number(Struct, frozen=True, kw_only=True):
    """A number of the account. Department, operation, process and subprocess are names, empty if there is none."""

    phone_number: str
    phone_type: str = ""
    """`verified` or `priority`."""
    status: str = ""
    """`pending`, `listed`, `delisting` or `failed` (contract D18)."""
    client_account_id: str = ""
    created_by_email: str = ""
    department: str = ""
    operation: str = ""
    process: str = ""
    subprocess: str = ""
    feature_set_name: str = ""
    call_me_back: str = ""
    """`enabled` or `disabled`."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    label_name: str | None = None


class FeatureSet(Struct, frozen=True, kw_only=True):
    """What the numbers in it show and offer."""

    id: str
    name: str = ""
    description: str = ""
    status: str = ""
    """`draft`, `published` or `unpublished` (contract D18)."""
    process_id: str | None = None
    client_account_id: str = ""
    label_id: str | None = None
    call_reason_id: str | None = None
    video_caller_id: str | None = None
    business_profile_id: str | None = None
    call_me_back: bool = False
    survey: bool = False
    department_id: str | None = None
    department_name: str = ""
    operation_id: str | None = None
    calling_operation_id: str | None = None
    calling_operation_name: str = ""
    process_name: str = ""
    sub_process_name: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class NumberBuckets(Struct, frozen=True, kw_only=True):
    """What happens to each number, by bucket (docs/numbers.md); of a long list, of all its requests together."""

    status: str = "pending"
    """`failed` if none of the numbers can be processed."""
    phone_type: str = ""
    new_numbers: list[str] = []
    existing_numbers: list[str] = []
    updated_numbers: list[str] = []
    migrated_numbers: list[str] = []
    delisted_numbers: list[str] = []
    processing_numbers: list[str] = []
    other_feature_set_numbers: list[str] = []
    other_phonetype_numbers: list[str] = []
    others_numbers: list[str] = []
    invalid_numbers: list[str] = []


BUCKETS = tuple(name for name in NumberBuckets.__struct_fields__ if name.endswith("_numbers"))
_OF_OTHERS = ("others_numbers", "other_feature_set_numbers", "other_phonetype_numbers", "invalid_numbers")
NOT_LISTED = ("delisted_numbers", *_OF_OTHERS)
NOT_DELISTED = ("new_numbers", *_OF_OTHERS)
"""Buckets of numbers that the request does nothing for (docs/numbers.md)."""


class _Pages(Struct, frozen=True):
    total_page_count: int = 0


class _NumberPage(Struct):
    numbers: list[Number] = []
    pagination_information: _Pages = _Pages()


class _FeatureSetPage(Struct):
    feature_sets: list[FeatureSet] = []
    pagination_information: _Pages = _Pages()


def labels(core: Core) -> Stream[Label]:
    """Every dynamic label, newest first. The answer is a bare array, so a page that is not full is the last."""
    page, seen = 1, set[object]()
    while True:
        rows = yield from core.fetch(_page(core, "labels", page, {}), list[Label])
        yield from _unseen(rows, seen, lambda row: row.id)
        if len(rows) < PAGE:
            return
        page += 1


def numbers(core: Core, filters: dict[str, str | None]) -> Stream[Number]:
    """Every number that the filter selects, newest first."""
    page, last, seen = 1, 1, set[object]()
    while page <= last:
        got = yield from core.fetch(_page(core, "number_management/numbers", page, filters), _NumberPage)
        yield from _unseen(got.numbers, seen, lambda row: (row.phone_number, row.phone_type))
        page, last = page + 1, got.pagination_information.total_page_count


def feature_sets(core: Core, filters: dict[str, str | None]) -> Stream[FeatureSet]:
    """Every feature set that the filter selects, newest first."""
    page, last, seen = 1, 1, set[object]()
    while page <= last:
        got = yield from core.fetch(_page(core, "number_management/feature_sets", page, filters), _FeatureSetPage)
        yield from _unseen(got.feature_sets, seen, lambda row: row.id)
        page, last = page + 1, got.pagination_information.total_page_count


def _page(core: Core, what: str, page: int, filters: dict[str, str | None]) -> Call:
    query = {name: str(value) for name, value in filters.items() if value is not None}
    for name, value in query.items():
        if not value.strip():  # the server would select everything
            raise BadRequest(f"{name} is empty: pass an id, or leave it out", status=0, field=name)
    return Call("GET", f"{core.account}/{what}", query=query | {"page": str(page), "limit": str(PAGE)})


def _unseen(rows: list[T], seen: set[object], key_of: Callable[[T], object]) -> Stream[T]:
    """The rows that no earlier page had: what is created meanwhile moves the others on to the next page."""
    for row in rows:
        if (key := key_of(row)) not in seen:
            seen.add(key)
            yield Emit(row)


def check_numbers(numbers: object) -> None:
    """Raises BadRequest for one number in place of several: it would be sent digit by digit."""
    if isinstance(numbers, str | bytes):
        raise BadRequest("numbers are a list, also if there is only one of them", status=0, field="phone_numbers")


def change_listing(
    core: Core, feature_set_id: str, how: str, source: Iterator[Any] | AsyncIterator[Any]
) -> Flow[NumberBuckets]:
    """Lists (`publish`) or delists (`delist`) any number of numbers, 10,000 a request, one after the other.

    Both are safe to repeat: a number that is there already is in `existing_numbers`.
    """
    path = f"{core.account}/number_management/feature_sets/{part(feature_set_id)}/numbers/{how}"
    whole: NumberBuckets | None = None
    while True:
        some = yield from take(source, MOST_NUMBERS)
        if not some and whole is not None:
            return whole
        body = encode({"phone_numbers": [str(number) for number in some]})
        got = yield from core.fetch(Call("POST", path, body=body, is_patient=True), NumberBuckets)
        whole = got if whole is None else _together(whole, got)
        if len(some) < MOST_NUMBERS:
            return whole


def _together(one: NumberBuckets, other: NumberBuckets) -> NumberBuckets:
    buckets: dict[str, Any] = {name: getattr(one, name) + getattr(other, name) for name in BUCKETS}
    status = "pending" if "pending" in {one.status, other.status} else other.status
    return NumberBuckets(status=status, phone_type=one.phone_type or other.phone_type, **buckets)
