"""Forms of the console on their way to the server, and pages that are left open meanwhile."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest
from playwright.sync_api import Route, expect
from tests.e2e.browsing import Demo, stop_time
from tests.e2e.console_browsing import ConsoleTabs, check_page, sign_in
from tests.support.many_sets import make_sets, remove_sets


@pytest.fixture
def many_sets(demo: Demo) -> Generator[None]:
    """More feature sets in the first account than a list to choose from has, until the test ends."""
    dsn = json.loads((demo.data / "installation.json").read_text())["postgres_dsn"]

    async def change(do: Callable[[Any], Awaitable[None]]) -> None:
        connection: Any = await asyncpg.connect(dsn)
        try:
            await do(connection)
        finally:
            await connection.close()

    like = demo.account["feature_sets"][0]["id"]
    with ThreadPoolExecutor() as beside:  # this thread has Playwright's loop
        beside.submit(asyncio.run, change(lambda tx: make_sets(tx, like, 201))).result()
        yield
        beside.submit(asyncio.run, change(remove_sets)).result()


def test_a_form_that_was_stopped_on_its_way_is_sent_again_without_a_reload(console: ConsoleTabs) -> None:
    page, sent = console.signed_in("admin", "/console/keys/new", account=1, before=stop_time), list[str]()
    browser: Any = page.context.new_cdp_session(page)

    def hold(route: Route) -> None:
        sent.append(route.request.post_data or "")

    page.route("**/console/keys/new", hold)
    name, button = page.get_by_label("Key Name"), page.get_by_role("button", name="Generate")

    def press_twice_and_stop() -> None:
        """By a script, because Playwright waits before a click until nothing is loaded."""
        with page.expect_request(lambda request: request.method == "POST"):
            button.evaluate("one => { one.click(); one.click(); }")
        browser.send("Page.stopLoading")

    name.fill("first")
    press_twice_and_stop()
    expect(button).to_have_attribute("aria-disabled", "true")
    name.fill("second")
    expect(button).not_to_have_attribute("aria-disabled", "true")
    press_twice_and_stop()
    page.clock.run_for(10_000)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    press_twice_and_stop()
    assert ["second" in one for one in sent] == [False, True, True]


def test_what_is_half_typed_is_not_sent_as_empty(console: ConsoleTabs) -> None:
    page, sent = console.signed_in("admin", "/console/push"), list[str]()
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_label("Receiver number").fill("+919933000077")
    page.get_by_label("Caller number").fill("+918040001234")
    starts_at = page.get_by_label("Shows from")
    starts_at.focus()
    page.keyboard.type("12242030")
    page.get_by_role("button", name="Push now").click()
    said = page.get_by_text("Enter a complete, valid date and time, or clear the field.")
    expect(said).to_be_visible()
    expect(starts_at).to_be_focused()
    expect(starts_at).to_have_accessible_description("Enter a complete, valid date and time, or clear the field.")
    check_page(page)
    starts_at.fill("2030-12-24T09:30")
    expect(said).to_have_count(0)
    expect(starts_at).to_have_accessible_description("Leave empty to start now.")
    page.goto("/console/callbacks/configurations")
    page.get_by_role("main").get_by_role("link", name="Delivery default").click()
    opens = page.get_by_label("Sunday, opening 1, from")
    for field in (opens, page.get_by_label("Sunday, opening 1, to")):
        field.focus()
        page.keyboard.type("09")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Enter a complete, valid time, or clear the field.")).to_be_visible()
    expect(opens).to_be_focused()
    check_page(page)
    assert [url for url in sent if not url.endswith("/preview")] == []


def test_a_filter_that_is_half_typed_is_not_asked_for_as_empty(console: ConsoleTabs) -> None:
    """The list would be of all days, below a field that still shows part of a date."""
    page, asked = console.signed_in(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/console/records", "/console/batches"):
        page.goto(f"{path}?since=2026-11-28")
        since = page.get_by_label("From")
        since.focus()
        page.keyboard.press("Delete")
        said = page.get_by_text("Enter a complete, valid date, or clear the field.")
        expect(said).to_be_visible()
        expect(since).to_have_accessible_description("Enter a complete, valid date, or clear the field.")
        check_page(page)
        assert not [url for url in asked if "since=&" in url or url.endswith("since=")]
        with page.expect_response(lambda answer: "since=2026-11-27" in answer.url):
            since.fill("2026-11-27")
        expect(said).to_have_count(0)


def test_a_page_stays_and_gets_nothing_of_who_signs_in_in_another_tab(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/keys/new", account=1)
    page.get_by_label("Key Name").fill("shown once")
    page.get_by_role("button", name="Generate").click()
    other = page.context.new_page()
    other.goto("/console/numbers")
    name = other.locator(".cs-account-name").inner_text()
    third = page.context.new_page()
    third.goto("/console")
    third.locator("summary.cs-person").click()
    third.get_by_role("button", name="Sign out").click()
    expect(page.locator("#acting")).to_contain_text("You are signed out, so this page no longer updates.")
    expect(page.get_by_role("button", name="Copy secret API key")).to_be_visible()
    check_page(page)
    who = console.member("admin")
    sign_in(third, who["email"], who["password"])
    other.get_by_role("searchbox").fill("91")
    expect(other.locator(".cs-account-name")).not_to_have_text(name)
    expect(other).to_have_url(re.compile(r"/console/numbers\?.*q=91"))


def test_a_search_is_one_step_back_and_asks_for_composed_text_once_it_rests(console: ConsoleTabs) -> None:
    page, asked = console.signed_in("admin", "/console/settings", before=stop_time), list[str]()
    page.goto("/console/audit")
    page.on("request", lambda one: asked.append(one.url) if "audit?" in one.url else None)
    field, steps = page.get_by_role("searchbox"), page.evaluate("history.length")
    for typed in ("k", "ke", "key"):
        field.press_sequentially(typed[-1])
        page.clock.run_for(250)
        expect(page).to_have_url(re.compile(f"q={typed}&"))
    field.press("Enter")
    keyboard: Any = page.context.new_cdp_session(page)
    for composed in ("k", "か", "かい", "かいぎ"):
        keyboard.send("Input.imeSetComposition", {"text": composed, "selectionStart": 1, "selectionEnd": 1})
        page.clock.run_for(250)
    keyboard.send("Input.insertText", {"text": "会議"})
    page.clock.run_for(250)
    expect(page).to_have_url(re.compile("q=key%E4%BC%9A%E8%AD%B0&"))
    assert [one for one in asked if "q=keyk" in one or "q=key%E3" in one] == []
    for composed in ("z", "zü"):  # as keyboards of phones do with Latin words, until the next space
        keyboard.send("Input.imeSetComposition", {"text": composed, "selectionStart": 1, "selectionEnd": 1})
        page.clock.run_for(250)
    page.clock.run_for(650)
    expect(page).to_have_url(re.compile("q=key%E4%BC%9A%E8%AD%B0z%C3%BC&"))
    keyboard.send("Input.insertText", {"text": "zü"})
    page.clock.run_for(650)
    assert [one for one in asked if "B0z&" in one] == []
    assert page.evaluate("history.length") == steps + 1
    page.locator("select[name=action]").select_option(index=1)
    page.clock.run_for(250)
    expect(page).to_have_url(re.compile(r"action=\w"))
    assert page.evaluate("history.length") == steps + 2
    page.evaluate("history.go(-2)")
    expect(page).to_have_url(re.compile("/console/audit$"))


@pytest.mark.usefixtures("many_sets")
def test_enter_finds_a_feature_set_by_name_and_never_saves(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/campaigns/new?type=call_rating")
    field, choice = page.get_by_label("Find a feature set by name"), page.get_by_role("combobox", name="Feature set")
    choice.select_option(index=1)
    chosen = choice.input_value()
    page.get_by_label("Campaign name").fill("Not yet")
    field.fill("set 0201")
    for _ in range(2):  # nor with what it has found already
        with page.expect_response("**/campaigns/new*"):
            field.press("Enter")
        expect(choice.get_by_role("option")).to_have_count(3)  # and the one that is chosen
        expect(field).to_be_focused()
    expect(choice).to_have_value(chosen)
    check_page(page)
    page.goto("/console/numbers")
    field, choice = page.get_by_label("Find a feature set by name"), page.get_by_label("Feature set", exact=True)
    field.fill("set 0201")
    expect(choice.get_by_role("option")).to_have_count(2)
    choice.select_option(index=1)
    page.get_by_role("link", name="Manage Listing").click()
    expect(page).to_have_url(re.compile("/listing$"))
    check_page(page)
