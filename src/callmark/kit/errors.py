"""The one error tree. A class per cause; each surface turns it into its own shape in one place.

AppError
├── InvalidInput      the caller must change the request
├── InvalidHeader     the caller must change a header
├── Unauthenticated   no valid credential
├── Forbidden         a valid credential that may not do this
├── NotFound          nothing there, or nothing this caller may know of
├── LinkExpired       a link of ours whose time is over
├── MethodNotAllowed  the path exists, the method does not
├── PayloadTooLarge   body over the limit
├── RequestTimedOut   a request that came to a halt
├── RequestCutOff     a body that ended before it was whole
├── UnsupportedMedia  a media type that is not accepted
│   └── UnsupportedEncoding  a compressed body
├── Conflict          the state forbids it (a limit of five, a name already taken)
│   ├── StillRunning  the same request is being answered; try again in a second
│   └── ChangedMeanwhile  something else would be lost than was shown
├── KeyReused         an idempotency key that already names another request
├── TooManyRequests   over a rate limit; try again after a stated time
├── Unavailable       an engine cannot be reached; try again soon
│   └── EngineRefuses an engine answers and says no; someone must change its rights or our settings
└── SetupError        this installation is set up wrongly; the text says what to do
"""

from datetime import timedelta
from typing import ClassVar, TypeVar

_T = TypeVar("_T")

_FIELD_WORDS = {"url": "URL", "label_id": "label", "call_reason_id": "call reason", "sub_category": "category"}
"""How people call fields whose name is no word; others are read with spaces."""


def said(exc: BaseException) -> str:
    """What an exception says; many timeouts and lost connections have no text."""
    return str(exc) or ("no answer in time" if isinstance(exc, TimeoutError) else type(exc).__name__)


class AppError(Exception):
    """Base of every error we raise on purpose."""

    slug: ClassVar[str] = "internal-server-error"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def detail(self) -> str:
        """What happened, for logs: more than callers see when the cause is inside."""
        return self.message


class InvalidInput(AppError):
    """Change the request: `field` (empty when the body as a whole is meant) is what is wrong with it."""

    slug = "invalid-input"
    status = 400

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field

    @property
    def for_people(self) -> str:
        """The message with the field's own word where it begins with the name that programs use."""
        rest = self.message.removeprefix(self.field)
        if not self.field or rest == self.message or rest[:1] not in {" ", "'"}:
            return self.message
        return _FIELD_WORDS.get(self.field, self.field.replace("_", " ")) + rest


class InvalidHeader(AppError):
    """Change the header `name`. Answered in Family A on every route: no field of the body is meant."""

    slug = "invalid-input"
    status = 400

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Unauthenticated(AppError):
    """Get a valid credential first."""

    slug = "authorization-error"
    status = 401

    def __init__(self, message: str = "please login again") -> None:
        super().__init__(message)


class Forbidden(AppError):
    """Ask the account's admin for access; the credential itself is valid."""

    slug = "forbidden-error"
    status = 403

    def __init__(self, message: str = "not authorized. please contact your admin.") -> None:
        super().__init__(message)


class NotFound(AppError):
    """Check the path or the id; a foreign id answers the same."""

    slug = "not-found"
    status = 404

    def __init__(self, message: str = "resource not found") -> None:
        super().__init__(message)


class LinkExpired(AppError):
    """Ask for a new link; a download's is valid for ten minutes."""

    slug = "link-expired"
    status = 410

    def __init__(self) -> None:
        super().__init__("this download link has expired. please ask for a new one.")


class MethodNotAllowed(AppError):
    """Use one of `allowed` on this path."""

    slug = "method-not-allowed"
    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("method not allowed")
        self.allowed = allowed


class PayloadTooLarge(AppError):
    """Send a smaller body."""

    slug = "payload-too-large"
    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"request body is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class RequestTimedOut(AppError):
    """Send the whole request without long pauses; the connection is closed."""

    slug = "request-timeout"
    status = 408

    def __init__(self) -> None:
        super().__init__("the request took too long to arrive")


class RequestCutOff(AppError):
    """Send the whole body: the connection ended before it had come. Nobody is left to read this."""

    slug = "invalid-input"
    status = 400

    def __init__(self) -> None:
        super().__init__("the connection ended before the whole request body arrived")


class UnsupportedMedia(AppError):
    """Send `application/json`, or no `Content-Type` at all."""

    slug = "unsupported-media-type"
    status = 415

    def __init__(self) -> None:
        super().__init__("content type must be application/json")


class UnsupportedEncoding(UnsupportedMedia):
    """Send the body as it is, not compressed."""

    def __init__(self) -> None:
        AppError.__init__(self, "request body must not be compressed")


class Conflict(AppError):
    """The present state forbids it; the text says which state, `field` which value it is about (empty: none)."""

    slug = "conflict"
    status = 409

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class StillRunning(Conflict):
    """The first request with this idempotency key is not answered yet; send the same again in a second."""

    def __init__(self) -> None:
        super().__init__("a request with this idempotency key is still running. please try again later.")


class ChangedMeanwhile(Conflict):
    """Something else would be lost than was shown, so nothing was done; ask again."""

    def __init__(self) -> None:
        super().__init__("something else would be lost now; nothing was changed")


class KeyReused(AppError):
    """Take a fresh idempotency key for every new request; repeat a key only with the very same body and route."""

    slug = "idempotency-key-reused"
    status = 422

    def __init__(self) -> None:
        super().__init__("this idempotency key was already used for a different request")


class TooManyRequests(AppError):
    """Try again after `retry_after`; important requests first."""

    slug = "too-many-requests"
    status = 429

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("rate limit exceeded. please try again later.")
        self.retry_after = retry_after


class Unavailable(AppError):
    """An engine cannot be reached (`reason` says which, for logs and /readyz); try again in a second."""

    slug = "service-unavailable"
    status = 503

    def __init__(self, reason: str) -> None:
        super().__init__("service unavailable. please try again later.")
        self.reason = reason

    @property
    def detail(self) -> str:
        """Which engine cannot be reached, and how that showed."""
        return self.reason


class EngineRefuses(Unavailable):
    """An engine answers and says no (a password, a right, a database); `advice` says what the operator should do."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


class SetupError(AppError):
    """An installation cannot start or be reached as it is set up; the text says what to change."""

    slug = "setup-error"


def found(value: _T | None, message: str = "resource not found") -> _T:
    """The value. Raises NotFound with that message when there is none."""
    if value is None:
        raise NotFound(message)
    return value
