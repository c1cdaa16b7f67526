"""Filters of the number-management lists: ids, at most one of them (contract, sections 7.3 and 7.4; D30)."""

from uuid import UUID

from callmark.kit.errors import InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.surfaces.api import doc_parts
from callmark.surfaces.api.doc_parts import bad
from callmark.surfaces.api.request import ApiRequest, refuse
from callmark.surfaces.api.route import ParamDoc

DEPARTMENT = ParamDoc("department_id", "Only what is in this department.", doc_parts.UUID)
OPERATION = ParamDoc("operation_id", "Only what is in this calling operation.", doc_parts.UUID)
PROCESS = ParamDoc("process_id", "Only what is in this process or sub-process.", doc_parts.UUID)

TWO_FILTERS = bad("only one filter is allowed", "more than one filter is given, or one twice")


def bad_filter(filter_: ParamDoc) -> doc_parts.ErrorDoc:
    """The error of a filter that is no UUID."""
    return bad(f"{filter_.name} is invalid", "not a UUID")


def one_filter(request: ApiRequest, *known: ParamDoc) -> dict[str, UUID]:
    """The filter that the query gives, by its name; empty without one, and an empty value is none.

    Raises InvalidInput for two of them (D30), also of one name and of one value (D56), and for one that is no UUID.
    """
    given = [(param.name, text) for param in known for text in request.query_values(param.name)]
    if len(given) > 1:
        raise InvalidInput("only one filter is allowed")
    found: dict[str, UUID] = {}
    for name, text in given:
        value = parse_uuid(text)
        if value is None:
            refuse(name)
        found[name] = value
    return found
