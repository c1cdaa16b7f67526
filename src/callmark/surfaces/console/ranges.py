"""Instants and days as people type them, in the zone in which their pages show times."""

from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from itertools import groupby
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct

from callmark.domain.log_downloads.model import DownloadLink, FileFormat
from callmark.instants import midnight
from callmark.kit.errors import InvalidInput
from callmark.kit.zones import present_name
from callmark.surfaces.console.request import Form
from callmark.zone_data import zone_names

_DAY = timedelta(days=1)
KEPT = timedelta(days=30)


class DayRange(Struct, frozen=True):
    """From `since` up to, not with, `before`, and how the file is written."""

    since: datetime
    before: datetime
    file_format: FileFormat


def default_range(now: datetime, zone: ZoneInfo) -> Form:
    """The form of a download before anyone typed: the last 30 days as CSV."""
    since, until = (now - KEPT).astimezone(zone), now.astimezone(zone)
    return Form.of(since=since.date().isoformat(), until=until.date().isoformat(), format=FileFormat.CSV.value)


def day_range(form: Form, zone: ZoneInfo) -> DayRange:
    """Whole days of the zone from `since` to `until`, and the format. Raises InvalidInput about the wrong field."""
    first, last = _day(form, "since"), _day(form, "until")
    if first > last:
        raise InvalidInput("the last day is before the first", field="until")
    wanted = form.text("format")
    kind = FileFormat(wanted) if wanted in set(FileFormat) else FileFormat.CSV
    return DayRange(midnight(first, zone), midnight(last + _DAY, zone), kind)


def read_day(text: str) -> date | None:
    """A day of an address; None for none, and for one beside which a calendar has no other."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if MINYEAR < found.year < MAXYEAR else None


def path_of(link: DownloadLink) -> str:
    """Where the file is below the address that the page was opened by, which need not be the public one."""
    return urlsplit(link.url).path


def instant(form: Form, name: str, zone: ZoneInfo) -> datetime:
    """A day and a time of `datetime-local`, read in the zone, given in UTC. Raises InvalidInput about the field.

    For where an hour more or less is harmless: of a time that clocks show twice it is the first. Such a time is not
    refused, because the page may have filled it in (`local_text`).
    """
    try:
        found = datetime.fromisoformat(form.text(name))
        return found.replace(tzinfo=zone).astimezone(UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise InvalidInput("choose a day and a time", field=name) from exc


def local_text(at: datetime, zone: ZoneInfo) -> str:
    """The instant as `datetime-local` holds it, in the zone."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _day(form: Form, name: str) -> date:
    try:
        found = date.fromisoformat(form.text(name))
    except ValueError as exc:
        raise InvalidInput("choose a day", field=name) from exc
    if found.year == MAXYEAR:
        raise InvalidInput("choose an earlier day", field=name)
    if found.year == MINYEAR:
        raise InvalidInput("choose a later day", field=name)
    return found


def zone_options() -> list[tuple[str, list[tuple[str, str]]]]:
    """The present names of time zones for a choice, by region: `Asia/Kolkata` under Asia."""
    present = {present_name(name) for name in zone_names()}
    named = sorted((name for name in present if "/" in name and not name.startswith("Etc/")), key=str.casefold)
    regions = groupby(named, key=lambda name: name.partition("/")[0])
    return [
        ("Universal", [("UTC", "UTC")]),
        *((region, [(name, name.replace("_", " ")) for name in names]) for region, names in regions),
    ]
