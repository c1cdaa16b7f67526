"""What is kept about a phone number: exported, erased, and how far erasures are."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from callmark.domain.ids import ErasureId
from callmark.domain.persons import exporting, service as persons
from callmark.domain.persons.model import Erasure, ErasureState
from callmark.instants import iso_ms
from callmark.surfaces.api.actor import operator_of
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT
from callmark.surfaces.api.operator.route import OperatorRoute
from callmark.surfaces.api.own.request import ApiPager, body_of, id_of
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.own.shapes import Id, Instant, NextAfter, instant
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, StreamedResponse, render

_PAGER: ApiPager[Erasure, InstantKey] = ApiPager(InstantKey, lambda one: (one.requested_at, one.id))


class PersonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whose data it is about."""

    phone_number: Annotated[str, Meta(description="7 to 15 digits with the country code; a leading `+` is allowed.")]


class PersonExportView(msgspec.Struct):
    """Everything that is kept about a phone number."""

    phone_number: Annotated[str, Meta(description="The number, country code and digits.")]
    exported_at: Annotated[Instant, Meta(description="When it was read, UTC.")]
    is_listed: Annotated[
        bool, Meta(description="Whether a business has listed the number; what is about it as such is left out.")
    ]
    tables: Annotated[
        dict[str, list[dict[str, Any]]],
        Meta(description="Rows by the table that they are stored in, without secrets. Columns can change."),
    ]


class ErasureView(msgspec.Struct):
    """An erasure of everything about a phone number, which is no longer known once it is done."""

    erasure_id: Annotated[Id, Meta(description="The erasure.")]
    state: Annotated[ErasureState, Meta(description="`done` once a look at every table has found nothing.")]
    requested_at: Annotated[Instant, Meta(description="When it was asked for, UTC.")]
    ended_at: Annotated[Instant | None, Meta(description="When it was done, UTC.")]
    is_listed: Annotated[
        bool, Meta(description="Whether a business has listed the number; what is about it as such stays.")
    ]
    look: Annotated[int, Meta(description="How often it has begun to look at every table.")]
    tables_done: Annotated[int, Meta(description="How many tables this look has done.")]
    table_count: Annotated[int, Meta(description="How many tables there are.")]
    rows: Annotated[int, Meta(description="How many rows were deleted, or have zeros in place of the number.")]


class ErasureList(msgspec.Struct):
    """A page of erasures."""

    erasures: Annotated[list[ErasureView], Meta(description="The erasures, newest first.")]
    next_after: NextAfter


async def export_person(request: ApiRequest) -> Response:
    """`POST persons/export`: the number is in the body, so that no log of addresses has it."""
    number = persons.parse_number(body_of(request, PersonBody).phone_number)
    made = await exporting.export_person(request.deps, number, by=operator_of(request))
    return StreamedResponse(200, parts=exporting.as_json(made, iso_ms(made.exported_at)))


async def erase_person(request: ApiRequest) -> Response:
    """`POST persons/erasures`: repeated while one of the number runs, it answers with that one."""
    number = persons.parse_number(body_of(request, PersonBody).phone_number)
    return render(_shown(await persons.request_erasure(request.deps, number, by=operator_of(request))))


async def list_erasures(request: ApiRequest) -> Response:
    """`GET persons/erasures?after=&limit=`."""
    found = await persons.list_erasures(request.deps, _PAGER.after(request), _PAGER.limit(request) + 1)
    rows, next_after = _PAGER.part(request, found)
    return render(ErasureList([_shown(one) for one in rows], next_after))


async def get_erasure(request: ApiRequest) -> Response:
    """`GET persons/erasures/{erasureId}`."""
    return render(_shown(await persons.get_erasure(request.deps, id_of(request, "erasureId", ErasureId))))


def _shown(one: Erasure) -> ErasureView:
    return ErasureView(
        str(one.id),
        one.state,
        iso_ms(one.requested_at),
        instant(one.ended_at),
        one.is_listed,
        one.pass_number,
        one.tables_done,
        one.table_count,
        one.rows,
    )


_NUMBER = "919900112233"
_SENT = {"phone_number": _NUMBER}
_ERASURE = {
    "erasure_id": "018f2f5e-9f0a-7b6c-8d1e-2f3a4b5c6d7e",
    "state": "running",
    "requested_at": AT,
    "ended_at": None,
    "is_listed": False,
    "look": 1,
    "tables_done": 40,
    "table_count": 66,
    "rows": 17,
}
_NOT_WHOLE = (
    "an export would not be whole: the database is at migration 57, which is newer than this version (56). Update"
    " Callmark"
)
_BAD_NUMBER = bad(persons.BAD_NUMBER, "it is no phone number", "phone_number")

ROUTES = (
    OperatorRoute(
        "POST",
        "persons/export",
        export_person,
        name="exportPerson",
        summary="Export what is kept about a phone number",
        description="Returns every row of the installation that has the number, in every account. It reads the whole"
        " database, and answers while it reads; an answer that ends before its JSON does is not complete.",
        request=PersonBody,
        sent=_SENT,
        response=PersonExportView,
        answer={
            "phone_number": _NUMBER,
            "exported_at": AT,
            "is_listed": False,
            "tables": {"wake_up": [{"phone_number": _NUMBER, "attempt_count": 1}]},
        },
        errors=(_BAD_NUMBER, conflict(_NOT_WHOLE, "a newer version of Callmark has changed the database")),
    ),
    OperatorRoute(
        "POST",
        "persons/erasures",
        erase_person,
        name="erasePerson",
        summary="Erase what is kept about a phone number",
        description="Has everything about the number deleted, or the number replaced by zeros, in every account. A"
        " worker does it; this cannot be undone. Repeated while one of the number runs, it returns that one.",
        request=PersonBody,
        sent=_SENT,
        response=ErasureView,
        answer=_ERASURE | {"tables_done": 0, "table_count": 0, "rows": 0},
        errors=(_BAD_NUMBER, conflict(persons.IS_VIRTUAL, "the emulator plays a handset with the number")),
    ),
    OperatorRoute(
        "GET",
        "persons/erasures",
        list_erasures,
        name="listErasures",
        summary="List erasures",
        description="Returns erasures, newest first, also those that are done.",
        response=ErasureList,
        answer={"erasures": [_ERASURE], "next_after": None},
        params=PAGING,
    ),
    OperatorRoute(
        "GET",
        "persons/erasures/{erasureId}",
        get_erasure,
        name="getErasure",
        summary="Get an erasure",
        description="Returns how far an erasure is.",
        response=ErasureView,
        answer=_ERASURE,
    ),
)
