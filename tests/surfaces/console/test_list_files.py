"""The list that Manage Listing keeps: how it is read, and what a person chooses beside it."""

import re
from html import unescape

import httpx
from tests.domain.numbers.staging import phones
from tests.support.workbooks import book
from tests.surfaces.console.browser import Business, Visitors, errors_of
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
