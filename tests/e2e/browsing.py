"""A started demo and Debian's Chromium for tests of pages: what a person would see, and nothing on the console."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct, field
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tests.e2e import resting_tabs
from tests.e2e.serving import ENVIRON, children, is_in_time, until
from tests.support.engines import reachable_directory

from callmark.instants import to_ms
from callmark.surfaces.emulator.curl_example import CREDENTIALS_JSON

CALLMARK = Path(sys.executable).parent / "callmark"
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium-headless-shell"
"""The one without windows takes a third less processor time than the whole browser."""
CALLER = "918040001234"
SHOWS_WITHIN_MS = 60_000
"""Playwright's own five seconds are less than a page takes on a machine that is busy with other tests."""
UNUSED = (
    "AvoidCorsURLLoaderRestartOnRedirect,AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,"
    "HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,"
    "PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning,RenderDocument"
)
"""The last of them gives each page a frame of its own, which is empty at first and costs a fifth of the page: its rules
of style are sorted again, and its scripts have another world. The others are Playwright's, whose switch this replaces.
"""
QUIET = [
    f"--disable-features={UNUSED}",
    "--js-flags=--no-opt --no-maglev",  # no script of ours, nor axe-core, runs for as long as compilers think about it
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_EXPECTED_WHILE_AWAY = re.compile("ERR_(CONNECTION_(REFUSED|RESET)|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)")
_numbers = count(919911000001)


class Demo(Struct):
    """A running `callmark demo`, spoken to as its users do."""

    process: "subprocess.Popen[str]"
    data: Path
    http: httpx.Client
    account: dict[str, Any]
    credentials: dict[str, Any]
    """All of the demo's JSON."""
    _token: str = "none"

    def reset(self) -> None:
        """Puts clock, faults, handsets and what happened back; accounts and what belongs to them stay."""
        assert self.http.post("/emulator/v1/reset").status_code == 200

    def handset(self, **keys: object) -> str:
        """The number of a new virtual handset."""
        number = str(next(_numbers))
        answer = self.http.post("/emulator/v1/handsets", json={"phone_number": number, **keys})
        assert answer.status_code == 201, answer.text
        return number

    def push(self, receiver: str, *, minutes: int = 60, **more: str) -> dict[str, Any]:
        """A call record in real time; what the API answers. `more`: dynamic_label_name, dynamic_call_reason."""
        now = to_ms_of(self.http.get("/emulator/v1/clock").json()["now"])
        body = {
            "caller_number": CALLER,
            "receiver_number": receiver,
            "label_id": self.account["labels"]["dynamic"][0]["id"],
            "starts_at": now,
            "ends_at": now + minutes * 60_000,
            **more,
        }
        path = f"/v2/clients/{self.account['client_account_id']}/dynamic_call_record"
        answer = self.http.post(path, json=body, headers={"Authorization": f"Bearer {self._token}"})
        if answer.status_code == 401:
            self._log_in()
            answer = self.http.post(path, json=body, headers={"Authorization": f"Bearer {self._token}"})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def push_in_time(self, receiver: str, **more: Any) -> None:
        """As `push`, and again while its time goes by, until the handset has acknowledged the record within it."""

        def is_pushed() -> bool:
            began = time.monotonic()
            return is_in_time(self.push(receiver, **more), time.monotonic() - began)

        until(is_pushed)

    def _log_in(self) -> None:
        """A token lives for an hour of the product's clock, which tests move."""
        key = {"key_id": self.account["key_id"], "api_key": self.account["api_key"]}
        self._token = self.http.post(f"/clients/{self.account['client_account_id']}/token", json=key).json()["token"]

    def call(self, receiver: str, outcome: str, caller: str = CALLER) -> dict[str, Any]:
        """A call of the emulator's; what showed."""
        body = {"caller": caller, "receiver": receiver, "outcome": outcome}
        answer = self.http.post("/emulator/v1/calls", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def screen(self, receiver: str, caller: str = CALLER) -> dict[str, Any]:
        """What would show."""
        return self.http.get(f"/emulator/v1/handsets/{receiver}/screen", params={"caller": caller}).json()

    def advance(self, seconds: int) -> None:
        """Moves the product's clock."""
        assert self.http.post("/emulator/v1/clock", json={"advance_s": seconds}).status_code == 200

    @contextmanager
    def killed(self) -> Generator[None]:
        """`kill -9` of the process that does everything; the block ends when its supervisor has started another."""
        killed = self._pids()
        assert len(killed) == 1
        os.kill(killed[0], signal.SIGKILL)
        yield
        until(lambda: set(self._pids()) - set(killed))

    def _pids(self) -> list[int]:
        lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in children(self.process.pid)}
        return [pid for pid, line in lines.items() if "callmark.processes.child" in _read(line)]


def _read(file: Path) -> str:
    """What a process was started with; empty when it is gone."""
    try:
        return file.read_text()
    except OSError:
        return ""


def to_ms_of(iso: str) -> int:
    """Milliseconds of an instant as the control API writes it."""
    from datetime import datetime

    return to_ms(datetime.fromisoformat(iso))


@contextmanager
def started_demo(settings: Mapping[str, str]) -> Generator[Demo]:
    """A demo on a data directory of its own, until the block ends."""
    directory = reachable_directory()
    argv = [CALLMARK, "demo", "--no-browser", "--port", "0", "--data", directory / "data"]
    process = subprocess.Popen(argv, env={**ENVIRON, **settings}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        printed = next((line for line in process.stdout if "Ctrl-C stops it" in line), "")
        assert printed, "the demo ended"
        made = json.loads((directory / "data" / CREDENTIALS_JSON).read_text())
        with httpx.Client(base_url=made["base_url"], trust_env=False, timeout=60) as http:
            yield Demo(process, directory / "data", http, made["accounts"][0], made)
    finally:
        process.terminate()
        process.communicate(timeout=60)
        shutil.rmtree(directory)


class Tabs(Struct):
    """Tabs of one browser, each with its own storage; collects complaints."""

    browser: Browser
    base_url: str
    complaints: list[str] = field(default_factory=list[str])
    away: bool = False
    _open: list[resting_tabs.Tab] = field(default_factory=list[resting_tabs.Tab])

    def open(self, path: str, *, width: int = 1200, dark: bool = False, cookies: Sequence[Any] = ()) -> Page:
        """A tab on `path`, with these cookies."""
        tab = resting_tabs.opened(self.browser, self.base_url, self._complain)
        self._open.append(tab)
        page = tab.page
        resting_tabs.looks(page, width=width, dark=dark)
        if cookies:
            page.context.add_cookies(cookies)
        page.goto(path)
        return page

    def handset(self, number: str, **options: Any) -> Page:
        """A tab that shows the handset."""
        page = self.open(f"/emulator/handsets/{number}", **options)
        expect(state_of(page)).not_to_have_text("connecting…")
        return page

    def close(self) -> None:
        """Closes every tab. One that may be opened again rests meanwhile."""
        while self._open:
            resting_tabs.rest(self._open.pop())
        for context in self.browser.contexts:
            if not resting_tabs.is_resting(context):
                with suppress(Exception):
                    context.close()

    def _complain(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not (self.away and _EXPECTED_WHILE_AWAY.search(text)):
            self.complaints.append(f"{kind}: {text}")


@contextmanager
def chromium() -> Generator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=SHOWS_WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def state_of(page: Page) -> Locator:
    """The connection state beside the device."""
    return page.locator("main [data-state][role=status]")


def stop_time(page: Page) -> None:
    """In its next pages no time passes but what `page.clock.run_for` lets pass, however slow the machine is.

    axe-core waits for timers: `page.clock.resume` before the page is judged.
    """
    now = datetime.now(UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(minutes=1))  # time passes between the two calls


def ring(page: Page, caller: str = CALLER) -> None:
    """Rings by the page's own form, and waits until it does."""
    page.get_by_label("Caller").fill(caller)
    page.get_by_role("button", name="Ring", exact=True).click()
    expect(page.locator("[data-call-state=ringing]")).to_be_visible()


def overflowing(page: Page) -> list[str]:
    """What sticks out of the page or the device sideways, or does not fit the call screen."""
    return page.evaluate(
        """() => {
          const found = document.documentElement.scrollWidth > innerWidth ? ["page"] : [];
          for (const screen of document.querySelectorAll(".cm-screen")) {
            const box = screen.getBoundingClientRect();
            const who = screen.querySelector(".cm-who-calls");
            if (!screen.closest(".cm-small") && who.scrollHeight > who.clientHeight + 1) found.push("cut off below");
            for (const one of screen.querySelectorAll("p, li, div, button")) {
              const own = one.getBoundingClientRect();
              if (own.width && (own.left < box.left - 1 || own.right > box.right + 1)) found.push(one.className);
              if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth) found.push(`inside ${one.className}`);
            }
          }
          return found;
        }"""
    )
