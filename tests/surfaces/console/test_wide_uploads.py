"""Uploads with very many columns, or very many faults: the preview's page stays small, and every column can be used."""

import re

from tests.support.factories import make_label, phone
from tests.surfaces.console.browser import Business, Visitors, text_of

from callmark.domain.deps import Deps
from callmark.surfaces.console import display_names
from callmark.tables.reader import MOST_COLUMNS

UPLOADS = "/console/uploads/new"
CHOSEN = {"column-receiver_number": "0", "caller": "+918040001234", "time_zone": "UTC", "hours": "4"}


async def test_a_wide_file_is_previewed_on_a_page_of_bounded_size_and_any_column_can_be_chosen(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await make_label(deps, business.account.id)
    alice = await browse.as_member(business.admin)
    names = ["phone", "call resaon", *(f"name {at}" for at in range(3, MOST_COLUMNS)), "why we call"]
    cells = [phone(), "x", *("y" for _ in range(3, MOST_COLUMNS)), "Your parcel arrives today"]
    file = ("wide.csv", f"{','.join(names)}\n{','.join(cells)}\n".encode(), "text/csv")
    sent = await alice.post(UPLOADS, {"caller": "+918040001234"}, file=file)
    page = await alice.follow(sent)
    assert len(page.text) < 400_000
    shown = text_of(page)
    assert "The column call resaon is not used. Did you mean call_reason ?" in shown
    assert "These columns are not used: name 3, name 4," in shown
    assert "and 16,362 more." in shown
    assert "The list above leaves out 16,184 columns." in shown
    assert page.text.count("<option") < 7 * 202 + 400
    chosen = {**CHOSEN, "place-of-column-call_reason": str(MOST_COLUMNS)}
    last = await alice.follow(await alice.post(sent.headers["location"], chosen))
    assert ("Your parcel arrives today" in last.text, 'value="16383" selected' in last.text) == (True, True)


async def test_a_place_that_no_column_has_chooses_none(deps: Deps, business: Business, browse: Visitors) -> None:
    await make_label(deps, business.account.id)
    alice = await browse.as_member(business.admin)
    file = ("two.csv", f"phone,why we call\n{phone()},Your parcel arrives today\n".encode(), "text/csv")
    sent = await alice.post(UPLOADS, {"caller": "+918040001234"}, file=file)
    for place, is_there in (("2", True), ("3", False), (str(MOST_COLUMNS + 1), False), ("0", False), ("x", False)):
        fields = {**CHOSEN, "place-of-column-call_reason": place}
        page = await alice.follow(await alice.post(sent.headers["location"], fields))
        assert ("Your parcel arrives today" in page.text) == is_there, place


async def test_country_codes_in_another_column_are_one_fault_whatever_they_are(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await make_label(deps, business.account.id)
    alice = await browse.as_member(business.admin)
    rows = "".join(f"{code},8040001234\n" for code in range(100, 400))
    file = ("codes.csv", f"Country Code,Phone\n{rows}".encode(), "text/csv")
    page = await alice.follow(await alice.post(UPLOADS, {"caller": "+918040001234"}, file=file))
    faults = re.findall(r'<td data-label="Fault">(.*?)</td>', page.text)
    assert len([one for one in faults if "country code stands in another column" in one]) == 1
    assert "Line 2: 100, 8040001234" in text_of(page)


async def test_names_that_come_twice_are_one_note(deps: Deps, business: Business, browse: Visitors) -> None:
    await make_label(deps, business.account.id)
    alice = await browse.as_member(business.admin)
    names = ["phone", *(f"name {at // 2}" for at in range(2_000))]
    file = ("twice.csv", f"{','.join(names)}\n{phone()}{',x' * 2_000}\n".encode(), "text/csv")
    page = await alice.follow(await alice.post(UPLOADS, {"caller": "+918040001234"}, file=file))
    said = "Several columns have the same name: 'name 0', 'name 1', 'name 2' and 997 more names."
    assert text_of(page).count("have the same name") == 1
    assert said in text_of(page)
    two = ("two.csv", f"phone,a,a,b,b\n{phone()},1,2,3,4\n".encode(), "text/csv")
    few = text_of(await alice.follow(await alice.post(UPLOADS, {"caller": "+918040001234"}, file=two)))
    assert "Several columns have the same name: 'a' and 'b'." in few


def test_of_many_names_the_first_are_shown() -> None:
    assert display_names.first_of(["City", "Zip"]) == "City, Zip"
    assert display_names.first_of(["x" * 500]) == "x" * 100
    assert display_names.first_of([*map(str, range(22))]).endswith(", 19 and 2 more")


async def test_a_name_that_several_labels_have_is_refused(deps: Deps, business: Business, browse: Visitors) -> None:
    for name in ("Acmé", "ACME\u0301", "Öther"):
        await make_label(deps, business.account.id, name=name)
    alice = await browse.as_member(business.admin)
    rows = f"{phone()},acmé\n{phone()},o\u0308ther\n".encode()
    sent = await alice.post(UPLOADS, {"caller": "+918040001234"}, file=("x.csv", b"phone,label\n" + rows, "text/csv"))
    shown = text_of(await alice.follow(sent))
    assert "Push 1 record" in shown
    assert "(several labels have this name; write the id of one)" in shown
