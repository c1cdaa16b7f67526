"""What a person may say after a call on the handset's page: Chromium, a started demo, a listed number that asks."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import pytest
from msgspec import Struct
from playwright.sync_api import Page, TimeoutError as NotInTime, expect
from tests.e2e.browsing import Demo, Tabs, overflowing, ring
from tests.support.listed_number import Listed, bodies, make_listed, offer_everything, set_state
from tests.support.opened_deps import PATIENT_S

from callmark.domain.deps import Deps
from callmark.domain.feedback.model import CampaignType
from callmark.kit.settings import read_settings
from callmark.processes.compose import open_deps
from callmark.processes.reach import reach

_T = TypeVar("_T")
ALL_DAY = "mon-sun 00:00-24:00"
_CLOCK_AT_0 = "async (zone) => (await import('/static/emulator/clock.js')).clockTime(0, zone)"
"""What the device's clock showed in its zone when 1970 began in UTC."""
_BEHIND = "one => getComputedStyle(one).backgroundColor.match(/[0-9.]+/g).slice(0, 3)"
"""The colour behind a text, however much of it is let through."""


class Scene(Struct):
    """The demo, and a way to the engines under it."""

    demo: Demo

    def within(self, work: Callable[[Deps], Awaitable[_T]]) -> _T:
        """Does `work` on the installation's engines (on a thread of its own: this one's loop is Playwright's)."""

        async def run() -> _T:
            settings = reach(read_settings({}, data=self.demo.data))
            async with open_deps(settings, "test", connected_within_s=PATIENT_S) as deps:
                return await work(deps)

        with ThreadPoolExecutor(1) as other:
            return other.submit(asyncio.run, run()).result()

    def listed(self, kind: CampaignType = CampaignType.QUESTIONS) -> Listed:
        """A listed number that can be called back from at any time, and asks after every call."""

        async def make(deps: Deps) -> Listed:
            listed = await make_listed(deps)
            await offer_everything(deps, listed, hours=ALL_DAY, kind=kind)
            return listed

        return self.within(make)

    def events(self, listed: Listed) -> list[str]:
        """The bodies of its account's events."""
        return self.within(lambda deps: bodies(deps, listed.account_id))


@pytest.fixture
def scene(demo: Demo) -> Scene:
    return Scene(demo)


def title(page: Page, text: str) -> None:
    expect(page.locator("[data-after-title]")).to_have_text(text)


def fits_at_each_width(page: Page) -> None:
    for width in (1200, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflowing(page) == [], width


def ask_back(page: Page) -> None:
    """Asks for half past nine at another number, after what is missing or wrong was said."""
    page.get_by_role("button", name="Call me back").click()
    expect(page.locator("[data-after-error]")).to_have_text("Choose a time first.")
    days = page.locator(".cm-day")
    assert days.count() in {7, 8}
    days.nth(1).locator("summary").click()
    days.nth(1).get_by_text(re.compile("^09:30")).click()
    page.get_by_label("Call me at another number").fill("12")
    page.get_by_role("button", name="Call me back").click()
    expect(page.locator("[data-after-error]")).to_contain_text("with its country code")
    expect(page.locator("[data-after-error]")).to_be_in_viewport()
    page.get_by_label("Call me at another number").fill("+91 99001 12233")
    page.get_by_label("The call came to a SIM").check()
    page.get_by_role("button", name="Call me back").click()


def test_after_a_missed_call_one_asks_to_be_called_back_and_gives_feedback(scene: Scene, tabs: Tabs) -> None:
    listed, number = scene.listed(), scene.demo.handset(script={"time_zone": "GMT+04:00"})
    page = tabs.handset(number, width=390, dark=True)
    assert [page.evaluate(_CLOCK_AT_0, zone) for zone in ("GMT+04:00", "Asia/Dubai")] == ["04:00", "04:00"]
    ring(page, listed.number)
    expect(page.locator("[data-name]")).to_have_text("Acme Deliveries")
    expect(page.locator("[data-verified]")).to_be_visible()
    page.get_by_role("button", name="Reject").click()
    title(page, "Call from Acme Deliveries")
    fits_at_each_width(page)
    ask_back(page)
    expect(page.locator("[data-after-thanks]")).to_contain_text("at 09:30.")
    fits_at_each_width(page)
    page.get_by_role("button", name="Send answer").click()
    expect(page.locator("[data-after-error]")).to_have_text("Answer a question first.")
    page.get_by_text("Yes", exact=True).click()
    page.emulate_media(forced_colors="active")
    chosen, other = (page.get_by_text(text, exact=True).evaluate(_BEHIND) for text in ("Yes", "No"))
    assert chosen != other  # in a contrast theme too
    page.emulate_media(forced_colors="none")
    page.get_by_label("Anything else?").fill("धन्यवाद ✓\n<b>fine</b>")
    page.get_by_role("button", name="Send answer").click()
    title(page, "Thank you")
    with suppress(NotInTime):  # the thanks leave after six seconds, which a busy machine may need for less
        page.get_by_role("button", name="Done").click(timeout=5_000)
    expect(page.locator("[data-home]")).to_be_visible()
    asked, answered = scene.events(listed)
    assert '"client_number":"Phone number not available"' in asked
    assert '"is_interested":true,"alternate_number":"919900112233"' in asked
    assert '"call_type":"missed"' in answered
    assert "धन्यवाद ✓\\n<b>fine</b>" in answered


def test_an_answered_call_is_rated_and_nobody_is_to_call_back(scene: Scene, tabs: Tabs) -> None:
    listed, number = scene.listed(CampaignType.CALL_RATING), scene.demo.handset()
    page = tabs.handset(number)
    ring(page, listed.number)
    page.get_by_role("button", name="Answer").click()
    page.get_by_role("button", name="End call").click()
    title(page, "Acme Deliveries")
    page.get_by_role("radio", name="4 of 5").check(force=True)
    expect(page.locator(".cm-lit")).to_have_count(4)
    page.get_by_role("button", name="Send answer").click()
    title(page, "Thank you")
    (body,) = scene.events(listed)
    assert '"campaign_type":"call_rating","call_type":"answered"' in body
    assert '"answer":"4"' in body


def test_one_may_be_not_interested_or_close_and_a_new_call_takes_the_screen(scene: Scene, tabs: Tabs) -> None:
    listed, number = scene.listed(), scene.demo.handset()
    page = tabs.handset(number)
    ring(page, listed.number)
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Not interested").click()
    expect(page.locator("[data-after-thanks]")).to_have_text("The business will see that you are not interested.")
    ring(page, listed.number)
    expect(page.locator("[data-after]")).to_be_hidden()
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Close").click()
    title(page, "Acme Deliveries")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("[data-home]")).to_be_visible()
    (body,) = scene.events(listed)
    assert '"is_interested":false' in body


def test_what_the_gateway_refuses_is_said_and_can_be_sent_again(scene: Scene, tabs: Tabs) -> None:
    listed, number = scene.listed(), scene.demo.handset()
    page = tabs.handset(number)
    scene.demo.call(number, "missed", listed.number)
    title(page, "Missed call from Acme Deliveries")
    scene.within(lambda deps: set_state(deps, listed, "feature_set", "unpublished"))
    page.get_by_role("button", name="Not interested").click()
    expect(page.locator("[data-after-error]")).to_have_text("This business no longer offers this.")
    scene.within(lambda deps: set_state(deps, listed, "feature_set", "published"))
    page.get_by_role("button", name="Not interested").click()
    expect(page.locator("[data-after-thanks]")).to_be_visible()
