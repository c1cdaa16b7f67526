"""The whole platform: a push, a call, its event at a webhook; a member signs in to the console and looks around."""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx

from callmark.testing import Emulator

_REASON = "Your order arrives today"
_FEWEST_PAGES, _MOST_PAGES = 6, 40


def main() -> None:
    """Raises where a step fails."""
    with Emulator.start() as emulator:
        _call(emulator)
        with httpx.Client(base_url=emulator.base_url, follow_redirects=True, trust_env=False, timeout=30) as browser:
            for page in ("/", "/docs", "/readyz"):
                browser.get(page).raise_for_status()
            _look_around(browser, emulator)


def _call(emulator: Emulator) -> None:
    """A customer misses a call and asks for another one."""
    sink = emulator.sink("desk")
    secret = emulator.webhook(sink).secret
    phone = emulator.handset()
    with emulator.account().client() as client:
        pushed = client.push(
            caller=emulator.number,
            receiver=phone.number,
            label_id=emulator.label.id,
            reason=_REASON,
            expires_in=timedelta(hours=2),
        )
        _demand(pushed.status == "success", f"the push: {pushed}")
    shown = phone.ring(emulator.number, outcome="missed")
    _demand(shown.reason == _REASON, f"the screen: {shown}")
    phone.call_me_back()
    emulator.wait_idle()
    _demand([one.event(secret).event_type for one in sink.requests()] == ["cmb"], f"the events: {sink.requests()}")


def _look_around(browser: httpx.Client, emulator: Emulator) -> None:
    """Signs in and opens the pages that the first one leads to."""
    member = emulator.account().members[0]
    form = browser.get("/console").raise_for_status()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.text))
    sent = hidden | {"email": member.email, "password": member.password}
    home = browser.post(form.url, data=sent, headers={"origin": emulator.base_url}).raise_for_status()
    _demand(home.url.path == "/console", f"signing in leads to {home.url}")
    pages = list(_links(home.text))[:_MOST_PAGES]
    _demand(len(pages) >= _FEWEST_PAGES, f"the first page leads to {pages} alone")
    for page in pages:
        browser.get(page).raise_for_status()


def _links(page: str) -> Iterator[str]:
    yield from sorted({link for link in re.findall(r'href="(/console[^"#?]*)"', page) if "sign-out" not in link})


def _demand(holds: object, said: str) -> None:
    if not holds:
        raise AssertionError(said)


if __name__ == "__main__":
    main()
