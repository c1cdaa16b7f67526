"""`callmark labels`, `feature-sets` and `numbers`: lists over all pages, listing and delisting."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
from msgspec import Struct, structs

from callmark.client.cli.file_options import ENCODING, SHEET, known_region
from callmark.client.cli.progress import counted, meter
from callmark.client.cli.session import (
    SOME_FAILED,
    CommandSession,
    WrongUse,
    at_terminal,
    command,
    confirm,
    end,
    yes_option,
)
from callmark.client.inventory import BUCKETS, NOT_DELISTED, NOT_LISTED, NumberBuckets
from callmark.tables.model import TableError
from callmark.tables.numbers import NumberFile, how_it_was_read, read_numbers, without_plan
from callmark.tables.reader import Reading, kind_of, misplaced
from callmark.terminal import printable

_SHOWN = 20

_place_options: tuple[Callable[[Any], Any], ...] = (
    click.option("--department", "department_id", metavar="ID", help="Only those of a department."),
    click.option("--operation", "operation_id", metavar="ID", help="Only those of a calling operation."),
    click.option("--process", "process_id", metavar="ID", help="Only those of a process."),
)


def _filtered(work: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_place_options):
        work = option(work)
    return work


@click.group
def labels() -> None:
    """Read the account's labels."""


@labels.command("list")
@command
def list_labels(session: CommandSession) -> None:
    """All dynamic labels, newest first."""
    with session.client() as client:
        _print(session, "labels", client.labels.list(), ("id", "name", "created_at"))


@click.group
def feature_sets() -> None:
    """Read the account's feature sets."""


@feature_sets.command("list")
@_filtered
@command
def list_feature_sets(session: CommandSession, **filters: str | None) -> None:
    """All feature sets, newest first."""
    with session.client() as client:
        columns = ("id", "name", "status", "process_name", "department_name")
        _print(session, "feature sets", client.feature_sets.list(**filters), columns)


@click.group
def numbers() -> None:
    """Read, list and delist the account's numbers."""


@numbers.command("list")
@_filtered
@click.option("--feature-set", "feature_set_id", metavar="ID", help="Only those of a feature set.")
@command
def list_numbers(session: CommandSession, **filters: str | None) -> None:
    """All numbers, newest first."""
    if sum(value is not None for value in filters.values()) > 1:
        raise click.UsageError("give one of --department, --operation, --process and --feature-set")
    with session.client() as client:
        columns = ("phone_number", "status", "phone_type", "feature_set_name", "department", "process")
        _print(session, "numbers", client.numbers.list(**filters), columns)


def _print(session: CommandSession, what: str, things: Iterable[Struct], columns: tuple[str, ...]) -> None:
    with meter(f"Reading {what}") as shown:
        rows = [structs.asdict(thing) for thing in counted(things, shown)]
    session.output.rows(rows, columns, empty=f"The account has no {what} here.")


_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
_reading_options: tuple[Callable[[Any], Any], ...] = (
    click.option("--column", default="", metavar="NAME", help="The column with the numbers, or its place from 1."),
    click.option(
        "--region", default="", metavar="CC", help="Two-letter country code of numbers without a country code."
    ),
    ENCODING,
    SHEET,
)


def _read_as_wanted(work: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_reading_options):
        work = option(work)
    return work


@numbers.command
@click.argument("feature_set_id", metavar="SET")
@_file
@_read_as_wanted
@click.option("--yes", is_flag=True, help="Also list numbers that fit no country.")
@command
def publish(session: CommandSession, feature_set_id: str, file: Path, *, yes: bool, **wanted: str) -> None:
    """Put the numbers of a file into a feature set and list them.

    FILE is CSV, a text with a number a line, an Excel workbook, or - for standard input.
    """
    listed = _read(file, **wanted)
    strange = [] if yes else without_plan(listed.numbers, most=None)
    for line in strange:
        if line not in listed.table.notes:  # `_read` has said those
            click.echo(printable(line), err=True)
    if strange:
        raise WrongUse("nothing was listed: give --region, or --yes if these numbers are right")
    with session.client() as client:
        _change(session, listed, partial(client.numbers.publish, feature_set_id), NOT_LISTED)


@numbers.command
@click.argument("feature_set_id", metavar="SET")
@_file
@_read_as_wanted
@yes_option
@command
def delist(session: CommandSession, feature_set_id: str, file: Path, *, yes: bool, **wanted: str) -> None:
    """Take the numbers of a file out of a feature set: they show nothing when they call."""
    listed = _read(file, **wanted)
    if at_terminal():
        confirm(f"Delist {len(listed.numbers):,} numbers?", yes=yes)
    with session.client() as client:
        _change(session, listed, partial(client.numbers.delist, feature_set_id), NOT_DELISTED)


def _read(file: Path, *, column: str, region: str, encoding: str, sheet: str) -> NumberFile:
    """The numbers of a file; what is not used of it is said on standard error."""
    with click.open_file(str(file), "rb") as opened:
        content = opened.read()
    kind = kind_of(content)
    if option := misplaced(kind, encoding=encoding, sheet=sheet):
        raise WrongUse(f"{file} is read as {kind}: leave out --{option}")
    try:
        reading = Reading(encoding, sheet, region=known_region(region))
        found = read_numbers(content, column=column, reading=reading)
    except TableError as exc:
        raise WrongUse(f"{file}: {exc.message}") from exc
    for line in how_it_was_read(found.column_names, found.unused, found.skipped, found.table.notes):
        click.echo(printable(line), err=True)
    for one in found.unread[:_SHOWN]:
        click.echo(f"line {one.line}: {one.text!r}: {one.why}", err=True)
    if len(found.unread) > _SHOWN:
        click.echo(f"and {len(found.unread) - _SHOWN:,} more lines without a number", err=True)
    if not found.numbers:
        raise WrongUse(f"{file} has no phone numbers")
    return found


def _change(
    session: CommandSession,
    listed: NumberFile,
    change: Callable[[Iterable[str]], NumberBuckets],
    not_done: tuple[str, ...],
) -> None:
    with meter("Sending numbers", len(listed.numbers)) as shown:
        buckets = change(counted(listed.numbers, shown))
    session.output.item(structs.asdict(buckets) if session.output.as_json else _counts(buckets))
    for name in not_done:
        for number in getattr(buckets, name)[:_SHOWN]:
            click.echo(f"{name.replace('_', ' ')}: {number}", err=True)
    if listed.unread or any(getattr(buckets, name) for name in not_done):
        end(SOME_FAILED)


def _counts(buckets: NumberBuckets) -> dict[str, object]:
    """How many numbers each bucket has, those that have any."""
    counts = {name: len(getattr(buckets, name)) for name in BUCKETS if getattr(buckets, name)}
    return {"status": buckets.status, **counts}
