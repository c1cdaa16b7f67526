"""`callmark lint`: what is wrong, row by row, without a server; in the words of the server and by its rules."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.cli.conftest import Commands, waits_for_input
from tests.client.cli.record_files import GOOD, HEAD, LABEL
from tests.client.conftest import Platform

from callmark.client.cli.reading import FileOptions, opened
from callmark.client.cli.validation import RowValidator, read_duration
from callmark.instants import to_ms


async def found(nobody: Commands, file: Path, *options: object, exit_code: int = 1) -> list[dict[str, Any]]:
    done = await nobody.run("lint", file, "--json", *options)
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


async def test_each_fault_has_row_column_field_code_reason_and_hint(nobody: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(HEAD + GOOD + f"12,,x,A,short!,yesterday,,soon\n{GOOD}{GOOD.strip()},too many\n")
    findings = await found(nobody, file)
    assert [(one["row"], one["column"], one["field"], one["code"]) for one in findings] == [
        (3, "caller", "caller", "phone"),
        (3, "phone", "receiver", "required"),
        (3, "label_id", "label_id", "invalid"),
        (3, "name", "name", "name_length"),
        (3, "reason", "reason", "reason_length"),
        (3, "reason", "reason", "reason_characters"),
        (3, "starts_at", "starts_at", "invalid"),
        (3, "expires_in", "expires_in", "invalid"),
        (5, None, None, "unreadable"),
    ]
    assert findings[4]["reason"] == "reason must be between 10 and 100 characters"
    assert findings[4]["hint"] == "it has 6 characters"
    assert findings[5]["hint"] == "remove '!'"
    text = await nobody.run("lint", file)
    assert "row 3, column 'reason': reason_length: reason must be" in text.stdout
    assert "4 rows, 2 at fault" in text.stderr


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("20260301100000", "if this is a date, write it as 2026-01-31T18:00"),
        ("20260301", "if this is a date, write it as 2026-01-31T18:00"),
        ("1767261600", "this looks like seconds; write milliseconds"),
        ("356938035643809", "write 2026-01-31T18:00 or epoch milliseconds"),
    ],
)
async def test_figures_that_are_no_milliseconds_are_named(
    nobody: Commands, tmp_path: Path, written: str, hint: str
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"{HEAD}918040001234,919900000001,{LABEL},Acme,Your parcel arrives today,{written},,2h\n")
    (fault,) = await found(nobody, file)  # not also the duration that follows it
    assert (fault["field"], fault["code"], fault["hint"]) == ("starts_at", "invalid", hint)


async def test_a_time_that_clocks_show_twice_is_named(nobody: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"{HEAD}918040001234,919900000001,{LABEL},Acme,Your parcel arrives today,2027-10-31T02:15,,2h\n")
    (fault,) = await found(nobody, file, "--time-zone", "Europe/Berlin")
    assert (fault["field"], fault["code"], fault["value"]) == ("starts_at", "invalid", "2027-10-31T02:15")
    assert fault["hint"] == "clocks in Europe/Berlin skip this time or show it twice; write its offset"
    assert await found(nobody, file, "--time-zone", "Asia/Kolkata", exit_code=0) == []


async def test_a_cell_that_has_an_error_of_the_spreadsheet_is_called_that(nobody: Commands, tmp_path: Path) -> None:
    """In each of the fields, with the cell as the file has it."""
    file = tmp_path / "orders.csv"
    good = f"918040001234,919900000001,{LABEL},Acme,Your parcel arrives today,2027-01-31T18:00,2027-01-31T19:00,"
    fields = HEAD.strip().split(",")[:-1]
    for at, field in enumerate(fields):
        cells = good.split(",")
        cells[at] = "#N/A"
        file.write_text(HEAD + ",".join(cells) + "\n")
        fault, *_ = await found(nobody, file)
        assert (fault["column"], fault["value"]) == (field, "#N/A")
        assert fault["hint"] == "the cell has an error of the spreadsheet, or a formula without a value"


async def test_a_misspelt_column_has_the_nearest_right_name(nobody: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("reciever,reason\n919900000001,Your parcel arrives today\n")
    options = ("--caller", "918040001234", "--label-id", LABEL, "--expires-in", "2h")
    first, second = await found(nobody, file, *options)
    assert (first["row"], first["column"], first["code"], first["hint"]) == (
        1,
        "reciever",
        "unknown_column",
        "receiver",
    )
    assert (second["field"], second["code"]) == ("receiver", "no_column")
    assert await found(nobody, file, *options, "--map", "reciever=receiver", exit_code=0) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.ndjson", '{"receiver": "919900000001", "ends_at": 4102444800000}\n[1]\n{"receiver": 12}\n'),
        ("orders.txt", "phone;ends_at\n919900000001;2100-01-01T00:00\n\n12;2100-01-01T00:00\n"),
    ],
)
async def test_kinds_of_files(nobody: Commands, tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    options = ("--caller", "918040001234", "--label-id", LABEL)
    findings = await found(nobody, file, *options)
    first = min(one["row"] for one in findings)
    assert {one["code"] for one in findings if one["row"] == first} == {"too_long"}  # 2100 is more than a day away
    assert ("receiver", "phone") in {(one["field"], one["code"]) for one in findings}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[{}]", "this is one JSON array"),
        ("%PDF-1.7 and more\0", "orders.json: "),
        ("", "is empty"),
        (HEAD, "has no rows"),
    ],
)
async def test_what_is_no_list_of_records(nobody: Commands, tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "orders.json"
    file.write_text(content)
    done = await nobody.run("lint", file)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


async def test_a_pipe_is_read_whole(nobody: Commands) -> None:
    out, into = os.pipe()
    try:
        os.write(into, (HEAD + GOOD + "12,,,,,,,\n").encode())
        os.close(into)
        findings = await found(nobody, Path(f"/dev/fd/{out}"))
    finally:
        os.close(out)
    assert {one["row"] for one in findings} == {3}


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_nothing_of_a_pipe_is_left_where_the_command_is_ended(
    nobody: Commands, tmp_path: Path, end: signal.Signals
) -> None:
    process = await nobody.start("lint", "-", stdin=asyncio.subprocess.PIPE, TMPDIR=str(tmp_path))
    assert process.stdin
    process.stdin.write((HEAD + GOOD * 20_000).encode())
    await process.stdin.drain()
    await waits_for_input(process)  # all has been read, and is kept
    process.send_signal(end)
    _, said = await process.communicate()
    assert (process.returncode, b"Traceback" in said) == (-end, False)
    assert names(tmp_path) == ["home"]


def test_durations() -> None:
    assert [str(read_duration(text)) for text in ("2h", "90m", "1d", "1h 30M", "45s")] == [
        "2:00:00",
        "1:30:00",
        "1 day, 0:00:00",
        "1:30:00",
        "0:00:45",
    ]
    assert [read_duration(text) for text in ("", "2", "h", "-2h", "2 weeks")] == [None] * 5


FAULTY: list[dict[str, Any]] = [
    {},
    {"caller": "12"},
    {"receiver": "letters"},
    {"receiver": None},
    {"label_id": "x"},
    {"label_id": None},
    {"name": "ab"},
    {"name": "n" * 41},
    {"name": "hid\u200bden"},
    {"reason": "short"},
    {"reason": "r" * 101},
    {"reason": "What a parcel!"},
    {"reason": ".Your parcel arrives"},
    {"ends_at": 0},
    {"ends_at": 90_000_000},
    {"starts_at": 7_200_000, "ends_at": 3_600_000},
]


async def test_the_same_codes_as_the_server_finds(platform: Platform, tmp_path: Path) -> None:
    """Every record, validated here and by the dry run of the server."""
    now_ms = to_ms(platform.deps.clock.now())
    good = {
        "caller": "918040001234",
        "receiver": "919900000001",
        "label_id": str(platform.cast.label.id),
        "reason": "Your parcel arrives today",
    }
    records: list[dict[str, Any]] = []
    for one in FAULTY:
        times = {name: now_ms + one.get(name, default) for name, default in (("starts_at", 0), ("ends_at", 3_600_000))}
        times = {"ends_at": now_ms - 1, "starts_at": now_ms - 2} if one.get("ends_at") == 0 else times
        records.append({k: v for k, v in {**good, **one, **times}.items() if v is not None})
    file = tmp_path / "orders.ndjson"
    file.write_text("\n".join(json.dumps(record) for record in records) + "\n")
    here = list(codes_here(file, now_ms))
    async with platform.client() as client:
        there: list[list[tuple[str | None, str]]] = []
        for record in records:
            report = await client.check([record])
            there.append(
                [(one.field, one.code if one.code != "invalid" or one.field else "x") for one in report.faults]
            )
    for record, ours, theirs in zip(records, here, there, strict=True):
        if "receiver" in record:  # the library itself refuses a record without a receiver
            assert ours == theirs, record
    assert here[0] == []
    assert sum(map(bool, here)) == len(FAULTY) - 1


def codes_here(file: Path, now_ms: int) -> Iterator[list[tuple[str, str]]]:
    options = FileOptions()
    validator = RowValidator(options)
    with opened(str(file), options) as records:
        for row in records.rows():
            yield [(str(fault.field), fault.code) for fault in validator.validate(row, now_ms).faults]
