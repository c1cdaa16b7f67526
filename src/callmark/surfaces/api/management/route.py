"""A line of the management API's tables: an ApiRoute that asks the policy of keys, with what the reference tells.

The operator API's tables have the same lines: their action is `Action.OPERATE`, which no key is allowed.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field

from callmark.domain.accounts import service as accounts
from callmark.domain.limits.model import MANAGING, OPERATING
from callmark.domain.policy.model import PLAN, Action, check_key
from callmark.domain.policy.plan import MANAGEMENT, not_in_plan
from callmark.surfaces.api.documented import BAD_JSON
from callmark.surfaces.api.management.request import MOST, USUAL, NoBody
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import (
    LARGEST_BODY_BYTES,
    WITH_BODY,
    ApiRoute,
    Doc,
    ErrorDoc,
    Family,
    Handler,
    ParamDoc,
)
from callmark.surfaces.http import Response

BASE = "/extensions/v1/clients/{clientAccountId}"
TAG = "Management"
OPERATOR_BASE = "/extensions/v1/operator"
OPERATOR_TAG = "Operator"

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
    ErrorDoc(400, "invalid-input", "after is invalid", "not a `next_after` of this list", "after"),
    ErrorDoc(400, "invalid-input", "limit is invalid", f"not a whole number from 1 to {MOST}", "limit"),
)
_UNKNOWN_KEY = ErrorDoc(
    400, "invalid-input", "unknown key nme in the body; known: name", "a field that does not exist", "nme"
)
_UNKNOWN_ID = ErrorDoc(
    404, "not-found", "resource not found", "an id is unknown, belongs to another account, or is not a UUID"
)

_UNKNOWN_ACCOUNT = ErrorDoc(404, "not-found", "no account with this id", "the id is unknown, or is not a UUID")


def conflict(message: str, when: str, field: str = "") -> ErrorDoc:
    """A 409."""
    return ErrorDoc(409, "conflict", message, when, field)


def wrong(field: str, message: str, when: str) -> ErrorDoc:
    """A 400 about a field."""
    return ErrorDoc(400, "invalid-input", message, when, field)


class ManagedRoute(Struct, frozen=True):
    """A route below the account, for keys with the access `management` whose policy allows `needs`; or for operators.

    `sent` and `answer` are examples of both bodies. One that `creates` answers 201 and reads `Idempotency-Key`.
    """

    method: str
    path: str
    handler: Handler
    needs: Action
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

    @property
    def for_operators(self) -> bool:
        """Whether it takes operator tokens in place of an account's."""
        return self.needs is Action.OPERATE

    def api_route(self) -> ApiRoute:
        """The route as the API's table has it."""
        if self.for_operators:
            return ApiRoute(
                self.method,
                f"{OPERATOR_BASE}/{self.path}",
                self.handler,
                bucket=OPERATING,
                family=Family.OURS,
                doc=self._doc(),
                keyed=self.creates,
                for_operators=True,
            )
        return ApiRoute(
            self.method,
            f"{BASE}/{self.path}",
            partial(_checked, self.handler, self.needs),
            MANAGEMENT,
            MANAGING,
            Family.OURS,
            self._doc(),
            keyed=self.creates,
            needs=self.needs,
            largest_bytes=self.largest_bytes,
        )

    def _doc(self) -> Doc:
        takes = self.request if self.request is not None or self.method not in WITH_BODY else NoBody
        return Doc(
            summary=self.summary,
            description=self.description,
            tag=OPERATOR_TAG if self.for_operators else TAG,
            response=self.response,
            responses={"Answer": self.answer},
            request=takes,
            requests={"Request": self.sent} if takes is not None else {},
            errors=(*self.errors, *self._errors()),
            params=self.params,
            status=201 if self.creates else 200,
            name=self.name,
        )

    def _errors(self) -> list[ErrorDoc]:
        """The errors that it has by what it takes."""
        found = [BAD_JSON, _UNKNOWN_KEY] if self.method in WITH_BODY else []
        found += _BAD_PAGING if set(_NAMES) <= {one.name for one in self.params} else ()
        found += [
            wrong(one.name, f"{one.name} is invalid", "not a value of this parameter")
            for one in self.params
            if one.name not in _NAMES
        ]
        if "{" in self.path or any(name.endswith("_id") for name in self.sent):
            is_account = self.for_operators and self.path.startswith("accounts")
            found.append(_UNKNOWN_ACCOUNT if is_account else _UNKNOWN_ID)
        if feature := PLAN.get(self.needs):
            found.append(ErrorDoc(403, "forbidden-error", f"{not_in_plan(feature)}.", "the account lacks the feature"))
        return found


async def _checked(handler: Handler, needs: Action, request: ApiRequest) -> Response:
    """Answers when the key may do that: admission has found that it has the access."""
    account = await accounts.get_account(request.deps, request.account_id)
    check_key((MANAGEMENT,), account.features, needs)
    return await handler(request)
