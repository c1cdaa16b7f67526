"""Whose page a form stood on: what browsers say about it, behind proxies too."""

from msgspec.structs import replace
from structlog.testing import capture_logs
from tests.surfaces.console.browser import BASE, PASSWORD, Business, Visitors, csrf_of, text_of, visitors

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.surfaces.console import cookies

_OURS: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://calls.example.com", "Host": "inner:8700"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": BASE},
    {"Origin": BASE.upper().replace("HTTP", "http")},
    {"Origin": f"{BASE}:80"},
    {"Origin": "null", "Referer": f"{BASE}/console/keys"},
    {"Referer": f"{BASE}/console/keys"},
    {},
)
_OTHERS: tuple[tuple[dict[str, str], str], ...] = (
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, "https://evil.example"),
    ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.callmark.test"}, "https://other.callmark.test"),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, "null"),
    ({"Sec-Fetch-Site": "cross-site", "Referer": f"{BASE}/console"}, "a cross-site page"),
    ({"Origin": "https://evil.example", "Referer": f"{BASE}/console"}, "https://evil.example"),
    ({"Origin": "null"}, "null"),
    ({"Origin": "null", "Referer": "https://evil.example/callmark.test"}, "https://evil.example"),
    ({"Referer": f"https://evil.example/?{BASE}"}, "https://evil.example"),
    ({"Origin": f"{BASE}.evil.example"}, f"{BASE}.evil.example"),
    ({"Origin": f"{BASE}:8080"}, f"{BASE}:8080"),
    ({"Origin": ""}, "was sent from"),
)


async def test_our_own_forms_are_taken(deps: Deps, business: Business, browse: Visitors) -> None:
    alice, found = await browse.as_member(business.admin), list[str]()
    for headers in _OURS:
        form = {"csrf": alice.csrf, "name": "dialer", "features": "call_me_back"}
        answer = await alice.http.post("/console/keys/new", data=form, headers=headers)
        if answer.status_code != 303 or "/console/keys/shown/" not in answer.headers["location"]:
            found.append(f"{headers}: {answer}, {text_of(answer)[:200]}")
        for key in await credentials.list_keys(deps, business.account.id):  # an account may have a few
            await credentials.delete_key(deps, business.account.id, key.id, by=SYSTEM)
    assert found == []


async def test_a_browser_that_sends_no_cookie_back_is_told_where_and_how_to_sign_in(
    deps: Deps, business: Business
) -> None:
    """Over http it keeps no cookie of an https installation, and no message for the next page either."""
    secure = replace(deps, public_url="https://calls.example.com")
    async with visitors(secure) as made:
        alice = made()
        page = await alice.get("/console/sign-in")
        form = {"csrf": csrf_of(page), "email": business.admin.email, "password": PASSWORD}
        with capture_logs() as logged:
            answer = await alice.http.post("/console/sign-in", data=form, headers={"Origin": BASE})
    assert answer.status_code == 403
    for said in ("https://calls.example.com", "cookies"):
        assert said in text_of(answer)
    (line,) = [line for line in logged if line["event"] == "form_refused"]
    assert (line["route"], line["reason"], line["origin"]) == ("/console/sign-in", "no cookies", BASE)
    assert line["expected"] == ["https://calls.example.com"]


async def test_a_browser_that_lost_one_cookie_of_several_is_not_said_to_keep_none(browse: Visitors) -> None:
    alice = browse()
    csrf = csrf_of(await alice.get("/console/sign-in"))
    await alice.post("/console/theme", {"theme": "dark"})
    alice.http.cookies.delete(cookies.VISITOR)
    answer = await alice.http.post("/console/sign-in", data={"csrf": csrf}, headers={"Origin": BASE})
    assert "allow cookies" not in text_of(answer)


async def test_the_public_address_counts_whatever_host_a_proxy_sends(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    headers = {"Origin": deps.public_url, "Host": "inner:8700"}
    answer = await alice.http.post("/console/theme", data={"csrf": alice.csrf, "theme": "dark"}, headers=headers)
    assert answer.status_code == 303


async def test_another_sites_form_is_refused_and_both_addresses_are_told(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, found = await browse.as_member(business.admin), list[str]()
    for headers, said in _OTHERS:
        with capture_logs() as logged:
            answer = await alice.http.post("/console/keys/new", data={"csrf": alice.csrf}, headers=headers)
        text = text_of(answer)
        if answer.status_code != 403 or not all(one in text for one in (said, deps.public_url, BASE)):
            found.append(f"{headers}: {answer}, {text}")
        lines = [line for line in logged if line["event"] == "form_refused"]
        told = [(line["route"], deps.public_url in line["expected"], "origin" in line) for line in lines]
        if told != [("/console/keys/new", True, True)]:
            found.append(f"{headers}: {lines}")
    assert found == []
