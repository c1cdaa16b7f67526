"""A file that is previewed before anything is done with it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import AccountId, PreviewedFileId

KEPT_FOR = timedelta(days=1)
MOST_KEPT = 20
"""Files of one account and purpose; a further one replaces the oldest of them."""


class FilePurpose(StrEnum):
    """What a file holds."""

    RECORDS = "records"
    NUMBERS = "numbers"


class PreviewedFile(Struct, frozen=True):
    """A file as it was sent, and what was chosen beside it, by the names of the form's fields.

    `subject_id` is what it is for (a feature set); None for records.
    """

    id: PreviewedFileId
    account_id: AccountId
    purpose: FilePurpose
    subject_id: UUID | None
    file_name: str
    content: bytes
    choices: Mapping[str, str]
    created_by_email: str
    created_at: datetime
