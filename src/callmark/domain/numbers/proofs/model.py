"""Whether an account may call from a number that it lists: the states and ways of a proof.

docs/decisions/0054-number-ownership.md says why there are these.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from callmark.domain.ids import AccountId, ProofRequestId
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber

LARGEST_LETTER_BYTES = 5 << 20
MOST_WAITING = 20
"""Requests of one account that wait for the operator at the same time."""

LONGEST_FILE_NAME = 200
CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
CODES_WITHIN = timedelta(days=1)
CODES_OF_NUMBER, CODES_OF_ACCOUNT = 5, 50
"""Codes within `CODES_WITHIN`: for one number, whichever account asks, and for all numbers of an account.

With `CODE_TRIES` each, an account can guess 250 times a day at one in a million.
"""
_MAGIC_WITHIN = 1024


class ProofState(StrEnum):
    """How far the proof of a number is."""

    UNPROVEN = "unproven"
    WAITING = "waiting"  # for the operator
    PROVEN = "proven"
    REFUSED = "refused"


class ProofWay(StrEnum):
    """How a number was proven, or is to be."""

    OPERATOR = "operator"  # the operator says so
    LETTER = "letter"  # the operator read a letter of authorisation
    CALL = "call"  # a code was heard in a call to the number
    SMS = "sms"  # a code was read in a message to the number


class CodeChannel(StrEnum):
    """How a code reaches the holder of the number."""

    CALL = "call"
    SMS = "sms"


class NumberProof(Struct, frozen=True):
    """What is known of a number's proof: since when, by whom and how; `why` it was refused."""

    state: ProofState
    way: ProofWay | None = None
    by_email: str | None = None
    at: datetime | None = None
    why: str | None = None
    request_id: ProofRequestId | None = None


UNPROVEN = NumberProof(ProofState.UNPROVEN)


class ProofRequestState(StrEnum):
    """Whether the operator has decided."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class ProofLetter(Struct, frozen=True):
    """A letter of authorisation, as it was uploaded."""

    name: str
    media_type: str
    content: bytes


class ProofRequest(Struct, frozen=True):
    """An account asks the operator to find that it may call from `number_count` numbers; the first are `examples`.

    `waiting_count` of them still wait for the decision.
    """

    id: ProofRequestId
    account_id: AccountId
    account_name: str
    state: ProofRequestState
    number_count: int
    waiting_count: int
    examples: list[PhoneNumber]
    letter_name: str | None
    letter_type: str | None
    requested_by_email: str
    requested_at: datetime
    reviewed_by_email: str | None
    reviewed_at: datetime | None
    why: str | None


class NumberCode(Struct, frozen=True):
    """A code that was asked for: until when it counts, and whether it was sent. `error`: it cannot be."""

    channel: CodeChannel
    requested_at: datetime
    expires_at: datetime
    tries_left: int
    sent_at: datetime | None
    error: str | None


def read_letter(file_name: str, content: bytes) -> ProofLetter:
    """The letter of an uploaded file: a PDF, PNG or JPEG of at most 5 MB. Raises InvalidInput about `letter`."""
    if len(content) > LARGEST_LETTER_BYTES:
        raise InvalidInput(f"the letter must be at most {LARGEST_LETTER_BYTES >> 20} MB", field="letter")
    media_type = _media_type(content)
    if media_type is None:
        raise InvalidInput("the letter must be a PDF, PNG or JPEG file", field="letter")
    name = "".join(one for one in file_name if one.isprintable()).strip()[:LONGEST_FILE_NAME]
    return ProofLetter(name or "letter", media_type, content)


def _media_type(content: bytes) -> str | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "application/pdf" if b"%PDF-" in content[:_MAGIC_WITHIN] else None
