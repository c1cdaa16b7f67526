"""What no page of ours sends: odd ids in paths, damaged cookies, fields that are no text. A page each time, no 5xx."""

import pytest
from tests.surfaces.console.browser import Browser, Business, Visitors, text_of

from callmark.surfaces.console import cookies
from callmark.surfaces.console.entry import Access
from callmark.surfaces.console.routes import TABLE

SEGMENTS = (
    "%00",
    "%FF",
    "a" * 2000,
    "-1",
    "9" * 400,
    "..%2F..",
    "%F0%9F%9A%9A",
    "00000000-0000-0000-0000-000000000000",
)
GARBAGE = (
    "bnVsbA==",
    "W10=",
    "WyJhIl0=",
    "WzEsMl0=",
    "WyJzdWNjZXNzIiwgbnVsbF0=",
    "%00",
    "a" * 3000,
    "\u00ff",
    '"\\000"',
    "=",
    "W1tbW1s=",
)
NOT_TEXT = (b"name=%FF&email=%C3%28", b"name=\xff", b"name=a&email=\xed\xa0\x80")


@pytest.mark.parametrize("segment", SEGMENTS, ids=range(len(SEGMENTS)))
async def test_no_path_makes_a_page_fail(business: Business, browse: Visitors, segment: str) -> None:
    alice = await browse.as_member(business.admin)
    for entry in TABLE:
        if "{" not in entry.path or entry.path.startswith("/operator"):
            continue
        path = "/".join(segment if part.startswith("{") else part for part in entry.path.split("/"))
        answer = await _ask(alice, entry.method, f"/console{path}")
        assert answer in {200, 303, 400, 401, 403, 404, 405, 409, 410, 422}, (entry.method, path[:80], answer)


async def _ask(browser: Browser, method: str, path: str) -> int:
    if method == "POST":
        return (await browser.post(path, {"name": "a", "email": "a"})).status_code
    return (await browser.http.get(path)).status_code


@pytest.mark.parametrize(
    "name", [cookies.FLASH, cookies.SESSION, cookies.VISITOR, cookies.CODE, cookies.DEVICE, cookies.THEME]
)
async def test_a_damaged_cookie_is_ignored(business: Business, browse: Visitors, name: str) -> None:
    alice = await browse.as_member(business.admin)
    for value in GARBAGE:
        sent = {b"Cookie": f"{name}={value}".encode("latin-1")}
        for path in ("/console/sign-in", "/console", "/console/sign-in/code", "/console/nowhere"):
            answer = await browse().http.get(path, headers=sent)
            assert answer.status_code in {200, 303, 404}, (value, path)
        if name != cookies.SESSION:
            alice.http.cookies.set(name, value.encode("latin-1").decode("ascii", "replace").replace("\ufffd", "y"))
            assert (await alice.http.get("/console/keys")).status_code == 200, value


@pytest.mark.parametrize("body", NOT_TEXT, ids=range(len(NOT_TEXT)))
async def test_a_field_that_is_no_text_is_told_with_its_place(
    business: Business, browse: Visitors, body: bytes
) -> None:
    alice = await browse.as_member(business.admin)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for entry in TABLE:
        if entry.method == "POST" and "{" not in entry.path and entry.action is not Access.ANYBODY:
            if entry.path.startswith("/operator"):
                continue
            answer = await alice.http.post(f"/console{entry.path}", content=body, headers=form)
            assert answer.status_code == 400, entry.path
            assert "is not UTF-8" in text_of(answer)


async def test_a_part_of_a_form_that_is_no_text_is_told_with_its_place(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    body = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAcm\xe9\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await alice.http.post("/console/labels/new", content=body, headers=headers)
    assert answer.status_code == 400
    assert f"the byte at offset {body.index(0xE9)} is not UTF-8" in text_of(answer)
    named = body.replace(b'"name"', b'"n\xe9"')
    assert (await alice.http.post("/console/labels/new", content=named, headers=headers)).status_code == 400
    headers["Content-Encoding"] = "gzip"
    compressed = await alice.http.post("/console/labels/new", content=body, headers=headers)
    assert (compressed.status_code, "Unsupported content" in text_of(compressed)) == (415, True)
