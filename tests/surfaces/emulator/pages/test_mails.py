"""The page of caught mails."""

import pytest

from callmark.surfaces.emulator.pages.mails import linked


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Go to http://127.0.0.1:8700/console/reset?t=a&b=1.", "http://127.0.0.1:8700/console/reset?t=a&amp;b=1"),
        ("(https://my-host/x)", "https://my-host/x"),
        ("http://localhost:8700/a\nnext", "http://localhost:8700/a"),
    ],
)
def test_links_in_a_mail_can_be_followed(text: str, html: str) -> None:
    assert f'<a href="{html}">{html}</a>' in linked(text)


@pytest.mark.parametrize(
    "text", ["<b>Acme</b> & co", "javascript:alert(1)", 'http://"onclick="x', "ftp://example.com/"]
)
def test_nothing_else_in_a_mail_becomes_a_link_or_markup(text: str) -> None:
    assert "<" not in linked(text).replace("&lt;", "")


def test_the_text_around_links_stays_as_it_was() -> None:
    text = "Hello <Asha>,\n\nhttp://a.example/1 and http://a.example/2!\n"
    assert (
        linked(text)
        .replace('<a href="http://a.example/1">', "")
        .replace('<a href="http://a.example/2">', "")
        .replace("</a>", "")
        == "Hello &lt;Asha&gt;,\n\nhttp://a.example/1 and http://a.example/2!\n"
    )
