"""What the lines of the tables of the management API and of the operator API have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from callmark.surfaces.api.doc_parts import BAD_JSON, bad
from callmark.surfaces.api.own.request import MOST, USUAL, NoBody
from callmark.surfaces.api.route import LARGEST_BODY_BYTES, WITH_BODY, Doc, ErrorDoc, Handler, ParamDoc

BASE = "/extensions/v1/clients/{clientAccountId}"

PAGING = (
    ParamDoc("after", "`next_after` of the previous page; leave it out for the first page.", {"type": "string"}),
    ParamDoc(
        "limit",
        "Maximum number of entries.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    ),
)
_NAMES = tuple(one.name for one in PAGING)
_BAD_PAGING = (
    bad("after is invalid", "not a `next_after` of this list", "after"),
    bad("limit is invalid", f"not a whole number from 1 to {MOST}", "limit"),
)
_UNKNOWN_KEY = bad("unknown key nme in the body; known: name", "a field that does not exist", "nme")
UNKNOWN_ID = ErrorDoc(
    404, "not-found", "resource not found", "an id is unknown, belongs to another account, or is not a UUID"
)


class _RouteLine(Struct, frozen=True):
    """What a line begins with."""

    method: str
    path: str
    """Below the API's own base."""
    handler: Handler


class OwnRoute(_RouteLine, frozen=True, kw_only=True):
    """A line, with what the reference says of it.

    `sent` and `answer` are examples of both bodies. One that `creates` answers 201 and reads `Idempotency-Key`.
    """

    name: str
    """What generated clients call it."""
    summary: str
    description: str
    response: Any
    answer: Mapping[str, Any]
    request: Any = None
    sent: Mapping[str, Any] = field(default_factory=dict[str, Any])
    errors: Sequence[ErrorDoc] = ()
    params: Sequence[ParamDoc] = ()
    creates: bool = False
    largest_bytes: int = LARGEST_BODY_BYTES

    def doc(self, tag: str, unknown: ErrorDoc = UNKNOWN_ID, more: Sequence[ErrorDoc] = ()) -> Doc:
        """Its text; `unknown` is the error of an id that is not known, `more` are errors beside its own."""
        takes = self.request if self.request is not None or self.method not in WITH_BODY else NoBody
        return Doc(
            name=self.name,
            summary=self.summary,
            description=self.description,
            tag=tag,
            response=self.response,
            responses={"Answer": self.answer},
            request=takes,
            requests={"Request": self.sent} if takes is not None else {},
            errors=(*self.errors, *self._errors(unknown), *more),
            params=self.params,
            status=201 if self.creates else 200,
        )

    def _errors(self, unknown: ErrorDoc) -> list[ErrorDoc]:
        """The errors that it has by what it takes."""
        found = [BAD_JSON, _UNKNOWN_KEY] if self.method in WITH_BODY else []
        found += _BAD_PAGING if set(_NAMES) <= {one.name for one in self.params} else ()
        found += [
            bad(f"{one.name} is invalid", "not a value of this parameter", one.name)
            for one in self.params
            if one.name not in _NAMES
        ]
        if "{" in self.path or any(name.endswith("_id") for name in self.sent):
            found.append(unknown)
        return found
