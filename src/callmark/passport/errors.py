"""Why an identity is refused: SIP's reasons, each with a sentence for people."""

from enum import Enum
from typing import Any


class Reason(Enum):
    """The reasons of RFC 8224, section 6.2.2, as (SIP status code, reason phrase)."""

    NO_IDENTITY = (428, "Use Identity Header")
    BAD_IDENTITY_INFO = (436, "Bad Identity Info")
    """The certificate cannot be got from its address, or what the address gives is no certificate."""
    UNSUPPORTED_CREDENTIAL = (437, "Unsupported Credential")
    """The certificate is there, but does not count: unknown root, out of its time, or not for this number."""
    INVALID_IDENTITY = (438, "Invalid Identity Header")
    """The token itself: its form, its claims or its signature."""
    STALE_DATE = (403, "Stale Date")

    @property
    def code(self) -> int:
        """The SIP status code."""
        return self.value[0]

    @property
    def phrase(self) -> str:
        """The SIP reason phrase."""
        return self.value[1]


class PassportError(Exception):
    """An identity that does not count. `reason` is for machines, `detail` says what is wrong."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.phrase}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, for a copy or another process; exceptions are otherwise made again by `__init__` of their text."""
        return type(self).__new__, (type(self), *self.args), vars(self)


class InvalidPassport(PassportError):
    """As PassportError, for the most frequent reason: the token is not what it has to be."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.INVALID_IDENTITY, detail)
