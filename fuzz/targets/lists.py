"""Files of rows as people and systems write them: lists of numbers, uploads of records."""

import contextlib
import re

from callmark.domain.numbers.number_list_parser import ListReading, read_list
from callmark.domain.personalisation.uploads.columns import find_columns, read_file, rows_of
from callmark.kit.errors import InvalidInput
from callmark.record_rules.fields import Field
from callmark.tables import rows, text
from callmark.tables.model import TableError
from callmark.tables.reader import Reading

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MOST = 3_000
"""A longer file is read like a shorter one, only more slowly."""


def fuzz_lists(data: bytes) -> None:
    """Only the documented errors; a file's columns may be chosen at will; row by row it reads as it does at once."""
    data = data[:_MOST]
    encoding = text.ENCODINGS[len(data) % len(text.ENCODINGS)]
    for reading in (ListReading(), ListReading(region="IN", column="2", encoding=encoding)):
        with contextlib.suppress(InvalidInput):
            found = read_list(data, reading)
            assert len(set(found.numbers)) == len(found.numbers)
    with contextlib.suppress(InvalidInput):
        table = read_file(data, Reading())
        chosen = dict.fromkeys(Field, data[-10:].decode("latin-1"))
        for choice in ({}, chosen):
            assert len(rows_of(table, find_columns(table, choice, "IN"), "IN")) == len(table.lines) + len(table.faults)
    with contextlib.suppress(TableError):
        _check_streaming(text.decode(data).text.removeprefix("\ufeff"))


def _check_streaming(content: str) -> None:
    whole = rows.split(content, ",")
    if not content.lower().lstrip().lstrip('"').startswith("sep="):
        assert list(rows.stream(_LINES.findall(content), ",")) == whole.lines
