"""Log downloads on the wire. Source: contract, section 8; D15 to D17."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from callmark.domain.events.model import EventType
from callmark.domain.ids import CampaignId
from callmark.domain.log_downloads import service as log_downloads
from callmark.domain.log_downloads.model import FileFormat, LogFile
from callmark.instants import EPOCH
from callmark.kit.errors import InvalidInput, NotFound
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.doc_parts import UUID as UUID_SCHEMA, bad
from callmark.surfaces.api.request import ApiRequest, refuse
from callmark.surfaces.api.route import Doc, ErrorDoc, ParamDoc
from callmark.surfaces.http import Response, help_link, render

_UNITS = {10: timedelta(seconds=1), 13: timedelta(milliseconds=1)}
_DIGITS = re.compile(r"[0-9]{10}([0-9]{3})?").fullmatch
_MICROSECOND = timedelta(microseconds=1)
_NO_CALLBACKS = "No CMB found for client Id"
_NO_FEEDBACK = "No feedback found for survey Id"


class UrlOut(msgspec.Struct):
    """The link to the file."""

    url: Annotated[
        str,
        Meta(
            description="URL of the file, valid for ten minutes. Anyone who has the URL can open it without a token.",
            extra_json_schema={"format": "uri"},
        ),
    ]


def _instant(name: str, what: str) -> ParamDoc:
    told = f"{what}: epoch seconds (10 digits) or milliseconds (13 digits)."
    schema: dict[str, Any] = {"type": "string", "pattern": r"^[0-9]{10}([0-9]{3})?$"}
    return ParamDoc(name, told, schema, required=True, example="1767261605")


_FORMAT = ParamDoc(
    "format",
    "An extension: with `ndjson`, each line is the payload of one event as JSON.",
    {"type": "string", "enum": [one.value for one in FileFormat], "default": FileFormat.CSV.value},
)
_FILE = (
    "The URL needs no token and is valid for ten minutes. The file is CSV in UTF-8: a"
    " header row with the field names of the webhook payload, then one line for each"
    " event of the last 30 days, oldest first."
)
_BAD_FORMAT = bad("format is invalid", "neither `csv` nor `ndjson`")
_SAMPLE = {"A link": {"url": "https://callmark.example/downloads/l8QQPw7dJ0c2"}}


def _bad_instant(name: str) -> tuple[ErrorDoc, ErrorDoc]:
    return bad(f"{name} is required", "missing"), bad(f"{name} is invalid", "not 10 or 13 digits")


CALLBACKS_DOC = Doc(
    name="downloadCallMeBackLogs",
    summary="Download Call Me Back logs",
    description=f"Returns a link to a file with all Call Me Back requests in a time range. {_FILE}",
    tag="Log downloads",
    response=UrlOut,
    responses=_SAMPLE,
    params=(_instant("from", "Start of the range"), _instant("to", "End of the range, inclusive"), _FORMAT),
    errors=(
        *_bad_instant("from"),
        *_bad_instant("to"),
        bad("from cannot be after to", "an empty range"),
        _BAD_FORMAT,
        ErrorDoc(404, "", _NO_CALLBACKS, "no request in the range", bare=True),
    ),
)
FEEDBACK_DOC = Doc(
    name="downloadFeedbackLogs",
    summary="Download User Feedback logs",
    description=f"Returns a link to a file with all answers to one campaign since a given time. {_FILE}",
    tag="Log downloads",
    response=UrlOut,
    responses=_SAMPLE,
    params=(
        ParamDoc("surveyId", "The feedback campaign.", UUID_SCHEMA, "path", required=True),
        _instant("from_date", "Start of the range; the range ends now"),
        _FORMAT,
    ),
    errors=(
        *_bad_instant("from_date"),
        _BAD_FORMAT,
        ErrorDoc(404, "", _NO_FEEDBACK, "no answers in the range, or the account has no such campaign", bare=True),
    ),
)


async def callback_logs(request: ApiRequest) -> Response:
    """`GET /clients/{id}/openapi/callback-logs/summary`: a link to the requests of a range, both ends included."""
    since, _ = _range_of(request, "from")
    _, before = _range_of(request, "to")
    if since >= before:
        raise InvalidInput("from cannot be after to", field="from")
    file_format = _format(request)
    file = LogFile(request.account_id, EventType.CALL_ME_BACK, None, since, before, file_format)
    return await _link(request, file, _NO_CALLBACKS)


async def feedback_logs(request: ApiRequest) -> Response:
    """`GET /clients/{id}/openapi/feedback_stack/{surveyId}/export_report`: a link to the answers from then to now."""
    since, _ = _range_of(request, "from_date")
    file_format = _format(request)
    campaign_id = _campaign(request.path["surveyId"])
    if campaign_id is None:
        return nothing(_NO_FEEDBACK)
    before = request.deps.clock.now() + _MICROSECOND
    file = LogFile(request.account_id, EventType.USER_FEEDBACK, campaign_id, since, before, file_format)
    return await _link(request, file, _NO_FEEDBACK)


async def _link(request: ApiRequest, file: LogFile, otherwise: str) -> Response:
    link = await log_downloads.make_link(request.deps, file, by=await actor_of(request))
    return nothing(otherwise) if link is None else render(UrlOut(link.url))


def nothing(message: str) -> Response:
    """The answer where there is nothing to download: the message alone, as the published page shows it."""
    answer = render({"message": message}, NotFound.status)
    answer.headers.append(help_link(NotFound.slug))
    return answer


def _range_of(request: ApiRequest, name: str) -> tuple[datetime, datetime]:
    """The second or millisecond that a parameter names: its first instant, and the first after it (contract D16)."""
    text = request.query(name)
    if text is None:
        raise InvalidInput(f"{name} is required", field=name)
    if not _DIGITS(text):
        refuse(name)
    unit = _UNITS[len(text)]
    return EPOCH + int(text) * unit, EPOCH + (int(text) + 1) * unit


def _format(request: ApiRequest) -> FileFormat:
    sent = request.query("format") or FileFormat.CSV.value
    try:
        return FileFormat(sent)
    except ValueError:
        refuse("format")


def _campaign(text: str) -> CampaignId | None:
    try:
        return CampaignId(UUID(text))
    except ValueError:
        return None
