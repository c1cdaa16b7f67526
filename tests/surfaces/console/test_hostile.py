"""What no page of ours sends: strange characters, forged addresses, guesses without end, and other methods."""

import csv
import io
from datetime import timedelta
from itertools import product
from urllib.parse import quote

import pytest
from starlette.responses import Response
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import (
    PASSWORD,
    Browser,
    Business,
    Visitors,
    errors_of,
    mailed_token,
    newest_mail,
    text_of,
)

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.members.model import Member
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import random_text
from callmark.surfaces.console import cookies
from callmark.surfaces.console.csv_export import headers_of
from callmark.surfaces.console.route import Access
from callmark.surfaces.console.routes import TABLE
from callmark.tables.written import as_csv

NEW = "quite another four words"
_ADDRESSES = ("http://[", "http://[x]/", "//", "javascript:alert(1)")
_SAID_IN = ("Referer", "HX-Current-URL", "Host", "Origin")
_FROM_A_PAGE = {"Sec-Fetch-Site": "same-origin", "HX-Request": "true"}


async def test_no_address_that_a_browser_says_makes_a_page_fail(business: Business, browse: Visitors) -> None:
    alice, found = await browse.as_member(business.admin), list[str]()
    for address, name, site in product(_ADDRESSES, _SAID_IN, ({}, _FROM_A_PAGE)):
        said: dict[str, str] = {name: address, **site}
        for browser in (alice, browse()):
            asked = await browser.http.get("/console/keys?q=1", headers=said)
            sent = await browser.http.post("/console/keys/new", data={"csrf": "x", "name": "dialer"}, headers=said)
            if asked.status_code not in {200, 303} or sent.status_code not in {200, 303, 403}:
                found.append(f"{said}, {'alice' if browser is alice else 'stranger'}: {asked}, {sent}")
    assert found == []


async def test_no_field_with_a_nul_makes_a_form_fail(business: Business, browse: Visitors) -> None:
    alice, stranger = await browse.as_member(business.admin), browse()
    await stranger.get("/console/sign-in")
    for entry in TABLE:
        if entry.method == "POST" and "{" not in entry.path and not entry.path.startswith("/operator"):
            who = stranger if entry.needs is Access.ANYBODY else alice
            answer = await who.post(f"/console{entry.path}", {"email": "a\0b", "name": "a\0b"})
            assert answer.status_code == 400, (entry.path, answer.status_code)


@pytest.mark.parametrize("page", ["/console/sign-in", "/console/forgot"])
async def test_an_address_longer_than_any_is_answered_like_an_unknown_one(browse: Visitors, page: str) -> None:
    stranger = browse()
    await stranger.get(page)
    answer = await stranger.post(page, {"email": random_text(20_000), "password": PASSWORD})
    assert answer.status_code == (401 if page.endswith("sign-in") else 303)


async def test_another_method_is_told_by_a_page_with_its_headers(business: Business, browse: Visitors) -> None:
    alice, found = await browse.as_member(business.admin), list[str]()
    methods, paths = ("POST", "PUT", "DELETE", "OPTIONS"), ("/console", "/console/keys", "/console/nowhere")
    for method, path in product(methods, paths):
        answer = await alice.http.request(method, path)
        policy = answer.headers.get("content-security-policy", "")
        if answer.status_code != 405 or "Acme" not in text_of(answer) or "frame-ancestors 'none'" not in policy:
            found.append(f"{method} {path}: {answer}, {policy}, {text_of(answer)[:80]}")
    assert found == []


def test_behind_https_no_other_host_and_no_plain_request_gets_the_cookie() -> None:
    response = Response()
    cookies.write(response, cookies.Cookie(cookies.SESSION, "token"), at="https://calls.example.com")
    name, _, attributes = response.headers["set-cookie"].partition("=token; ")
    assert name == f"__Host-{cookies.SESSION}"
    assert set(attributes.split("; ")) == {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}


