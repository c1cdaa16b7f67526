"""Long files: the same rows as of short ones, whatever they are, in constant memory."""

import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from callmark.tables.columns import key
from callmark.tables.long_files import LONGEST_LINE, LongFile, open_long_file
from callmark.tables.model import TableError
from callmark.tables.phones import NoNumber, read_phone
from callmark.tables.reader import Reading, read_table

KNOWN = {"phone", "name"}
TEXTS = {
    "commas": "name,phone\nAsha,918040001234\n\nBen,918040001235\n",
    "title": "Customers of May\n\nname;phone\nAsha;918040001234\nBen;918040001235\n",
    "sep": "sep=|\nname|phone\nAsha|918040001234\n",
    "no header": "918040001234\n918040001235\n",
    "one column": "phone\n918040001234\n918040001235\n",
    "quoted": 'name,phone\n"Asha,\nlast floor",918040001234\n"Ben ""B""",918040001235\n',
    "rows above": "Customers\nAsha,918040001234\nname,phone\nBen,918040001235\n",
    "end of file": "name,phone\nAsha,918040001234\n\x1a\x1a",
    "end of file in a line": "name,phone\nAsha,918040001234\x1a",
    "wider": "name,phone\nAsha,918040001234,x\n",
    "unclosed": 'name,phone\nAsha,918040001234\n"Ben,918040001235\nChi,918040001236\n',
}


def known(name: str) -> int:
    return 2 if key(name) in KNOWN else 0


def opened(path: Path, content: bytes) -> LongFile:
    path.write_bytes(content)
    return open_long_file(path, known, Reading())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_long_file_has_the_rows_of_a_short_one(tmp_path: Path, text: str, encoding: str) -> None:
    content = text.encode(encoding)
    table = read_table(content, known)
    found = list(opened(tmp_path / "list", content).lines())
    assert all("\x1a" not in cell for line in found for cell in line.cells)
    assert [(line.number, line.cells) for line in found if not line.fault] == [
        (line.number, line.cells) for line in table.lines
    ]
    assert [(line.number, line.fault) for line in found if line.fault] == [(one.line, one.why) for one in table.faults]


def test_an_encoding_that_only_a_late_row_shows(tmp_path: Path) -> None:
    content = b"name,phone\n" + b"Asha,918040001234\n" * 20_000 + "Zoë,918040001235\n".encode("cp1252")
    assert [line.cells[0] for line in opened(tmp_path / "list", content).lines()][-1] == "Zoë"
    spoiled = "Ömer,918040001234\n".encode() + b"Asha,918040001234\n" * 20_000 + b"Zo\xeb,918040001235\n"
    *_, last = opened(tmp_path / "list", b"name,phone\n" + spoiled).lines()
    assert last.fault == "has characters that utf-8 does not have"


@pytest.mark.parametrize("spoiled_at", [0, 20_000])
def test_a_byte_that_spoils_a_long_file_spoils_its_own_row(tmp_path: Path, spoiled_at: int) -> None:
    """As in the console, which sees the whole file at once."""
    rows = [b"Asha,918040001234\n"] * 20_000
    rows.insert(spoiled_at, b"Zo\xeb,918040001235\n")
    content = b"name,phone\n" + b"".join(rows) + "Grö\u00dfe,918040001236\n".encode() * 2
    found = opened(tmp_path / "list", content)
    assert found.table.encoding == read_table(content, known).encoding == "utf-8"
    *others, last = found.lines()
    assert [line.number for line in others if line.fault] == [spoiled_at + 2]
    assert last.cells[0] == "Größe"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["Asha", "Ash", "\u0a0a\u0a0a\u0a0a"])
def test_the_beginning_of_a_long_file_ends_with_a_whole_line(tmp_path: Path, encoding: str, name: str) -> None:
    content = ("name,phone\n" + f"{name},918040001234\n" * 20_000).encode(encoding)
    found = opened(tmp_path / "list", content)
    assert found.table.notes == ()
    assert {line.cells for line in found.table.lines} == {(name, "918040001234")}
    assert sum(not line.fault for line in found.lines()) == 20_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_the_beginning_of_a_long_file_is_found_if_only_its_title_ends_otherwise(tmp_path: Path, encoding: str) -> None:
    content = ("Customers\n" + "name,phone\r" + "Asha,918040001234\r" * 20_000).encode(encoding)
    found = opened(tmp_path / "list", content)
    assert found.table.names == ("name", "phone")
    assert sum(line.cells == ("Asha", "918040001234") for line in found.lines()) == 20_000


def test_rows_of_several_lines_far_behind_the_beginning_are_said(tmp_path: Path) -> None:
    content = "name,phone\n" + "Asha,918040001234\n" * 20_000 + '"Ben\nB",918040001235\n' * 2
    assert opened(tmp_path / "list", content.encode()).table.notes == (
        "A quoted cell has line breaks: lines 20002 to 20003 are one row, and 1 more.",
    )


def test_an_empty_file_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="the file is empty"):
        opened(tmp_path / "list", b"")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("name,phone\n" + 'Asha,918040001234\n"Ben, B",918040001235\n' * 15_000)
    found = open_long_file(path, known, Reading())
    count = 0
    tracemalloc.start()
    try:
        for _ in found.lines():
            count += 1
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 30_000
    assert most < 2_000_000  # the rows of all together are 6 MB


def test_objects_whose_names_come_late(tmp_path: Path) -> None:
    content = b'{"phone": 918040001234, "open": true}\n\nno object\n{"name": "Asha", "tags": ["a"], "share": 1.5}\n'
    found = opened(tmp_path / "list", content)
    assert found.table.names == ("phone", "open", "name", "tags", "share")
    assert [(line.number, line.cells, line.fault) for line in found.lines()] == [
        (1, ("918040001234", "True", "", "", ""), ""),
        (3, ("no object",), "is not a JSON object"),
        (4, ("", "", "Asha", '["a"]', "1.5"), ""),
    ]


