"""Instants and days as people type them, in UTC as every page shows them."""

from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit

from callmark.domain.access.exports import Range
from callmark.domain.exports.model import FileFormat, Link
from callmark.kit.errors import InvalidInput
from callmark.surfaces.console.visit import Form

_DAY = timedelta(days=1)
KEPT = timedelta(days=30)


def default_range(now: datetime) -> Form:
    """The form of a download before anybody typed: the last 30 days as CSV."""
    return Form.of(since=(now - KEPT).date().isoformat(), until=now.date().isoformat(), format=FileFormat.CSV.value)


def day_range(form: Form) -> Range:
    """Whole days from `since` to `until`, and the format. Raises InvalidInput about the field that is wrong."""
    first, last = _day(form, "since"), _day(form, "until")
    if first > last:
        raise InvalidInput("the last day is before the first", field="until")
    wanted = form.text("format")
    kind = FileFormat(wanted) if wanted in set(FileFormat) else FileFormat.CSV
    return Range(first, last + _DAY, kind)


def path_of(link: Link) -> str:
    """Where the file is below the address that the page was opened by, which need not be the public one."""
    return urlsplit(link.url).path


def instant(form: Form, name: str) -> datetime:
    """A day and a time of `datetime-local`, in UTC. Raises InvalidInput about the field."""
    try:
        found = datetime.fromisoformat(form.text(name))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise InvalidInput("choose a day and a time", field=name) from exc


def local_text(at: datetime) -> str:
    """The instant as `datetime-local` holds it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _day(form: Form, name: str) -> datetime:
    try:
        found = datetime.combine(date.fromisoformat(form.text(name)), time(), UTC)
    except ValueError as exc:
        raise InvalidInput("choose a day", field=name) from exc
    if found.year == MAXYEAR:
        raise InvalidInput("choose an earlier day", field=name)
    return found
