"""Each error has a page with cause and remedy, and its answers lead there.

That every answer has the header is checked wherever answers are compared with the document, as in tests/contract.
"""

import re

import httpx
import pytest
from tests.support.openapi import DOCUMENTS, STIR, document, operations

from callmark.domain.deps import Deps
from callmark.domain.personalisation.model import Outcome
from callmark.kit import errors
from callmark.record_rules.fields import Fault
from callmark.surfaces.app import build_app
from callmark.surfaces.emulator.control_api.faults import KNOWN
from callmark.surfaces.reference.error_help import FAULTS, HELP, NEVER_ANSWERED, OUTCOMES
from callmark.surfaces.reference.error_pages import error_pages, statuses

KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.AppError)]
PAGES = {page.slug: page for page in error_pages(map(document, DOCUMENTS))}


def client(deps: Deps, *roles: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build_app(deps, frozenset(roles)))
    return httpx.AsyncClient(transport=transport, base_url="http://callmark.test")


def test_every_error_of_the_tree_has_help_and_no_help_is_left_over() -> None:
    assert {kind.slug for kind in KINDS} - NEVER_ANSWERED == HELP.keys() == PAGES.keys()
    assert FAULTS.keys() == set(Fault)
    assert OUTCOMES.keys() == set(Outcome) - {Outcome.PENDING, Outcome.SUCCESS, Outcome.INVALID}


def test_a_status_stands_for_one_slug() -> None:
    """Answers without a slug, and faults that the emulator is asked for by status, are read that way."""
    assert len(set(statuses().values())) == len(statuses())
    assert KNOWN.items() <= statuses().items()


def test_the_tree_shows_every_error_below_its_kind() -> None:
    tree = re.findall(r"^((?:│   )*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    depths = {kind.__name__: kind.__mro__.index(errors.AppError) for kind in KINDS}
    assert {"AppError": 0} | {name: 1 + len(indent) // 4 for indent, name in tree} == depths


@pytest.mark.parametrize("of", [one for one in DOCUMENTS if one != STIR])  # whose errors are those of a standard
def test_every_documented_error_is_on_a_page_and_its_answer_leads_to_it(of: str) -> None:
    texts = {text.message for page in PAGES.values() for text in page.texts}
    for operation in operations(of):
        for status, answer in operation.told["responses"].items():
            if status >= "400" and status.isdigit():
                assert "Link" in answer["headers"]
                for example in answer["content"]["application/json"]["examples"].values():
                    body = example["value"]
                    assert body.get("status_info", body)["message"] in texts
                    assert PAGES[body["slug"]].status == int(status) if "slug" in body else True


@pytest.mark.parametrize("role", ["api", "gateway", "console"])
async def test_the_link_of_an_answer_leads_to_its_page(deps: Deps, role: str) -> None:
    async with client(deps, role) as http:
        answer = await http.get("/nothing-here")
        assert answer.json()["slug"] == "not-found"
        link = re.fullmatch(r'<(/docs/errors/not-found)>; rel="help"', answer.headers["link"])
        assert link
        page = await http.get(link[1])
        assert page.status_code == 200
        assert HELP["not-found"].title in page.text
        for slug in PAGES:
            shown = await http.get(f"/docs/errors/{slug}")
            assert shown.text.count("<h2>") >= 2
            assert "`" not in re.sub(r"<td>.*?</td>", "", shown.text)
        listing = (await http.get("/docs/errors")).text
        assert set(re.findall(r'href="/docs/errors/([\w-]+)"', listing)) == PAGES.keys()
        assert set(re.findall(r'<dt id="(\w+)"', listing)) == {*FAULTS, *OUTCOMES}
