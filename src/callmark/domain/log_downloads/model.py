"""Log downloads: which events a file holds, its columns, and for how long its link is good (contract, section 8)."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, CampaignId

LIFE = timedelta(minutes=10)
"""How long a link is good. Source: contract, section 8 and D17."""

KEPT = timedelta(hours=1)
"""How long a file outlives its link, for readers that began in time."""

FOLDER = "exports"

COLUMNS: dict[EventType, tuple[str, ...]] = {
    EventType.CALL_ME_BACK: (
        "business_number",
        "feature_set",
        "client_number",
        "requested_at",
        "requested_date",
        "requested_slot",
        "preferred_from_time",
        "preferred_to_time",
        "is_interested",
        "alternate_number",
        "cmb_config_name",
    ),
    EventType.USER_FEEDBACK: (
        "business_number",
        "feature_set",
        "client_number",
        "campaign_id",
        "campaign_name",
        "campaign_type",
        "call_type",
        "responded_at",
        "responses",
    ),
}
"""The header row: the payload's fields in their order. Source: contract D17, sections 9.4 and 9.6."""

_WORDS = {EventType.CALL_ME_BACK: "call-me-back", EventType.USER_FEEDBACK: "user-feedback"}
_MICROSECOND = timedelta(microseconds=1)


class FileFormat(StrEnum):
    """How a file is written; its value is the file name's ending."""

    CSV = "csv"
    NDJSON = "ndjson"


class LogFile(Struct, frozen=True):
    """The events of one type from `since` up to, not with, `before`; of one campaign, or (None) of all."""

    account_id: AccountId
    event_type: EventType
    campaign_id: CampaignId | None
    since: datetime
    before: datetime
    file_format: FileFormat = FileFormat.CSV


class DownloadLink(Struct, frozen=True):
    """Where a file can be downloaded until `expires_at`, by anyone who holds the address."""

    url: str
    expires_at: datetime


def download_name(file: LogFile, asked_at: datetime) -> str:
    """What the file is called where it is saved: type, first and last day (UTC), none after it was asked for."""
    last = max(file.since, min(file.before - _MICROSECOND, asked_at))
    return f"{_WORDS[file.event_type]}_{file.since:%Y-%m-%d}_{last:%Y-%m-%d}.{file.file_format.value}"


def object_name(digest: str, file: LogFile, expires_at: datetime) -> str:
    """The file's name in the object store; it begins with the instant its link ends, so that old ones are found."""
    return f"{FOLDER}/{expires_at:%Y%m%dT%H%M%SZ}-{digest}.{file.file_format.value}"


def is_old(name: str, now: datetime) -> bool:
    """Whether nobody reads the file of this name now."""
    return name.rpartition("/")[2] < f"{now - KEPT:%Y%m%dT%H%M%SZ}"
