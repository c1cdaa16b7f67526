"""How the emulator's document describes a route of the control API."""

from typing import Any

from msgspec import Struct

from callmark.kit.errors import Forbidden, InvalidInput
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.route import Doc, ErrorDoc, ParamDoc
from callmark.surfaces.emulator.control_api.routing import PREFIX
from callmark.surfaces.reference.other_documents import DocumentedRoute, Security, told_by

_OPTIONAL: Security = ({}, {"emulatorToken": []})
PHONE = ParamDoc(
    "phone",
    "The handset's phone number, with or without `+`.",
    {"type": "string"},
    "path",
    required=True,
    example="919900000001",
)
_GUARDED = told_by(
    Forbidden, "a page of another site may not use the emulator", "a name that is not the emulator's, another site"
)
_BAD_PHONE = told_by(
    InvalidInput,
    "the phone number in the path is not a valid phone number: country code and digits",
    "no phone number",
)


class ControlOperation(Struct, frozen=True, kw_only=True):
    """A route (`GET clock`) with what is sent and answered, each a type and an example; 204 without an answer."""

    name: str
    route: str
    tag: str
    summary: str
    text: str
    sent: tuple[type, Json] | None = None
    answer: tuple[Any, Any] | None = None
    status: int = 200
    params: tuple[ParamDoc, ...] = ()
    errors: tuple[ErrorDoc, ...] = ()
    is_body_required: bool = True

    def operation(self) -> DocumentedRoute:
        """As documents have it."""
        method, _, path = self.route.partition(" ")
        doc = Doc(
            name=self.name,
            summary=self.summary,
            description=self.text,
            tag=self.tag,
            request=self.sent[0] if self.sent else None,
            requests={"An example": self.sent[1]} if self.sent else {},
            status=self.status if self.answer else 204,
            response=self.answer[0] if self.answer else None,
            responses={"An example": self.answer[1]} if self.answer else {},
            params=self.params,
            errors=(*([_BAD_PHONE] if PHONE in self.params else []), *self.errors, _GUARDED),
        )
        return DocumentedRoute(method, PREFIX + path, doc, _OPTIONAL, is_body_required=self.is_body_required)
