"""The options of commands that read a file of call records."""

from collections.abc import Callable
from typing import Any

import click

from callmark.client.cli.lists import known_region
from callmark.client.cli.reading import FileOptions, read_map
from callmark.client.cli.validation import read_duration, zone_of

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True)),
    click.option("--label-id", default="", metavar="ID", help="The label of rows that have none of their own."),
    click.option("--map", "columns", multiple=True, metavar="COLUMN=FIELD", help="Which column is which field."),
    click.option("--caller", default="", metavar="N", help="The caller of rows that have none of their own."),
    click.option("--region", default="", metavar="CC", help="Country of numbers without a country code, such as IN."),
    click.option("--time-zone", default="UTC", metavar="Z", help="Zone of times without one, such as Asia/Kolkata."),
    click.option("--expires-in", default="", metavar="2h", help="How long rows without an end of their own show."),
)


def file_options(work: Callable[..., None]) -> Callable[..., None]:
    """Adds FILE and the options; `read_options` makes one value of them."""
    for option in reversed(_OPTIONS):
        work = option(work)
    return work


def read_options(
    *, label_id: str, columns: tuple[str, ...], caller: str, region: str, time_zone: str, expires_in: str
) -> FileOptions:
    """The options as one value. Raises UsageError for those that mean nothing."""
    if expires_in and read_duration(expires_in) is None:
        raise click.UsageError(f"--expires-in {expires_in}: write a duration such as 2h, 90m or 1d")
    zone_of(time_zone)
    return FileOptions(
        columns=read_map(columns),
        caller=caller,
        label_id=label_id,
        region=known_region(region),
        time_zone=time_zone,
        expires_in=expires_in,
    )
