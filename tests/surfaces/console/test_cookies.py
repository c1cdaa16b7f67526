"""Cookies of the console as browsers send them back, and as no browser does."""

from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.surfaces.console.browser import Visitors

from callmark.domain.ids import AccountId, MemberId, OperatorId
from callmark.domain.sessions.model import Person
from callmark.surfaces.console import cookies

HTTP, HTTPS = "http://calls.example.com", "https://calls.example.com"
_BACKSLASHES = 1_000_000
"""Pythons without the fix of CVE-2024-7592 take the square of their number to undo escapes: this many take an hour."""


def _asking(*sent: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", one.encode("latin-1")) for one in sent]})


async def test_a_cookie_of_endless_backslashes_is_ignored(browse: Visitors) -> None:
    for name in ("a", cookies.SESSION, cookies.VISITOR):
        cookie = f'{name}="{chr(92) * _BACKSLASHES}"'
        answer = await browse().http.get("/console/sign-in", headers={"Cookie": cookie})
        assert answer.status_code == 200


@pytest.mark.parametrize("at", [HTTP, HTTPS, "http://127.0.0.1:8700", "https://[::1]:8443"])
def test_what_was_written_is_read_back(at: str) -> None:
    for said in ("", "a", "ab", "abc", "\u0915 'x'; \"y\"\\"):
        for cookie in (cookies.flash(said, "success"), cookies.browser("one.other"), cookies.session("token")[0]):
            response = Response()
            cookies.write(response, cookie, at=at)
            back = response.headers["set-cookie"].partition(";")[0]
            for sent in ([back], ["x=1", f"y=2; {back};z=3"]):
                assert cookies.read(_asking(*sent), cookie.name, at=at) == cookie.value


@pytest.mark.parametrize("letter", ["x", "\u0915", "\U0001f600"])
def test_a_long_message_in_any_script_is_one_that_browsers_keep(letter: str) -> None:
    response = Response()
    cookies.write(response, cookies.flash(letter * 10_000, "success"), at=HTTPS)
    assert len(response.headers["set-cookie"]) < 4096
    sent = _asking(response.headers["set-cookie"].partition(";")[0])
    assert cookies.read_flash(sent, at=HTTPS) == ("success", letter * 600)


def test_the_last_of_several_cookies_of_one_name_counts() -> None:
    asked = _asking(
        "callmark_session=1; callmark_session=2", "xcallmark_session=3;\tcallmark_session=4 ;callmark_sess=5"
    )
    assert cookies.read(asked, cookies.SESSION, at=HTTP) == "4"
    assert cookies.read(asked, cookies.SESSION, at=HTTPS) == ""
    assert cookies.read(_asking('callmark_session="'), cookies.SESSION, at=HTTP) == '"'


def test_no_installation_of_a_host_takes_the_cookies_of_one_at_another_port() -> None:
    """A sign-in at one would end the session at the other: cookies know no ports."""
    here, there = "http://127.0.0.1:8700", "http://127.0.0.1:8701"
    response = Response()
    cookies.write(response, cookies.Cookie(cookies.SESSION, "token"), at=here)
    back = response.headers["set-cookie"].partition(";")[0]
    assert cookies.read(_asking(back), cookies.SESSION, at=here) == "token"
    assert cookies.read(_asking(back), cookies.SESSION, at=there) == ""


_ACCOUNT = AccountId(UUID(int=7))
_MEMBER, _OPERATOR = Person(MemberId(UUID(int=8))), Person(operator_id=OperatorId(UUID(int=9)))


@pytest.mark.parametrize(
    ("person", "account_id"),
    [(Person(), None), (_MEMBER, None), (_MEMBER, _ACCOUNT), (_OPERATOR, None), (_OPERATOR, _ACCOUNT)],
)
def test_a_token_of_a_page_names_whom_it_was_made_for_and_no_other_can_be_put_in(
    person: Person, account_id: AccountId | None
) -> None:
    viewer = cookies.Viewer(person, account_id)
    token = cookies.csrf_token("key", viewer)
    assert cookies.is_csrf_token(token, "key")
    assert not cookies.is_csrf_token(token, "another key")
    assert cookies.viewer_of(token) == viewer
    for end in range(0, len(token), 4):
        assert not cookies.is_csrf_token(token[:end], "key")
    for changed in ("A" + token[1:-8] + "AAAAAAAA", token + "!" * 200, token + "\n" * 1_000_000):
        assert not cookies.is_csrf_token(changed, "key")
    assert cookies.viewer_of(token + "\n" * 1_000_000) == cookies.NOBODY  # characters that Base64 skips
