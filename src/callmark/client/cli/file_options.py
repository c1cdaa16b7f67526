"""The options of commands that read a file: of call records, and those that lists of numbers have too."""

from collections.abc import Callable
from typing import Any

import click

from callmark.client.cli.reading import FileOptions, read_map
from callmark.client.cli.validation import read_duration, zone_of
from callmark.tables.text import ENCODINGS

_TABS = ("tab", "\\t")
_NO_DELIMITERS = ('"', "\r", "\n")
ENCODING: Callable[[Any], Any] = click.option(
    "--encoding", default="", metavar="E", help="Encoding of a text, such as cp1251 (default: found)."
)
SHEET: Callable[[Any], Any] = click.option(
    "--sheet", default="", metavar="NAME", help="Sheet of a workbook (default: the first with rows)."
)
"""Of every command that reads a file."""
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True)),
    click.option("--label-id", default="", metavar="ID", help="The label of rows that have none of their own."),
    click.option("--map", "columns", multiple=True, metavar="COLUMN=FIELD", help="Which column is which field."),
    click.option("--caller", default="", metavar="N", help="The caller of rows that have none of their own."),
    click.option("--region", default="", metavar="CC", help="Country of numbers without a country code, such as IN."),
    click.option("--time-zone", default="UTC", metavar="Z", help="Zone of times without one, such as Asia/Kolkata."),
    ENCODING,
    click.option("--delimiter", default="", metavar="C", help="What divides cells, such as ; or tab (default: found)."),
    SHEET,
    click.option("--expires-in", default="", metavar="2h", help="How long rows without an end of their own show."),
)


def file_options(work: Callable[..., None]) -> Callable[..., None]:
    """Adds FILE and the options; `read_options` makes one value of them."""
    for option in reversed(_OPTIONS):
        work = option(work)
    return work


def read_options(*, columns: tuple[str, ...], region: str, delimiter: str, **given: str) -> FileOptions:
    """The options as one value. Raises UsageError for those that mean nothing."""
    options = FileOptions(
        columns=read_map(columns),
        region=known_region(region),
        delimiter="\t" if delimiter.lower() in _TABS else delimiter,
        **given,
    )
    if options.expires_in and read_duration(options.expires_in) is None:
        raise click.UsageError(f"--expires-in {options.expires_in}: write a duration such as 2h, 90m or 1d")
    if options.encoding not in ("", *ENCODINGS):
        raise click.UsageError(f"--encoding {options.encoding}: the encodings are {', '.join(ENCODINGS)}")
    if len(options.delimiter) > 1 or options.delimiter in _NO_DELIMITERS:
        raise click.UsageError(f"--delimiter {delimiter}: write one character, or tab")
    zone_of(options.time_zone)
    return options


def known_region(text: str) -> str:
    """The ISO 3166 code in upper case; empty stays empty."""
    region = text.strip().upper()
    if region:
        try:
            import phonenumbers
        except ModuleNotFoundError as exc:
            raise click.UsageError("--region needs `pip install 'callmark[files]'`") from exc
        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise click.UsageError(f"--region {text}: not a two-letter country code, such as IN or SE")
    return region
