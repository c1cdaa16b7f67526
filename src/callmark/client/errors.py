"""What can go wrong, as one tree; `except callmark.CallmarkError` catches all of it.

CallmarkError
├── APIConnectionError          no whole answer: refused, cut, unreadable name
│   └── APITimeoutError         no whole answer in time
├── APIStatusError              an answer that is not a success
│   ├── BadRequest              400 and other 4xx: change the request
│   │   └── InvalidRecord       a fault of one call record: `field`, `message`
│   ├── AuthenticationError     401: change the key
│   ├── PermissionDenied        403: ask an admin of the account
│   ├── NotFound                404, 410
│   ├── Conflict                409, 422
│   ├── RateLimited             429: `retry_after`
│   ├── ServerError             5xx: try again later
│   └── UnexpectedAnswer        a success whose body cannot be read, or a redirect
├── WaitTimeout                 a batch has not settled in time
└── WebhookVerificationError    a request that is not a webhook of ours
"""

import copy
from typing import Any, ClassVar, Self


class CallmarkError(Exception):
    """The root; raised itself when something is not set up: no base URL, no secret, a profile that others can read."""

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, for a copy or another process; exceptions are otherwise made again by `__init__` of their text."""
        return type(self).__new__, (type(self), *self.args), vars(self)


class APIConnectionError(CallmarkError):
    """No whole answer came, after all retries. A push may have been carried out or not."""


class APITimeoutError(APIConnectionError):
    """Nothing came within `timeout`, or no access token could be had in a minute."""


class APIStatusError(CallmarkError):
    """The server answered, and the answer is not a success. `message` is the server's; `str()` adds what to do."""

    advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        slug: str | None = None,
        field: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """The server's words."""
        self.status = status
        """The HTTP status."""
        self.slug = slug
        """The kind of fault, `invalid-input`; None where the server names none (contract 1.6)."""
        self.field = field
        """What the fault is about, under the library's names (`reason`, not `dynamic_call_reason`); None if unknown."""
        self.request_id = request_id
        """`X-Request-Id` of the answer, which the server's log also has."""
        self.retry_after = retry_after
        """Seconds to wait before the next try, where the server says so."""
        self._advice = self.advice if advice is None else advice

    def advised(self, advice: str) -> Self:
        """The same with other advice."""
        same = copy.copy(self)
        same._advice = advice  # noqa: SLF001 - of the same class
        return same

    def __str__(self) -> str:
        known = [f"HTTP {self.status}"] if self.status else []
        known += [f"request {self.request_id}"] if self.request_id else []
        told = f"{self.message} ({', '.join(known)})" if known else self.message
        return f"{told}. {self._advice}" if self._advice else told


class BadRequest(APIStatusError):
    """400 and other 4xx: the same request would be refused again."""


class InvalidRecord(BadRequest):
    """A fault of one call record: `field` and `message`. `index` is its place in a batch, from 0.

    The library finds what it cannot send (a time without a zone) without a request; then `status` is 0.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None,
        status: int = 0,
        slug: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        advice: str | None = None,
        index: int | None = None,
    ) -> None:
        super().__init__(
            message,
            status=status,
            slug=slug,
            field=field,
            request_id=request_id,
            retry_after=retry_after,
            advice=advice,
        )
        self.index = index


class AuthenticationError(APIStatusError):
    """401: the key pair is not valid (or no longer), or a fresh token was refused."""

    advice = "Check the account id, key id and secret of the API key, or create a new key in the console"


class PermissionDenied(APIStatusError):
    """403: the key has no access to this feature, the plan lacks it, or the account is suspended."""

    advice = "Use a key with access to this feature, or ask an admin of the account"


class NotFound(APIStatusError):
    """404 or 410: nothing is there, it belongs to another account, or its time is over."""


class Conflict(APIStatusError):
    """409 or 422: the present state does not allow it."""


class RateLimited(APIStatusError):
    """429, or the token limit reached (contract 1.7): `retry_after` says how many seconds to wait."""

    def __str__(self) -> str:
        told = super().__str__()
        return told if self.retry_after is None else f"{told}. Try again in {self.retry_after:.0f} s"


class ServerError(APIStatusError):
    """5xx, after all retries."""

    advice = "Try again later; the request id finds the cause in the server's log"


class UnexpectedAnswer(APIStatusError):
    """An answer that is no API answer: a page of a proxy, half a JSON text, a redirect."""

    advice = "Check the base URL, and whether a proxy answers instead of the server"


class WaitTimeout(CallmarkError, TimeoutError):
    """Records of a batch are still pending; they stay under way, so wait again or read the batch later."""


class WebhookVerificationError(CallmarkError):
    """A request that is not a webhook of ours, or an old one: answer it with 400 and do nothing else."""
