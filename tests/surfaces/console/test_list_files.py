"""The list that Manage Listing keeps: how it is read, and what a person chooses beside it."""

import csv
import io
import re
from html import unescape

import httpx
from tests.domain.numbers.staging import phones
from tests.support.workbooks import book
from tests.surfaces.console.browser import Business, Visitors, errors_of, make_business, text_of
from tests.surfaces.console.listing import SETS, make_set

from callmark.domain.deps import Deps

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def sent_by(page: httpx.Response) -> dict[str, str]:
    """What the first form about the list sends when nobody changes it: hidden fields, and choices as they stand."""
    form = page.text.partition('name="draft"')
    form_text = form[0].rpartition("<form")[2] + "".join(form[1:]).partition("</form>")[0]
    found = dict(re.findall(r'type="hidden"\s+name="([a-z_]+)"\s+value="([^"]*)"', form_text))
    for name, options in re.findall(r'<select [^>]*name="([a-z_-]+)".*?>(.*?)</select>', form_text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    radio = r'type="radio"[^>]*name="([a-z]+)"[^>]*value="([a-z]+)"[^>]* checked'
    found |= dict(re.findall(radio, form_text))
    return {name: unescape(value) for name, value in found.items() if name != "csrf"}


async def test_a_column_of_another_sheet_can_be_chosen_and_is_kept(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    office, mobile = phones(2)
    data: list[list[object]] = [["Phone office", "Phone mobile"], [int(office), int(mobile)]]
    workbook = book([["Summary", "Total"], ["All", 2]], Data=data)
    first = await alice.post(at, {"mode": "append"}, file=("two.xlsx", workbook, XLSX))
    assert "No column seems to contain phone numbers" in errors_of(first)["column"]
    second = await alice.post(at, {**sent_by(first), "sheet": "Data"})
    assert "Several columns seem to contain phone numbers: Phone office" in errors_of(second)["column"]
    answer = await alice.post(at, {**sent_by(second), "column": "2"})
    assert answer.status_code == 303
    assert f'value="{mobile}"' in (await alice.follow(answer)).text
    back = await alice.get(f"{at}?draft={answer.headers['location'].rpartition('/')[2]}")
    again = await alice.post(at, {**sent_by(back), "mode": "delist"})
    assert again.status_code == 303
    assert f'value="{mobile}"' in (await alice.follow(again)).text


async def test_what_stands_between_columns_can_be_chosen_and_the_columns_are_found_again(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    one, two = "918040005001", "918040005002"
    file = ("list.csv", f"Team;Mobile,Landline\nSales team;{one},{two}\n".encode(), "text/csv")
    found = await alice.follow(await alice.post(at, {"mode": "append"}, file=file))
    assert [number in found.text for number in (one, two)] == [False, True]
    read = await alice.follow(await alice.post(at, {**sent_by(found), "delimiter": "semicolon"}))
    assert [number in read.text for number in (one, two)] == [True, True]
    assert sent_by(read)["delimiter"] == "semicolon"
    again = await alice.follow(await alice.post(at, {**sent_by(read), "delimiter": ""}))
    assert [number in again.text for number in (one, two)] == [False, True]


async def test_a_new_file_is_read_without_what_was_chosen_for_the_one_before(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    one, two, new = phones(3)
    old = ("old.csv", f"Mobile;Landline\n{one};{two}\n".encode(), "text/csv")
    asked = await alice.post(at, {"mode": "append"}, file=old)
    before = {**sent_by(asked), "column": "2", "encoding": "utf-16"}
    answer = await alice.post(at, before, file=("new.csv", f"Mobile;City\n{new};Pune\n".encode(), "text/csv"))
    assert answer.status_code == 303
    assert f'value="{new}"' in (await alice.follow(answer)).text


async def test_all_lines_without_a_number_are_a_file_by_a_plain_link_and_the_page_has_the_first(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here = await make_set(deps, business)
    at = f"{SETS}/{here}/listing"
    alice = await browse.as_member(business.admin)
    text = "\n".join(["Phone", phones(1)[0], '=1+1 "<b>', *["x"] * 2_000])
    sent = await alice.post(at, {"mode": "append", "list": text})
    page = await alice.follow(sent)
    assert len(page.text) < 300_000
    assert "The first 500 of 2,001 are shown." in text_of(page)
    assert "choose their country above." in text_of(page)
    link = f"{sent.headers['location']}/rejected.csv"
    assert f'href="{link}"' in page.text
    file = await alice.get(link)
    assert file.headers["content-type"].startswith("text/csv")
    assert file.headers["content-disposition"] == 'attachment; filename="rejected-lines-Doorstep.csv"'
    rows = list(csv.reader(io.StringIO(file.text)))
    assert (rows[0], rows[1][:2], len(rows)) == (["line", "text", "why"], ["3", "'=1+1 \"<b>"], 2_002)
    charlie_business = await make_business(deps, "Borealis")
    charlie = await browse.as_member(charlie_business.admin)
    assert (await charlie.get(link)).status_code == 404
    theirs = link.replace(str(here), str(await make_set(deps, charlie_business)))
    assert (await charlie.get(theirs)).status_code == 404


async def test_a_list_may_be_as_large_as_an_upload_and_a_larger_one_is_refused_with_the_limit(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    at = f"{SETS}/{await make_set(deps, business)}/listing"
    alice = await browse.as_member(business.admin)
    assert "16 MB" in text_of(await alice.get(at))
    content = f"Phone,Notes\n{phones(1)[0]},".encode().ljust(5 << 20, b"x")
    answer = await alice.post(at, {"mode": "append"}, file=("wide.csv", content, "text/csv"))
    assert answer.status_code == 303
    refused = await alice.post(at, {"mode": "append"}, file=("larger.csv", content.ljust((16 << 20) + 1), "text/csv"))
    assert errors_of(refused)["file"] == (
        "This file is larger than 16 MB: leave only the column with the numbers, or split the file"
    )
    upload = await alice.post("/console/uploads/new", {}, file=("larger.csv", b"x" * ((16 << 20) + 1), "text/csv"))
    assert errors_of(upload)["file"] == "This file is larger than 16 MB: split it into several files"
