"""What `callmark push` and `callmark lint` say about a file before anything is sent."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.client.cli.conftest import Commands
from tests.client.cli.record_files import LABEL
from tests.support.workbooks import book

from callmark.client.cli.preview import previewed, show
from callmark.client.cli.reading import FileOptions, opened
from callmark.client.cli.validation import RowValidator
from callmark.instants import EPOCH, to_ms

REASON = "Your parcel arrives today"
GIVEN = FileOptions(caller="918040001234", label_id=LABEL, expires_in="2h")
OPTIONS = ("--caller", "918040001234", "--label-id", LABEL, "--expires-in", "2h")


def preview_of(file: Path, capsys: pytest.CaptureFixture[str], given: FileOptions = GIVEN) -> str:
    """What a push shows of the file."""
    with opened(str(file), given) as records:
        show(records, previewed(records, RowValidator(given), to_ms(EPOCH)), {})
    return capsys.readouterr().err


async def test_a_title_above_records_without_a_header_is_called_that(
    nobody: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("My customers\n919900000001,Ada\n919900000003,Bob\n")
    assert "not used   line 1, above the first row: 'My customers'" in preview_of(file, capsys)
    _, title = json.loads((await nobody.run("lint", file, "--json", *OPTIONS)).stdout)
    assert (title["code"], title["reason"]) == ("above_header", "is above the first row and is not used")


async def test_no_line_above_the_header_is_passed_over(
    nobody: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"Orders of May,\n919900000001,{REASON}\nphone,call_reason\n919900000003,{REASON}\n")
    said = preview_of(file, capsys)
    assert "2 rows\n" in said
    assert "not used   line 1, above the header: 'Orders of May'" in said
    assert "1 row is at fault and will not be pushed" in said
    assert "stands above the header, so it is not read; the first in row 2" in said
    linted = await nobody.run("lint", file, "--json", *OPTIONS)
    assert linted.exit_code == 1
    title, row = json.loads(linted.stdout)
    assert (title["row"], title["code"], title["value"]) == (1, "above_header", "Orders of May")
    assert (row["row"], row["code"]) == (2, "unreadable")
    file.write_text(f"Orders of May,\nphone,call_reason\n919900000003,{REASON}\n")
    assert (await nobody.run("lint", file, *OPTIONS)).exit_code == 0  # a title is no row


async def test_a_day_as_end_lasts_until_it_is_over(
    nobody: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("phone,starts_at,ends_at\n919900000001,1970-01-02,1970-01-02\n")
    said = preview_of(file, capsys)
    assert "1970-01-02T00:00:00.000Z to 1970-01-02T23:59:59.999Z" in said
    file.write_text("phone,starts_at,ends_at\n919900000001,2100-01-01T18:00,2100-01-02\n")
    (fault,) = json.loads((await nobody.run("lint", file, "--json", *OPTIONS[:-2])).stdout)
    assert (fault["code"], fault["hint"]) == (
        "too_long",
        "a day lasts until its end; add the time, as in 2026-01-31T18:00",
    )


@pytest.mark.parametrize("again", ["phone", "PHONE", "2"])
async def test_a_column_is_no_two_fields(nobody: Commands, tmp_path: Path, again: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("who,phone\nAsha,919900000001\n")
    refused = await nobody.run("lint", file, "--map", "phone=receiver", "--map", f"{again}=caller")
    assert (refused.exit_code, "'phone' is receiver already" in refused.stderr) == (2, True), refused.stderr


async def test_numbers_that_fit_no_country_are_told(
    nobody: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("phone,caller\n9840012345,\n919900000001,\n8040001234,8040001235\n12,\n")
    said = preview_of(file, capsys)
    for line in (
        "2 receivers fit no country: +9840012345, the first in row 2",
        "1 caller fits no country: +8040001235",
    ):
        assert f"  {line}" in said
    assert "give --region" in said
    linted = await nobody.run("lint", file, "--json", *OPTIONS)
    found = [
        (one["row"], one["field"], one["value"]) for one in json.loads(linted.stdout) if one["code"] == "no_country"
    ]
    assert found == [
        (2, "receiver", "+9840012345"),
        (4, "caller", "+8040001235"),
        (4, "receiver", "+8040001234"),
    ]
    region = await nobody.run("lint", file, "--json", *OPTIONS, "--region", "IN")
    assert [one["code"] for one in json.loads(region.stdout)] == ["phone"]
    file.write_text("phone\n919900000001\n919900000002\n")
    option = await nobody.run("lint", file, "--json", *OPTIONS, "--caller", "8040001234")
    assert option.exit_code == 0  # they may be right
    assert [(one["row"], one["field"]) for one in json.loads(option.stdout)] == [(None, "caller")]


def test_the_question_says_how_many_have_such_a_number(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("phone\n9840012345\n919900000001\n")
    with opened(str(file), GIVEN) as records:
        found = previewed(records, RowValidator(GIVEN), to_ms(EPOCH))
    assert found.question == "2 records, 1 with a number that fits no country,"


async def test_placeholders_that_were_not_filled_in_are_named_and_no_faults(
    nobody: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "phone,name,reason\n919900000001,Acme,Hi {{name}} it is here\n"
        "919900000002,{name},Your order null arrives today\n919900000003,Acme,Your order arrives today\n"
    )
    said = preview_of(file, capsys)
    assert "  2 reasons have what looks like a placeholder: '{{name}}', the first in row 2; handsets show it as" in said
    assert "  1 name has what looks like a placeholder: '{name}', the first in row 3" in said
    linted = await nobody.run("lint", file, "--json", *OPTIONS)
    assert linted.exit_code == 0  # they may be meant
    assert [(one["row"], one["field"], one["code"], one["value"]) for one in json.loads(linted.stdout)] == [
        (2, "reason", "placeholder", "{{name}}"),
        (3, "name", "placeholder", "{name}"),
        (3, "reason", "placeholder", "null"),
    ]
    with opened(str(file), GIVEN) as records:
        found = previewed(records, RowValidator(GIVEN), to_ms(EPOCH))
    assert found.question == "3 records, 2 with what looks like a placeholder,"


RUSSIAN = "Ваша посылка прибудет сегодня"


async def test_an_encoding_that_was_guessed_is_told_and_can_be_chosen(
    nobody: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(f"phone,call_reason\n919900000001,{RUSSIAN}\n".encode("cp1251"))
    said = preview_of(file, capsys)
    assert "Texts are read as cp1252, such as 'Âàøà ïîñûëêà" in said
    assert "If they look wrong, choose the encoding" in said
    chosen = preview_of(file, capsys, replace(GIVEN, encoding="cp1251"))
    assert (RUSSIAN in chosen, "cp1252" in chosen) == (True, False)
    late = tmp_path / "late.csv"
    late.write_bytes(b"phone,call_reason\n" + b"12," + b"x" * 300_000 + b"\n" + f"12,{RUSSIAN}\n".encode("cp1251"))
    linted = await nobody.run("lint", late, *OPTIONS)
    assert "Texts are read as cp1252, such as '12,Âàøà" in linted.stderr
    assert "cp1252" not in (await nobody.run("lint", late, *OPTIONS, "--encoding", "cp1251")).stderr
    wrong = await nobody.run("lint", file, *OPTIONS, "--encoding", "cp12")
    assert (wrong.exit_code, "the encodings are utf-8," in wrong.stderr) == (2, True)


async def test_a_sheet_and_a_delimiter_can_be_chosen(nobody: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.xlsx"
    file.write_bytes(book([["How to read this"]], Orders=[["phone"], ["919900000001"]]))
    first = await nobody.run("lint", file, *OPTIONS)
    assert (first.exit_code, "Only the sheet 'Sheet' is read, not 'Orders'." in first.stderr) == (1, True)
    chosen = await nobody.run("lint", file, *OPTIONS, "--sheet", "Orders")
    assert (chosen.exit_code, "1 row, 0 at fault" in chosen.stderr) == (0, True), chosen.output
    none = await nobody.run("lint", file, *OPTIONS, "--sheet", "Oders")
    assert (none.exit_code, "its sheets are: Sheet, Orders" in none.stderr) == (2, True)
    text = tmp_path / "orders.csv"
    text.write_text("phone~call_reason\n919900000001~Your parcel, and more\n")
    assert (await nobody.run("lint", text, *OPTIONS)).exit_code != 0
    assert (await nobody.run("lint", text, *OPTIONS, "--delimiter", "~")).exit_code == 0
    text.write_text("phone\tcall_reason\n919900000001\tYour parcel, and more\n")
    assert (await nobody.run("lint", text, *OPTIONS, "--delimiter", "tab")).exit_code == 0
    for option, value in (("--sheet", "Orders"), ("--delimiter", "two"), ("--delimiter", '"')):
        refused = await nobody.run("lint", text, *OPTIONS, option, value)
        assert (refused.exit_code, option in refused.stderr) == (2, True), refused.output
    objects = tmp_path / "orders.ndjson"
    objects.write_text('{"phone": "919900000001"}\n')
    assert (await nobody.run("lint", objects, *OPTIONS, "--encoding", "cp1251")).exit_code == 2
