"""Log downloads: which events a file holds, its columns, and for how long its link is good (contract, section 8)."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, CampaignId

LIFE = timedelta(minutes=10)
"""How long a link is good. Source: contract, section 8 and D17."""

KEPT = timedelta(hours=1)
"""How long a file outlives its link, for readers that began in time."""

MOST_BYTES = 5 << 30
"""What the files of one account take in a store before a further one has to wait: each link means another file."""

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
_INSTANT = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    rf"{FOLDER}/(?P<expires>[0-9]{{8}}T[0-9]{{6}}Z)-(?P<erasures>[0-9]+)-(?P<account>[0-9a-f]{{32}})"
    r"-(?P<digest>[0-9a-f]{32})\.(?P<ending>csv|ndjson)"
)
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


class FileName(Struct, frozen=True):
    """What the name of a file in the store says of it, so that nothing else has to be kept.

    `erasures`: how many had ended when the file was asked for. One from before the newest may show who was erased.
    """

    expires_at: datetime
    erasures: int
    account: str
    digest: str
    ending: str

    def __str__(self) -> str:
        name = f"{self.expires_at:{_INSTANT}}-{self.erasures}-{self.account}-{self.digest}.{self.ending}"
        return f"{FOLDER}/{name}"

    def is_old(self, now: datetime, erasures: int) -> bool:
        """Whether it is no longer to be read."""
        return self.expires_at < now - KEPT or self.erasures < erasures


def file_name(digest: str, file: LogFile, expires_at: datetime, erasures: int) -> FileName:
    """The file's name in the object store."""
    return FileName(expires_at, erasures, file.account_id.hex, digest, file.file_format.value)


def parse_name(name: str) -> FileName | None:
    """What the name says; None for one that we never gave: a bucket may have files of other programs."""
    parts = _NAME.fullmatch(name)
    try:
        expires_at = datetime.strptime(parts["expires"], _INSTANT).replace(tzinfo=UTC) if parts else None
    except ValueError:  # no such day
        return None
    if parts is None or expires_at is None:
        return None
    return FileName(expires_at, int(parts["erasures"]), parts["account"], parts["digest"], parts["ending"])
