"""Errors as ATIS-1000082 has them: `{"requestError": {"serviceException" | "policyException": …}}`."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from callmark.kit.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    RequestCutOff,
    RequestTimedOut,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from callmark.surfaces.http import CHALLENGE, Response

_TEXTS = {
    "SVC4000": "Error: Missing request body.",
    "SVC4001": "Error: Missing mandatory parameter '%1'.",
    "SVC4002": "Error: Requested response body type '%1' is not supported.",
    "SVC4003": "Error: Requested resource was not found.",
    "SVC4004": "Error: Unsupported request body type, expected application/json.",
    "SVC4005": "Error: Invalid parameter value: %1.",
    "SVC4006": "Error: Failed to parse received message body: %1.",
    "SVC5030": "Error: The service is not available. Try again later.",
    "POL4010": "Error: No edge has this token.",
    "POL4030": "Error: Not authorised: %1.",
    "POL4050": "Error: Method not allowed.",
    "POL4080": "Error: The request took too long to arrive.",
    "POL4130": "Error: The request body is larger than %1 bytes.",
    "POL4290": "Error: Too many requests. Try again later.",
    "POL5000": "Error: Internal error.",
}


class StirFault(AppError):
    """Change the request as `message_id` says; the texts are those of the standard."""

    def __init__(self, status: int, message_id: str, *variables: str) -> None:
        super().__init__(_TEXTS[message_id].replace("%1", " ".join(variables)))
        self.answer_status = status
        self.message_id = message_id
        self.variables = variables


class _Exception(Struct, rename="camel"):
    message_id: str
    text: str
    variables: list[str]


class _Either(Struct, rename="camel"):
    service_exception: _Exception | UnsetType = UNSET
    policy_exception: _Exception | UnsetType = UNSET


class _Body(Struct, rename="camel"):
    request_error: _Either


def render_fault(exc: AppError) -> Response:
    """The answer of any error."""
    fault = fault_of(exc)
    answer = Response(fault.answer_status, msgspec.json.encode(_body_of(fault)))
    if fault.answer_status == Unauthenticated.status:
        answer.headers.append(CHALLENGE)
    return answer


def body_of(fault: StirFault) -> dict[str, Any]:
    """The error's body as JSON has it."""
    return msgspec.to_builtins(_body_of(fault))


def _body_of(fault: StirFault) -> _Body:
    told = _Exception(fault.message_id, _TEXTS[fault.message_id], list(fault.variables))
    service = fault.message_id.startswith("SVC")
    return _Body(_Either(service_exception=told) if service else _Either(policy_exception=told))


_FAULTS: dict[type[AppError], tuple[int, str]] = {
    PayloadTooLarge: (413, "POL4130"),
    UnsupportedMedia: (415, "SVC4004"),
    RequestCutOff: (400, "SVC4005"),
    InvalidInput: (400, "SVC4005"),
    Unauthenticated: (401, "POL4010"),
    Forbidden: (403, "POL4030"),
    NotFound: (404, "SVC4003"),
    RequestTimedOut: (408, "POL4080"),
    TooManyRequests: (429, "POL4290"),
    Unavailable: (503, "SVC5030"),
}


def fault_of(exc: AppError) -> StirFault:
    """The error as the standard names it."""
    if isinstance(exc, StirFault):
        return exc
    status, message_id = next((found for kind, found in _FAULTS.items() if isinstance(exc, kind)), (500, "POL5000"))
    if isinstance(exc, PayloadTooLarge):
        return StirFault(status, message_id, str(exc.limit_bytes))
    return StirFault(status, message_id, *([exc.message] if "%1" in _TEXTS[message_id] else []))
