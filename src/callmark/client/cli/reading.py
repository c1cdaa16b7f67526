"""A file of call records: which column is which field, and its rows in order, in constant memory."""

import hashlib
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple

import click
from msgspec import Struct

from callmark.client.cli.session import WrongUse
from callmark.client.reprs import SafeRepr
from callmark.record_rules.columns import (
    COLUMNS,
    NOWHERE,
    RowReader,
    UnusedColumn,
    by_names,
    known_names,
    unused_columns,
)
from callmark.record_rules.fields import Field
from callmark.tables.columns import by_key, key, nearest, place_of
from callmark.tables.long_files import LongFile, open_long_file
from callmark.tables.model import Table, TableError
from callmark.tables.reader import Reading, misplaced

LONGEST_CELL = 500


class FileField(StrEnum):
    """What a column may be: the fields of the library's records."""

    CALLER = "caller"
    RECEIVER = "receiver"
    LABEL_ID = "label_id"
    NAME = "name"
    REASON = "reason"
    STARTS_AT = "starts_at"
    ENDS_AT = "ends_at"
    EXPIRES_IN = "expires_in"


SYNONYMS: Mapping[FileField, tuple[str, ...]] = {
    FileField.CALLER: COLUMNS[Field.CALLER],
    FileField.RECEIVER: COLUMNS[Field.RECEIVER],
    FileField.LABEL_ID: COLUMNS[Field.LABEL_ID],
    FileField.NAME: (*COLUMNS[Field.LABEL_NAME], "name"),
    FileField.REASON: COLUMNS[Field.CALL_REASON],
    FileField.STARTS_AT: COLUMNS[Field.STARTS_AT],
    FileField.ENDS_AT: COLUMNS[Field.ENDS_AT],
    FileField.EXPIRES_IN: ("expires_in", "valid_for", "lasts"),
}
"""`name` counts only where no other column says that it holds the name that shows."""
_KNOWN = known_names(SYNONYMS)
_RECEIVER = list(FileField).index(FileField.RECEIVER)


class FileOptions(Struct, frozen=True, kw_only=True):
    """How a file is to be read, and what replaces columns and cells that it leaves empty."""

    columns: dict[str, str] = {}
    """Column to field, as `--map` says."""
    caller: str = ""
    label_id: str = ""
    region: str = ""
    time_zone: str = "UTC"
    expires_in: str = ""
    encoding: str = ""
    sheet: str = ""
    delimiter: str = ""

    @property
    def reading(self) -> Reading:
        """What of it says how the file is read."""
        return Reading(self.encoding, self.sheet, self.delimiter, self.region)


class FileTexts(NamedTuple):
    """A row's values, by the names and in the order of `FileField`; empty where it has none."""

    caller: str = ""
    receiver: str = ""
    label_id: str = ""
    name: str = ""
    reason: str = ""
    starts_at: str = ""
    ends_at: str = ""
    expires_in: str = ""


class FileRow(SafeRepr, Struct, frozen=True):
    """A row: its line, its values, and why it cannot be read."""

    line: int
    values: FileTexts
    fault: str = ""


