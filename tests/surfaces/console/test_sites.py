"""Whose page a form stood on: what browsers say about it, behind proxies too."""

import pytest
from structlog.testing import capture_logs
from tests.surfaces.console.browser import BASE, Business, Visitors, text_of

from callmark.domain.deps import Deps


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://calls.example.com", "Host": "inner:8700"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": BASE},
        {"Origin": BASE.upper().replace("HTTP", "http")},
        {"Origin": f"{BASE}:80"},
        {"Origin": "null", "Referer": f"{BASE}/console/keys"},
        {"Referer": f"{BASE}/console/keys"},
        {},
    ],
)
async def test_our_own_forms_are_taken(business: Business, browse: Visitors, headers: dict[str, str]) -> None:
    alice = await browse.as_member(business.admin)
    form = {"csrf": alice.csrf, "name": "dialer", "features": "call_me_back"}
    answer = await alice.http.post("/console/keys/new", data=form, headers=headers)
    assert answer.status_code == 303
    assert "/console/keys/shown/" in answer.headers["location"]


async def test_the_public_address_counts_whatever_host_a_proxy_sends(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    headers = {"Origin": deps.public_url, "Host": "inner:8700"}
    answer = await alice.http.post("/console/theme", data={"csrf": alice.csrf, "theme": "dark"}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("headers", "said"),
    [
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
    ],
)
async def test_another_sites_form_is_refused_and_both_addresses_are_told(
    deps: Deps, business: Business, browse: Visitors, headers: dict[str, str], said: str
) -> None:
    alice = await browse.as_member(business.admin)
    with capture_logs() as logged:
        answer = await alice.http.post("/console/keys/new", data={"csrf": alice.csrf}, headers=headers)
    assert answer.status_code == 403
    assert said in text_of(answer)
    assert deps.public_url in text_of(answer)
    assert BASE in text_of(answer)
    (line,) = [line for line in logged if line["event"] == "form_refused"]
    assert line["route"] == "/console/keys/new"
    assert deps.public_url in line["expected"]
    assert "origin" in line
