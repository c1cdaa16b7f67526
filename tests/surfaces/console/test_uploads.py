import csv
import io

import msgspec
from tests.factories import make_label, phone
from tests.surfaces.console.browser import Business, Visitors, errors_of, make_business, text_of

from callmark.domain.accounts import audit
from callmark.domain.accounts.audit import AuditFilter
from callmark.domain.deps import Deps
from callmark.worker import run as worker


async def test_a_file_is_taken_followed_and_reported_row_by_row(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    label = await make_label(deps, business.account.id)
    receiver = phone()
    text = f"receiver,reason\n+{receiver},Your parcel arrives today\n+{phone()},=1+1\n"
    form = {"caller": "+91 80 4000 1234", "hours": "4", "time_zone": "Asia/Kolkata"}
    taken = await alice.post("/console/uploads/new", form, file=("my sheet.csv", text.encode(), "text/csv"))
    path = taken.headers["location"]
    assert "Reading in" in text_of(await alice.follow(taken))
    await worker.run_due_once(deps)  # the file becomes a batch
    await worker.run_due_once(deps)  # the batch is pushed
    stream = await alice.get(f"{path}/progress")
    last = stream.text.strip().rpartition("data: ")[2]
    assert msgspec.json.decode(last) == {"done": 2, "total": 2, "text": "Done", "finished": True, "url": ""}
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
    (entry,) = await audit.list_entries(deps, business.account.id, AuditFilter())
    assert (entry.action, entry.details["records"]) == ("upload.created", 2)
    charlie = await browse.as_member((await make_business(deps, "Borealis")).admin)
    for foreign in (path, f"{path}/progress", f"{path}/results.csv"):
        assert (await charlie.get(foreign)).status_code == 404


async def test_what_is_wrong_with_a_file_is_said_beside_it(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    nothing = await alice.post("/console/uploads/new", {"caller": "+91 80 4000 1234"})
    assert errors_of(nothing) == {"file": "Choose a CSV file"}
    assert 'value="+91 80 4000 1234"' in nothing.text
    unnamed = await alice.post("/console/uploads/new", {}, file=("x.csv", b"1,2\n3,4\n", "text/csv"))
    assert "must name the columns" in errors_of(unnamed)["file"]
    region = await alice.post("/console/uploads/new", {"region": "XX"}, file=("x.csv", b"to\n1\n", "text/csv"))
    assert "country code" in errors_of(region)["region"]
    when = await alice.post("/console/uploads/new", {"starts_at": "x"}, file=("x.csv", b"to\n1\n", "text/csv"))
    assert list(errors_of(when)) == ["starts_at"]
