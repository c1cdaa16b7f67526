"""Names of files, and when they are old."""

from datetime import UTC, datetime, timedelta

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, CampaignId
from callmark.domain.log_downloads.model import FileFormat, LogFile, download_name, file_name, parse_name
from callmark.kit.ids import new_id

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
DIGEST = "ab12" * 8
DAY = timedelta(days=1)


def of(since: datetime, before: datetime, file_format: FileFormat = FileFormat.CSV) -> LogFile:
    return LogFile(AccountId(new_id()), EventType.USER_FEEDBACK, CampaignId(new_id()), since, before, file_format)


def test_a_download_is_named_after_its_first_and_last_day() -> None:
    midnight, later = datetime(2026, 1, 3, tzinfo=UTC), NOW + 9 * DAY
    assert download_name(of(NOW, midnight), later) == "user-feedback_2026-01-01_2026-01-02.csv"
    assert download_name(of(NOW, midnight + timedelta(seconds=1)), later) == "user-feedback_2026-01-01_2026-01-03.csv"
    assert download_name(of(NOW, NOW, FileFormat.NDJSON), later) == "user-feedback_2026-01-01_2026-01-01.ndjson"


def test_a_download_is_not_named_after_a_day_to_come() -> None:
    assert download_name(of(NOW, NOW + 9 * DAY), NOW + DAY) == "user-feedback_2026-01-01_2026-01-02.csv"


def test_a_file_is_old_an_hour_after_its_link_has_ended_or_when_a_person_has_been_erased_since() -> None:
    file = of(NOW, NOW + DAY)
    name = f"exports/20260101T100000Z-3-{file.account_id.hex}-{DIGEST}.csv"
    assert str(file_name(DIGEST, file, NOW, 3)) == name
    found = parse_name(name)
    assert found
    assert not found.is_old(NOW + timedelta(hours=1), 3)
    assert found.is_old(NOW + timedelta(hours=1, seconds=1), 3)
    assert found.is_old(NOW, 4)
    assert not found.is_old(NOW, 2)  # an erasure has ended since these were counted


def test_a_name_of_another_kind_says_nothing() -> None:
    assert parse_name("exports/20260101T100000Z-ab12.csv") is None