async def test_a_mailed_link_leads_to_our_own_address_whatever_host_was_asked(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    thief = browse()
    await thief.get("/console/forgot")
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    sent = {"csrf": thief.csrf, "email": business.admin.email}
    assert (await thief.http.post("/console/forgot", data=sent, headers=forged)).status_code == 303
    mail = await newest_mail(deps, business.admin.email)
    assert f"{deps.public_url}/console/reset/" in mail
    assert "evil.example" not in mail


async def _ask_for_code(browser: Browser, email: str) -> int:
    await browser.get("/console/sign-in")
    return (await browser.post("/console/sign-in", {"email": email, "password": PASSWORD})).status_code


async def test_who_knows_the_password_may_not_guess_codes_for_ever(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    thief = browse()
    for _ in range(10):
        assert await _ask_for_code(thief, business.admin.email) == 303
        assert (await thief.post("/console/sign-in/code", {"code": "none"})).status_code == 401
    refused = await thief.post("/console/sign-in", {"email": business.admin.email, "password": PASSWORD})
    assert refused.status_code == 429
    assert "Too many attempts" in errors_of(refused)[""]
    assert await _ask_for_code(browse(), business.process_owner.email) == 303  # others are not shut out
    clock.advance(timedelta(hours=1))
    assert await _ask_for_code(thief, business.admin.email) == 303


async def _waiting_code(deps: Deps, browse: Visitors, member: Member) -> tuple[Browser, str]:
    thief = browse()
    await _ask_for_code(thief, member.email)
    return thief, (await newest_mail(deps, member.email)).partition("sign in is ")[2][:6]


async def test_a_new_password_ends_links_and_codes_that_the_old_one_gave(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    alice, stranger = await browse.as_member(business.admin), browse()
    await stranger.get("/console/forgot")
    await stranger.post("/console/forgot", {"email": business.admin.email})
    token = await mailed_token(deps, business.admin.email)
    thief, code = await _waiting_code(deps, browse, business.admin)
    await alice.post("/console/me/password", {"old_password": PASSWORD, "password": NEW, "again": NEW})
    assert (await thief.post("/console/sign-in/code", {"code": code})).status_code == 401
    assert (await stranger.get(f"/console/reset/{token}")).status_code == 404


def test_a_spreadsheet_gets_no_formula_and_keeps_phone_numbers() -> None:
    cells = ["=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-2+3", "\tx", "\0x", "+49 30 123456", "-5", "a=b", "", 7]
    kept = as_csv([cells]).splitlines()[0]
    assert kept == "'=1+1,'@SUM(A1),'+1+cmd|' /C calc'!A0,'-2+3,'\tx,'\0x,+49 30 123456,-5,a=b,,7"


@pytest.mark.parametrize("begin", ["=1", "\uff1d1+1", "\uff20SUM(1)", "\uff0b1+1", "\uff0d1+1"])
@pytest.mark.parametrize("blank", ["", "\u00a0", "\u3000", " "])
def test_wide_signs_and_blanks_do_not_hide_a_formula(begin: str, blank: str) -> None:
    assert as_csv([[blank + begin]]).splitlines()[0] == f"'{blank}{begin}"


def test_a_wide_number_is_no_formula() -> None:
    number = "\uff0b\uff19\uff11 \uff18\uff10\uff14\uff10"
    assert as_csv([[number, f"x;{number}"]]).splitlines()[0] == f"{number},x;{number}"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_line_break_in_a_text_does_not_end_its_line(end: str) -> None:
    """Of whichever kind: readers end a line at each."""
    rows = [["1", f"Your parcel{end}arrives today", "x"], [f"y{end}", "", f"z{end}"]]
    written = as_csv(rows)
    assert [*csv.reader(io.StringIO(written, newline=""))] == rows


def test_a_spreadsheet_that_divides_elsewhere_gets_no_formula() -> None:
    cells = ["x;=A1", "x;;@A1;-A1", "x\t+1+1", "x\n=A1\r=A1", "\t=A1", "+49 30;-5\n+49 31", "a=b;c=d; -e"]
    kept = next(csv.reader(io.StringIO(as_csv([cells]), newline="")))
    assert kept == ["x;'=A1", "x;;'@A1;'-A1", "x\t'+1+1", "x\n'=A1\r'=A1", "'\t'=A1", *cells[-2:]]


@pytest.mark.parametrize("divider", [";", "\t", "\r", "\n"])
@pytest.mark.parametrize("quotes", ['"', '""', '"""'])
@pytest.mark.parametrize("begin", ["=1+1", "@SUM(A1)", "+1+1", "-A1"])
def test_a_quotation_mark_before_a_formula_does_not_hide_it(divider: str, quotes: str, begin: str) -> None:
    written = as_csv([(3, f"x{divider}{quotes}{begin}{divider}y", "why")])
    lines = csv.reader(io.StringIO(written, newline=""), delimiter="\t" if divider == "\t" else ";")
    assert not [cell for line in lines for cell in line if cell[:1] in set("=@+-")]


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ('A/c\\m"e; & Söns\r\nLtd.', "attachment; filename=\"x.csv\"; filename*=UTF-8''x-A-c-m-e-S%C3%B6ns-Ltd.csv"),
        ("..", 'attachment; filename="x.csv"'),
        ("\u202egpj.exe", 'attachment; filename="x-gpj-exe.csv"'),
        ("हिन्दी", f"attachment; filename=\"x.csv\"; filename*=UTF-8''x-{quote('हिन्दी')}.csv"),
        ("a" * 100, f'attachment; filename="x-{"a" * 50}.csv"'),
    ],
)
def test_a_file_has_what_is_safe_of_its_owners_name(owner: str, said: str) -> None:
    assert headers_of("x", owner) == {"Content-Disposition": said}
