"""Number management on the wire: list, delist, look up. Source: contract, section 7 ("Number Management APIs")."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from callmark.broken_json import NOT_JSON
from callmark.domain.feature_sets.model import NodeFilter
from callmark.domain.ids import DepartmentId, FeatureSetId, OperationId, ProcessId
from callmark.domain.numbers import search as number_search, service as numbers
from callmark.domain.numbers.model import Delisted, NumberDetails, Published
from callmark.instants import iso_us
from callmark.kit.errors import Forbidden, InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.kit.postgres.database import Transaction
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.feature_sets import PagingOut
from callmark.surfaces.api.filters import one_filter
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.numbers_doc import FILTERS, DelistedOut, NumberOut, NumbersOut, PublishedOut
from callmark.surfaces.api.request import ApiRequest, page_of, page_size_of, refuse
from callmark.surfaces.bodies import decode_loose
from callmark.surfaces.http import Response, render


class NumbersIn(msgspec.Struct):
    """The body of both requests, not yet validated."""

    phone_numbers: Any = None


async def publish_numbers(request: ApiRequest) -> Response:
    """`POST …/feature_sets/{featureSetId}/numbers/publish`: written, not yet listed, when it answers."""
    sent, feature_set_id = _sent(request), _feature_set_id(request)
    by = await actor_of(request)

    async def answer(tx: Transaction) -> Response:
        done = await numbers.publish_in(tx, request.deps, request.account_id, feature_set_id, sent, by=by)
        return await kept(tx, request, render(_published_out(str(request.account_id), done)))

    return await numbers.in_transaction(request.deps, answer)


async def delist_numbers(request: ApiRequest) -> Response:
    """`POST …/feature_sets/{featureSetId}/numbers/delist`: written, not yet gone, when it answers."""
    sent, feature_set_id = _sent(request), _feature_set_id(request)
    by = await actor_of(request)

    async def answer(tx: Transaction) -> Response:
        done = await numbers.delist_in(tx, request.deps, request.account_id, feature_set_id, sent, by=by)
        return await kept(tx, request, render(_delisted_out(str(request.account_id), done)))

    return await numbers.in_transaction(request.deps, answer)


async def list_numbers(request: ApiRequest) -> Response:
    """`GET …/number_management/numbers`: newest first, at most one filter (contract D30)."""
    place = _place(request)
    limit, page = page_size_of(request), page_of(request)
    found = await number_search.read_page(request.deps, request.account_id, place, page=page, limit=limit)
    pages = PagingOut(number_search.page_count(found.total, limit))
    account, told = str(request.account_id), cache(iso_us)  # numbers of one request were made at one instant
    return render(NumbersOut([_number_out(one, account, told) for one in found.numbers], pages))


def _sent(request: ApiRequest) -> list[str]:
    try:
        sent = decode_loose(NumbersIn, request.body).phone_numbers
    except NOT_JSON as exc:
        raise InvalidInput("request body is invalid") from exc
    if sent is None or sent == "":
        raise InvalidInput("phone_numbers is required", field="phone_numbers")
    try:
        return msgspec.convert(sent, list[str])
    except msgspec.ValidationError:
        refuse("phone_numbers")


def _feature_set_id(request: ApiRequest) -> FeatureSetId:
    """The path's; what cannot be an id answers like an unknown one (contract D4b)."""
    found = parse_uuid(request.path["featureSetId"])
    if found is None:
        raise Forbidden
    return FeatureSetId(found)


def _place(request: ApiRequest) -> NodeFilter | FeatureSetId | None:
    match one_filter(request, *FILTERS):
        case {"department_id": given}:
            return NodeFilter(department_id=DepartmentId(given))
        case {"operation_id": given}:
            return NodeFilter(operation_id=OperationId(given))
        case {"process_id": given}:
            return NodeFilter(process_id=ProcessId(given))
        case {"feature_set_id": given}:
            return FeatureSetId(given)
        case _:
            return None


def _published_out(account: str, answer: Published) -> PublishedOut:
    return PublishedOut(
        client_account_id=account,
        created_by_email=answer.created_by_email,
        phone_type=answer.phone_type,
        new_numbers=answer.new,
        other_phonetype_numbers=answer.other_phone_type,
        existing_numbers=answer.existing,
        others_numbers=answer.others,
        invalid_numbers=answer.invalid,
        other_feature_set_numbers=answer.other_feature_set,
        status=answer.status,
        migrated_numbers=answer.migrated,
        delisted_numbers=answer.delisted,
        updated_numbers=answer.updated,
    )


def _delisted_out(account: str, answer: Delisted) -> DelistedOut:
    return DelistedOut(
        client_account_id=account,
        phone_type="",
        processing_numbers=answer.processing,
        new_numbers=answer.new,
        other_phonetype_numbers=answer.other_phone_type,
        existing_numbers=answer.existing,
        others_numbers=answer.others,
        invalid_numbers=answer.invalid,
        other_feature_set_numbers=answer.other_feature_set,
        status=answer.status,
    )


def _number_out(found: NumberDetails, account: str, told: Callable[[datetime], str]) -> NumberOut:
    number, names = found.number, found.names
    return NumberOut(
        phone_number=number.phone_number,
        phone_type=number.phone_type,
        status=number.state,
        client_account_id=account,
        created_by_email=number.created_by_email,
        department=names.department,
        operation=names.operation,
        process=names.process,
        subprocess=names.sub_process,
        feature_set_name=names.feature_set_name,
        call_me_back="enabled" if names.call_me_back else "disabled",
        created_at=told(number.created_at),
        updated_at=told(number.updated_at),
        label_name=names.label_name,
    )
