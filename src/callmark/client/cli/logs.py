"""`callmark logs`: downloads of Call Me Back requests and User Feedback answers."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import click

from callmark.client import log_downloads
from callmark.client.cli.session import CommandSession, WrongUse, command
from callmark.client.cli.validation import doubtful_hint, zone_of
from callmark.client.core import Core
from callmark.client.flow import Flow
from callmark.client.log_downloads import LogFile
from callmark.client.sync_resources import Download
from callmark.instants import is_day, is_doubtful, read_instant
from callmark.option_values import NamedPath

_output = click.option("-o", "--output", type=NamedPath(dir_okay=False), metavar="FILE", help="Write the CSV here.")
_zone = click.option("--time-zone", default="UTC", metavar="Z", help="Zone of dates without one, such as Asia/Kolkata.")


@click.group
def logs() -> None:
    """Download Call Me Back requests and User Feedback answers of the last 30 days."""


@logs.command("call-me-back")
@click.option("--from", "begin", required=True, metavar="D", help="The first day, or an instant.")
@click.option("--to", "until", required=True, metavar="D", help="The last day, or an instant.")
@_zone
@_output
@command
def call_me_back(session: CommandSession, begin: str, until: str, time_zone: str, output: Path | None) -> None:
    """The requests of these days as CSV, on standard output or in a file. D is 2026-01-31 or 2026-01-31T18:00."""
    start, end = read_day(begin, time_zone), read_day(until, time_zone, is_end=True)
    _download(session, lambda core: log_downloads.call_me_back(core, start, end), output)


@logs.command("feedback")
@click.argument("survey_id", metavar="SURVEY")
@click.option("--since", required=True, metavar="D", help="The first day, or an instant.")
@_zone
@_output
@command
def feedback(session: CommandSession, survey_id: str, since: str, time_zone: str, output: Path | None) -> None:
    """A campaign's answers since a day as CSV, on standard output or in a file."""
    start = read_day(since, time_zone)
    _download(session, lambda core: log_downloads.feedback(core, survey_id, start), output)


def read_day(text: str, time_zone: str, *, is_end: bool = False) -> datetime:
    """The beginning of a day, or its last millisecond; an instant as it is. Raises UsageError."""
    zone = zone_of(time_zone)
    with suppress(ValueError):
        text = date.fromisoformat(text).isoformat()  # 20260131 is a day here, though no instant
    if found := read_instant(text, zone, is_end=is_end):
        return found
    if is_doubtful(text, zone):
        raise click.UsageError(f"{text!r}: {doubtful_hint(time_zone)}")
    if is_day(text):
        raise click.UsageError(f"{text!r} is too far away")
    raise click.UsageError(f"{text!r} is neither a day (2026-01-31) nor an instant (2026-01-31T18:00)")


def _download(session: CommandSession, ask: Callable[[Core], Flow[str]], output: Path | None) -> None:
    with session.operations() as (core, shell):
        file = LogFile(core, shell.run(ask(core)), lambda: ask(core))
        if output and str(output) != "-":
            _save(session, Download(shell, file), output)
        elif session.output.as_json:
            session.output.stream(Download(shell, file).rows())
        else:
            with tempfile.TemporaryFile() as whole:  # without a name: it holds numbers of customers
                shell.run(file.into(whole))
                whole.seek(0)
                shutil.copyfileobj(whole, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _save(session: CommandSession, download: Download, output: Path) -> None:
    try:
        saved = download.save(output)
    except OSError as exc:
        raise WrongUse(f"cannot write {output}: {exc.strerror or exc}") from exc
    if saved.is_file() and not _is_standard_output(saved):  # the log itself has gone there
        session.output.done({"file": str(saved)}, f"The log is in {saved}.")


def _is_standard_output(path: Path) -> bool:
    try:
        return path.samefile("/dev/stdout")
    except OSError:  # closed
        return False
