"""Forms that come too late, from an old page or too large: what was typed is kept, or the page says that it is not."""

from datetime import timedelta
from html import escape, unescape
from urllib.parse import unquote

import pytest
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import (
    BASE,
    PASSWORD,
    Browser,
    Business,
    Visitors,
    csrf_of,
    errors_of,
    make_business,
    text_of,
)

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.members.model import Member
from callmark.domain.policy.model import SYSTEM
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import Person
from callmark.surfaces.console import cookies

FORM = {"name": "dialer & co", "description": "a line of its own", "features": ["call_me_back", "user_feedback"]}
OURS = {"Origin": BASE}
_HIDDEN = ("csrf", "next")


async def _sign_in(browser: Browser, member: Member, sign_in_page: str) -> str:
    """Signs in on the page that an answer led to; where that leads."""
    page = await browser.get(sign_in_page)
    form = {name: unescape(page.text.partition(f'name="{name}" value="')[2].partition('"')[0]) for name in _HIDDEN}
    form |= {"email": member.email, "password": PASSWORD}
    answer = await browser.http.post("/console/sign-in", data=form)
    assert answer.status_code == 303
    return answer.headers["location"]


async def test_what_was_typed_outlives_a_session_and_is_sent_when_its_owner_says_so(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    await alice.get("/console/keys/new")
    clock.advance(timedelta(hours=12))
    late = await alice.post("/console/keys/new", FORM)
    assert late.status_code == 303
    assert "Your input is kept" in text_of(await alice.get(late.headers["location"]))
    onward = await _sign_in(alice, business.admin, late.headers["location"])
    kept = await alice.get(onward)
    assert "dialer & co" in text_of(kept)
    assert 'action="/console/keys/new"' in kept.text
    for name, value in (("name", "dialer & co"), ("description", "a line of its own"), ("features", "user_feedback")):
        assert f'<input type="hidden" name="{name}" value="{escape(value)}">' in kept.text
    assert (await alice.get(onward)).text.count("dialer") == kept.text.count("dialer")  # a reload loses nothing
    assert (await alice.post("/console/keys/new", FORM)).status_code == 303
    assert [key.name for key in await credentials.list_keys(deps, business.account.id)] == ["dialer & co"]


async def test_a_kept_form_is_shown_to_its_owner_and_to_nobody_else(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    await alice.get("/console/keys/new")
    (session,) = await sessions.list_sessions(deps, Person(member_id=business.admin.id))
    await sessions.end_session(deps, session.person, session.id, by=SYSTEM)
    late = await alice.post("/console/keys/new", FORM)
    charlie = (await make_business(deps, "Borealis")).admin
    onward = await _sign_in(alice, charlie, late.headers["location"])
    shown = await alice.get(onward)
    assert shown.status_code == 404
    assert "opened before you signed in as Alice of Borealis , so the form was not accepted." in text_of(shown)
    assert "dialer" not in shown.text
    assert (await (await browse.as_member(business.admin)).get(onward)).status_code == 404  # in another browser
    await alice.post("/console/sign-out", {})
    assert await _sign_in(alice, business.admin, f"/console/sign-in?next={onward}") == onward
    assert "dialer & co" in text_of(await alice.get(onward))


async def test_a_strangers_form_is_not_shown_to_who_follows_its_address(business: Business, browse: Visitors) -> None:
    """It would stand on a page of ours, with a button that sends it in the name of who is signed in."""
    stranger = browse()
    hers = cookies.csrf_token("another", cookies.Viewer(Person(member_id=business.admin.id), business.account.id))
    planted = await stranger.http.post("/console/keys/new", data={**FORM, "csrf": hers}, headers=OURS)
    onward = unquote(planted.headers["location"]).partition("next=")[2]
    assert onward.startswith("/console/kept-forms/")
    alice = await browse.as_member(business.admin)
    shown = await alice.get(onward)
    assert shown.status_code == 404
    assert "dialer" not in shown.text


async def test_a_kept_form_waits_for_half_an_hour(business: Business, browse: Visitors, clock: FakeClock) -> None:
    alice = await browse.as_member(business.admin)
    await alice.get("/console/keys/new")
    clock.advance(timedelta(hours=12))
    onward = await _sign_in(alice, business.admin, (await alice.post("/console/keys/new", FORM)).headers["location"])
    clock.advance(timedelta(minutes=30))
    assert (await alice.get(onward)).status_code == 404


async def test_passwords_are_not_kept_and_the_page_says_so(
    business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    await alice.get("/console/me")
    clock.advance(timedelta(hours=12))
    typed = {"old_password": "very secret old", "password": "very secret new", "again": "very secret new", "note": "x"}
    late = await alice.post("/console/me/password", typed)
    kept = await alice.get(await _sign_in(alice, business.admin, late.headers["location"]))
    assert "very secret" not in kept.text
    assert "Passwords are not kept" in text_of(kept)
    assert "Submit now" not in text_of(kept)


_OF_NOBODY = cookies.csrf_token("another", cookies.NOBODY)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Nothing was changed."),
        ({"name": "x" * 300_000}, "could not be kept"),
        ({"name": "Dialler", "csrf": _OF_NOBODY}, "could not be kept"),
    ],
    ids=["empty", "too long", "of nobody"],
)
async def test_what_is_not_kept_is_said(
    business: Business, browse: Visitors, clock: FakeClock, form: dict[str, str], said: str
) -> None:
    alice = await browse.as_member(business.admin)
    clock.advance(timedelta(hours=12))
    late = await alice.post("/console/keys/new", form)
    assert said in text_of(await alice.get(late.headers["location"]))


async def test_another_sites_form_is_not_kept_for_anybody(
    business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    clock.advance(timedelta(hours=12))
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        evil = {"csrf": "", **FORM}
        answer = await alice.http.post("/console/keys/new", data=evil, headers=headers)
        assert answer.status_code == 303
        assert "kept-forms" not in answer.headers["location"]


async def test_a_page_from_before_another_sign_in_shows_what_was_typed(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    old = csrf_of(await (await browse.as_member(business.admin)).get("/console/keys/new"))
    answer = await alice.http.post("/console/keys/new", data={"csrf": old, **FORM}, headers=OURS)
    kept = await alice.follow(answer)
    assert "dialer & co" in text_of(kept)
    assert "Submit now" in text_of(kept)


async def test_who_is_signed_out_already_may_sign_out(business: Business, browse: Visitors, clock: FakeClock) -> None:
    alice = await browse.as_member(business.admin)
    await alice.get("/console/me")
    clock.advance(timedelta(hours=12))
    answer = await alice.http.post("/console/sign-out", data={"csrf": alice.csrf}, headers=OURS)
    said = text_of(await alice.follow(answer))
    assert "You are signed out." in said
    assert "open for too long" not in said


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/forgot"])
async def test_a_page_that_is_not_valid_any_more_is_shown_again_with_the_address(
    business: Business, browse: Visitors, path: str
) -> None:
    alice = browse()
    await alice.get(path)
    typed = {"email": business.admin.email, "password": PASSWORD, "next": "/console/keys"}
    answer = await alice.http.post(path, data={"csrf": cookies.csrf_token("another"), **typed}, headers=OURS)
    assert answer.status_code == 409
    assert "no longer valid" in errors_of(answer)[""]
    assert f'value="{business.admin.email}"' in answer.text
    assert PASSWORD not in answer.text
    again = await alice.http.post(path, data={"csrf": csrf_of(answer), **typed}, headers=OURS)
    assert again.status_code == 303


async def test_a_sign_in_beside_another_tab_that_signed_in_leads_on(business: Business, browse: Visitors) -> None:
    alice = browse()
    old = csrf_of(await alice.get("/console/sign-in"))
    typed = {"csrf": old, "email": business.admin.email, "password": PASSWORD, "next": "/console/keys"}
    await alice.http.post("/console/sign-in", data=typed, headers=OURS)
    answer = await alice.http.post("/console/sign-in", data=typed, headers=OURS)
    assert answer.headers["location"] == "/console/keys"
    assert "You are signed in already." in text_of(await alice.follow(answer))


async def test_every_tab_that_finds_its_session_ended_can_be_used_to_sign_in(
    business: Business, browse: Visitors, clock: FakeClock
) -> None:
    """Each asks before the answer of another is there; the browser keeps the cookie of the last."""
    alice = await browse.as_member(business.admin)
    clock.advance(timedelta(hours=12))
    ended, pages = {"Cookie": f"{cookies.SESSION}={alice.http.cookies[cookies.SESSION]}"}, list[str]()
    for _ in range(2):
        background = {**ended, "HX-Request": "true", "X-Callmark-Poll": "yes"}
        poll = await browse().http.get("/console/callbacks", headers=background)
        assert (poll.status_code, poll.headers.get_list("set-cookie")) == (286, [])
        assert text_of(poll) == "You are signed out, so this page no longer updates. Sign in"
        assert "hx-redirect" not in poll.headers
        pages.append(csrf_of(await alice.http.get("/console/sign-in", headers=ended)))
    answers = [
        await alice.http.post(
            "/console/sign-in", data={"csrf": csrf, "email": business.admin.email, "password": "wrong"}, headers=OURS
        )
        for csrf in pages
    ]
    assert [answer.status_code for answer in answers] == [401, 401]


_WANTED = (
    "/console/records?state=invalid&q=a%2F%2Fb",
    "/console/batches?since=2026-01-02&until=2026-01-03",
    "/console?x=1",
)


async def test_the_page_that_was_asked_for_keeps_its_query(business: Business, browse: Visitors) -> None:
    found: list[str] = []
    for wanted in _WANTED:
        alice = browse()
        answer = await alice.get(wanted)
        found.append(await _sign_in(alice, business.admin, answer.headers["location"]))
    assert found == [*_WANTED]


async def test_the_page_keeps_its_query_when_a_code_is_asked_for(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    from callmark.domain.accounts import service as accounts

    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    alice = browse()
    answer = await alice.get("/console/records?state=invalid")
    code = await alice.get(await _sign_in(alice, business.admin, answer.headers["location"]))
    assert 'name="next" value="/console/records?state=invalid"' in code.text


async def test_a_search_that_finds_no_session_leads_back_to_its_page(browse: Visitors) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/console/records?q=12"}
    answer = await browse().http.get("/console/records?q=123", headers=headers)
    assert answer.headers["hx-redirect"] == "/console/sign-in?next=%2Fconsole%2Frecords%3Fq%3D12"


_EVIL = (
    "https://evil.example/console",
    "//evil.example/console",
    "/console//evil",
    "/console/\\evil",
    "/console\t//evil",
    "/console/\n/evil",
    "/consolex",
    "/console/x?y#//evil",
)


async def test_nobody_is_sent_elsewhere_by_what_stands_in_next(business: Business, browse: Visitors) -> None:
    found: dict[str, str] = {}
    for evil in _EVIL:
        alice = browse()
        await alice.get("/console/sign-in")
        form = {"email": business.admin.email, "password": PASSWORD, "next": evil}
        found[evil] = (await alice.post("/console/sign-in", form)).headers["location"]
    assert found == dict.fromkeys(_EVIL, "/console")


@pytest.mark.parametrize("path", ["/console/labels/new"])
async def test_a_logo_over_the_limit_is_told_beside_its_field_and_the_rest_is_kept(
    business: Business, browse: Visitors, path: str
) -> None:
    alice = await browse.as_member(business.admin)
    form = {"label_type": "static", "name": "Acme Parcels", "sub_category": "1"}
    answer = await alice.post(path, form, logo=("huge.png", b"\x89PNG" + bytes(9_000_000), "image/png"))
    assert answer.status_code == 422
    assert "too large" in errors_of(answer)["logo"]
    assert 'value="Acme Parcels"' in answer.text
    assert 'value="static" checked' in answer.text


async def test_a_body_beyond_all_limits_is_told_in_the_layout_in_human_units(
    business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    answer = await alice.post("/console/keys/new", {"name": "x" * 9_000_000})
    assert answer.status_code == 413
    assert "larger than 8 MB" in text_of(answer)
    assert "Acme" in text_of(answer)


async def test_a_long_text_is_told_beside_its_field(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    answer = await alice.post("/console/keys/new", {"name": "x" * 400_000, "features": ["call_me_back"]})
    assert answer.status_code == 422
    assert "at most" in errors_of(answer)["name"]
