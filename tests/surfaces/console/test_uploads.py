import csv
import io
import re
from datetime import timedelta
from html import unescape

import httpx
import msgspec
from tests.support.audit_log import log_of
from tests.support.due_work import run_due_once
from tests.support.factories import make_label, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import one_after_the_other
from tests.support.workbooks import book
from tests.surfaces.console.browser import Browser, Business, Visitors, errors_of, links_of, make_business, text_of

from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.domain.personalisation.uploads import service as uploads
from callmark.domain.personalisation.uploads.parts import MOST_LEFT_OUT
from callmark.domain.policy.model import SYSTEM
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import MOST_KEPT, FilePurpose

SKIPPED = "2026-03-29T02:30"
"""A time that clocks in Europe/Berlin do not show."""


def fields_of(response: httpx.Response) -> dict[str, str]:
    """What the preview's form holds, as a browser would send it."""
    form = response.text.partition('<form method="post" action="/console/uploads/files/')[2]
    form = response.text[response.text.rindex(">Columns<") :] if form else ""
    found = dict(re.findall(r'<input [^>]*name="([a-z_-]+)"[^>]*value="([^"]*)"', form))
    for name, options in re.findall(r'<select [^>]*name="([a-z_-]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = chosen[1] if chosen else ""
    return {name: unescape(value) for name, value in found.items()}


async def push(browser: Browser, sent: httpx.Response) -> httpx.Response:
    """Pushes what the preview shows."""
    shown = await browser.follow(sent)
    return await browser.post(sent.headers["location"], {**fields_of(shown), "push": "on"})


async def test_the_preview_says_whole_why_a_time_is_none_in_its_zone(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    text = f"receiver,valid from\n+{phone()},2027-11-07 01:30:00\n"
    form = {"caller": "+91 80 4000 1234", "hours": "4", "time_zone": "America/Indiana/Indianapolis"}
    sent = await alice.post("/console/uploads/new", form, file=("x.csv", text.encode(), "text/csv"))
    shown = text_of(await alice.follow(sent))
    assert "2027-11-07 01:30:00 (America/Indiana/Indianapolis skips or repeats it)" in shown


async def test_a_file_is_taken_followed_and_reported_row_by_row(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    label = await make_label(deps, business.account.id)
    receiver = phone()
    text = f"receiver,reason\n+{receiver},Your parcel arrives today\n+{phone()},=1+1\n"
    form = {"caller": "+91 80 4000 1234", "hours": "4", "time_zone": "Asia/Kolkata"}
    sent = await alice.post("/console/uploads/new", form, file=("my sheet.csv", text.encode(), "text/csv"))
    taken = await push(alice, sent)
    path = taken.headers["location"]
    assert "Submitting" in text_of(await alice.follow(taken))
    await run_due_once(deps)  # the file becomes a batch
    await run_due_once(deps)  # the batch is pushed
    stream = await alice.get(f"{path}/progress")
    last = stream.text.strip().rpartition("data: ")[2]
    assert msgspec.json.decode(last) == {"done": 2, "total": 2, "text": "Done", "finished": True}
    shown = text_of(await alice.get(path))
    assert "1 not pushed · 1 invalid" in shown
    assert "Line Receiver What is wrong 3" in shown
    results = await alice.get(f"{path}/results.csv")
    assert results.headers["content-disposition"] == 'attachment; filename="mysheet-results.csv"'
    rows = list(csv.DictReader(io.StringIO(results.text)))
    assert [(row["line"], row["status"], row["field"]) for row in rows] == [
        ("2", "not_registered", ""),
        ("3", "invalid", "dynamic_call_reason"),
    ]
    assert rows[0]["label_id"] == str(label.id)
    assert rows[1]["dynamic_call_reason"].startswith("'=")  # what a spreadsheet would run stays a text
    assert "sheet" in text_of(await alice.get("/console/uploads"))
    (entry,) = await log_of(deps, business.account.id)
    assert (entry.action, entry.details["records"]) == ("upload.created", 2)
    charlie = await browse.as_member((await make_business(deps, "Borealis")).admin)
    for foreign in (path, f"{path}/progress", f"{path}/results.csv"):
        assert (await charlie.get(foreign)).status_code == 404


async def test_an_error_of_a_spreadsheet_is_shown_as_the_file_has_it(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    text = f"receiver,reason\n+{phone()},#N/A\n#N/A,Your parcel arrives today\n"
    sent = await alice.post(
        "/console/uploads/new", {"caller": "918040001234"}, file=("x.csv", text.encode(), "text/csv")
    )
    shown = await alice.follow(sent)
    assert "\ufffb" not in shown.text
    assert "Line 2: #N/A : the cell has an error of the spreadsheet, or a formula" in text_of(shown)
    taken = await push(alice, sent)
    rows = list(csv.DictReader(io.StringIO((await alice.get(f"{taken.headers['location']}/results.csv")).text)))
    assert [(row["receiver_number"] == "#N/A", row["dynamic_call_reason"] == "#N/A") for row in rows] == [
        (False, True),
        (True, False),
    ]


async def test_an_upload_is_done_when_a_record_of_it_was_erased(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    erased, other = phone(), phone()
    text = f"receiver\n+{erased}\n+{other}\n"
    file = ("x.csv", text.encode(), "text/csv")
    taken = await push(alice, await alice.post("/console/uploads/new", {"caller": "918040001234"}, file=file))
    path = taken.headers["location"]
    rows = list(csv.DictReader(io.StringIO((await alice.get(f"{path}/results.csv")).text)))
    assert [(row["receiver_number"], row["status"]) for row in rows] == [
        (f"+{erased}", "pending"),
        (f"+{other}", "pending"),
    ]
    await run_due_once(deps)
    async with deps.db.connection() as tx:
        await tx.execute("DELETE FROM call_record WHERE receiver_number = $1", erased)
    assert "Pushing" in text_of(await alice.get(path))
    await run_due_once(deps)
    shown = text_of(await alice.get(path))
    assert ("Pushing" in shown, "1 not pushed" in shown) == (False, True)
    last = (await alice.get(f"{path}/progress")).text.strip().rpartition("data: ")[2]
    assert msgspec.json.decode(last) == {"done": 2, "total": 2, "text": "Done", "finished": True}
    rows = list(csv.DictReader(io.StringIO((await alice.get(f"{path}/results.csv")).text)))
    assert [(row["status"], row["record_id"] != "") for row in rows] == [("deleted", False), ("not_registered", True)]


async def test_an_upload_of_more_than_one_batch_names_them_all(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    text = "receiver\n" + "".join(f"{phone()}\n" for _ in range(501))
    sent = await alice.post(
        "/console/uploads/new", {"caller": "918040001234"}, file=("big.csv", text.encode(), "text/csv")
    )
    taken = await push(alice, sent)
    await run_due_once(deps)
    shown = await alice.follow(taken)
    assert shown.status_code == 200
    assert "Its records are in 2 batches." in text_of(shown)


async def test_of_very_many_lines_that_cannot_be_read_the_first_are_kept_and_all_are_counted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    text = f"receiver,reason\n{phone()},Your parcel arrives today\n" + "1,2,3\n" * (MOST_LEFT_OUT + 2)
    file = ("x.csv", text.encode(), "text/csv")
    sent = await alice.post("/console/uploads/new", {"caller": "918040001234"}, file=file)
    preview = text_of(await alice.follow(sent))
    assert "10,002 lines cannot be read. The results will name the first 10,000 of them." in preview
    taken = await push(alice, sent)
    shown = text_of(await alice.follow(taken))
    assert "10,002 lines could not be read and were skipped." in shown
    assert "The first 100 of 10,002 are shown. Download the results to see more." in shown
    *rows, last = csv.DictReader(io.StringIO((await alice.get(f"{taken.headers['location']}/results.csv")).text))
    assert [row["line"] for row in rows] == [str(line) for line in range(2, MOST_LEFT_OUT + 3)]
    assert [value for value in last.values() if value] == [
        "left_out",
        "2 more lines could not be read, and were left out",
    ]


async def test_what_is_wrong_with_a_file_is_said_beside_it(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    nothing = await alice.post("/console/uploads/new", {"caller": "+91 80 4000 1234"})
    assert errors_of(nothing) == {"file": "Choose a CSV or .xlsx file"}
    assert 'value="+91 80 4000 1234"' in nothing.text
    empty = await alice.post("/console/uploads/new", {}, file=("x.csv", b"", "text/csv"))
    assert errors_of(empty) == {"file": "The file is empty"}
    binary = await alice.post("/console/uploads/new", {}, file=("x.csv", b"%PDF-1.7", "text/csv"))
    assert "a PDF" in errors_of(binary)["file"]
    for field, wrong in (("region", "XX"), ("starts_at", "x"), ("starts_at", SKIPPED), ("time_zone", "Mars/Olympus")):
        form = {"time_zone": "Europe/Berlin"} | {field: wrong}
        sent = await alice.post("/console/uploads/new", form, file=("x.csv", b"to\n91804\n", "text/csv"))
        assert list(errors_of(await alice.follow(sent))) == [field]
        refused = await alice.post(
            sent.headers["location"], {**fields_of(await alice.follow(sent)), field: wrong, "push": "on"}
        )
        assert (refused.status_code, list(errors_of(refused))) == (422, [field])


async def test_without_scripts_the_browser_stops_a_date_that_it_would_send_as_empty(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    file = ("x.csv", b"receiver_number\n919900000001\n", "text/csv")
    preview = await alice.follow(await alice.post("/console/uploads/new", {"caller": "918040001234"}, file=file))
    for page in (await alice.get("/console/push"), await alice.get("/console/uploads/new"), preview):
        assert 'type="datetime-local"' in page.text
        assert "novalidate" not in page.text


async def test_a_refused_form_keeps_the_label_that_was_chosen(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    chosen = await make_label(deps, business.account.id, name="Acme Returns")
    refused = await alice.post("/console/uploads/new", {"label_id": str(chosen.id)})
    assert errors_of(refused) == {"file": "Choose a CSV or .xlsx file"}
    assert re.findall(r'<option value="([^"]*)"[^>]* selected>', refused.text.partition('name="label_id"')[2])[:1] == [
        str(chosen.id)
    ]


async def test_nothing_is_pushed_before_the_preview_and_the_preview_keeps_what_was_chosen(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    label = await make_label(deps, business.account.id)
    text = f"name;phone;call resaon\nAsha Rao;{phone()};Your parcel arrives today\nRavi;9,18E+11;\nMina;12;\n"
    sent = await alice.post(
        "/console/uploads/new",
        {"caller": "+91 80 4000 1234", "time_zone": "Asia/Calcutta"},
        file=("sheet.csv", text.encode(), "text/csv"),
    )
    path = sent.headers["location"]
    assert await uploads.list_uploads(deps, business.account.id, None) == []
    shown = text_of(await alice.get(path))
    assert "The column name is not used." in shown
    assert "The column call resaon is not used. Did you mean call_reason ?" in shown
    assert f"Line 2 {label.name}" in shown
    assert "Times are in Asia/Calcutta" in shown
    assert "1 Jan 15:30 to 19:30" in shown
    assert "cut its last digits" in shown
    assert "Line 4: 12 is not a phone number" in shown
    assert "1 hour 2 hours 4 hours 8 hours" in shown
    assert "There are none AC (+247)" in shown
    changed = {**fields_of(await alice.get(path)), "column-call_reason": "2"}
    warned = await alice.post(path, {**changed, "push": "on"})  # another mapping than the one that was shown
    assert warned.headers["location"] == path
    again = await alice.get(path)
    assert "Check it, then push" in text_of(again)
    assert fields_of(again)["column-call_reason"] == "2"
    assert "Your parcel arrives today" in text_of(await alice.get(path))
    done = await alice.post(path, {**fields_of(again), "push": "on"})
    (upload,) = await uploads.list_uploads(deps, business.account.id, None)
    assert done.headers["location"] == f"/console/uploads/{upload.id}"
    for gone in (await alice.get(path), await alice.post(path, {**fields_of(again), "push": "on"})):
        assert gone.status_code == 404
        assert "This preview is gone: it was used or discarded" in text_of(gone)
        assert 'href="/console/uploads"' in gone.text.partition("empty-action")[2]
    await run_due_once(deps)
    (batch,) = await uploads.batches_of(deps, business.account.id, upload.id)
    assert f"/console/batches/{batch}" in (await alice.get(done.headers["location"])).text


async def test_of_two_who_push_the_same_preview_at_once_one_does_and_the_other_finds_the_uploads(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, bob = [await browse.as_member(business.admin) for _ in range(2)]
    await make_label(deps, business.account.id)
    file, form = ("x.csv", f"to\n{phone()}\n".encode(), "text/csv"), {"caller": "+91 80 4000 1234", "hours": "4"}
    path = (await alice.post("/console/uploads/new", form, file=file)).headers["location"]
    sent = {**fields_of(await alice.get(path)), "push": "on"}
    pushes = [alice.post(path, sent), bob.post(path, sent)]
    second = await one_after_the_other(deps.db, ["SELECT FROM file_draft FOR UPDATE"], *pushes)
    late = second.result()
    assert isinstance(late, httpx.Response)
    assert late.status_code == 404
    assert "This file was already used or discarded." in text_of(late)
    assert "/console/uploads" in links_of(late)
    assert len(await uploads.list_uploads(deps, business.account.id, None)) == 1


async def test_a_preview_is_its_accounts_own_is_given_up_or_forgotten(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    file = ("x.csv", f"to\n{phone()}\n".encode(), "text/csv")
    first, second = [(await alice.post("/console/uploads/new", {}, file=file)).headers["location"] for _ in range(2)]
    charlie = await browse.as_member((await make_business(deps, "Borealis")).admin)
    assert (await charlie.get(first)).status_code == 404
    assert (await charlie.post(f"{first}/give-up")).status_code == 404
    assert "was discarded" in text_of(await alice.follow(await alice.post(f"{first}/give-up")))
    assert (await alice.get(first)).status_code == 404
    assert (await alice.get(second)).status_code == 200
    clock.advance(timedelta(days=1, minutes=1))
    await PERIODIC["old_previewed_files"].run(deps)
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM file_draft WHERE account_id = $1", business.account.id) == 0
    assert await uploads.list_uploads(deps, business.account.id, None) == []


async def test_lists_of_numbers_do_not_take_the_place_of_an_upload(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    file = ("x.csv", f"to\n{phone()}\n".encode(), "text/csv")
    paths = [(await alice.post("/console/uploads/new", {}, file=file)).headers["location"] for _ in range(2)]

    async def keep(purpose: FilePurpose, count: int) -> None:
        for _ in range(count):
            await previewed_files.keep_file(
                deps, business.account.id, purpose, file_name="x", content=b"x", choices={}, by=SYSTEM
            )

    await keep(FilePurpose.NUMBERS, MOST_KEPT)
    assert [(await alice.get(path)).status_code for path in paths] == [200, 200]
    await keep(FilePurpose.RECORDS, MOST_KEPT - 1)
    assert [(await alice.get(path)).status_code for path in paths] == [404, 200]


async def test_what_stands_between_columns_can_be_chosen(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    text = f"phone;note,call reason\n{phone()},x;Your parcel, Asha, arrives today\n"
    sent = await alice.post(
        "/console/uploads/new", {"caller": "+918040001234"}, file=("x.csv", text.encode(), "text/csv")
    )
    path = sent.headers["location"]
    shown = await alice.get(path)
    assert "Push 1 record" not in text_of(shown)
    await alice.post(path, {**fields_of(shown), "delimiter": "semicolon"})
    assert "The column note,call reason is not used." in text_of(await alice.get(path))


async def test_a_workbook_is_previewed_and_another_sheet_chosen(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await make_label(deps, business.account.id)
    file = book(
        [["nothing here"], ["x"]], Customers=[["Mobile No", "Reason"], [int(phone()), "Your parcel arrives today"]]
    )
    sent = await alice.post(
        "/console/uploads/new", {"caller": "+918040001234"}, file=("x.csv", file, "application/octet-stream")
    )
    path = sent.headers["location"]
    shown = await alice.get(path)
    assert "Only the sheet 'Sheet' is read, not 'Customers'." in text_of(shown)
    await alice.post(path, {**fields_of(shown), "sheet": "Customers"})
    assert "Push 1 record" in text_of(await alice.get(path))