def test_an_object_in_another_encoding_is_not_spoiled_silently(tmp_path: Path) -> None:
    found = opened(tmp_path / "list", '{"phone": "918040001234", "name": "Zoë"}\n'.encode("cp1252"))
    assert [line.fault for line in found.lines()] == ["has characters that utf-8 does not have"]


@pytest.mark.parametrize("depth", [998, 2_000, 100_000])
def test_an_object_that_is_nested_past_any_use_spoils_its_own_row(tmp_path: Path, depth: int) -> None:
    deep = f'{{"phone":"918040001235","more":{"[" * depth}{"]" * depth}}}'
    found = list(opened(tmp_path / "list", f'{{"phone":"918040001234"}}\n{deep}\n{{"phone":"1"}}\n'.encode()).lines())
    assert [line.fault for line in found][::2] == ["", ""]
    assert found[1].fault in ("", "is not a JSON object")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (r'"hi \ud83d"', "hi \ufffb"),
        (r'["\uDC00", "\ud83d\ude00"]', '["\ufffb","\U0001f600"]'),
        ("1e999", "#NUM!"),
        ("-1e999", "#NUM!"),
        ("9" * 5_000, "#NUM!"),
        ("-" + "9" * 5_000, "#NUM!"),
    ],
)
def test_a_value_that_cannot_be_held_spoils_its_own_field(tmp_path: Path, value: str, shown: str) -> None:
    [line] = opened(tmp_path / "list", f'{{"phone":"918040001234","note":{value}}}\n'.encode()).lines()
    assert (line.fault, line.cells) == ("", ("918040001234", shown))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "01", "'x'"])
def test_an_object_with_what_is_no_json_is_refused(tmp_path: Path, value: str) -> None:
    [line] = opened(tmp_path / "list", f'{{"phone":"918040001234","note":{value}}}\n'.encode()).lines()
    assert line.fault == "is not a JSON object"


def parquet_of(path: Path, rows: list[dict[str, Any]]) -> LongFile:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return open_long_file(path, known, Reading())


def test_parquet_whose_texts_are_bytes(tmp_path: Path) -> None:
    found = parquet_of(tmp_path / "list", [{"name": "Zoë".encode(), "phone": 9.18040001234e11}, {"name": b"\xeb"}])
    first, second = found.lines()
    assert (first.number, first.cells, first.fault) == (1, ("Zoë", "918040001234"), "")
    assert second.fault == "has characters that utf-8 does not have"


def parquet(tmp_path: Path, phone: object, **others: object) -> LongFile:
    """A file of one row or more."""
    path = tmp_path / "list.parquet"
    import_module("pyarrow.parquet").write_table(import_module("pyarrow").table({"phone": phone, **others}), path)
    return open_long_file(path, known, Reading())


def test_a_number_whose_digits_a_short_float_has_lost_is_refused(tmp_path: Path) -> None:
    arrow: Any = import_module("pyarrow")
    phones = [918040001234.0, 4680123.0, None]
    kinds = (arrow.float32(), arrow.float64())
    short, long = (list(parquet(tmp_path, arrow.array(phones, kind)).lines()) for kind in kinds)
    first, *others = (line.cells[0] for line in short)
    refused = read_phone(first)
    assert isinstance(refused, NoNumber)
    assert "32-bit float has cut its last digits" in refused.why
    assert others == ["4680123", ""]
    assert [line.cells[0] for line in long] == ["918040001234", "4680123", ""]


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_missing_value_of_a_column_of_floats_is_empty(tmp_path: Path, kind: str) -> None:
    arrow = import_module("pyarrow")
    names = arrow.array([float("nan"), float("inf"), 3.0], getattr(arrow, kind)())
    found = parquet(tmp_path, ["918040001234"] * 3, name=names)
    assert [line.cells[1] for line in found.lines()] == ["", "#NUM!", "3"]


def test_times_of_parquet_that_python_has_not_leave_the_file_readable(tmp_path: Path) -> None:
    arrow: Any = import_module("pyarrow")
    fine = 1_796_000_000_123_456_789
    kinds = {
        "here": arrow.timestamp("ns", "America/New_York"),
        "there": arrow.timestamp("ns"),
        "at": arrow.time64("ns"),
        "lasts": arrow.duration("ns"),
    }
    others = {name: arrow.array([fine % 10**13 if name == "at" else fine], kind) for name, kind in kinds.items()}
    late = arrow.array([400_000_000_000], arrow.timestamp("s"))
    [line] = parquet(tmp_path, ["918040001234"], **others, late=late).lines()
    assert line.cells[:3] == ("918040001234", "2026-11-29T19:53:20.123456-05:00", "2026-11-30T00:53:20.123456")
    assert line.cells[-1].startswith("14645-")


def test_parquet_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "list"
    found = parquet_of(path, [{"name": f"Asha {number}", "phone": number} for number in range(5_000)])
    content = bytearray(path.read_bytes())
    content[4:2_000] = bytes(1_996)
    path.write_bytes(content)
    with pytest.raises(TableError, match="damaged"):
        list(found.lines())
    path.write_bytes(content[:1_000])
    with pytest.raises(TableError, match="damaged"):
        open_long_file(path, known, Reading())


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    content = b"name,phone\n" + b"x" * (LONGEST_LINE + 1)
    with pytest.raises(TableError, match="1,000,000 characters"):
        list(opened(tmp_path / "list", content).lines())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="No such file"):
        open_long_file(tmp_path / "none", known, Reading())
