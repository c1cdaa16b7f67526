"""Personal data in the console: a number is exported as a file, and erased after it was typed twice."""

import re
from html import unescape

import pytest
from msgspec.structs import replace
from tests.support.actors import OPERATOR
from tests.support.table_rows import put_row
from tests.surfaces.console.browser import (
    BASE,
    Browser,
    Visitors,
    csrf_of,
    errors_of,
    make_operator,
    text_of,
)

from callmark.domain.deps import Deps
from callmark.domain.persons import erasing, service
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.console import persons

URL = "/console/operator/persons"
NUMBER = "919900112233"


async def test_a_number_is_exported_and_erased(deps: Deps, olive: Browser) -> None:
    async with deps.db.transaction() as tx:
        await put_row(tx, "call", deps.clock.now(), {"receiver_number": NUMBER})
    file = await olive.post(f"{URL}/export", {"number": f" +91 99001 {NUMBER[-5:]} "})
    assert (file.status_code, file.headers["cache-control"]) == (200, "no-store")
    assert file.headers["content-disposition"].startswith('attachment; filename="callmark-person-')
    assert file.json()["tables"]["call"][0]["receiver_number"] == NUMBER
    page = await olive.follow(
        await olive.post(f"{URL}/erase", {"number_to_erase": f"+{NUMBER}", "number_again": NUMBER})
    )
    assert "The erasure has started." in text_of(page)
    assert ">Running<" in page.text
    assert "hx-trigger" in page.text
    assert NUMBER not in page.text
    (made,) = await service.list_erasures(deps)
    while await erasing.step(deps, made.id):
        pass
    page = await olive.get(URL)
    assert ">Done<" in page.text
    assert (await service.get_erasure(deps, made.id)).rows == 1


async def test_every_erasure_is_on_a_page(deps: Deps, olive: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "PAGER", replace(persons.PAGER, size=2))
    made = [await service.request_erasure(deps, PhoneNumber(f"91990011223{n}"), by=OPERATOR) for n in range(5)]
    seen: list[str] = []
    page = await olive.get(URL)
    for count in (2, 2, 1):
        ids = re.findall(r'data-label="Id"><code>([^<]+)<', page.text)
        assert len(ids) == count
        seen += ids
        (here,) = re.findall(r'hx-get="([^"]+)"', page.text)  # what it asks for while one runs is the same page
        assert re.findall(r'data-label="Id"><code>([^<]+)<', (await olive.get(unescape(here))).text) == ids
        if more := re.findall(r'href="([^"]+)"\s+rel="next"', page.text):
            page = await olive.get(unescape(more[0]))
    assert seen == [str(one.id) for one in reversed(made)]
    assert "First page" in text_of(page)


async def test_an_export_that_would_lack_a_newer_versions_tables_is_refused(deps: Deps, olive: Browser) -> None:
    async with deps.db.transaction() as tx:
        await tx.execute("INSERT INTO schema_migration VALUES (9999, 'tomorrow', now(), 'pre')")
    page = await olive.post(f"{URL}/export", {"number": NUMBER})
    assert page.status_code == 409
    assert "An export would not be whole: the database is at migration 9999" in text_of(page)


_WRONG: tuple[tuple[str, dict[str, str], str], ...] = (
    ("export", {"number": "12"}, "number"),
    ("erase", {"number_to_erase": "", "number_again": ""}, "number_to_erase"),
    ("erase", {"number_to_erase": NUMBER, "number_again": ""}, "number_again"),
    ("erase", {"number_to_erase": NUMBER, "number_again": "919900112234"}, "number_again"),
)


async def test_what_is_wrong_is_said_at_its_field(deps: Deps, olive: Browser) -> None:
    found: list[str] = []
    for path, typed, field in _WRONG:
        page = await olive.post(f"{URL}/{path}", typed)
        erasures = await service.list_erasures(deps)
        if page.status_code != 422 or field not in errors_of(page) or erasures:
            found.append(f"{path} {typed}: {page}, {errors_of(page)}, {erasures}")
    assert found == []


async def test_a_form_that_comes_too_late_keeps_both_numbers(deps: Deps, browse: Visitors) -> None:
    typed = {"number_to_erase": NUMBER, "number_again": f"+{NUMBER}"}
    operator = await make_operator(deps)
    old = csrf_of(await (await browse.as_operator(operator)).get(URL))
    olive = await browse.as_operator(operator)
    answer = await olive.http.post(f"{URL}/erase", data={"csrf": old, **typed}, headers={"Origin": BASE})
    kept = text_of(await olive.follow(answer))
    assert f"Number to erase {NUMBER} Number again +{NUMBER}" in kept
    assert "Passwords" not in kept
    assert "Submit now" in kept