class RecordFile(Struct, frozen=True):
    """A file with its columns found."""

    name: str
    path: Path
    file: LongFile
    columns: Mapping[FileField, int]
    unused: list[UnusedColumn]
    options: FileOptions

    @property
    def table(self) -> Table:
        """The beginning of the file, as a table."""
        return self.file.table

    def rows(self) -> Iterator[FileRow]:
        """Every row in order. Raises WrongUse when the file turns out to be none."""
        places = [self.columns[file_field] for file_field in FileField]
        reader = RowReader.of(self.table, places, _RECEIVER, self.options.region, LONGEST_CELL)
        try:
            for line in self.file.lines():
                if line.fault:
                    yield FileRow(line.number, FileTexts(), line.fault)
                    continue
                values = reader.values(line)
                yield FileRow(line.number, FileTexts._make(values), reader.fault(line, values))
        except TableError as exc:
            raise WrongUse(f"{self.name}: {exc.message}") from exc
        except OSError as exc:
            raise _unreadable(self.name, exc) from exc

    def fingerprint(self) -> str:
        """The SHA-256 of what is in it now. Raises WrongUse if it cannot be read."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as exc:
            raise _unreadable(self.name, exc) from exc

    def missing(self) -> dict[FileField, str]:
        """Fields that neither a column nor an option gives, each with what to do."""
        found = {file_field for file_field in FileField if self.columns[file_field] != NOWHERE}
        options = self.options
        wanted = {
            FileField.RECEIVER: (FileField.RECEIVER in found, "--map COLUMN=receiver"),
            FileField.CALLER: (FileField.CALLER in found or options.caller, "--caller NUMBER or --map COLUMN=caller"),
            FileField.LABEL_ID: (
                found & {FileField.LABEL_ID, FileField.NAME} or options.label_id,
                "--label-id ID (see `callmark labels list`) or --map COLUMN=label_id",
            ),
            FileField.ENDS_AT: (
                found & {FileField.ENDS_AT, FileField.EXPIRES_IN} or options.expires_in,
                "--expires-in 2h, --map COLUMN=ends_at or --map COLUMN=expires_in",
            ),
        }
        return {file_field: way for file_field, (is_given, way) in wanted.items() if not is_given}


@contextmanager
def opened(file: str, options: FileOptions) -> Generator[RecordFile]:
    """The file; what can be read only once (standard input, a pipe) is kept in a temporary file. Raises WrongUse."""
    if is_file(file):
        yield _found(file, Path(file), options)
        return
    name = "standard input" if file == "-" else file
    with _temporary_file() as (kept, path):
        try:
            with click.open_file(file, "rb") as pipe:
                shutil.copyfileobj(pipe, kept)
            kept.flush()
        except OSError as exc:
            folder = tempfile.gettempdir()
            raise WrongUse(f"cannot keep {name} in a file in {folder}: {exc.strerror or exc}") from exc
        yield _found(name, path, options)


@contextmanager
def _temporary_file() -> Generator[tuple[IO[bytes], Path]]:
    """A file that ends with the block, and a path to open it again.

    On Linux it has no name, so nothing of it stays however this process ends: it holds numbers of customers.
    """
    with tempfile.TemporaryFile(prefix="callmark-") as unnamed:
        path = Path(f"/proc/self/fd/{unnamed.fileno()}")
        if path.exists():
            yield unnamed, path
            return
    with tempfile.NamedTemporaryFile(prefix="callmark-") as named:
        yield named, Path(named.name)


def is_file(file: str) -> bool:
    """Whether it can be read again and again."""
    return file != "-" and Path(file).is_file()


def _found(name: str, path: Path, options: FileOptions) -> RecordFile:
    try:
        found = open_long_file(path, lambda text: 2 if key(text) in _KNOWN else 0, options.reading)
    except TableError as exc:
        raise WrongUse(f"{name}: {exc.message}") from exc
    except OSError as exc:
        raise _unreadable(name, exc) from exc
    given = {"encoding": options.encoding, "delimiter": options.delimiter, "sheet": options.sheet}
    if option := misplaced(found.kind, **given):
        raise WrongUse(f"{name} is read as {found.kind}: leave out --{option}")
    table = found.table
    if not (table.names or table.lines or table.faults):
        raise WrongUse(f"{name} is empty")
    chosen = _chosen(name, table, options.columns)
    columns = by_names(table, SYNONYMS, FileField.RECEIVER, options.region, chosen.values())
    columns = {file_field: NOWHERE if at in chosen.values() else at for file_field, at in columns.items()} | chosen
    return RecordFile(name, path, found, columns, unused_columns(table, columns, SYNONYMS), options)


def _chosen(name: str, table: Table, columns: Mapping[str, str]) -> dict[FileField, int]:
    """Where the columns of `--map` are. Raises WrongUse, also for one that is named twice in different ways."""
    found: dict[FileField, int] = {}
    for column, field in columns.items():
        place = _place(name, table, column)
        for other in [file_field for file_field, at in found.items() if at == place]:
            raise WrongUse(f"--map {column}={field}: {table.name(place)!r} is {other} already")
        found[FileField(field)] = place
    return found


def _unreadable(name: str, exc: OSError) -> WrongUse:
    return WrongUse(f"cannot read {name}: {exc.strerror or exc}")


def _place(name: str, table: Table, column: str) -> int:
    """Where the column of that name is, or of that place from 1."""
    names = table.names or ()
    places = [at for at, one in enumerate(names) if key(one) == key(column)]
    if len(places) == 1:
        return places[0]
    if place := place_of(column, table.width + 1):
        return place - 1
    if places:
        raise WrongUse(f"{name} has several columns named {column!r}: give the place of one, from 1")
    near = nearest(column, by_key(names))
    hint = f"; do you mean {near!r}?" if near else f"; its columns are {', '.join(map(repr, names))}" if names else ""
    raise WrongUse(f"{name} has no column {column!r}{hint}")


def read_map(given: tuple[str, ...]) -> dict[str, str]:
    """Column to field, of `COLUMN=FIELD`. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given:
        column, divider, field = text.rpartition("=")
        if not divider or not column:
            raise click.UsageError(f"--map {text}: write COLUMN=FIELD")
        if field not in list(FileField):
            near = nearest(field, by_key(file_field.value for file_field in FileField))
            hint = f"do you mean {near}?" if near else f"the fields are {', '.join(FileField)}"
            raise click.UsageError(f"--map {text}: {field!r} is not a field; {hint}")
        if field in found.values():
            raise click.UsageError(f"--map {text}: {field} has a column already")
        if column in found:
            raise click.UsageError(f"--map {text}: {column!r} is {found[column]} already")
        found[column] = field
    return found
