"""What no page of ours sends: odd ids in paths, damaged cookies, fields that are no text. A page each time, no 5xx."""

import re
from base64 import urlsafe_b64encode
from itertools import product
from pathlib import Path

import httpx
import pytest
from tests.support import hostile_requests as hostile
from tests.surfaces.console.browser import BASE, Browser, Business, Visitors, make_operator, text_of

from callmark.domain.deps import Deps
from callmark.surfaces.console import app, cookies
from callmark.surfaces.console.route import Access
from callmark.surfaces.console.routes import TABLE
from callmark.surfaces.cursors import encode_key

SEGMENTS = (*hostile.SEGMENTS[:5], "-1", "9" * 400, "..%2F..", "%F0%9F%9A%9A", "00000000-0000-0000-0000-000000000000")
_SOURCES = "".join(path.read_text() for path in Path(app.__file__).parent.glob("*.py"))
QUERY = sorted({*re.findall(r'query\("(\w+)"\)', _SOURCES), "after", "before", "from", "page", "range", "to"})
"""Every parameter that a page reads."""
FORGED = (
    *hostile.QUERIES,
    "9999-12-31",
    "0001-01-01",
    "2026-13-45",
    encode_key(("x", "y")),
    encode_key(("9999-12-31T23:59:59+00:00", "\0")),
    encode_key(("2026-01-01T00:00:00", "no id")),
    encode_key(("2026-01-01T00:00:00+00:00", "no id", "no number")),
    urlsafe_b64encode(b"[" * 1_200).decode(),
)
_WITHOUT_IDS = [one for one in TABLE if one.method == "GET" and "{" not in one.path]
NOBODY = "00000000-0000-0000-0000-000000000000"
INSTANTS = (
    *("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "2026-01-01", "2026-01-01T00:00:00"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
)
COOKIES = sorted({name for name in vars(cookies).values() if isinstance(name, str) and name.startswith("callmark_")})
PAGES = {200, 303, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422}
LENGTHS = (b"-1", b"9" * 5000, b"\xb2", b"1e3", b"0x10")
FORM = b"application/x-www-form-urlencoded"
OF_SITES = ("Origin", "Referer", "Sec-Fetch-Site", "X-CSRF-Token")
"""Headers by which forms of other sites are refused before anything else is looked at."""

LEAVING = {"/sign-out", "/operator/stop-acting"}
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


@pytest.fixture
async def everybody(deps: Deps, business: Business, browse: Visitors) -> list[Browser]:
    """A member, an operator, and an operator who acts for the member's account."""
    operator, acting = [await browse.as_operator(await make_operator(deps)) for _ in range(2)]
    begun = await acting.post(f"/console/operator/accounts/{business.account.id}/act", {"reason": "a test"})
    assert begun.status_code == 303
    return [await browse.as_member(business.admin), operator, acting]


async def test_no_path_makes_a_page_fail(business: Business, everybody: list[Browser], turn: int) -> None:
    found: list[str] = []
    for at, segment in enumerate(SEGMENTS):
        for entry in hostile.sixth((one for one in TABLE if "{" in one.path), at, turn):
            for first in {segment, str(business.account.id)} if entry.path.count("{") > 1 else {segment}:
                parts = re.sub(r"\{\w+\}", first, entry.path, count=1)
                path = re.sub(r"\{\w+\}", segment, parts)
                for browser in everybody if "/operator/" in path else everybody[::2]:
                    found += await _wrong(browser, entry.method, f"/console{path}")
    assert found + await _gone(everybody) == []


async def test_no_query_makes_a_page_fail(everybody: list[Browser], turn: int) -> None:
    """Each value in every parameter at once, or each parameter with another one."""
    found: list[str] = []
    for of_round, value in enumerate(FORGED):
        others = [FORGED[(of_round + at * 5) % len(FORGED)] for at, _ in enumerate(QUERY)]
        for at, entry in enumerate(hostile.sixth(_WITHOUT_IDS, of_round, turn)):
            values = others if (at + of_round // 6 + turn // 6) % 2 else [value] * len(QUERY)
            asked = "&".join(f"{name}={one}" for name, one in zip(QUERY, values, strict=True))
            browser = everybody[1 if "/operator/" in entry.path else of_round % 2 * 2]
            found += await _wrong(browser, "GET", f"/console{entry.path}?{asked}")
    assert found + await _gone(everybody) == []


async def test_no_position_in_a_list_makes_a_page_fail(everybody: list[Browser], turn: int) -> None:
    found: list[str] = []
    for at, instant in enumerate(INSTANTS):
        for entry in hostile.sixth(_WITHOUT_IDS, at, turn):
            rest = (
                (NOBODY, 5) if entry.path == "/records" else ("9199001122",) if entry.path == "/numbers" else (NOBODY,)
            )
            key = encode_key((instant, *rest))
            browser = everybody[1 if "/operator/" in entry.path else 0]
            found += await _wrong(browser, "GET", f"/console{entry.path}?after={key}&before={key}")
    assert found == []


async def test_no_header_makes_a_page_fail(browse: Visitors, everybody: list[Browser], turn: int) -> None:
    found: list[str] = []
    routes = [one for one in TABLE if "{" not in one.path and one.path not in LEAVING]
    of_rounds = [(one, at_entry) for one in hostile.ROUNDS for at_entry in enumerate(hostile.sixth(routes, one, turn))]
    for of_round, (at, entry) in of_rounds:
        browser = everybody[1 if "/operator/" in entry.path else 0]
        length = {b"content-length": LENGTHS[at % len(LENGTHS)]}
        for more, without in ((length, ()), (length, OF_SITES), ({b"content-type": FORM}, OF_SITES)):
            sent = {**hostile.headers(of_round, without=without), **more}
            found += await _wrong(
                browser if (at + turn // 6) % 4 else browse(), entry.method, f"/console{entry.path}", sent
            )
    assert found + await _gone(everybody) == []


async def _wrong(browser: Browser, method: str, path: str, headers: dict[bytes, bytes] | None = None) -> list[str]:
    """Nothing for a page of ours, or a redirect to one; else what came."""
    url = httpx.URL(BASE).copy_with(raw_path=path.encode())
    data = {"csrf": browser.csrf, "name": "a", "email": "a"} if method == "POST" else None
    answer = await browser.http.request(method, url, data=data, headers=headers)
    is_page = answer.status_code < 400 or answer.headers["content-type"].startswith("text/html")
    if answer.status_code in PAGES and answer.headers["x-request-id"] and is_page:
        return []
    return [f"{method} {path[:200]}, {headers}: {answer}, {answer.headers}"]


async def _gone(everybody: list[Browser]) -> list[str]:
    """Who is not signed in any more, or does not act for the account any more."""
    pages = ("/console/keys", "/console/operator/accounts", "/console/keys")
    return [page for page, one in zip(pages, everybody, strict=True) if (await one.get(page)).status_code != 200]


async def test_a_damaged_cookie_is_ignored(business: Business, browse: Visitors) -> None:
    alice, found = await browse.as_member(business.admin), list[str]()
    paths = ("/console/sign-in", "/console", "/console/sign-in/code", "/console/nowhere")
    for name, value in product(COOKIES, GARBAGE):
        sent = {b"Cookie": f"{name}={value}".encode("latin-1")}
        for path in paths:
            answer = await browse().http.get(path, headers=sent)
            posted = await browse().http.post(path, headers=sent, data={"csrf": "a"})
            if answer.status_code not in {200, 303, 404} or posted.status_code not in {303, 403, 405}:
                found.append(f"{name}={value} to {path}: {answer}, {posted}")
        if name != cookies.SESSION:
            alice = await browse.as_member(business.admin)
            alice.http.cookies.set(name, value.encode("latin-1").decode("ascii", "replace").replace("\ufffd", "y"))
            if (asked := await alice.http.get("/console/keys")).status_code != 200:
                found.append(f"{name}={value} of alice: {asked}")
    assert found == []


async def test_a_field_that_is_no_text_is_refused(everybody: list[Browser]) -> None:
    form, found = {"Content-Type": "application/x-www-form-urlencoded"}, list[str]()
    for body, entry in product(NOT_TEXT, TABLE):
        if entry.method == "POST" and "{" not in entry.path and entry.needs is not Access.ANYBODY:
            browser = everybody[1 if entry.path.startswith("/operator/") else 0]
            answer = await browser.http.post(f"/console{entry.path}", content=body, headers=form)
            if answer.status_code != 400 or "is not UTF-8" not in text_of(answer):
                found.append(f"{body!r} to {entry.path}: {answer}")
    assert found == []


async def test_a_part_of_a_form_that_is_no_text_is_refused(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    body = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAcm\xe9\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await alice.http.post("/console/labels/new", content=body, headers=headers)
    assert answer.status_code == 400
    assert "The form has text that is not UTF-8. Submit it again." in text_of(answer)
    named = body.replace(b'"name"', b'"n\xe9"')
    assert (await alice.http.post("/console/labels/new", content=named, headers=headers)).status_code == 400
    headers["Content-Encoding"] = "gzip"
    compressed = await alice.http.post("/console/labels/new", content=body, headers=headers)
    assert (compressed.status_code, "Unsupported content" in text_of(compressed)) == (415, True)
