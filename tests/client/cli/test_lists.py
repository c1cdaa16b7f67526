"""Labels, numbers and feature sets, records and batches, over a running platform."""

import json
from pathlib import Path
from uuid import uuid4

from tests.client.cli.conftest import KEY_OF_NOBODY, Commands
from tests.client.conftest import ONLINE, Platform
from tests.support.listed_number import make_listed
from tests.support.workbooks import book


async def test_lists_are_tables_for_people_and_arrays_for_programs(platform: Platform, commands: Commands) -> None:
    label = platform.cast.label
    shown = await commands.run("labels", "list")
    assert shown.stdout.splitlines()[0].split() == ["id", "name", "created", "at"]
    assert shown.stdout.splitlines()[1].startswith(f"{label.id}  {label.name}  ")
    [row] = await commands.answer("labels", "list")
    assert (row["id"], row["name"]) == (str(label.id), label.name)
    nothing = await commands.run("numbers", "list")
    assert (nothing.exit_code, nothing.stdout) == (0, "The account has no numbers here.\n")
    assert await commands.answer("numbers", "list") == []
    assert await commands.answer("feature-sets", "list") == []
    two = await commands.run("numbers", "list", "--process", uuid4(), "--department", uuid4())
    assert two.exit_code == 2


async def test_numbers_of_a_file_are_listed_and_delisted_with_results_by_bucket(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    made = (await make_listed(platform.deps, account_id=platform.cast.account.id)).feature_set_id
    file = tmp_path / "numbers.csv"
    file.write_text("name,phone\nDesk,918040001234\nSales,+91 80 4000 1235\nOld,none\n")
    listed = await commands.run("numbers", "publish", made, file)
    assert listed.exit_code == 1, listed.stderr  # a line without a number
    assert "line 4: 'none'" in listed.stderr
    assert "new numbers  2" in listed.stdout
    rows = await commands.answer("numbers", "list", "--feature-set", made)
    assert {row["phone_number"] for row in rows} > {"918040001234", "918040001235"}
    again = await commands.run("numbers", "publish", made, "-", "--json", typed="918040001234\n")
    assert (again.exit_code, json.loads(again.stdout)["existing_numbers"]) == (0, ["918040001234"])
    gone = await commands.run("numbers", "delist", made, file, "--column", "phone", "--json")
    assert json.loads(gone.stdout)["existing_numbers"] == ["918040001234", "918040001235"]
    unknown = await commands.run("numbers", "publish", uuid4(), "-", typed="918040001234\n")
    assert unknown.exit_code == 3


async def test_the_sheet_and_the_encoding_of_a_list_can_be_chosen(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    made = (await make_listed(platform.deps, account_id=platform.cast.account.id)).feature_set_id
    file = tmp_path / "numbers.xlsx"
    file.write_bytes(book([["phone"], ["918040001237"]], Ours=[["phone"], ["918040001238"]]))
    listed = await commands.run("numbers", "publish", made, file, "--sheet", "Ours", "--json")
    assert json.loads(listed.stdout)["new_numbers"] == ["918040001238"]
    text = tmp_path / "numbers.csv"
    text.write_bytes("Кто,телефон\nЛюди,918040001238\n".encode("cp1251"))
    assert (await commands.run("numbers", "delist", made, text)).exit_code == 2
    gone = await commands.run("numbers", "delist", made, text, "--encoding", "cp1251", "--json")
    assert json.loads(gone.stdout)["existing_numbers"] == ["918040001238"]


async def test_numbers_without_a_country_code_are_listed_only_when_someone_says_so(
    platform: Platform, commands: Commands, tmp_path: Path
) -> None:
    made = (await make_listed(platform.deps, account_id=platform.cast.account.id)).feature_set_id
    file = tmp_path / "numbers.csv"
    file.write_text("name,phone\nDesk,8040001234\n")
    refused = await commands.run("numbers", "publish", made, file)
    assert refused.exit_code == 2
    assert "Columns that were not used: name." in refused.stderr
    assert refused.stderr.count("1 number fits no country: +8040001234.") == 1
    assert "nothing was listed: give --region, or --yes" in refused.stderr
    file.write_text("phone\n" + "".join(f"9180400{n:05d}\n" for n in range(300)) + "8040001234\n")
    late = await commands.run("numbers", "publish", made, file)
    assert (late.exit_code, "fits no country: +8040001234" in late.stderr) == (2, True)
    file.write_text("phone\n+8040001234\n")
    assert (await commands.run("numbers", "publish", made, file, "--region", "IN")).exit_code == 2
    anyway = await commands.answer("numbers", "publish", made, file, "--yes")
    assert anyway["new_numbers"] == ["8040001234"]
    file.write_text("name,phone\nDesk,8040001234\n")
    listed = await commands.answer("numbers", "publish", made, file, "--region", "IN")
    assert listed["new_numbers"] == ["918040001234"]


async def test_what_is_no_list_of_numbers_is_wrong_usage(nobody: Commands, tmp_path: Path) -> None:
    here = Commands(nobody.home, {**nobody.variables, **KEY_OF_NOBODY})
    empty = tmp_path / "empty.csv"
    empty.write_text("phone\n")
    numbers, workbook = tmp_path / "numbers.csv", tmp_path / "numbers.xlsx"
    numbers.write_text("phone\n918040001238\n")
    workbook.write_bytes(book([["phone"], ["918040001238"]]))
    for words in (
        ("publish", "x", empty),
        ("publish", "x", tmp_path / "none"),
        ("publish", "x", empty, "--region", "XX"),
        ("publish", "x", numbers, "--sheet", "Ours"),
        ("delist", "x", workbook, "--encoding", "cp1251"),
    ):
        done = await here.run("numbers", *words)
        assert done.exit_code == 2, done.output


async def test_a_batch_and_its_records_are_shown(platform: Platform, commands: Commands) -> None:
    async with platform.client() as client:
        sent = await client.batches.create([platform.record(), platform.record(receiver="919900000099")])
        await platform.push_due()
    watched = await commands.run("batches", "show", sent.batch_id, "--watch")
    assert watched.exit_code == 1  # one receiver is nobody
    assert "Not a Truecaller user" in watched.stdout
    shown = await commands.run("batches", "show", sent.batch_id, "--json")
    batch = json.loads(shown.stdout)
    assert (batch["success"], batch["error"], batch["delivered"], batch["is_settled"]) == (1, 1, 1, True)
    record_id = batch["records"][0]["record_id"]
    record = await commands.answer("records", "show", record_id)
    assert [step["what"] for step in record["timeline"]] == ["accepted", "sent", "settled"]
    assert "settled" in (await commands.run("records", "show", record_id)).stdout
    assert (await commands.run("batches", "show", uuid4())).exit_code == 3
    assert (await commands.run("records", "show", uuid4())).exit_code == 3


async def test_what_would_show_and_why(platform: Platform, commands: Commands) -> None:
    before = await commands.run("resolve", "918040001234", ONLINE)
    assert (before.exit_code, "none" in before.stdout, before.stderr) == (0, True, "")
    strange = await commands.run("resolve", "918040001234", "9900000001")
    assert strange.stderr == "Note: +9900000001 fits no country: its country code may be missing.\n"
    async with platform.client() as client:
        starts_at = platform.deps.clock.now()  # it stands still, and the client's idea of it goes on
        await client.push(**platform.record(reason="Your parcel arrives today", starts_at=starts_at))
    found = await commands.answer("resolve", "+918040001234", ONLINE)
    assert (found["shows"], found["identity"]["call_reason"]) == ("call_record", "Your parcel arrives today")
    assert "Your parcel arrives today" in (await commands.run("resolve", "918040001234", ONLINE)).stdout


async def test_completion_needs_no_server(nobody: Commands) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = await nobody.run("completion", shell)
        assert (done.exit_code, "_CALLMARK_COMPLETE" in done.stdout) == (0, True)
    offered = Commands(nobody.home, {**nobody.variables})
    process = await offered.start(COMP_WORDS="callmark lab", COMP_CWORD="1", _CALLMARK_COMPLETE="bash_complete")
    out, _ = await process.communicate()
    assert out.decode().split() == ["plain,labels", "plain,label"]
