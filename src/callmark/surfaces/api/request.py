"""What a handler of the API gets (one admitted request), and how it reads the query."""

from typing import NoReturn
from urllib.parse import parse_qs

import msgspec

from callmark.domain.deps import Deps
from callmark.domain.idempotency.model import Claim
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.personalisation.admitted_push import AdmittedPush
from callmark.domain.policy.model import Actor
from callmark.domain.policy.plan import KeyAccess
from callmark.kit.errors import InvalidInput
from callmark.surfaces.api.waiting_room import ClientLine
from callmark.surfaces.http import Header


class ApiRequest(msgspec.Struct, frozen=True, eq=False):
    """One request: admitted (`account_id` set) unless its route needs no token; `path` holds the path's parameters."""

    deps: Deps
    account_id: AccountId
    path: dict[str, str]
    query_string: str
    body: bytes
    key_id: KeyId
    """The API key that asks; `surfaces.api.actor` makes an actor of it for use cases that need one."""

    address: str
    """The network address that the request came from."""

    line: ClientLine
    """For an answer that waits: how to learn that its client has left, or that the server stops."""

    claim: Claim | None = None
    """The right to do a request that carries an idempotency key."""

    features: frozenset[KeyAccess] = frozenset()
    """On a route where each of several features will do: which of them the token may use."""

    push: AdmittedPush | None = None
    """A real-time push that was written when it was admitted."""

    operator: Actor | None = None
    """On a route for operators: the token that asks."""

    headers: list[Header] = msgspec.field(default_factory=list[Header])
    """What goes with the answer, whatever it will be; the handler may change it."""

    def query_values(self, name: str) -> list[str]:
        """Every value of a query parameter; an empty one counts as not there."""
        return parse_qs(self.query_string).get(name, [])

    def query(self, name: str) -> str | None:
        """The value of a query parameter, None when it is not there.

        Raises InvalidInput when it is given twice, equal values too: to take one of them in silence would hide a
        mistake (contract D56 says so of filters).
        """
        found = self.query_values(name)
        if len(found) > 1:
            raise InvalidInput(f"{name} is given more than once", field=name)
        return found[0] if found else None


LARGEST_LIMIT = 10_000
_LAST_PAGE = 10**12
"""No list is so long: a page beyond it is as empty as this one. With any limit it can be counted in 64 bits."""


def page_of(request: ApiRequest) -> int:
    """`page` of the query, from 1 (contract D29). A page of any greatness is allowed; one past the end is empty."""
    return whole(request, "page", 1, least=1, held_at=_LAST_PAGE)


def page_size_of(request: ApiRequest) -> int:
    """`limit` of a list with pages, from 1 to 10,000 (contract D29).

    Each route reads the two in the order of its table: of two faults the first one there is named (contract D2).
    """
    return limit_of(request, 1000, most=LARGEST_LIMIT)


def limit_of(request: ApiRequest, default: int, *, most: int) -> int:
    """`limit` of the query: from 1 to `most`, `default` without one. Raises InvalidInput."""
    limit = whole(request, "limit", default, least=1, held_at=most + 1)
    if limit > most:
        refuse("limit")
    return limit


def whole(request: ApiRequest, name: str, default: int, *, least: int, held_at: int) -> int:
    """A whole number of the query from `least`, of any number of digits; a greater one than `held_at` counts as it.

    Raises InvalidInput.
    """
    text = request.query(name)
    if text is None:
        return default
    digits = text.lstrip("0") or "0"
    if not (text.isascii() and text.isdigit()):
        refuse(name)
    number = held_at if len(digits) > len(str(held_at)) else min(int(digits), held_at)
    if number < least:
        refuse(name)
    return number


def refuse(name: str) -> NoReturn:
    """Raises the error of a parameter that cannot be read."""
    raise InvalidInput(f"{name} is invalid", field=name)
